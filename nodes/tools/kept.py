"""Turns in which the model called both our tools and functions of the client.

The client sees its own calls only, and comes back with their results. Ours are kept for it meanwhile, under the id of its
first call, and put back where they stood: the model finds its turn as it was. When they are gone, the model finds a turn
with the client's calls alone, and calls the tool again if it still wants it.

Ids alone do not say which turn it is: some providers count them from 0 in each reply, so that two conversations of a
workspace have the same ones, and what was found for one person must not be told to another. So what the user last said
before the turn counts too, and the names of the calls.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.formats.conversation import TextPart, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.ids import anthropic_call_id, chat_call_id, responses_call_id
from hyperinfer.formats.opaque import Opaque
from hyperinfer.nodes.tools.activation import PREFIX

if TYPE_CHECKING:
    from hyperinfer.formats.codec import ToolAlias
    from hyperinfer.formats.conversation import Part
    from hyperinfer.formats.events import Dialect
    from hyperinfer.nodes.tools.hearing import Hearing
    from hyperinfer.nodes.tools.running import Finished

MOST_LOOKED_FOR: Final = 64
"""Calls of a conversation, the latest ones, that are looked up."""


_SEEN_BY: Final[Mapping[Dialect, Callable[[str], str]]] = {
    "openai_chat": chat_call_id,
    "openai_responses": responses_call_id,
    "anthropic_messages": anthropic_call_id,
}
"""The id of a call as a client sees it, and sends it back."""


class KeptCall(msgspec.Struct, frozen=True):
    """A call of ours with its result. `before`: how many of the client's calls came before it. `run_id`: as a client that
    wants to see runs was told of it."""

    call_id: str
    function: str
    arguments: str
    before: int
    text: str
    run_id: str
    opaque: tuple[Opaque, ...] = ()


class KeptTurn(msgspec.Struct, frozen=True):
    """`call_id`, `names`: of the client's calls, as it knows them; the id is that of the first."""

    call_id: str
    names: tuple[str, ...]
    calls: tuple[KeptCall, ...]


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(KeptTurn)


def turn_to_keep(
    turns: Sequence[Turn], dialect: Dialect, hearing: Hearing, finished: Sequence[Finished]
) -> tuple[str, bytes]:
    """What to keep it under, and what to keep. `turns`: the client's, before the reply."""
    kept = tuple(
        KeptCall(call.call_id, call.function, call.arguments, call.before, found.text, call.run_id, call.opaque)
        for call, found in zip(hearing.calls, finished, strict=True)
    )
    aliases: Mapping[str, ToolAlias] = {} if hearing.answering is None else hearing.answering.aliases
    names = tuple(aliases[start.name].name if start.name in aliases else start.name for start in hearing.theirs)
    call_id = _SEEN_BY[dialect](hearing.theirs[0].call_id)
    *_, (_, said) = (("", ""), *_with_what_was_said(turns))
    return _key(call_id, said), _encode(KeptTurn(call_id, names, kept))


def keys(turns: Sequence[Turn]) -> list[str]:
    """What to look for: the client's calls that have an answer, the latest first."""
    found = [
        _key(part.call_id, said)
        for turn, said in _with_what_was_said(turns)
        for part in turn.parts
        if isinstance(part, ToolCallPart)
    ]
    return list(dict.fromkeys(reversed(found)))[:MOST_LOOKED_FOR]


def _key(call_id: str, said: str) -> str:
    return f"{said} {call_id}"


def _with_what_was_said(turns: Sequence[Turn]) -> Iterator[tuple[Turn, str]]:
    """Each turn, with a digest of the latest words of the user's up to it."""
    said = ""
    for turn in turns:
        if turn.role == "user" and (words := [part.text for part in turn.parts if isinstance(part, TextPart)]):
            said = hashlib.sha256("\0".join(words).encode(errors="surrogatepass")).hexdigest()
        yield turn, said


def put_back(turns: tuple[Turn, ...], kept: Mapping[str, bytes]) -> tuple[Turn, ...]:
    """The turns with our calls where they stood, and our results before the client's. `kept`: by its key."""
    known = {key: one for key, data in kept.items() if (one := _read(data)) is not None}
    given: list[Turn] = []
    found: _Restored | None = None
    for turn, said in _with_what_was_said(_without_repeats(turns, known.values())):
        if turn.role == "assistant":
            parts: list[Part] = []
            for part in turn.parts:
                if isinstance(part, ToolCallPart):
                    if found is None and (there := known.get(_key(part.call_id, said))) is not None:
                        found = _restored(there, part)
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


def _read(data: bytes) -> KeptTurn | None:
    """What another version of this gateway has kept may have another form: it is as good as gone."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _without_repeats(turns: tuple[Turn, ...], kept: Iterable[KeptTurn]) -> tuple[Turn, ...]:
    """The turns without the calls of ours that a client, which was told of them, sends back itself: what is kept says more
    of them, and providers refuse a call that stands there twice."""
    there = {(part.call_id, part.name) for turn in turns for part in turn.parts if isinstance(part, ToolCallPart)}
    ours: set[tuple[str, str]] = set()
    for found in kept:
        if (found.call_id, found.names[0]) in there:
            for call in found.calls:  # a client is told the tool's own name, whatever the function was called
                names = (call.function, call.function.rpartition(PREFIX)[2])
                ours |= {(anthropic_call_id(call.run_id), name) for name in names}
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
