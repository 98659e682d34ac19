"""Assistant turns to one Chat message.

Responses has reasoning, text and calls as items of their own, Chat has them in one message; so a message is drafted from
a run of turns. From a Chat client one turn is one message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import (
    AudioPart,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Turn,
)
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.call_ids import CALL_IDS, is_legacy
from hyperinfer.formats.openai_chat.call_state import state_to_upstream
from hyperinfer.formats.openai_chat.part_encode import encode_part
from hyperinfer.formats.openai_chat.reasoning_encode import reasoning_fields
from hyperinfer.formats.openai_chat.turn_fields import content_parts, turn_fields
from hyperinfer.formats.part_paths import part_paths
from hyperinfer.formats.restore import wrap_input

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope
_DIRECT = ("caller", {"type": "direct"})
"""What Messages says of every call that the model made itself."""


class AssistantDraft:
    """An assistant message being put together."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._call_id = CALL_IDS[scope.quirks.tool_id]
        self._fields: dict[str, Any] = {}
        self._content: list[dict[str, Any]] = []
        self._string: str | None = None  # the content, where it is one string from a Chat client
        self._refusals: list[str] = []
        self._reasoning: list[tuple[str, ReasoningPart]] = []  # with their paths
        self._calls: list[dict[str, Any]] = []

    def add(self, turn: Turn) -> None:
        """One turn, in the order of its parts."""
        self._fields.update(turn_fields(turn, self._scope))
        if self._scope.same and turn.plain:
            self._string = ""
        for part, path in zip(content_parts(turn), part_paths(turn, self._scope.conversation.dialect), strict=True):
            if type(part) is TextPart:
                if self._string is not None and not part.cache:
                    self._string += part.text
                else:
                    self._content.extend(encode_part(part, path, self._scope))
            elif type(part) is ToolCallPart:
                self._call(part, path)
            elif type(part) is ReasoningPart:
                self._reasoning.append((path, part))
            else:
                self._other(part, path)

    def _other(self, part: Part, path: str) -> None:
        match part:
            case RefusalPart() if not self._scope.same or self._fields.get("refusal") == part.text:
                self._refusals.append(part.text)
            case ImagePart() | FilePart() | AudioPart() if not self._scope.same:
                self._scope.lose(path, "Chat has no media in assistant messages")
            case NativePart() | RefusalPart() | ImagePart() | FilePart() | AudioPart():
                self._content.extend(encode_part(part, path, self._scope))
            case _:
                self._scope.lose(path, "not possible in an assistant message")

    def _call(self, part: ToolCallPart, path: str) -> None:
        scope = self._scope
        name = scope.names.of(part.name, part.namespace)
        if scope.same and is_legacy(part.call_id):
            self._fields["function_call"] = {**(part.extra or {}), "name": name, "arguments": part.arguments}
            return
        call: dict[str, Any] = {"id": self._call_id(part.call_id)}
        if part.kind == "custom" and scope.same:
            call |= {"type": "custom", "custom": {"name": name, "input": part.arguments}}
        else:
            arguments = wrap_input(part.arguments) if part.kind == "custom" else part.arguments or "{}"
            call |= {"type": "function", "function": {"name": name, "arguments": arguments}}
        if part.cache is not None:
            call.update(scope.cache(part.cache, path))
        if part.extra is None:
            pass
        elif scope.same:
            call.update(part.extra)
        else:
            said = {name: value for name, value in part.extra.items() if (name, value) != _DIRECT}
            scope.losses.extend(losses_of_extra(said, path, "Chat calls have no such field"))
        if part.opaque:
            state_to_upstream(call, part.opaque, path, scope)
        self._calls.append(call)

    def message(self) -> dict[str, Any]:
        """The message."""
        message: dict[str, Any] = {"role": "assistant", "content": self._joined_content()}
        if self._refusals:
            message["refusal"] = "\n\n".join(self._refusals)
        if self._reasoning:
            message.update(reasoning_fields(self._reasoning, self._scope))
        if self._calls:
            message["tool_calls"] = self._calls
        message.update(self._fields)
        return message

    def _joined_content(self) -> str | list[dict[str, Any]] | None:
        scope = self._scope
        if self._string and self._content:  # a mark on the text made it a part
            return [{"type": "text", "text": self._string}, *self._content]
        if self._string is not None and not self._content:
            return self._string
        if self._content:
            texts = [item["text"] for item in self._content if set(item) == {"type", "text"}]
            if len(texts) == len(self._content) and (not scope.same or scope.quirks.content == "string"):
                return "\n\n".join(texts)
            return self._content
        silent = self._calls or self._refusals or "function_call" in self._fields
        return None if silent and scope.quirks.null_content == "null" else ""
