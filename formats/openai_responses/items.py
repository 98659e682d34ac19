"""Input items of a request to turns: one item, one turn (wire facts 3.1, 5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import (
    NativePart,
    Part,
    ReasoningPart,
    ReasoningText,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.openai_responses import wire as w
from hyperinfer.formats.openai_responses.content import decode_content
from hyperinfer.formats.openai_responses.item_words import unsaid_of, words_of
from hyperinfer.formats.openai_responses.late_tools import declared_tools
from hyperinfer.formats.openai_responses.reasoning import read_blob
from hyperinfer.formats.openai_responses.run_decode import KINDS, RunDecoder
from hyperinfer.formats.pairing import with_call_ids
from hyperinfer.formats.wire import extras, is_object, json_type, read

if TYPE_CHECKING:
    from hyperinfer.formats.events import Extra
    from hyperinfer.formats.opaque import Opaque
    from hyperinfer.formats.run_history import Lost

VERBATIM: dict[str, Any] = {"": "item"}
"""`Turn.quiet` of a turn that is one item in its `NativePart`."""

QUIET = ("status", "completed_at")
"""Fields of an item that mean nothing to a model."""
_CALLER_ITEMS = frozenset(
    {
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "computer_call_output",
        "mcp_approval_response",
        "additional_tools",
        "configuration_update",
        "compaction_trigger",
    }
)
"""Items that the caller's side makes; all others are the model's."""


def decode_items(items: list[Any], lost: Lost) -> Sequence[Turn]:
    """The turns of a list of items; what is left out goes to `lost`. Raises `RequestError` for a result that cannot be told
    to belong to a call."""
    return with_call_ids(list(_in_rounds(items, lost)), lambda item, _: f"{item.path}.call_id")


def item_turn(item: dict[str, Any], path: str) -> Turn | None:
    """The turn of one item of a reply that goes back."""
    return _Reader().turn(item, path)


def _in_rounds(items: list[Any], lost: Lost) -> Iterable[Turn]:
    """The turns, with the results of the gateway's own tools behind all calls of their round."""
    reader, runs = _Reader(), RunDecoder(lost)
    for index, value in enumerate(items):
        path = f"input[{index}]"
        if is_object(value) and value.get("type") in KINDS and (found := runs.turns(value, path)) is not None:
            yield from found
        elif (turn := _read_item(reader, value, path)) is not None:
            if runs.held:
                yield from runs.before(turn)
            yield turn
    yield from runs.rest()


def _read_item(reader: _Reader, value: Any, path: str) -> Turn | None:
    if isinstance(value, str):
        return Turn(role="user", parts=(TextPart(text=value),), path=path, plain=True)
    if not is_object(value):
        raise RequestError(f"{path}: expected an object, not {json_type(value)}", param=path)
    return reader.turn(value, path)


class _Reader:
    """Walks the items; remembers state that waits for its call."""

    def __init__(self) -> None:
        self._call_state: list[Opaque] = []

    def turn(self, value: dict[str, Any], path: str) -> Turn | None:
        """One item; None for an item that only carries state of the next call."""
        kind = value.get("type")
        if kind is None and "role" in value:
            return _message(value, path)
        if not isinstance(kind, str):
            raise RequestError(f"{path}.type: expected a string", param=f"{path}.type")
        part: Part
        match kind:
            case "message":
                return _message(value, path)
            case "reasoning":
                return self._reasoning(value, path)
            case "function_call":
                call = read(value, w.FunctionCall, path)
                arguments = call.arguments if (call.arguments or "").strip() not in ("", "null") else "{}"
                part = self._call(call, arguments or "{}", "function")
                return _item_turn("assistant", part, value, w.FunctionCall, path, call.id)
            case "custom_tool_call":
                custom = read(value, w.CustomToolCall, path)
                part = self._call(custom, custom.input or "", "custom")
                return _item_turn("assistant", part, value, w.CustomToolCall, path, custom.id)
            case "function_call_output":
                output = read(value, w.FunctionCallOutput, path)
                result = _result(output, path, "function")
                return _item_turn("tool", result, value, w.FunctionCallOutput, path, output.id)
            case "custom_tool_call_output":
                custom_output = read(value, w.CustomToolCallOutput, path)
                result = _result(custom_output, path, "custom")
                return _item_turn("tool", result, value, w.CustomToolCallOutput, path, custom_output.id)
            case "item_reference":
                raise RequestError(
                    f"{path}: `item_reference` is not supported, since nothing is stored here; send the item itself",
                    param=path,
                )
            case _:
                role: Role = "user" if kind in _CALLER_ITEMS else "assistant"
                words, tools = words_of(value), declared_tools(value, path)
                part = NativePart(type=kind, raw=value, text=words, unsaid=unsaid_of(value), tools=tools)
                return Turn(role=role, parts=(part,), path=path, quiet=VERBATIM)

    def _call(self, call: w.FunctionCall | w.CustomToolCall, arguments: str, kind: Any) -> ToolCallPart:
        state, self._call_state = tuple(self._call_state), []
        return ToolCallPart(
            call_id=call.call_id or call.id or "",
            name=call.name,
            arguments=arguments,
            kind=kind,
            namespace=call.namespace,
            item_id=call.id,
            opaque=state,
        )

    def _reasoning(self, value: dict[str, Any], path: str) -> Turn | None:
        item = read(value, w.ReasoningItem, path)
        texts: list[ReasoningText] = []
        extra, quiet = _split(value, w.ReasoningItem)
        for field, form, wanted in (("summary", "summary", "summary_text"), ("content", "text", "reasoning_text")):
            parts: list[Any] = getattr(item, field) or []
            exact = True
            for index, part in enumerate(parts):
                text = part.get("text") if is_object(part) else None
                if not isinstance(text, str):
                    where = f"{path}.{field}[{index}].text"
                    raise RequestError(f"{where}: expected a string", param=where)
                texts.append(ReasoningText(text, "summary" if form == "summary" else "text"))
                exact = exact and part == {"type": wanted, "text": text}
            if not exact:
                extra = {**(extra or {}), field: parts}
        if item.content == []:
            quiet = {**(quiet or {}), "content": list[Any]()}
        opaque: tuple[Opaque, ...] = ()
        if item.encrypted_content:
            carried = read_blob(item.encrypted_content)
            if carried.of_call:
                self._call_state.append(carried.blob)
                return None
            opaque = (carried.blob,)
        part = ReasoningPart(texts=tuple(texts), opaque=opaque, item_id=item.id, extra=extra)
        return Turn(role="assistant", parts=(part,), path=path, item_id=item.id, quiet=quiet)


_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}


def _message(value: dict[str, Any], path: str) -> Turn:
    message = read(value, w.InputMessage, path)
    role = _ROLES.get(message.role)
    extra, quiet = _split(value, w.InputMessage)
    if role is None:  # on to an upstream that speaks Responses, a Loss elsewhere
        role, extra = "user", {"role": message.role, **(extra or {})}
    if message.type is not None:
        quiet = {"type": message.type, **(quiet or {})}
    return Turn(
        role=role,
        parts=decode_content(message.content, f"{path}.content"),
        path=path,
        item_id=message.id,
        phase=message.phase,
        plain=isinstance(message.content, str),
        quiet=quiet,
        extra=extra,
    )


def _result(output: w.FunctionCallOutput | w.CustomToolCallOutput, path: str, kind: Any) -> ToolResultPart:
    return ToolResultPart(
        call_id=output.call_id or "",
        content=decode_content(output.output, f"{path}.output"),
        kind=kind,
        name=output.name,
        item_id=output.id,
        plain=isinstance(output.output, str),
    )


def _item_turn(
    role: Role, part: ToolCallPart | ToolResultPart, value: dict[str, Any], kind: Any, path: str, item_id: str | None
) -> Turn:
    extra, quiet = _split(value, kind)
    return Turn(role=role, parts=(part,), path=path, item_id=item_id, quiet=quiet, extra=extra)


def _split(value: dict[str, Any], kind: Any) -> tuple[Extra, Extra]:
    """(fields not modelled, those among them that mean nothing to a model)."""
    found = extras(value, kind)
    if found is None:
        return None, None
    extra = {k: v for k, v in found.items() if v is not None and k not in QUIET}
    quiet = {k: v for k, v in found.items() if v is not None and k in QUIET}
    return extra or None, quiet or None
