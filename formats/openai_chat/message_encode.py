"""Turns to Chat messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hyperinfer.formats.codec import Loss, Target
from hyperinfer.formats.conversation import (
    AudioPart,
    CacheMark,
    Conversation,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.ids import alnum9_call_id, chat_call_id, max40_call_id
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.content import file_to_wire, image_to_wire
from hyperinfer.formats.openai_chat.reasoning_encode import reasoning_fields
from hyperinfer.formats.openai_chat.tools import wire_name
from hyperinfer.formats.restore import wrap_input
from hyperinfer.formats.turns import merge_assistant, results_first

_CALL_IDS = {"any": chat_call_id, "alnum9": alnum9_call_id, "max40": max40_call_id}
SYSTEM_MARK = "[System message]\n"
"""Set before a system turn that has to go into a user turn."""


class MessageEncoder:
    """Writes the messages of one conversation; what cannot be said is added to `losses`."""

    def __init__(self, conversation: Conversation, target: Target, losses: list[Loss]) -> None:
        self._same = conversation.dialect == "openai_chat"
        self._target = target
        self._quirks = target.quirks
        self._losses = losses
        self._call_id = _CALL_IDS[self._quirks.tool_id]
        self._out: list[dict[str, Any]] = []
        self._folded: list[str] = []  # system texts that wait for the next user turn
        self._media: list[dict[str, Any]] = []  # parts of tool results that follow as a user message

    def messages(self, turns: Iterable[Turn]) -> list[dict[str, Any]]:
        """All messages, in order."""
        ordered = results_first(turns if self._same else merge_assistant(turns))
        seen_other = False
        for turn in ordered:
            if turn.role != "tool":
                self._flush_media()
            if turn.role in ("system", "developer"):
                self._system(turn, later=seen_other)
                continue
            seen_other = True
            if turn.role == "assistant":
                self._assistant(turn)
            elif turn.role == "tool":
                self._results(turn)
            else:
                self._user(turn)
        self._flush_media()
        if self._folded:
            self._add({"role": "user", "content": "\n\n".join(self._folded)})
        return self._out

    def _add(self, message: dict[str, Any]) -> None:
        last = self._out[-1] if self._out else None
        if self._quirks.turns == "alternate" and last and last["role"] == message["role"] in ("user", "assistant"):
            joined = _joined(last.get("content"), message.get("content"))
            self._out[-1] = {**last, **message, "content": joined}
            return
        self._out.append(message)

    def _extra(self, turn: Turn) -> dict[str, Any]:
        if self._same:
            return dict(turn.extra or {})
        self._losses.extend(losses_of_extra(turn.extra, turn.path, "Chat messages have no such field"))
        return {}

    def _system(self, turn: Turn, *, later: bool) -> None:
        extra = self._extra(turn)
        content = self._content(turn.parts, turn, one_string=not self._same)
        rule = self._quirks.system_role
        if rule == "fold" or (rule == "fold_later" and later):
            text = content if isinstance(content, str) else "\n\n".join(p.get("text", "") for p in content)
            self._folded.append(SYSTEM_MARK + text)
            return
        role = "system" if self._quirks.developer_role == "system" else turn.role
        self._add({**extra, "role": role, "content": content, **_named(turn)})

    def _user(self, turn: Turn) -> None:
        extra = self._extra(turn)
        content = self._content(turn.parts, turn, one_string=False)
        if self._folded:
            folded = "\n\n".join(self._folded)
            content = _joined(folded, content)
            self._folded = []
        self._add({**extra, "role": "user", "content": content, **_named(turn)})

    def _content(self, parts: Sequence[Part], turn: Turn, *, one_string: bool) -> str | list[dict[str, Any]]:
        if turn.plain and len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].cache:
            return parts[0].text
        wire = [
            item for index, part in enumerate(parts) for item in self._part(part, f"{turn.path}.content[{index}]")
        ]
        only_text = all(set(item) == {"type", "text"} for item in wire)
        if only_text and (one_string or self._quirks.content == "string" or (not self._same and len(wire) <= 1)):
            return "\n\n".join(item["text"] for item in wire)
        return wire

    def _part(self, part: Part, path: str) -> list[dict[str, Any]]:
        match part:
            case TextPart():
                if part.citations and not self._same:
                    self._losses.append(Loss(f"{path}.citations", "Chat has no citations on input"))
                item: dict[str, Any] = {"type": "text", "text": part.text}
            case ImagePart():
                item = image_to_wire(part, path)
            case FilePart():
                if part.context:
                    self._losses.append(Loss(f"{path}.context", "Chat files have no context"))
                if part.citations and part.citations.get("enabled"):
                    self._losses.append(Loss(f"{path}.citations", "Chat files have no citations"))
                item = file_to_wire(part, path, same_dialect=self._same)
            case AudioPart():
                item = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
            case RefusalPart():
                item = {"type": "refusal", "refusal": part.text}
            case NativePart():
                if self._same:
                    return [part.raw]
                self._losses.append(Loss(path, f"Chat has no content of type '{part.type}'"))
                return []
            case _:
                raise RequestError(f"{path}: this content is not possible here", param=path)
        self._decorate(item, part, path)
        return [item]

    def _decorate(self, item: dict[str, Any], part: Part, path: str) -> None:
        extra = getattr(part, "extra", None)
        if extra and self._same:
            for name, value in extra.items():
                inner = item.get(name)
                item[name] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
        elif extra:
            self._losses.extend(losses_of_extra(extra, path, "Chat content has no such field"))
        mark = getattr(part, "cache", None)
        if mark is not None:
            self._mark(item, mark, path)

    def _mark(self, item: dict[str, Any], mark: CacheMark, path: str) -> None:
        rule = self._quirks.cache_control
        if rule == "as_sent" and self._same:
            item[mark.style] = mark.raw
        elif rule in ("full", "no_ttl"):
            kept = {"type": "ephemeral", **({"ttl": mark.ttl} if mark.ttl and rule == "full" else {})}
            item["cache_control"] = mark.raw if self._same and rule == "full" else kept
        else:
            self._losses.append(Loss(f"{path}.{mark.style}", "this model's API has no cache marks"))

    def _assistant(self, turn: Turn) -> None:
        message: dict[str, Any] = {**self._extra(turn), "role": "assistant", **_named(turn)}
        texts = [
            part for part in turn.parts if isinstance(part, TextPart | NativePart | ImagePart | FilePart | AudioPart)
        ]
        calls = [part for part in turn.parts if isinstance(part, ToolCallPart)]
        refusals = [part.text for part in turn.parts if isinstance(part, RefusalPart)]
        reasoning = [part for part in turn.parts if isinstance(part, ReasoningPart)]
        content = self._content(texts, turn, one_string=not self._same) if texts else None
        if content is None and self._quirks.null_content == "empty":
            content = ""
        if content is None and not calls and not refusals:
            content = ""
        message["content"] = content
        if refusals:
            message["refusal"] = "\n\n".join(refusals)
        if reasoning:
            message.update(reasoning_fields(turn, reasoning, self._target, self._same, self._losses))
        if calls:
            legacy = next((call for call in calls if (call.extra or {}).get("legacy") and self._same), None)
            if legacy is not None:
                message["function_call"] = {"name": legacy.name, "arguments": legacy.arguments}
            else:
                message["tool_calls"] = [self._call(call) for call in calls]
        self._add(message)

    def _call(self, call: ToolCallPart) -> dict[str, Any]:
        name = wire_name(call.name, call.namespace)
        extra = dict(call.extra or {}) if self._same else {}
        wire: dict[str, Any] = {**extra, "id": self._call_id(call.call_id)}
        if call.kind == "custom" and self._same:
            return {**wire, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = wrap_input(call.arguments) if call.kind == "custom" else call.arguments or "{}"
        return {**wire, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _results(self, turn: Turn) -> None:
        for part in turn.parts:
            if isinstance(part, ToolResultPart):
                self._result(part, turn)

    def _result(self, part: ToolResultPart, turn: Turn) -> None:
        path = f"{turn.path}.content"
        if (part.extra or {}).get("role") == "function" and self._same:
            text = self._content(part.content, turn, one_string=True)
            self._add({"role": "function", "name": part.name, "content": text})
            return
        message: dict[str, Any] = {**self._extra(turn), "role": "tool", "tool_call_id": self._call_id(part.call_id)}
        if part.name is not None and self._same:
            message["name"] = part.name
        if self._same and not part.plain:
            message["content"] = self._content(part.content, turn, one_string=self._quirks.content == "string")
        else:
            message["content"] = self._result_text(part, path)
        if part.cache is not None:
            self._mark(message, part.cache, path)
        self._add(message)

    def _result_text(self, part: ToolResultPart, path: str) -> str:
        """Text in the tool message; images and files follow, after all results of the turn (wire facts 4.4)."""
        texts: list[str] = []
        for index, inner in enumerate(part.content):
            where = f"{path}[{index}]"
            for item in self._part(inner, where):
                if item.get("type") == "text":
                    texts.append(item["text"])
                else:
                    self._media.append(
                        {"type": "text", "text": f"Result of tool call {self._call_id(part.call_id)}:"}
                    )
                    self._media.append(item)
                    texts.append("(see the content in the next user message)")
        text = "\n\n".join(texts)
        if part.is_error:
            text = f"Error: {text}" if text else "Error"
        if not self._same:
            self._losses.extend(losses_of_extra(part.extra, path, "Chat tool results have no such field"))
        return text

    def _flush_media(self) -> None:
        if self._media:
            media, self._media = self._media, []
            self._add({"role": "user", "content": media})


def _named(turn: Turn) -> dict[str, str]:
    return {"name": turn.name} if turn.name is not None else {}


def _joined(first: Any, second: Any) -> Any:
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    parts = [{"type": "text", "text": item} if isinstance(item, str) else item for item in (first, second)]
    return [inner for item in parts for inner in (item if isinstance(item, list) else [item])]
