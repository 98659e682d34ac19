"""Turns in which the model called both our tools and functions of the client.

The client sees its own calls only, and comes back with their results. Ours are kept for it meanwhile, under the id of its
first call, and put back where they stood: the model finds its turn as it was. When they are gone, the model finds a turn
with the client's calls alone, and calls the tool again if it still wants it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.formats.conversation import TextPart, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.ids import anthropic_call_id
from hyperinfer.formats.opaque import Opaque
from hyperinfer.nodes.tools.activation import PREFIX

if TYPE_CHECKING:
    from hyperinfer.formats import events as ev
    from hyperinfer.formats.conversation import Part
    from hyperinfer.nodes.tools.hearing import HeardCall
    from hyperinfer.nodes.tools.running import Finished

MOST_LOOKED_FOR: Final = 64
"""Calls of a conversation, the latest ones, that are looked up."""


class KeptCall(msgspec.Struct, frozen=True):
    """A call of ours with its result. `before`: how many of the client's calls came before it."""

    call_id: str
    function: str
    arguments: str
    before: int
    text: str
    opaque: tuple[Opaque, ...] = ()


class KeptTurn(msgspec.Struct, frozen=True):
    """`names`: of the client's calls, in order. Ids alone do not tell: some providers count from 0 each time."""

    names: tuple[str, ...]
    calls: tuple[KeptCall, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptTurn).decode


def turn_to_keep(theirs: Sequence[ev.ToolCallStart], calls: Sequence[tuple[HeardCall, Finished]]) -> tuple[str, bytes]:
    """The id to keep it under, and what to keep."""
    kept = tuple(
        KeptCall(call.call_id, call.function, call.arguments, call.before, finished.text, call.opaque)
        for call, finished in calls
    )
    return theirs[0].call_id, _encode(KeptTurn(tuple(call.name for call in theirs), kept))


def call_ids(turns: Sequence[Turn]) -> list[str]:
    """The ids to look for: the client's calls that have an answer, the latest first."""
    found = [part.call_id for turn in turns for part in turn.parts if isinstance(part, ToolCallPart)]
    return list(dict.fromkeys(reversed(found)))[:MOST_LOOKED_FOR]


def put_back(turns: tuple[Turn, ...], kept: Mapping[str, bytes]) -> tuple[Turn, ...]:
    """The turns with our calls where they stood, and our results before the client's."""
    turns = _without_repeats(turns, kept)
    given: list[Turn] = []
    found: _Restored | None = None
    for turn in turns:
        if turn.role == "assistant":
            parts: list[Part] = []
            for part in turn.parts:
                if isinstance(part, ToolCallPart):
                    if found is None and (data := kept.get(part.call_id)) is not None:
                        found = _restored(_decode(data), part)
                    parts += [part] if found is None else found.around(part)
                else:
                    parts.append(part)
            given.append(msgspec.structs.replace(turn, parts=tuple(parts)))
            continue
        if found is not None:
            given += found.results(turn.path)
            found = None
        given.append(turn)
    return tuple(given)


def _without_repeats(turns: tuple[Turn, ...], kept: Mapping[str, bytes]) -> tuple[Turn, ...]:
    """The turns without the calls of ours that a client, which was told of them, sends back itself: what is kept says more
    of them, and providers refuse a call that stands there twice."""
    there = {(part.call_id, part.name) for turn in turns for part in turn.parts if isinstance(part, ToolCallPart)}
    ours: set[tuple[str, str]] = set()
    for call_id, data in kept.items():
        found = _decode(data)
        if (call_id, found.names[0]) in there:
            for call in found.calls:  # a client is told the tool's own name, whatever the function was called
                names = (call.function, call.function.removeprefix(PREFIX))
                ours |= {(anthropic_call_id(call.call_id), name) for name in names}
    if not ours:
        return turns
    left: Counter[str] = Counter()  # results of calls that were taken out
    given: list[Turn] = []
    for turn in turns:
        parts: list[Part] = []
        for part in turn.parts:
            call_id = anthropic_call_id(part.call_id) if isinstance(part, (ToolCallPart, ToolResultPart)) else ""
            if isinstance(part, ToolCallPart) and (call_id, part.name) in ours:
                left[call_id] += 1
            elif isinstance(part, ToolResultPart) and left[call_id]:
                left[call_id] -= 1
            else:
                parts.append(part)
        if len(parts) == len(turn.parts):
            given.append(turn)
        elif parts:
            given.append(msgspec.structs.replace(turn, parts=tuple(parts)))
    return tuple(given)


def _restored(kept: KeptTurn, first: ToolCallPart) -> _Restored | None:
    return _Restored(kept) if kept.names[0] == first.name else None


class _Restored:
    """A turn of the model's that is being put together again."""

    def __init__(self, kept: KeptTurn) -> None:
        self._kept, self._seen = kept, 0
        self._given: list[KeptCall] = []

    def around(self, theirs: ToolCallPart) -> list[Part]:
        """The client's next call with those of ours that stood before it, and behind it where it is the last one."""
        before = self._take()
        self._seen += 1
        return [*before, theirs, *(self._take() if self._seen == len(self._kept.names) else ())]

    def results(self, path: str) -> list[Turn]:
        """The results of those that were put back."""
        parts = [result_part(call.call_id, call.text, call.function) for call in self._given]
        return [Turn(role="tool", parts=(part,), path=path) for part in parts]

    def _take(self) -> list[ToolCallPart]:
        due = [call for call in self._kept.calls if call.before == self._seen]
        self._given += due
        return [
            ToolCallPart(call_id=call.call_id, name=call.function, arguments=call.arguments or "{}", opaque=call.opaque)
            for call in due
        ]


def result_part(call_id: str, text: str, name: str) -> ToolResultPart:
    """A result as it is told to any upstream."""
    return ToolResultPart(call_id=call_id, content=(TextPart(text=text),), name=name, plain=True)
