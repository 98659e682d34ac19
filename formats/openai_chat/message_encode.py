"""Turns to Chat messages (wire facts 4.3, 4.4, 4.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import NativePart, Part, TextPart, ToolResultPart, Turn
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.assistant_encode import AssistantDraft
from hyperinfer.formats.openai_chat.call_ids import CALL_IDS, is_legacy
from hyperinfer.formats.openai_chat.part_encode import encode_part
from hyperinfer.formats.openai_chat.turn_fields import content_parts, part_path, turn_fields
from hyperinfer.formats.turns import results_first

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope

SYSTEM_MARK = "[System message]\n"
"""Set before a system turn that has to go into a user turn."""

Message = dict[str, Any]


class MessageEncoder:
    """Writes the messages of one conversation; what cannot be said is added to the losses of the scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._call_id = CALL_IDS[scope.quirks.tool_id]
        self._out: list[Message] = []
        self._draft: AssistantDraft | None = None  # the assistant message that later turns may belong to
        self._folded: list[str] = []  # system texts that wait for the next user turn
        self._media: list[Message] = []  # parts of tool results that follow as a user message

    def messages(self) -> list[Message]:
        """All messages, in order. A run of assistant turns of another dialect becomes one message."""
        turns: Iterable[Turn] = self._scope.conversation.turns
        seen_other = False
        for turn in turns if self._scope.same else results_first(turns):
            if turn.role != "tool":
                self._flush_media()
            if turn.role != "assistant" or self._scope.same:
                self._flush_draft()
            match turn.role:
                case "system" | "developer":
                    self._system(turn, later=seen_other)
                    continue
                case "assistant":
                    self._draft = self._draft or AssistantDraft(self._scope)
                    self._draft.add(turn)
                case "tool":
                    self._results(turn)
                case "user":
                    self._user(turn)
            seen_other = True
        self._flush_draft()
        self._flush_media()
        if self._folded:
            self._add({"role": "user", "content": "\n\n".join(self._folded)})
        return self._out

    def _flush_draft(self) -> None:
        if self._draft is not None:
            draft, self._draft = self._draft, None
            self._add(draft.message())

    def _flush_media(self) -> None:
        if self._media:
            media, self._media = self._media, []
            self._add({"role": "user", "content": media})

    def _add(self, message: Message) -> None:
        last = self._out[-1] if self._out else None
        if self._scope.quirks.turns == "alternate" and last and last["role"] == message["role"] in ("user", "assistant"):
            joined = {**last, **message, "content": _joined(last.get("content"), message.get("content"))}
            if calls := [*last.get("tool_calls", ()), *message.get("tool_calls", ())]:
                joined["tool_calls"] = calls
            self._out[-1] = joined
            return
        self._out.append(message)

    def _system(self, turn: Turn, *, later: bool) -> None:
        extra = turn_fields(turn, self._scope)
        content = self._content(turn, one_string=not self._scope.same)
        rule = self._scope.quirks.system_role
        if rule == "fold" or (rule == "fold_later" and later):
            text = content if isinstance(content, str) else "\n\n".join(p.get("text", "") for p in content)
            self._folded.append(SYSTEM_MARK + text)
            return
        role = "system" if self._scope.quirks.developer_role == "system" else turn.role
        self._add({"role": role, "content": content, **extra})

    def _user(self, turn: Turn) -> None:
        extra = turn_fields(turn, self._scope)
        content = self._content(turn, one_string=False)
        if not content and turn.parts and all(isinstance(part, NativePart) for part in turn.parts):
            return  # an item that has no form here is a loss, not a message that says nothing
        if self._folded:
            content = _joined("\n\n".join(self._folded), content)
            self._folded = []
        self._add({"role": "user", "content": content, **extra})

    def _content(self, turn: Turn, *, one_string: bool) -> str | list[Message]:
        return _content_of(content_parts(turn), turn, self._scope, one_string=one_string, string=turn.plain)

    def _results(self, turn: Turn) -> None:
        extra = turn_fields(turn, self._scope)
        for index, part in enumerate(turn.parts):
            if isinstance(part, ToolResultPart):
                self._add(self._result(part, turn, index, extra))

    def _result(self, part: ToolResultPart, turn: Turn, index: int, extra: Message) -> Message:
        scope = self._scope
        path = part_path(turn, index)
        if not scope.same:
            scope.losses.extend(losses_of_extra(part.extra, path, "Chat tool results have no such field"))
            content: Any = self._result_text(part, path)
        else:
            string = scope.quirks.content == "string"
            content = _content_of(part.content, turn, scope, one_string=string, string=part.plain)
        if scope.same and is_legacy(part.call_id):
            return {"role": "function", "name": part.name, "content": content, **extra}
        message: Message = {"role": "tool", "tool_call_id": self._call_id(part.call_id), "content": content, **extra}
        if part.name is not None and scope.same:
            message["name"] = part.name
        if part.cache is not None:
            message.update(scope.cache(part.cache, path))
        return message

    def _result_text(self, part: ToolResultPart, path: str) -> str:
        """Text in the tool message; images and files follow, after all results of the turn (faults F059, F066, F071)."""
        texts: list[str] = []
        for index, inner in enumerate(part.content):
            for item in encode_part(inner, f"{path}.content[{index}]" if len(part.content) > 1 else path, self._scope):
                if item.get("type") == "text":
                    texts.append(item["text"])
                else:
                    self._media.append({"type": "text", "text": f"Result of tool call {self._call_id(part.call_id)}:"})
                    self._media.append(item)
                    texts.append("(see the content in the next user message)")
        text = "\n\n".join(texts)
        if part.is_error:
            text = f"Error: {text}" if text else "Error"
        return text


def _content_of(parts: Sequence[Part], turn: Turn, scope: Scope, *, one_string: bool, string: bool) -> str | list[Message]:
    """A message's `content`. `string`: it was one string on the wire. `one_string`: texts alone must become one."""
    if string and len(parts) == 1 and isinstance(part := parts[0], TextPart) and not part.cache:
        return part.text
    wire = [item for index, part in enumerate(parts) for item in encode_part(part, part_path(turn, index), scope)]
    only_text = all(set(item) == {"type", "text"} for item in wire)
    if only_text and (one_string or scope.quirks.content == "string" or (not scope.same and len(wire) <= 1)):
        return "\n\n".join(item["text"] for item in wire)
    return wire


def _joined(first: Any, second: Any) -> Any:
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: Any) -> list[Message]:
    parts: list[Message] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return parts
