"""One run of a schedule: the gateway, what is around it, and what is left when it is over."""

from __future__ import annotations

import itertools
import os
import socket as stdlib_socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, cast

import trio
import trio.testing
from hypercorn.config import Sockets

from hyperinfer.api.body_room import BodyRoom
from hyperinfer.api.data_plane import DataPlane
from hyperinfer.api.edge import Dispatch, EdgeCounters, EdgeSettings
from hyperinfer.api.edge.serve import serve
from hyperinfer.api.edge.watch import Watch
from hyperinfer.api.idempotency import Idempotency
from hyperinfer.api.ids import RequestIds
from hyperinfer.api.key_places import KeyPlaces
from hyperinfer.api.pipelines import Parts, Pipelines, stream_graph, whole_graph
from hyperinfer.engine import Drain
from hyperinfer.engine.virtual import refusing_threads, seeded_schedule
from hyperinfer.nodes.concurrency import Rooms
from hyperinfer.nodes.health import LocalHealth
from hyperinfer.nodes.settlement import Settlement
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import RECEIVE_BUFFER
from hyperinfer.providers.upstreams import Upstreams as Clients
from tests.schedules import observing
from tests.schedules.client import Client
from tests.schedules.course import Course, Visited
from tests.schedules.setting import SETTINGS
from tests.schedules.store import ScheduledStore, furnished, scheduled_database
from tests.schedules.upstream import SMALL, Upstreams
from tests.support.ledger import NOW
from tests.support.tool_rounds import ScriptedTool, found, tooling

if TYPE_CHECKING:
    from hyperinfer.api.edge import AsgiApp, Receive, Scope, Send
    from hyperinfer.engine import Graph
    from hyperinfer.providers.catalogue import Limits
    from tests.schedules.plan import Schedule

EDGE = EdgeSettings(
    edge="scheduled",
    write_deadline=4.0,
    grace=2.0,
    settle_margin=1.5,
    settling=10.0,
    first_request=5.0,
    body_idle=5.0,
    body_whole=12.0,
    keep_alive=20.0,
)
MOST_STEPS = 200_000
"""Of tasks. A run that takes more never rests."""

AUDITED = 8
"""The ledger is audited after every so many schedules: it takes as long as a request."""

PATIENCE = 30.0
"""Virtual seconds that the gateway has after the last client has left."""

LATEST = 20_000.0
"""Virtual seconds after which a run waits for what never comes."""


class _Steps(trio.abc.Instrument):
    """Counts the steps of tasks, and does at some of them what the schedule says."""

    def __init__(self) -> None:
        self.count = 0
        self.due: dict[int, list[Callable[[], None]]] = {}
        self.counting = False
        self.stop: Callable[[], None]

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.counting:
            self.count += 1
            for function in self.due.pop(self.count, ()):
                function()
            if self.count == MOST_STEPS:
                self.stop()


async def _lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def run(schedule: Schedule) -> Course:
    """Raises whatever a run of trio raises."""
    furnished()
    course = Course(schedule)
    steps = _Steps()
    clock = trio.testing.MockClock(autojump_threshold=0)
    descriptors = len(os.listdir("/proc/self/fd"))
    with (
        seeded_schedule(schedule.seed),
        refusing_threads(),
        observing.errors_into(course),
        observing.watching(schedule, EDGE.edge) as watches,
        scheduled_database() as database,
    ):
        trio.run(_Run(schedule, course, steps, database, watches).main, clock=clock, instruments=[steps])
    left = len(os.listdir("/proc/self/fd")) - descriptors
    if left:
        course.left.append(f"{left} descriptors")
    course.steps = steps.count
    return course


class _Graphs:
    """The pipelines, each built when it is first needed."""

    def __init__(self, parts: Parts, limits: Limits) -> None:
        self._parts, self._limits = parts, limits

    @cached_property
    def stream(self) -> Graph:
        return stream_graph(self._parts, self._limits)

    @cached_property
    def whole(self) -> Graph:
        return whole_graph(self._parts, self._limits)


class _Run:
    def __init__(self, schedule: Schedule, course: Course, steps: _Steps, database: Any, watches: list[Watch]) -> None:
        self._schedule, self._course, self._steps, self._database = schedule, course, steps, database
        self._counters, self._shutdown, self._drain = EdgeCounters(), trio.Event(), Drain()
        self._serving = trio.CancelScope()
        self._watches = watches
        self._ended = trio.Event()
        setting = SETTINGS[schedule.setting]
        self._rooms, self._key_places, self._body_room = Rooms(), KeyPlaces(setting.of_a_key), BodyRoom(setting.bodies)

    async def main(self) -> None:
        course = self._course
        with trio.move_on_after(LATEST) as limit:
            self._steps.stop = limit.cancel
            async with trio.open_nursery() as nursery:
                await self._play(nursery)
                nursery.cancel_scope.cancel()
        course.ended_at = trio.current_time()
        if limit.cancelled_caught:
            course.left.append("what never rests" if trio.current_time() < LATEST else "what waits for what never comes")

    async def _play(self, nursery: trio.Nursery) -> None:
        schedule, course = self._schedule, self._course
        asks = {ask.number: ask for visitor in schedule.visitors for ask in visitor.asks}
        tool = ScriptedTool(by_query={}, steps=((0.0, found()),))
        seconds = next((ask.tool for ask in asks.values() if ask.tool is not None), 0.0)
        tool.steps = ((seconds, found()),)
        upstreams = Upstreams(course, asks, nursery)
        trio.socket.set_custom_socket_factory(upstreams)
        watch = Watch()
        nursery.start_soon(watch.run)
        store = ScheduledStore(self._database, schedule.storing, course, nursery)
        sockets = watch if watch.watches_sockets else None
        transport = Transport(receive_buffer=RECEIVE_BUFFER, sockets=sockets)
        async with transport:
            data_plane = self._data_plane(store, transport, tool)
            listening = stdlib_socket.socket(stdlib_socket.AF_UNIX)
            listening.bind("")
            listening.listen(16)
            listening.setblocking(False)
            await nursery.start(self._serve, Dispatch(data_plane.route, _lifespan), listening)
            nursery.start_soon(self._end_with_the_grace)
            await trio.testing.wait_all_tasks_blocked()
            before = observing.tasks()
            await self._visit(listening.getsockname())
            await self._until_over(store)
            self._look(store, transport, observing.tasks() - before)
            self._shutdown.set()
            await self._ended.wait()
        await trio.testing.wait_all_tasks_blocked()
        self._look_again(store)

    def _data_plane(self, store: ScheduledStore, transport: Transport, tool: ScriptedTool) -> DataPlane:
        setting = SETTINGS[self._schedule.setting]
        catalogue, self._drain.most = setting.catalogue, setting.in_flight or inf
        settlement, numbers = Settlement(store), itertools.count(1)
        parts = Parts(
            catalogue=lambda: catalogue,
            ledger=store,
            settlement=settlement,
            clients=Clients(transport, transport),
            health=LocalHealth(trio.current_time),
            tooling=tooling(tool, drain=self._drain),
            drain=self._drain,
            now=lambda: NOW,
            jitter=lambda: 0.5,
            rooms=self._rooms,
        )
        return DataPlane(
            accounts=store,
            settlement=settlement,
            idempotency=Idempotency(store, store, lambda: NOW),
            pipelines=cast("Pipelines", _Graphs(parts, catalogue.limits)),
            ids=RequestIds(lambda: NOW, lambda size: next(numbers).to_bytes(size)),
            drain=self._drain,
            body_limit=lambda: 10**6,
            now=lambda: NOW,
            say=lambda _, __, ___: None,
            key_places=self._key_places,
            body_room=self._body_room,
        )

    async def _serve(
        self, app: AsgiApp, listening: stdlib_socket.socket, *, task_status: trio.TaskStatus[list[str]]
    ) -> None:
        sockets = Sockets([], [listening], [])
        settings = replace(EDGE, send_buffer=SMALL) if self._schedule.small else EDGE
        try:
            with self._serving:
                await serve(
                    app,
                    settings,
                    sockets=sockets,
                    shutdown=self._shutdown,
                    drain=self._drain,
                    counters=self._counters,
                    task_status=task_status,
                )
        finally:
            self._ended.set()

    async def _end_with_the_grace(self) -> None:
        # As `api.gateway` has it.
        await self._drain.wait_begun()
        await self._drain.finish(last_words=inf)

    async def _visit(self, address: str | bytes) -> None:
        schedule, course, steps = self._schedule, self._course, self._steps
        steps.counting = True
        async with trio.open_nursery() as visiting:
            for visitor in schedule.visitors:
                visited = Visited(visitor)
                course.visits.append(visited)
                client = Client(visitor, visited, address, furnished()[1])
                visiting.start_soon(client.run)
                if visitor.leaves is not None and visitor.leaves.when.step is not None:
                    steps.due.setdefault(visitor.leaves.when.step, []).append(client.leave)
            if (stopping := schedule.stopping) is not None:
                if stopping.when.step is not None:
                    steps.due.setdefault(stopping.when.step, []).append(self._stop)
                elif stopping.when.at is not None:
                    visiting.start_soon(self._stop_at, stopping.when.at)
        steps.counting = False

    async def _stop_at(self, at: float) -> None:
        await trio.sleep_until(at)
        self._stop()

    def _stop(self) -> None:
        assert self._schedule.stopping is not None
        self._course.stopped_at = trio.current_time()
        if self._schedule.stopping.cut:
            self._serving.cancel()
        else:
            self._shutdown.set()

    async def _until_over(self, store: ScheduledStore) -> None:
        """Everything that goes on behind the clients' back has an end of its own."""
        until = trio.current_time() + PATIENCE
        busy = True
        while busy and trio.current_time() < until:
            await trio.sleep(0.5)
            busy = bool(self._counters.open or self._drain.in_flight or store.left)
        self._course.over_at = trio.current_time()

    def _look(self, store: ScheduledStore, transport: Transport, tasks: Counter[str]) -> None:
        """What is left while the gateway serves, and nobody asks for anything."""
        left = self._course.left
        left += store.left
        found = {
            "connections of clients": self._counters.open,
            "requests in flight": self._drain.in_flight,
            "connections of requests to upstreams": transport.active,
            "places at providers": self._rooms.taken,
            "places of keys": self._key_places.taken,
            "bytes of bodies": self._body_room.held,
            "crashed requests": self._counters.crashes,
            "crashed connections": self._counters.connection_crashes,
            "sockets watched": sum(watch.watched for watch in self._watches),
        }
        left += [f"{number} {what}" for what, number in found.items() if number]
        left += [f"the task {name}" for name in tasks.elements() if not name.endswith("._end_late")]  # of the drain itself

    def _look_again(self, store: ScheduledStore) -> None:
        """What is left when the gateway has ended."""
        course = self._course
        course.left += [f"an upstream connection from {one.asked_at:g} s" for one in course.dialled if one.closed_at is None]
        if not course.schedule.seed % AUDITED:
            course.left += [f"ledger: {each}" for each in store.audit().differences]
        course.billed = store.billed()
