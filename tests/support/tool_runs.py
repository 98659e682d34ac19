"""Runs of the gateway's own tools for hypothesis: they overlap, end well or not, and make images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.server_tools import TOOL_NAMES, ToolImage, ToolName, ToolOutcome, ToolRun, ToolSource

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

TOOL_RUNS: tuple[type[Event], ...] = (ev.ToolRunStart, ev.ToolRunEnd, ev.ImageOutput)
"""The events of the gateway's own tools."""

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""

_INPUTS: dict[ToolName, list[dict[str, Any]]] = {
    "web_search": [{"query": "q \u2028 字"}, {"query": "q", "count": 3}, {}, {"query": 1}],
    "web_fetch": [{"url": "https://example.org/ü?a=b"}, {}, {"url": None}],
    "pdf": [{"url": "https://example.org/a.pdf"}, {"document": 1}],
    "datetime": [{}, {"timezone": "Europe/Berlin"}],
    "image": [{"prompt": "a cat"}, {}],
}
_SOURCES = (
    ToolSource("https://example.org/ü", "T", "an excerpt", "2026-11-01"),
    ToolSource("https://example.org/b"),
)
_IMAGES = (ToolImage(PIXEL, "image/png", "a cat, rephrased"), ToolImage(PIXEL, "image/webp"))


class Runs:
    """The runs of one reply so far. `most`: of runs and of images."""

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._begun = self._shown = 0
        self._open: list[ToolRun] = []
        self._over: list[ToolRun] = []

    def wants(self, kind: type[Event]) -> bool:
        """Whether an event of the kind may come now."""
        if kind is ev.ToolRunStart:
            return self._begun < self._most
        return bool(self._open) if kind is ev.ToolRunEnd else self._shown < self._most

    def next(self, kind: type[Event], draw: Callable[[st.SearchStrategy[Any]], Any]) -> Event:
        """One more event."""
        if kind is ev.ToolRunStart:
            self._begun += 1
            name: ToolName = draw(st.sampled_from(TOOL_NAMES))
            call_id = draw(st.sampled_from([f"call_{self._begun}", f"toolu_{self._begun}", f"functions.f:{self._begun}"]))
            self._open.append(ToolRun(call_id=call_id, name=name, input=draw(st.sampled_from(_INPUTS[name]))))
            return ev.ToolRunStart(self._open[-1])
        if kind is ev.ToolRunEnd:
            run = self._open.pop(draw(st.integers(0, len(self._open) - 1)))
            self._over.append(run)
            return ev.ToolRunEnd(run, draw(outcomes(run.name)), draw(st.sampled_from([0, 1, 5_000_000_000])))
        self._shown += 1
        made = [run.call_id for run in self._over if run.name == "image"]
        return ev.ImageOutput(draw(st.sampled_from([*made, "call_untold"])), draw(st.sampled_from(_IMAGES)))


def outcomes(name: ToolName) -> st.SearchStrategy[ToolOutcome]:
    """What a run of the tool may come to."""
    failed = st.sampled_from(["timeout", "refused", "unavailable"]).map(
        lambda word: ToolOutcome(text=f"It failed ({word}); answer without it.", summary="failed", error=word, calls=0)
    )
    sources = (
        st.lists(st.sampled_from(_SOURCES), max_size=2).map(tuple) if name in ("web_search", "web_fetch") else st.just(())
    )
    images = st.sampled_from([(), _IMAGES[:1]]) if name == "image" else st.just(())
    well = st.builds(
        ToolOutcome,
        text=st.sampled_from(["", "1. T\nan excerpt", "字 \x00"]),
        summary=st.just("done"),
        sources=sources,
        images=images,
    )
    return st.one_of(failed, well)
