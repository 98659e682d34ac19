"""Runs the checks against a gateway."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from hyperinfer.testing.conformance.exchange import CLIENTS, Caller, Target, Turn, client, versioned
from hyperinfer.testing.conformance.results import Cell, Report, Result
from hyperinfer.testing.conformance.said import FORMATS
from hyperinfer.testing.conformance.scenes import SCENES, Scene
from hyperinfer.testing.conformance.upstream import Stage, Upstream

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.check import Check
    from hyperinfer.testing.conformance.said import Object

PATIENCE = 15.0
LEAVING = 2.0


async def run(
    target: Target,
    upstream: Upstream,
    checks: Sequence[Check],
    markers: Iterator[str],
    *,
    patience: float = PATIENCE,
    leaving: float = LEAVING,
    at_once: int = 8,
    progress: Callable[[Cell], None] = lambda cell: None,
) -> Report:
    """Plays what the checks look at in every cell that the target has a model for, and judges it.

    `markers`: names of exchanges, each new (`conformance-RUN-NUMBER`); no two runs may use the same, or a gateway that
    caches could answer. `patience`: seconds for one exchange. `leaving`: seconds within which the upstream's connection is
    to be closed after a client left. `at_once`: exchanges. `progress`: told of each cell that is done.
    """
    cells = [Cell(c, u, s) for c in FORMATS for u in FORMATS if u in target.models for s in (True, False)]
    wanted = {name for check in checks for name in check.scenes}
    played: dict[Cell, dict[str, Sequence[Turn]]] = {cell: {} for cell in cells}
    async with client() as opened:
        target = replace(target, url=await versioned(opened, target.url))
        caller = Caller(opened, target, patience=patience, leaving=leaving)
        for harms in (False, True):
            limit = trio.CapacityLimiter(at_once)
            async with trio.open_nursery() as nursery:
                for cell in cells:
                    for scene in SCENES.values():
                        if scene.harms is harms and scene.name in wanted and _plays(scene, cell):
                            play = _Play(caller, upstream, cell, scene, markers)
                            nursery.start_soon(play.into, played[cell], limit)
    results: list[Result] = []
    for cell in cells:
        results += [Result(check.id, cell, check.of(cell, played[cell])) for check in checks if check.applies(cell)]
        progress(cell)
    reached = any(turn.asked for scenes in played.values() for turns in scenes.values() for turn in turns)
    return Report(target=target.url, checks=[check.info for check in checks], results=results, reached=reached)


def _plays(scene: Scene, cell: Cell) -> bool:
    if cell.upstream in scene.lacking:
        return False
    return not scene.only or (scene.only == "streamed") is cell.streamed


class _Play:
    """One scene in one cell."""

    def __init__(self, caller: Caller, upstream: Upstream, cell: Cell, scene: Scene, markers: Iterator[str]) -> None:
        self._caller = caller
        self._upstream = upstream
        self._cell = cell
        self._scene = scene
        self._marker = next(markers)

    async def into(self, found: dict[str, Sequence[Turn]], limit: trio.CapacityLimiter) -> None:
        """Plays it when there is room, and keeps its turns."""
        async with limit:
            found[self._scene.name] = await self._turns()

    async def _turns(self) -> list[Turn]:
        cell, scene = self._cell, self._scene
        form = CLIENTS[cell.client]
        ask = scene.ask
        body = form.body(ask, self._caller.target.models[cell.upstream], streamed=cell.streamed)
        body = _marked(body, ask.prompt, self._marker)
        turns = [await self._turn(body, 0)]
        heard = turns[0].heard
        if len(scene.replies) > 1 and turns[0].status == 200 and len(heard.calls) == len(ask.results):
            ids = [call.id for call in heard.calls]
            turns.append(await self._turn(form.again(body, heard, list(zip(ids, ask.results, strict=True))), 1))
        return turns

    async def _turn(self, body: Object, number: int) -> Turn:
        cell, caller = self._cell, self._caller
        stage = Stage(self._scene.replies[number])
        self._upstream.stages[self._marker] = stage
        request = caller.request(cell.client, cell.upstream, body)
        try:
            if self._scene.leaves:
                turn = await caller.leaves(request, stage, streamed=cell.streamed)
            else:
                turn = await caller.whole(request, stage)
        finally:
            del self._upstream.stages[self._marker]
        turn.read(cell.client, streamed=cell.streamed)
        return turn


def _marked(body: Object, prompt: str, marker: str) -> Object:
    """With the marker behind the prompt."""
    old, new = json.dumps(prompt)[1:-1], json.dumps(f"{prompt} [{marker}]")[1:-1]
    marked: Object = json.loads(json.dumps(body).replace(old, new, 1))
    return marked
