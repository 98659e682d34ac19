"""What a model said in one attempt, gathered from its events, in the JSON schema of OpenTelemetry's conventions (1.41,
`gen-ai-output-messages.json`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hyperinfer.api.tracing.fitting import JsonText, Message
from hyperinfer.formats import events as ev

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hyperinfer.formats.codec import ToolAlias
    from hyperinfer.formats.events import Event, StopReason

_REASONS: Final[Mapping[StopReason, str]] = {
    "stop_sequence": "stop",
    "context_window": "length",
    "tool_calls": "tool_call",
    "refusal": "content_filter",
}
"""Ends that the conventions have another word for."""

_KINDS: Final[Mapping[type[Any], str]] = {ev.TextStart: "text", ev.ReasoningStart: "reasoning", ev.RefusalStart: "refusal"}
_DELTAS: Final = (ev.TextDelta, ev.ReasoningDelta, ev.RefusalDelta, ev.ArgumentsDelta)


class _Block:
    """A block under way. `left`: characters that are still kept of it."""

    __slots__ = ("about", "left", "parsed", "part", "pieces")

    def __init__(self, about: dict[str, Any], left: int, *, parsed: bool = False) -> None:
        self.about, self.left, self.parsed = about, left, parsed
        self.pieces: list[str] = []
        self.part: tuple[str, int] | None = None  # of reasoning

    def add(self, text: str) -> None:
        if self.left > 0:
            self.pieces.append(text[: self.left])
            self.left -= len(text)

    @property
    def made(self) -> dict[str, Any] | None:
        """None: it says nothing."""
        text, kind = "".join(self.pieces), self.about["type"]
        if kind == "tool_call":
            return {**self.about, "arguments": JsonText(text or "{}") if self.parsed else text}
        if kind in ("text", "refusal", "reasoning"):
            return {**self.about, "content": text} if text else None
        return self.about


class Said:
    """The reply of one attempt. `most`: characters that are kept of each block. `aliases`: tools under other names."""

    def __init__(self, most: int, aliases: Mapping[str, ToolAlias]) -> None:
        self._most, self._aliases = most, aliases
        self._blocks: dict[int, list[_Block]] = {}
        self._ends: dict[int, str] = {}

    def take(self, events: Sequence[Event]) -> None:
        """More of it."""
        for event in events:
            if isinstance(event, _DELTAS):
                if blocks := self._blocks.get(event.choice):
                    self._add(blocks[-1], event)
            elif (kind := _KINDS.get(type(event))) is not None:
                self._open(event.choice, {"type": kind})
            elif isinstance(event, ev.ToolCallStart):
                alias = self._aliases.get(event.name)
                name, form = (event.name, event.kind) if alias is None else (alias.name, alias.kind)
                about = {"type": "tool_call", "id": event.call_id, "name": name}
                self._open(event.choice, about, parsed=form == "function")
            elif isinstance(event, ev.ServerToolStart):
                self._open(event.choice, {"type": event.type})
            elif isinstance(event, ev.MessageEnd | ev.ChoiceEnd):
                self._ends[event.choice] = _REASONS.get(event.stop, event.stop)

    def _open(self, choice: int, about: dict[str, Any], *, parsed: bool = False) -> None:
        self._blocks.setdefault(choice, []).append(_Block(about, self._most, parsed=parsed))

    def _add(self, block: _Block, event: ev.TextDelta | ev.ReasoningDelta | ev.RefusalDelta | ev.ArgumentsDelta) -> None:
        if isinstance(event, ev.ReasoningDelta):
            if block.part not in (None, (event.form, event.part)):
                block.add("\n\n")
            block.part = (event.form, event.part)
        block.add(event.text)

    def messages(self, otherwise: str) -> Iterator[Message]:
        """One for each answer, as far as it came, the last first. `otherwise`: why those ended that did not say so."""
        for choice in sorted(self._blocks.keys() | self._ends.keys(), reverse=True):
            about = {"role": "assistant", "finish_reason": self._ends.get(choice, otherwise)}
            made = (block.made for block in reversed(self._blocks.get(choice, [])))
            yield Message(about, (part for part in made if part is not None))
