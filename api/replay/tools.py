"""The gateway's own tools in a replay: each run comes to what it came to, when it did."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import httpx2
import msgspec
import trio

from hyperinfer.engine import recording as rec
from hyperinfer.formats.server_tools import ToolOutcome

if TYPE_CHECKING:
    from hyperinfer.api.replay.timeline import Timeline
    from hyperinfer.api.replay.upstream import Depart
    from hyperinfer.formats.server_tools import ToolName
    from hyperinfer.nodes.tools.port import Declaration, ServerTool
    from hyperinfer.providers.catalogue import Catalogue

READ_PDF: Final = "read_pdf"
"""The name under which the reading of a PDF that came with a request is recorded."""


_STEP: Final = 1e-6
"""Seconds before its deadline in which a run is over that was in time."""


class RecordedTools:
    """The tools that there were, as a model and a bill know them."""

    def __init__(self, catalogue: Catalogue, lines: Sequence[rec.Line], timeline: Timeline, depart: Depart) -> None:
        self._runs = [line for line in lines if isinstance(line, rec.Tool)]
        self._catalogue, self._timeline, self._depart = catalogue, timeline, depart

    @cached_property
    def box(self) -> Mapping[ToolName, ServerTool]:
        """By name: the real ones, which are declared and paid for as ever, and run no more."""
        from hyperinfer.nodes.tools.documents.reader import DocumentReader
        from hyperinfer.nodes.tools.toolbox import toolbox
        from hyperinfer.providers.egress import Egress

        tools, nowhere = self._catalogue.tools, httpx2.AsyncBaseTransport()
        real = toolbox(tools, transport=nowhere, egress=Egress(), reader=DocumentReader(), now=lambda: 0.0)
        return {name: _RecordedTool(tool, self) for name, tool in real.items()}

    async def read_pdf(self, source: bytes | str) -> ToolOutcome:
        """The port `Tooling.read_pdf`."""
        which = {"url": source} if isinstance(source, str) else {"sha256": hashlib.sha256(source).hexdigest()}
        return await self.outcome(READ_PDF, which, math.inf)

    async def outcome(self, name: str, arguments: Mapping[str, Any], seconds: float) -> ToolOutcome:
        """What the next run of a tool came to, which may take so many seconds: one with these arguments, where there is
        one."""
        runs = [run for run in self._runs if run.name == name]
        same = [run for run in runs if msgspec.json.decode(run.arguments.data) == arguments]
        run = next(iter(same or runs), None)
        if run is None:
            self._depart(f"the tool {name} is run, which was not run then")
            await trio.sleep_forever()
            raise AssertionError
        self._runs.remove(run)
        # It was in time, by whatever clock that was decided.
        await self._timeline.reach(min(run.at, self._timeline.now + seconds - _STEP))
        if run.outcome is None:
            await trio.sleep_forever()  # it was cut short, and will be
            raise AssertionError
        return msgspec.json.decode(run.outcome.data, type=ToolOutcome)


class _RecordedTool:
    """One of them."""

    def __init__(self, real: ServerTool, tools: RecordedTools) -> None:
        self._real, self._tools = real, tools

    @property
    def name(self) -> ToolName:
        return self._real.name

    @property
    def price(self) -> int:
        return self._real.price

    @property
    def seconds(self) -> float:
        return self._real.seconds

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        return self._real.declaration(options)

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        return await self._tools.outcome(self._real.name, arguments, self._real.seconds)
