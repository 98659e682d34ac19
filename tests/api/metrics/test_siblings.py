"""A scrape asks all workers, and waits for none that is dead or hangs."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, cast

import trio

from hyperinfer.api.gathering import PATIENCE, gathered
from hyperinfer.api.metrics.exposition import families
from hyperinfer.api.metrics.siblings import Siblings
from hyperinfer.api.worker_process import WorkerProcess


class _Deaf(WorkerProcess):
    """Nothing reaches it."""

    __slots__ = ("heard",)

    def say(self, message: Mapping[str, object]) -> None:
        self.heard = [*getattr(self, "heard", []), message]


class Kit:
    """A supervisor's view of three workers; their ends of the sockets are ours."""

    def __init__(self, kind: type[WorkerProcess] = WorkerProcess) -> None:
        self.workers: list[WorkerProcess] = []
        self.theirs: list[trio.SocketStream] = []
        for place in range(3):
            ours, theirs = socket.socketpair()
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            self.workers.append(kind(cast("trio.Process", None), stream, place, ready=True))
            self.theirs.append(trio.SocketStream(trio.socket.from_stdlib_socket(theirs)))

    async def answers(self, place: int, numbers: object) -> None:
        """As a worker and `_hear` do."""
        while data := await self.theirs[place].receive_some():
            for _ in data.splitlines():
                self.workers[place].told(numbers)

    async def close(self) -> None:
        for stream in (*self.theirs, *(worker.control for worker in self.workers)):
            await trio.aclose_forcefully(stream)


async def ask(kit: Kit, **more: Any) -> dict[str, Any]:
    found = await gathered(kit.workers[0], kit.workers, more.get("places", 3))
    return cast("dict[str, Any]", json.loads(json.dumps(found)))


async def test_all_are_asked_at_once() -> None:
    told: list[Any] = [{"a": [[[], 1]]}, {}]
    kit = Kit()
    async with trio.open_nursery() as nursery:
        for worker in kit.workers:
            nursery.start_soon(worker.speak)
        for place, numbers in enumerate(told, 1):
            nursery.start_soon(kit.answers, place, numbers)
        assert await ask(kit) == {"place": 0, "workers": {"1": {"a": [[[], 1]]}, "2": {}}}
        nursery.cancel_scope.cancel()
    await kit.close()


async def test_one_that_hangs_is_missing_and_asked_once(autojump_clock: object) -> None:
    kit = Kit(_Deaf)
    for _ in range(3):
        began = trio.current_time()
        assert await ask(kit) == {"place": 0, "workers": {"1": None, "2": None}}
        assert trio.current_time() == began + PATIENCE
    assert [cast("_Deaf", worker).heard for worker in kit.workers[1:]] == [[{"tell": True}]] * 2, "nothing piles up"
    kit.workers[1].told({"late": []})
    assert kit.workers[1].asked is None
    await kit.close()


async def test_without_a_supervisor_that_answers_a_worker_tells_its_own_in_its_place() -> None:
    """Its numbers under the place of another would be a counter that goes back, and so would a 0 for what nobody knows."""

    async def nothing() -> None:
        return None

    siblings = Siblings(lambda: {"hyperinfer_connections_total": [([], 7)]})
    siblings.place = 2
    for ask in (None, nothing):  # not ready yet, and a supervisor that does not answer
        siblings.ask = ask
        told = await siblings.gather()
        samples = [sample for metric in families(told) for sample in metric.samples]
        assert {(sample.name, tuple(sample.labels.values()), sample.value) for sample in samples} == {
            ("hyperinfer_connections_total", ("2",), 7),
            ("hyperinfer_worker_up", ("2",), 1),
        }


async def test_a_place_without_a_ready_worker_is_missing() -> None:
    kit = Kit()
    for worker in kit.workers[1:]:
        worker.ready = False
    assert await ask(kit, places=4) == {"place": 0, "workers": {"1": None, "2": None, "3": None}}
    await kit.close()
