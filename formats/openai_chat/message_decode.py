"""Messages of a Chat request to turns (wire facts 2.1, 5.3, 5.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.conversation import (
    CacheMark,
    Part,
    ReasoningPart,
    ReasoningText,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import blob_from_client
from hyperinfer.formats.openai_chat import wire
from hyperinfer.formats.openai_chat.call_ids import legacy_id
from hyperinfer.formats.openai_chat.call_state import take_state
from hyperinfer.formats.openai_chat.content import cache_mark, decode_parts
from hyperinfer.formats.openai_chat.pairing import paired
from hyperinfer.formats.openai_chat.reasoning import AFTER_CALLS, FIELDS, reasoning_pieces
from hyperinfer.formats.openai_chat.run_decode import with_runs
from hyperinfer.formats.wire import extras

if TYPE_CHECKING:
    from hyperinfer.formats.run_history import Lost

_SPEAKERS: Mapping[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
_ROLES: Mapping[str, Role] = {**_SPEAKERS, "tool": "tool", "function": "tool"}
_CALLS = ("function", "custom")
_FIELDS = frozenset(FIELDS)
_OF_KNOWN_ROLES = tuple(name for name in wire.Message.__struct_fields__ if name not in ("content", "name", "cache_control"))
"""Fields that are read by what the role is."""
_QUIET = ("id", "object", "status", "created", "created_at", "finish_reason")
"""Fields that clients leave on messages that they send back, of no meaning to a model."""


def decode_messages(messages: Sequence[dict[str, Any]], records: Sequence[wire.Message], lost: Lost) -> tuple[Turn, ...]:
    """The turns. `records` are the messages, validated; what is left out goes to `lost`. Raises `RequestError`."""
    decoder: MessageDecoder | None = None
    turns: list[Turn] = []
    for index, record in enumerate(records):
        message, text, path = messages[index], record.content, f"messages[{index}]"
        role = _SPEAKERS.get(record.role)
        if text and type(text) is str and role is not None and len(message) == 2:  # its role and its content
            turns.append(Turn(role=role, parts=(TextPart(text=text),), path=path, plain=True))
            continue
        decoder = decoder or MessageDecoder()
        if record.role == "tool" and record.tool_call_id and type(text) is str and len(message) == 3:  # these three
            result = ToolResultPart(call_id=record.tool_call_id, content=(TextPart(text=text),), plain=True)
            turns.append(Turn(role="tool", parts=(result,), path=path, plain=True))
            continue
        turns.append(decoder.turn(message, record, path))
    if decoder is None:
        return tuple(turns)  # nothing but what somebody said: no calls, and no images
    return tuple(with_runs(paired(turns), lost))


class MessageDecoder:
    """Walks the messages of one request."""

    def __init__(self) -> None:
        self._legacy: dict[str, str] = {}  # name of a function to the id of its last `function_call`
        self._made = 0

    def turn(self, message: dict[str, Any], record: wire.Message, path: str) -> Turn:
        """One message. `record` is `message`, validated. Raises `RequestError`."""
        found = extras(message, wire.Message)
        extra, quiet = split_fields(found) if found is not None else ({}, {})
        role = _ROLES.get(record.role)
        if role is None:
            # On to an upstream that speaks Chat, as it came; the role is a Loss elsewhere.
            extra |= {name: message[name] for name in _OF_KNOWN_ROLES if message.get(name) is not None}
            role = "user"
        if record.content is None and role not in ("assistant", "tool"):
            record.content = ""  # the contract lets it be absent or null; upstreams demand it
        parts = _content(record, path)
        mark = cache_mark(message) if found is not None or record.cache_control is not None else None
        if role == "assistant":
            parts = self._assistant(message, record, parts, path)
            if record.refusal:
                quiet["refusal"] = record.refusal
        elif role == "tool":
            parts = (self._result(record, parts, mark),)
        if mark is not None and role != "tool":
            parts = _marked(parts, mark)
            quiet["cache_control"] = mark.raw
        return Turn(
            role=role,
            parts=parts,
            path=path,
            name=record.name if role != "tool" else None,
            plain=isinstance(record.content, str),
            quiet=quiet or None,
            extra=extra or None,
        )

    def _result(self, record: wire.Message, content: tuple[Part, ...], mark: CacheMark | None) -> ToolResultPart:
        call_id = self._legacy.get(record.name or "") if record.role == "function" else record.tool_call_id
        return ToolResultPart(
            call_id=call_id or "",
            content=content,
            name=record.name,
            plain=isinstance(record.content, str),
            cache=mark,
        )

    def _assistant(
        self, message: dict[str, Any], record: wire.Message, content: tuple[Part, ...], path: str
    ) -> tuple[Part, ...]:
        raw: list[dict[str, Any]] = message.get("tool_calls") or []
        calls = [self._call(raw[index], call, path, index) for index, call in enumerate(record.tool_calls or ())]
        if (legacy := record.function_call) is not None:
            self._made += 1
            call_id = self._legacy[legacy.name] = legacy_id(legacy.name, self._made)
            calls.append(ToolCallPart(call_id=call_id, name=legacy.name, arguments=_arguments(legacy)))
        reasoning = _reasoning(message) if not _FIELDS.isdisjoint(message) else []
        parts: list[Part] = [part for after, part in reasoning if after == 0 or after > len(calls)]
        parts.extend(content)
        if record.refusal:
            parts.append(RefusalPart(text=record.refusal))
        if not any(after for after, _ in reasoning):
            return (*parts, *calls)
        for number, call in enumerate(calls, 1):
            parts.append(call)
            parts.extend(part for after, part in reasoning if after == number)
        return tuple(parts)

    def _call(self, raw: dict[str, Any], call: wire.ToolCall, message: str, index: int) -> ToolCallPart:
        found = extras(raw, wire.ToolCall)
        rest, state = take_state(found, _open_blob) if found else ({}, ())
        if call.type and call.type not in _CALLS:
            rest["type"] = call.type
        if call.custom is not None:
            return ToolCallPart(
                call_id=call.id or "",
                name=call.custom.name,
                arguments=call.custom.input or "",
                kind="custom",
                opaque=state,
                extra=rest or None,
            )
        if call.function is None:
            path = f"{message}.tool_calls[{index}].function"
            raise RequestError(f"{path}: this field is required", param=path)
        return ToolCallPart(
            call_id=call.id or "",
            name=call.function.name,
            arguments=_arguments(call.function),
            opaque=state,
            extra=rest or None,
        )


def split_fields(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fields of a message that are not modelled, those among them that mean nothing to a model)."""
    # Replies are sent back with annotations: [], audio: null (wire facts 5.3).
    extra = {name: value for name, value in found.items() if value is not None and value != []}
    return extra, {name: extra.pop(name) for name in _QUIET if name in extra}


def _content(record: wire.Message, path: str) -> tuple[Part, ...]:
    if isinstance(record.content, str):
        empty = not record.content and record.role == "assistant"
        return () if empty else (TextPart(text=record.content),)
    return decode_parts(record.content, f"{path}.content") if record.content else ()


def _arguments(function: wire.Function) -> str:
    """JSON text; nothing, white space and null mean no arguments (fault F045). An object is Ollama's form."""
    arguments = function.arguments
    if isinstance(arguments, dict):
        return msgspec.json.encode(arguments).decode()
    return arguments if arguments and arguments.strip() not in ("", "null") else "{}"


def _open_blob(text: str) -> tuple[str, str]:
    return blob_from_client(text, "openai_chat")


def _marked(parts: tuple[Part, ...], mark: CacheMark) -> tuple[Part, ...]:
    """The mark of a message on the last of its parts that can hold one."""
    for index in range(len(parts) - 1, -1, -1):
        if hasattr(parts[index], "cache"):
            return (*parts[:index], msgspec.structs.replace(parts[index], cache=mark), *parts[index + 1 :])
    return parts


def _reasoning(message: dict[str, Any]) -> list[tuple[int, ReasoningPart]]:
    """(number of tool calls before it, part): one part a blob, and one for the text behind the last blob.

    The first part keeps the fields of the message as they were, for an upstream that takes them so.
    """
    raw = {name: message[name] for name in FIELDS if message.get(name)}
    if not raw:
        return []
    if all(type(value) is str for value in raw.values()):  # the text, or copies of it
        text = "".join(dict.fromkeys(raw.values()))
        return [(0, ReasoningPart(texts=(ReasoningText(text),), extra={"fields": raw}))]
    found: list[tuple[int, ReasoningPart]] = []
    texts: list[ReasoningText] = []
    calls = 0  # before the last piece that says so; what has no place of its own follows it
    for piece in reasoning_pieces(raw, _open_blob):
        if piece.blob is None:
            if piece.text:
                texts.append(ReasoningText(piece.text, piece.form))
            if piece.last:
                found.append((calls, ReasoningPart(texts=tuple(texts))))
                texts = []
            continue
        after, item_id = piece.entry.get(AFTER_CALLS), piece.entry.get("id")
        calls = after if isinstance(after, int) else 0
        part = ReasoningPart(texts=tuple(texts), opaque=(piece.blob,), item_id=item_id if isinstance(item_id, str) else None)
        found.append((calls, part))
        texts = []
    if texts:
        found.append((calls, ReasoningPart(texts=tuple(texts))))
    after, first = found[0] if found else (0, ReasoningPart())
    found[:1] = [(after, msgspec.structs.replace(first, extra={"fields": raw}))]
    return found
