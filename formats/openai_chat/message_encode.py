"""Turns to Chat messages (wire facts 4.3, 4.4, 4.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.conversation import (
    AudioPart,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    TextPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.assistant_encode import AssistantDraft
from hyperinfer.formats.openai_chat.call_ids import CALL_IDS, is_legacy
from hyperinfer.formats.openai_chat.part_encode import encode_part
from hyperinfer.formats.openai_chat.turn_fields import content_parts, turn_fields
from hyperinfer.formats.part_paths import part_paths, result_part_path
from hyperinfer.formats.turns import is_silent, joined_content, results_first

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope

SYSTEM_MARK = "[System message]\n"
"""Set before a system turn that has to go into a user turn."""

Message = dict[str, Any]

_MEDIA = (ImagePart, FilePart, AudioPart)
_TEXTS = frozenset({"refusal", "reasoning", "reasoning_content"})
_LISTS = frozenset({"tool_calls", "reasoning_details"})
"""Fields of assistant messages that are joined, like their content, where the messages are."""


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
            seen_other = seen_other or not is_silent(turn)
        self._flush_draft()
        self._flush_media()
        if self._folded:
            self._out.append({"role": "user", "content": "\n\n".join(self._folded)})
        return list(_alternating(self._out)) if self._scope.quirks.turns == "alternate" else self._out

    def _flush_draft(self) -> None:
        if self._draft is not None:
            draft, self._draft = self._draft, None
            self._out.append(draft.message())

    def _flush_media(self) -> None:
        if self._media:
            media, self._media = self._media, []
            self._out.append({"role": "user", "content": media})

    def _system(self, turn: Turn, *, later: bool) -> None:
        extra = turn_fields(turn, self._scope)
        if not self._scope.same:
            texts = self._texts_of(turn)
            if turn.parts and not texts.parts:
                return
            turn = texts
        content = self._content(turn, one_string=not self._scope.same)
        rule = self._scope.quirks.system_role
        if rule == "fold" or (rule == "fold_later" and later):
            text = content if isinstance(content, str) else "\n\n".join(p.get("text", "") for p in content)
            self._folded.append(SYSTEM_MARK + text)
            return
        role = "system" if self._scope.quirks.developer_role == "system" else turn.role
        self._out.append({"role": role, "content": content, **extra})

    def _texts_of(self, turn: Turn) -> Turn:
        """A system turn as Chat has it: text only."""
        for part, path in zip(turn.parts, part_paths(turn, self._scope.conversation.dialect), strict=True):
            if isinstance(part, _MEDIA):
                self._scope.lose(path, "system messages of Chat are text only")
        return msgspec.structs.replace(turn, parts=tuple(part for part in turn.parts if not isinstance(part, _MEDIA)))

    def _user(self, turn: Turn) -> None:
        extra = turn_fields(turn, self._scope)
        content = self._content(turn, one_string=False)
        if not content and turn.parts and all(type(part) is NativePart for part in turn.parts):
            return  # an item that has no form here is a loss, not a message that says nothing
        if self._folded:
            content = joined_content(["\n\n".join(self._folded), content], _text_part)
            self._folded = []
        self._out.append({"role": "user", "content": content, **extra})

    def _content(self, turn: Turn, *, one_string: bool) -> str | list[Message]:
        if turn.plain and len(turn.parts) == 1 and type(part := turn.parts[0]) is TextPart and part.cache is None:
            return part.text
        dialect = self._scope.conversation.dialect
        parts = list(zip(content_parts(turn), part_paths(turn, dialect), strict=True))
        return _content_of(parts, self._scope, one_string=one_string, string=turn.plain)

    def _results(self, turn: Turn) -> None:
        extra = turn_fields(turn, self._scope)
        for part, path in zip(turn.parts, part_paths(turn, self._scope.conversation.dialect), strict=True):
            if type(part) is ToolResultPart:
                self._out.append(self._result(part, path, extra))

    def _result(self, part: ToolResultPart, path: str, extra: Message) -> Message:
        scope = self._scope
        if not scope.same:
            scope.losses.extend(losses_of_extra(part.extra, path, "Chat tool results have no such field"))
            content: Any = self._result_text(part, path)
        else:
            string = scope.quirks.content == "string"
            parts = [(inner, result_part_path(part, path, n, "openai_chat")) for n, inner in enumerate(part.content)]
            content = _content_of(parts, scope, one_string=string, string=part.plain)
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
        if len(part.content) == 1 and type(only := part.content[0]) is TextPart and only == TextPart(text=only.text):
            return _as_error(only.text) if part.is_error else only.text
        for index, inner in enumerate(part.content):
            for item in encode_part(
                inner, result_part_path(part, path, index, self._scope.conversation.dialect), self._scope
            ):
                if item.get("type") == "text":
                    texts.append(item["text"])
                else:
                    self._media.append({"type": "text", "text": f"Result of tool call {self._call_id(part.call_id)}:"})
                    self._media.append(item)
                    texts.append("(see the content in the next user message)")
        text = "\n\n".join(texts)
        return _as_error(text) if part.is_error else text


def _as_error(text: str) -> str:
    return f"Error: {text}" if text else "Error"


def _content_of(parts: Sequence[tuple[Part, str]], scope: Scope, *, one_string: bool, string: bool) -> str | list[Message]:
    """A message's `content` of parts with their paths. `string`: it was one string on the wire. `one_string`: texts alone
    must become one."""
    if string and len(parts) == 1 and type(part := parts[0][0]) is TextPart and not part.cache:
        return part.text
    wire = [item for part, path in parts for item in encode_part(part, path, scope)]
    only_text = all(set(item) == {"type", "text"} for item in wire)
    if only_text and (one_string or scope.quirks.content == "string" or (not scope.same and len(wire) <= 1)):
        return "\n\n".join(item["text"] for item in wire)
    return wire


def _alternating(messages: Iterable[Message]) -> Iterator[Message]:
    """Neighbours of one role as one message."""
    for role, run in groupby(messages, key=itemgetter("role")):
        if role in ("user", "assistant"):
            yield _one_message(list(run))
        else:
            yield from run


def _one_message(run: list[Message]) -> Message:
    """Texts and lists of all; of any other field the last."""
    if len(run) == 1:
        return run[0]
    whole = {name: value for message in run for name, value in message.items()}
    whole["content"] = joined_content([message.get("content") for message in run], _text_part)
    for name in _TEXTS & whole.keys():
        whole[name] = "\n\n".join(message[name] for message in run if message.get(name))
    for name in _LISTS & whole.keys():
        whole[name] = [item for message in run for item in message.get(name) or ()]
    return whole


def _text_part(text: str) -> Message:
    return {"type": "text", "text": text}
