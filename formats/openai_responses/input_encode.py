"""Turns to input items for an upstream (wire facts 3.1, 4.3, 4.4, 4.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss, Target
from hyperinfer.formats.conversation import (
    Conversation,
    NativePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.ids import alnum9_call_id, max40_call_id, responses_call_id
from hyperinfer.formats.losses import citations_field, losses_of_extra
from hyperinfer.formats.openai_responses.items import VERBATIM
from hyperinfer.formats.openai_responses.part_encode import PartEncoder
from hyperinfer.formats.openai_responses.request_decode import INSTRUCTIONS
from hyperinfer.formats.part_paths import part_paths, result_part_path
from hyperinfer.formats.turns import is_silent, joined_content
from hyperinfer.formats.wire import is_array

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect
    from hyperinfer.formats.tool_names import Names

Wire = dict[str, Any]

_CALL_IDS = {"any": responses_call_id, "alnum9": alnum9_call_id, "max40": max40_call_id}
_MAX_ID = 64


class InputEncoder:
    """Writes `instructions` and `input`. `sent_state`: an item with encrypted reasoning went out."""

    def __init__(self, conversation: Conversation, target: Target, names: Names, losses: list[Loss]) -> None:
        self.sent_state = False
        self._dialect: Dialect = conversation.dialect
        self._same = conversation.dialect == "openai_responses"
        self._stored = conversation.store is True
        self._target = target
        self._names = names
        self._losses = losses
        self._parts = PartEncoder(conversation, target, losses)
        self._call_id = _CALL_IDS[target.quirks.tool_id]
        self._items: list[Wire] = []
        self._folded: list[str] = []  # system texts that wait for the next user turn

    def encode(self, turns: Sequence[Turn]) -> tuple[str | None, str | list[Wire]]:
        """(`instructions`, `input`)."""
        instructions: str | None = None
        rest = list(turns)
        if rest and self._is_instructions(rest[0]):
            instructions = self._system_text(rest.pop(0))
        if self._same and len(rest) == 1 and rest[0].path == "input" and rest[0].plain:
            part = rest[0].parts[0]
            if isinstance(part, TextPart) and part.cache is None:
                return instructions, part.text
        leading = True
        for turn in rest:
            leading = leading and (turn.role in ("system", "developer") or is_silent(turn))
            self._turn(turn, leading)
        if self._folded:
            self._message("user", [self._parts.text(text, "user") for text in self._take_folded()])
        if self._target.quirks.turns == "alternate":
            self._items = list(_alternate(self._items))
        return instructions, self._items

    def _is_instructions(self, turn: Turn) -> bool:
        if self._target.quirks.system_role == "fold" or turn.role != "system":
            return False
        return turn.path == INSTRUCTIONS or not self._same

    def _system_text(self, turn: Turn) -> str:
        texts: list[str] = []
        for part, path in zip(turn.parts, part_paths(turn, self._dialect), strict=True):
            if not isinstance(part, TextPart):
                self._losses.append(Loss(path, "instructions are text only"))
                continue
            texts.append(part.text)
            if part.cache is not None:
                self._losses.append(Loss(f"{path}.{part.cache.style}", "instructions have no cache marks"))
            if part.citations:
                self._losses.append(Loss(f"{path}.{citations_field(self._dialect)}", "instructions have no citations"))
            self._losses.extend(losses_of_extra(part.extra, path, "instructions have no such field"))
        if not self._same:
            self._lose_fields(turn, "instructions have no such field")
        return "\n\n".join(texts)

    def _lose_fields(self, turn: Turn, reason: str) -> None:
        """What a message of another dialect has beside its content."""
        if turn.name is not None:
            self._losses.append(Loss(f"{turn.path}.name", "messages have no participant names"))
        if turn.extra is not None:
            self._losses.extend(losses_of_extra(turn.extra, turn.path, reason))

    def _turn(self, turn: Turn, leading: bool) -> None:
        if turn.quiet == VERBATIM and self._same:
            self._items.extend(part.raw for part in turn.parts if isinstance(part, NativePart))
            return
        if turn.role in ("system", "developer"):
            rule = self._target.quirks.system_role
            if rule == "fold" or (rule == "fold_later" and not leading):
                self._folded.append(self._system_text(turn))
                return
        if not self._same:
            self._lose_fields(turn, "Responses items have no such field")
        message: list[tuple[Part, str]] = []
        for part, path in zip(turn.parts, part_paths(turn, self._dialect), strict=True):
            if type(part) is ReasoningPart or type(part) is ToolCallPart or type(part) is ToolResultPart:
                if message or self._folded:
                    self._text_parts(turn, message)
                    message = []
                self._item(part, turn, path)
            else:
                message.append((part, path))
        if message or (self._same and not turn.parts):
            self._text_parts(turn, message, keep_empty=not turn.parts)

    # -- messages

    def _text_parts(self, turn: Turn, parts: list[tuple[Part, str]], *, keep_empty: bool = False) -> None:
        role = turn.role if turn.role != "tool" else "user"
        if role == "developer" and self._target.quirks.developer_role == "system":
            role = "system"
        content = [wire for part, path in parts if (wire := self._parts.encode(part, role, path)) is not None]
        if role == "user" and self._folded:
            content = [*(self._parts.text(text, role) for text in self._take_folded()), *content]
        elif turn.plain and len(content) == 1 and content[0].keys() == {"type", "text"}:
            self._message(role, content[0]["text"], turn)
            return
        if content or keep_empty:
            self._message(role, content, turn)

    def _message(self, role: str, content: Any, turn: Turn | None = None) -> None:
        if self._target.quirks.content == "string" and is_array(content):
            content = _one_string(content)
        item: Wire = {}
        if turn is None or not self._same:
            item["type"] = "message"
        elif turn.quiet:
            item.update(turn.quiet)
        item["role"] = role
        if turn is not None and self._same:
            self._add_id(item, turn.item_id, "msg")
            if turn.phase is not None:
                item["phase"] = turn.phase
        item["content"] = content
        if turn is not None and self._same and turn.extra:
            item.update(turn.extra)
        self._items.append(item)

    def _take_folded(self) -> list[str]:
        texts, self._folded = self._folded, []
        return texts

    # -- other items

    def _item(self, part: ReasoningPart | ToolCallPart | ToolResultPart, turn: Turn, path: str) -> None:
        if type(part) is ToolCallPart:
            item: Wire | None = self._call(part, path)
        elif type(part) is ToolResultPart:
            item = self._result(part, path)
        else:
            assert isinstance(part, ReasoningPart)
            item = self._reasoning(part, path)
        if item is None:
            return
        if self._same:
            for fields in (turn.quiet, turn.extra, part.extra):
                if fields is not None:
                    item.update(fields)
        elif part.extra is not None:
            extra = dict(part.extra)
            extra.pop("fields", None)  # Chat's own spelling of reasoning that has just been written
            self._losses.extend(losses_of_extra(extra, path, "Responses items have no such field"))
        self._items.append(item)

    def _reasoning(self, part: ReasoningPart, path: str) -> Wire | None:
        mine = [blob for blob in part.opaque if blob.vendor == self._target.vendor]
        if part.opaque and not mine:
            self._losses.append(Loss(path, "reasoning that another vendor made cannot be read by this one"))
            return None
        own_words = self._same and any(text.form == "text" for text in part.texts)  # OpenAI never shows those
        if not mine and not own_words and self._target.vendor == "openai" and not self._stored:
            if any(text.text for text in part.texts):
                self._losses.append(Loss(path, "reasoning without its encrypted content is refused by this vendor"))
            return None
        if not mine and not any(text.text for text in part.texts) and not self._same:
            return None
        item: Wire = {"type": "reasoning"}
        if self._same:
            self._add_id(item, part.item_id, "rs")
        # Text beside a blob is what the vendor itself had shown, and that is a summary.
        as_summary = bool(mine) and not self._same
        item["summary"] = [
            {"type": "summary_text", "text": text.text} for text in part.texts if text.form == "summary" or as_summary
        ]
        content = [
            {"type": "reasoning_text", "text": text.text} for text in part.texts if text.form == "text" and not as_summary
        ]
        if content:
            item["content"] = content
        if mine:
            item["encrypted_content"] = mine[0].data
            self.sent_state = True
        return item

    def _call(self, part: ToolCallPart, path: str) -> Wire:
        if part.opaque:
            self._losses.append(Loss(path, "Responses has no place for state that belongs to a tool call"))
        self._lose_mark(part, path)
        custom = part.kind == "custom"
        item: Wire = {"type": "custom_tool_call" if custom else "function_call"}
        if self._same:
            self._add_id(item, part.item_id, "ctc" if custom else "fc")
        item["call_id"] = self._call_id(part.call_id)
        item["name"] = self._names.of(part.name)
        if custom:
            item["input"] = part.arguments
        else:
            item["arguments"] = part.arguments if part.arguments.strip() else "{}"
        if part.namespace is not None:
            item["namespace"] = part.namespace
        return item

    def _result(self, part: ToolResultPart, path: str) -> Wire:
        self._lose_mark(part, path)
        custom = part.kind == "custom"
        item: Wire = {"type": "custom_tool_call_output" if custom else "function_call_output"}
        if self._same:
            self._add_id(item, part.item_id, "ctc" if custom else "fc")
        item["call_id"] = self._call_id(part.call_id)
        if self._same and part.name is not None:
            item["name"] = part.name
        content = part.content
        if part.plain and len(content) == 1 and type(inner := content[0]) is TextPart and inner == TextPart(text=inner.text):
            item["output"] = _said(inner.text, part)
            return item
        paths = [result_part_path(part, path, index, self._dialect) for index in range(len(content))]
        item["output"] = self._output(
            [
                wire
                for inner, where in zip(content, paths, strict=True)
                if (wire := self._parts.encode(inner, "tool", where)) is not None
            ],
            part,
        )
        return item

    def _output(self, content: list[Wire], part: ToolResultPart) -> str | list[Wire]:
        """Text as one string, which every server takes; with images or files a list (wire facts 4.4)."""
        only_text = all(wire.keys() == {"type", "text"} for wire in content)
        if not only_text or (self._same and not part.plain and self._target.quirks.content == "parts"):
            return [self._parts.text("Error:", "tool"), *content] if part.is_error else content
        return _said("\n\n".join(wire["text"] for wire in content), part)

    def _lose_mark(self, part: ToolCallPart | ToolResultPart, path: str) -> None:
        if part.cache is not None:
            self._losses.append(Loss(f"{path}.{part.cache.style}", "Responses items have no cache marks"))

    def _add_id(self, item: Wire, item_id: str | None, prefix: str) -> None:
        """OpenAI refuses ids of another shape (wire facts 3.1); without an id an item is taken as it is."""
        if not item_id or len(item_id) > _MAX_ID:
            return
        if self._target.vendor != "openai" or item_id.startswith(prefix):
            item["id"] = item_id


def _said(text: str, result: ToolResultPart) -> str:
    if not result.is_error:
        return text
    return f"Error: {text}" if text else "Error"


def _one_string(content: list[Wire]) -> Any:
    if all("text" in part for part in content):
        return "\n\n".join(part["text"] for part in content)
    return content


def _alternate(items: Iterable[Wire]) -> Iterator[Wire]:
    """Messages of one role in a row become one."""
    for role, run in groupby(items, key=_role_of_message):
        if role is None:
            yield from run
            continue
        messages = list(run)
        text_part = partial(_text_part, "output_text" if role == "assistant" else "input_text")
        content = joined_content([message["content"] for message in messages], text_part)
        yield {**messages[0], "content": content}


def _text_part(kind: str, text: str) -> Wire:
    return {"type": kind, "text": text}


def _role_of_message(item: Wire) -> str | None:
    """None for an item that is no message."""
    return item.get("role") if item.get("type", "message") == "message" and "content" in item else None
