"""The turns of a conversation as `system` and `messages` of a Messages request (wire facts 1.1, 1.2, 4.3, 4.4).

A caller who speaks Messages gets every message as it was. From the OpenAI dialects the history is put into the shape that
Messages demands: it begins with the user; neighbours of one role are one message; the results of all calls of an assistant
message stand first in the user message right behind it; system turns after the first other one are folded into the user
message at their place, marked as what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.anthropic_messages.pairing import ResultQueue
from hyperinfer.formats.conversation import ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.ids import DistinctIds
from hyperinfer.formats.part_paths import part_paths
from hyperinfer.formats.turns import is_silent
from hyperinfer.formats.vocabulary import unknown_role

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.blocks_encode import Block, BlockEncoder
    from hyperinfer.formats.anthropic_messages.scope import Scope

OPENING = "(The conversation begins here.)"
"""The user's first words where a history begins with the assistant, or has no message at all."""
NO_RESULT = "(This call was given no result.)"


class Message:
    """One message being built."""

    __slots__ = ("blocks", "extra", "path", "plain", "role")

    def __init__(self, role: str, path: str, *, plain: bool = False) -> None:
        self.role, self.path, self.plain = role, path, plain
        self.blocks: list[Block] = []
        self.extra: dict[str, Any] = {}

    def wire(self) -> dict[str, Any]:
        """As it goes out. A content that came as a string stays one."""
        message: dict[str, Any] = {"role": self.role}
        if self.plain and len(self.blocks) == 1 and self.blocks[0].keys() == {"type", "text"}:
            message["content"] = self.blocks[0]["text"]
        elif self.blocks or self.role != "system":
            message["content"] = self.blocks
        message.update(self.extra)
        return message


def split_system(scope: Scope) -> tuple[list[Turn], list[Turn]]:
    """(turns for the top-level `system`, all others)."""
    turns = scope.conversation.turns
    if scope.target.quirks.system_role == "fold":
        return [], list(turns)
    top: list[Turn] = []
    silent: list[Turn] = []
    for index, turn in enumerate(turns):
        if turn.role in ("system", "developer") and _is_top(turn, scope):
            top.append(turn)
        elif is_silent(turn) and not scope.same:
            silent.append(turn)
        else:
            return top, [*silent, *turns[index:]]
    return top, silent


def _is_top(turn: Turn, scope: Scope) -> bool:
    return not (scope.same and turn.path.startswith("messages"))


def encode_system(scope: Scope, encoder: BlockEncoder, turns: Sequence[Turn]) -> list[Block]:
    """The blocks of the top-level `system`, in order."""
    blocks: list[Block] = []
    for turn in turns:
        scope.extra(turn.extra, turn.path)
        _lose_name(scope, turn)
        for part, path in zip(turn.parts, part_paths(turn, scope.conversation.dialect), strict=True):
            found = encoder.blocks(part, path)
            if not scope.same and any(block["type"] != "text" for block in found):
                scope.lose(path, "the system prompt of Messages is text only")
                continue
            blocks += found
    return blocks


def encode_as_sent(scope: Scope, encoder: BlockEncoder, turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The messages of a caller who speaks Messages: turns of one path are one message, nothing else is joined."""
    joins = scope.target.quirks.turns == "alternate"
    folds = scope.target.quirks.system_role != "keep"
    messages: list[Message] = []
    for turn in turns:
        role = unknown_role(turn) or {"tool": "user", "developer": "system"}.get(turn.role, turn.role)
        folded = role == "system" and folds
        role = "user" if folded else role
        last = messages[-1] if messages else None
        if last is None or last.role != role or not (joins or folds or last.path == turn.path):
            last = Message(role, turn.path, plain=turn.plain)
            messages.append(last)
        else:
            last.plain = False
        for part, path in zip(turn.parts, part_paths(turn, scope.conversation.dialect), strict=True):
            blocks = encoder.blocks(part, path)
            last.blocks += [_marked(block) for block in blocks] if folded else blocks
        if turn.extra is not None:
            last.extra.update(scope.extra(turn.extra, turn.path))
    return [message.wire() for message in messages]


def encode_translated(scope: Scope, encoder: BlockEncoder, turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The messages for a history of another dialect."""
    history = _History(scope, encoder, turns)
    for index, turn in enumerate(turns):
        history.add(index, turn)
    return history.finish()


class _History:
    def __init__(self, scope: Scope, encoder: BlockEncoder, turns: Sequence[Turn]) -> None:
        self._scope = scope
        self._encoder = encoder
        self._results = ResultQueue(turns, scope.conversation.dialect)
        self._messages: list[Message] = []
        self._calls: list[tuple[int, ToolCallPart, str]] = []  # (turn, call, id given) of the open assistant message
        self._ids = DistinctIds(encoder.call_id)

    def add(self, index: int, turn: Turn) -> None:
        if turn.extra is not None:
            self._scope.extra(turn.extra, turn.path)
        _lose_name(self._scope, turn)
        if turn.role == "assistant":
            self._assistant(index, turn)
            return
        self._answer_calls()
        if turn.role in ("system", "developer"):
            self._scope.lose(f"{turn.path}.role", "a later system turn was folded into the user's")
        for part, path in zip(turn.parts, part_paths(turn, self._scope.conversation.dialect), strict=True):
            if type(part) is ToolResultPart:
                if not self._results.was_taken(part):
                    self._orphan(part, path)
                continue
            blocks = self._encoder.blocks(part, path)
            if turn.role in ("system", "developer"):
                blocks = [_marked(block) for block in blocks]
            self._extend("user", turn.path, blocks)

    def finish(self) -> list[dict[str, Any]]:
        messages = self._messages
        if not messages or messages[0].role != "user":
            opening = Message("user", "messages")
            opening.blocks.append({"type": "text", "text": OPENING})
            messages.insert(0, opening)
        last = messages[-1]
        if last.role == "assistant" and last.blocks[-1]["type"] == "text":
            last.blocks[-1]["text"] = last.blocks[-1]["text"].rstrip()  # a prefill must not end in white space
        for message in messages:
            message.plain = len(message.blocks) == 1
        return [message.wire() for message in messages]

    def _assistant(self, index: int, turn: Turn) -> None:
        if turn.phase is not None:
            self._scope.lose(f"{turn.path}.phase", "Messages has no phases")
        for part, path in zip(turn.parts, part_paths(turn, self._scope.conversation.dialect), strict=True):
            if type(part) is ToolCallPart:
                call_id = self._ids.give(part.call_id)
                self._extend("assistant", turn.path, [self._encoder.call(part, path, call_id)])
                self._calls.append((index, part, call_id))
            else:
                self._extend("assistant", turn.path, self._encoder.blocks(part, path))

    def _answer_calls(self) -> None:
        calls, self._calls = self._calls, []
        found: list[tuple[int, int, Block]] = []
        for order, (index, call, call_id) in enumerate(calls):
            taken = self._results.take(call.call_id, after=index)
            if taken is None:
                path = self._messages[-1].path
                self._scope.lose(path, f"the call {call.call_id} has no result; an empty error result was sent")
                block: Block = {"type": "tool_result", "tool_use_id": call_id, "content": NO_RESULT, "is_error": True}
                found.append((len(found) + 10**9, order, block))
            else:
                found.append((taken.turn, order, self._encoder.result(taken.part, taken.path, call_id)))
        for _, _, block in sorted(found, key=lambda entry: entry[:2]):
            self._extend("user", self._messages[-1].path, [block])

    def _orphan(self, part: ToolResultPart, path: str) -> None:
        self._scope.lose(path, f"no call has the id {part.call_id}; its result was sent as text")
        text: Block = {"type": "text", "text": f"[result of the tool call {part.call_id}]"}
        self._extend("user", path, [text])
        for position, inner in enumerate(part.content):
            self._extend("user", path, self._encoder.blocks(inner, f"{path}[{position}]"))

    def _extend(self, role: str, path: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if not self._messages or self._messages[-1].role != role:
            self._messages.append(Message(role, path))
        self._messages[-1].blocks += blocks


def _lose_name(scope: Scope, turn: Turn) -> None:
    if turn.name and turn.role != "tool":
        scope.lose(f"{turn.path}.name", "Messages has no names of participants")


def _marked(block: Block) -> Block:
    if block.get("type") != "text":
        return block
    return {**block, "text": f"<system>\n{block['text']}\n</system>"}
