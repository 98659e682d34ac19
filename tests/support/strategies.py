"""Legal event sequences for hypothesis, by walking the table of the lifecycle.

The content is what real replies hold: characters of every width, tool arguments as JSON cut in pieces, reasoning with
signatures and blobs, several blocks one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.lifecycle import TRANSITIONS, State
from hyperinfer.formats.opaque import DEFAULT_VENDOR, Opaque
from hyperinfer.formats.usage import Usage
from tests.support.tool_runs import TOOL_RUNS, Runs

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Event

BLOCKS: tuple[type[Event], ...] = (ev.TextStart, ev.ReasoningStart, ev.RefusalStart, ev.ToolCallStart, ev.ServerToolStart)
"""The events that open a block."""

TEXT = st.one_of(
    st.sampled_from(["a", "Hello", " world", "\n\n", "字", "😀", "e\u0301", '"\\', "\u2028", "data: [DONE]\n\n", "\x00"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
)
"""Text of at least one character, without lone surrogates: no JSON of an upstream can hold one."""

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXT, inner, max_size=2)),
    max_leaves=4,
)


@dataclass(frozen=True)
class Walk:
    """What a walk may meet. `blocks`: the events that open blocks. `further`: how many further choices at most.
    `failures`: whether it may end in `UpstreamError`. `unknown`: whether `Unknown` events may come in between.
    `item_ids`: whether blocks name an item of the upstream. `rich`: with everything that events have room for: parts and
    forms of reasoning, redacted blobs, state of calls, odd ids, namespaces, phases, logprobs, empty pieces, early usage.
    `tool_runs`: which events of the gateway's own tools may come (`TOOL_RUNS`: all).
    """

    dialect: Dialect = "openai_chat"
    blocks: tuple[type[Event], ...] = BLOCKS
    further: int = 0
    failures: bool = False
    unknown: bool = False
    citations: bool = True
    custom_tools: bool = True
    item_ids: bool = False
    rich: bool = False
    tool_runs: tuple[type[Event], ...] = ()
    most_blocks: int = 5
    most_loose: int = 12


_LOOSE = (ev.TextDelta, ev.ReasoningDelta, ev.RefusalDelta, ev.ServerToolDelta, ev.Citation, ev.UsageUpdate, ev.Unknown)
"""Events that leave the state as it is: a walk may take only so many of them."""


@dataclass
class _Track:
    """One choice on its way through the table."""

    choice: int
    state: State = State.BETWEEN
    blocks: int = 0
    calls: int = 0
    refused: bool = False
    pieces: list[str] = field(default_factory=list[str])  # arguments still to come
    server_item: dict[str, Any] = field(default_factory=dict[str, Any])
    loose: int = 0
    item: str | None = None  # of the upstream, in which the last block stood
    part: int = 0  # of the open reasoning
    goal: int = 0  # blocks at least
    last: bool = True  # all other choices have ended
    runs: Runs = field(default_factory=Runs)  # of the gateway's own tools


class _Walker:
    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], walk: Walk) -> None:
        self._draw = draw
        self.walk = walk
        self._calls = 0
        self._usage = Usage()

    def start(self) -> Event:
        early = self._counts() if self.walk.rich and self._draw(st.booleans()) else None
        return ev.MessageStart(self.walk.dialect, id="up-1", model="up-model", created=1_700_000_000, usage=early)

    def legal(self, track: _Track) -> list[type[Event]]:
        """What may come next in the choice. Ends stand first: they are the simplest way on."""
        kinds = [kind for state, kind in TRANSITIONS if state is track.state and self._wanted(kind, track)]
        return sorted(kinds, key=lambda kind: (not kind.__name__.endswith("End"), kind in _LOOSE))

    def next(self, track: _Track) -> Event:
        """A legal event for the choice; its content fits what came before."""
        kinds = self.legal(track)
        kind: type[Event] = kinds[0] if len(kinds) == 1 else self._draw(st.sampled_from(kinds))
        event = self._make(kind, track)
        track.state = TRANSITIONS[track.state, kind]
        track.loose += kind in _LOOSE
        return event

    def _wanted(self, kind: type[Event], track: _Track) -> bool:
        if kind in BLOCKS:
            return kind in self.walk.blocks and track.blocks < self.walk.most_blocks and self._in_choice(kind, track)
        if kind in TOOL_RUNS:
            return kind in self.walk.tool_runs and track.choice == 0 and track.runs.wants(kind)
        if kind in _LOOSE and track.loose >= self.walk.most_loose:
            return False
        if kind in (ev.MessageEnd, ev.ChoiceEnd) and track.blocks < track.goal:
            return False
        if kind is ev.MessageEnd:
            return track.choice == 0 and track.last
        if kind is ev.ChoiceEnd:
            return track.choice > 0
        if kind is ev.UpstreamError:
            return self.walk.failures and track.choice == 0 and track.blocks >= track.goal
        if kind is ev.Unknown:
            return self.walk.unknown and track.choice == 0
        if kind is ev.UsageUpdate:
            return track.choice == 0
        if kind is ev.Citation:
            return self.walk.citations
        if kind is ev.ArgumentsDelta:
            return bool(track.pieces)
        if kind is ev.ToolCallEnd:
            return not track.pieces
        return True

    @staticmethod
    def _in_choice(kind: type[Event], track: _Track) -> bool:
        return track.choice == 0 or kind is not ev.ServerToolStart

    def _make(self, kind: type[Event], track: _Track) -> Event:
        draw, choice = self._draw, track.choice
        if kind in BLOCKS:
            track.blocks += 1
            return self._open(kind, track, self._item(kind, track))
        if kind in TOOL_RUNS:
            return track.runs.next(kind, draw)
        match kind:
            case ev.TextDelta:
                text = draw(self._pieces())
                return ev.TextDelta(text, self._logprobs() if text else None, choice=choice)
            case ev.Citation:
                return self._citation(choice)
            case ev.ReasoningDelta:
                return self._thought(track)
            case ev.ReasoningEnd:
                return ev.ReasoningEnd(draw(self._blobs()), choice=choice)
            case ev.RefusalDelta:
                return ev.RefusalDelta(draw(TEXT), choice=choice)
            case ev.ArgumentsDelta:
                return ev.ArgumentsDelta(track.pieces.pop(0), choice=choice)
            case ev.ServerToolDelta:
                return ev.ServerToolDelta(dict(_SERVER_DELTAS[self.walk.dialect]))
            case ev.ServerToolEnd:
                return ev.ServerToolEnd(track.server_item)
            case ev.UsageUpdate:
                return ev.UsageUpdate(self._counts())
            case ev.Unknown:
                return ev.Unknown(self.walk.dialect, "new_event", {"type": "new_event", "x": 1})
            case ev.UpstreamError:
                return ev.UpstreamError("provider_overloaded", "busy", retryable=True)
            case ev.ChoiceEnd:
                return ev.ChoiceEnd(self._stop(track), choice=choice)
            case ev.MessageEnd:
                return self._end(track)
            case _:
                return kind(choice=choice)  # type: ignore[call-arg]  # TextEnd, RefusalEnd, ToolCallEnd

    def _open(self, kind: type[Event], track: _Track, item_id: str | None) -> Event:
        choice = track.choice
        if kind is ev.ServerToolStart:
            track.server_item = self._server_item(track)
            return ev.ServerToolStart(self.walk.dialect, track.server_item["type"], dict(track.server_item))
        if kind is ev.ToolCallStart:
            return self._call(track, item_id)
        if kind is ev.RefusalStart:
            track.refused = True
        track.part = 0
        if kind is ev.TextStart and self.walk.rich and self.walk.dialect == "openai_responses":
            phase = self._draw(st.sampled_from([None, "commentary", "final_answer"]))
            return ev.TextStart(item_id, phase, choice=choice)
        return kind(item_id=item_id, choice=choice)  # type: ignore[call-arg]  # text, reasoning, refusal

    def _call(self, track: _Track, item_id: str | None) -> Event:
        custom = self.walk.custom_tools and self._draw(st.booleans())
        if custom:
            track.pieces = self._draw(st.lists(TEXT, max_size=3))
        else:
            arguments = self._draw(st.dictionaries(TEXT, JSON_VALUES, max_size=3))
            text = json.dumps(arguments, ensure_ascii=self._draw(st.booleans()))
            track.pieces = self._draw(st.sampled_from([[text], [text[:1], text[1:]], list(text), []]))
        self._calls += 1
        track.calls += 1
        call_id, namespace, state = f"call_{self._calls}", None, ()
        if self.walk.rich:
            call_id = self._draw(st.sampled_from([call_id, call_id, "call_1", "functions.f:0", "é" * 70]))
            if self.walk.dialect == "openai_chat":  # the only one with a place for it
                state = self._draw(self._blobs())
            if self.walk.dialect == "openai_responses":
                namespace = self._draw(st.sampled_from([None, None, "mcp"]))
        return ev.ToolCallStart(
            call_id,
            self._draw(st.sampled_from(["get_weather", "f", "a-b_c9"])),
            "custom" if custom else "function",
            namespace,
            item_id,
            state,
            choice=track.choice,
        )

    def _citation(self, choice: int) -> Event:
        inner = {"url": "https://example.org/ü", "title": "T", "start_index": 0, "end_index": 1}
        match self.walk.dialect:
            case "openai_chat":
                raw: dict[str, Any] = {"type": "url_citation", "url_citation": inner}
            case "openai_responses":
                raw = {"type": "url_citation", **inner}
            case "anthropic_messages":
                raw = {"type": "web_search_result_location", "cited_text": "q", "encrypted_index": "x", **inner}
        return ev.Citation(self.walk.dialect, raw, url="https://example.org/ü", title="T", start=0, end=1, choice=choice)

    def _blobs(self) -> st.SearchStrategy[tuple[Opaque, ...]]:
        vendor = DEFAULT_VENDOR[self.walk.dialect]
        kind = "signature" if self.walk.dialect == "anthropic_messages" else "encrypted"
        vendors, data = st.sampled_from([vendor, vendor, "google"]), st.sampled_from(["c2ln+/=", "x" * 40])
        kinds = st.sampled_from([kind, "redacted"]) if self.walk.rich else st.just(kind)
        return st.one_of(st.just(()), st.builds(Opaque, vendors, kinds, data).map(lambda one: (one,)))

    def _item(self, kind: type[Event], track: _Track) -> str | None:
        """A new item of the upstream for the block, or that of the text before it."""
        if not self.walk.item_ids:
            return None
        goes_on = self.walk.rich and track.item is not None and kind in (ev.TextStart, ev.RefusalStart)
        if not (goes_on and self._draw(st.booleans())):
            track.item = f"item_{track.choice}_{track.blocks}"
        found, texts = track.item, kind in (ev.TextStart, ev.RefusalStart)
        track.item = found if texts else None
        return found

    def _counts(self) -> Usage:
        """Counts so far: no upstream takes back what it has counted."""
        before, more = self._usage, self._draw(USAGES)
        names = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
        self._usage = Usage(**{name: getattr(before, name) + getattr(more, name) for name in names})
        return self._usage

    def _pieces(self) -> st.SearchStrategy[str]:
        return TEXT | st.just("") if self.walk.rich else TEXT

    def _logprobs(self) -> list[Any] | None:
        if not (self.walk.rich and self.walk.dialect != "anthropic_messages" and self._draw(st.booleans())):
            return None
        return [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]

    def _thought(self, track: _Track) -> Event:
        text = self._draw(self._pieces())
        if not self.walk.rich or self.walk.dialect == "anthropic_messages":
            return ev.ReasoningDelta(text, choice=track.choice)
        track.part += self._draw(st.sampled_from([0, 0, 1]))
        summarized = self.walk.dialect == "openai_responses"
        return ev.ReasoningDelta(text, "summary" if summarized else "text", track.part, choice=track.choice)

    def _server_item(self, track: _Track) -> dict[str, Any]:
        match self.walk.dialect:
            case "anthropic_messages":
                return {"type": "server_tool_use", "id": f"srvtoolu_{track.blocks}", "name": "web_search", "input": {}}
            case _:
                action = {"type": "search", "query": "q"}
                return {"type": "web_search_call", "id": f"ws_{track.blocks}", "status": "completed", "action": action}

    def _end(self, track: _Track) -> Event:
        stop = self._stop(track)
        if not self.walk.rich:
            return ev.MessageEnd(stop)
        if stop == "stop":
            stop = self._draw(st.sampled_from(["stop", "stop_sequence", "pause", "refusal"]))
        matched = "END" if stop == "stop_sequence" and self._draw(st.booleans()) else None
        why = "because" if stop == "refusal" and self._draw(st.booleans()) else None
        return ev.MessageEnd(stop, matched, explanation=why)

    def _stop(self, track: _Track) -> ev.StopReason:
        if track.refused:
            return "refusal"
        words: list[ev.StopReason] = ["tool_calls", "length"] if track.calls else ["stop", "length", "context_window"]
        word: ev.StopReason = self._draw(st.sampled_from(words))
        return word


_SERVER_DELTAS: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {"type": "input_json_delta", "partial_json": "{}"},
    "openai_responses": {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws"},
    "anthropic_messages": {"type": "input_json_delta", "partial_json": "{}"},
}


def _usage(uncached: int, read: int, written: int, output: int, reasoning: int) -> Usage:
    return Usage(
        input_tokens=uncached + read + written,
        output_tokens=output + reasoning,
        cache_read=read,
        cache_write=written,
        reasoning=reasoning,
    )


USAGES: st.SearchStrategy[Usage] = st.builds(_usage, *[st.integers(0, 10**6)] * 5)
"""Counts whose parts fit into their totals."""


@st.composite
def event_sequences(draw: st.DrawFn, walk: Walk | None = None) -> tuple[Event, ...]:
    """A whole reply: `MessageStart` … `MessageEnd` (or `UpstreamError`), legal by the table."""
    walker = _Walker(draw, walk or Walk())
    goals = st.integers(0, walker.walk.most_blocks if walker.walk.blocks else 0)
    first = _Track(0, goal=draw(goals))
    further = [_Track(n) for n in range(1, 1 + draw(st.integers(0, walker.walk.further)))]
    out: list[Event] = [walker.start()]
    while True:
        first.last = all(track.state is State.ENDED for track in further)
        able = [track for track in (*further, first) if walker.legal(track)]
        out.append(walker.next(able[0] if len(able) == 1 else draw(st.sampled_from(able))))
        if first.state in (State.ENDED, State.FAILED):
            return tuple(out)
