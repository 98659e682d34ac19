"""A worker process: takes listening sockets from the supervisor, builds the application, serves it until a drain ends.

Started by `supervisor.py` as `python -m hyperinfer.api.worker --plain-fds 5 --control-fd 6 --place 0`, its order as JSON on
standard input: `{"factory": "module:function", "edge": {…EdgeSettings…}, "app": {…}}`. The function is called with
the mapping under `app` and returns `Hosted`.

On the control socket the worker says lines of JSON: `{"ready": [urls], "greeting": text | null}` or `{"failed": "why"}`,
later `{"note": "for the operator"}` and, when it begins to drain, `{"draining": requests}`. It is told
`{"reload": generation, "app": {…}}` there, a configuration to go on with, and says `{"reloaded": generation}` when it does,
or `{"kept_the_old": generation}` when it cannot. `{"tell": true}` asks for its numbers, `{"told": numbers}`; and it asks for
those of all with `{"gather": number}`, answered by `{"gathered": number, …}` (`gathering.py`).
The socket's end (the supervisor is gone) means drain, as SIGTERM and SIGINT do. SIGHUP is the supervisor's business, and
passed over here. Exit code 0 after a drain, 1 otherwise.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import math
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import trio
from hypercorn.config import Sockets

from hyperinfer.api import collector
from hyperinfer.api.edge.lifespan import LifespanFailed, StartupFailed
from hyperinfer.api.edge.serve import serve
from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.process_limits import raise_file_limit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hyperinfer.api.hosted import Factory, Hosted

log = logging.getLogger("hyperinfer.worker")

GATHER_SECONDS = 2.0
"""For the supervisor's answer. It gives the other workers half of that."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the supervisor tells a worker on its standard input."""

    factory: str
    edge: EdgeSettings
    app: Mapping[str, object]

    @classmethod
    def from_json(cls, text: bytes) -> Order:
        order = json.loads(text)
        return cls(order["factory"], EdgeSettings(**order["edge"]), order["app"])


def main(argv: Sequence[str] | None = None) -> int:
    """The worker's whole life; returns its exit code."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="hyperinfer.api.worker")
    parser.add_argument("--plain-fds", type=_fds, default=[])
    parser.add_argument("--secure-fds", type=_fds, default=[])
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--place", type=int, default=0)
    arguments = parser.parse_args(argv)
    order = Order.from_json(sys.stdin.buffer.read())
    control = socket.socket(fileno=arguments.control_fd)
    sockets = Sockets(_listening(arguments.secure_fds), _listening(arguments.plain_fds), [])
    raise_file_limit()
    collector.rest()
    return trio.run(_work, order, sockets, control, arguments.place)


@dataclass(eq=False, slots=True)
class _Gathering:
    answered: trio.Event = field(default_factory=trio.Event)
    answer: Mapping[str, object] | None = None


class _Control:
    """The worker's end of the control socket. What is said when nobody listens any more is lost, as it should be."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._turn = trio.Lock()
        self._number = 0
        self._gathering: dict[int, _Gathering] = {}

    async def gather(self) -> Mapping[str, object] | None:
        """The numbers of the other workers; None when the supervisor does not answer."""
        self._number = number = self._number + 1
        self._gathering[number] = asked = _Gathering()
        with trio.move_on_after(GATHER_SECONDS):
            await self.say({"gather": number})
            await asked.answered.wait()
        del self._gathering[number]
        return asked.answer

    def have_gathered(self, message: Mapping[str, object]) -> None:
        """The supervisor's answer to `gather`."""
        asked = self._gathering.get(cast("int", message["gathered"]))
        if asked is not None:
            asked.answer = message
            asked.answered.set()

    async def say(self, message: Mapping[str, object]) -> None:
        async with self._turn:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._stream.send_all(json.dumps(message).encode() + b"\n")

    async def heard(self) -> AsyncIterator[Mapping[str, object]]:
        """What the supervisor says, until it is gone."""
        said = bytearray()
        with suppress(trio.BrokenResourceError):
            while data := await self._stream.receive_some():
                said += data
                *lines, said = said.split(b"\n")
                for line in lines:
                    yield json.loads(line)


async def _work(order: Order, sockets: Sockets, control: socket.socket, place: int) -> int:
    said = _Control(trio.SocketStream(trio.socket.from_stdlib_socket(control)))
    try:
        hosted = _load(order.factory)(order.app)
        hosted.siblings.place = place
        await _serve(hosted, order.edge, sockets, said)
    except* (StartupFailed, LifespanFailed) as group:
        failure: BaseExceptionGroup[Exception] | Exception = group
        with_traceback = False
    except* Exception as group:
        failure = group
        with_traceback = True
    else:
        return 0
    first: object = failure
    while isinstance(first, BaseExceptionGroup):
        first = cast("BaseExceptionGroup[BaseException]", first).exceptions[0]
    message = f"{type(first).__name__}: {first}" if with_traceback else str(first)
    if with_traceback:
        log.error("the worker failed", exc_info=failure)
    await said.say({"failed": message})
    return 1


async def _serve(hosted: Hosted, edge: EdgeSettings, sockets: Sockets, control: _Control) -> None:
    shutdown = trio.Event()
    send_reload, reloads = trio.open_memory_channel["Mapping[str, object]"](math.inf)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def served(*, task_status: trio.TaskStatus[list[str]]) -> None:
                await serve(
                    hosted.app,
                    edge,
                    sockets=sockets,
                    shutdown=shutdown,
                    drain=hosted.drain,
                    crash_reply=hosted.crash_reply,
                    refuse=hosted.refuse,
                    counters=hosted.counters,
                    task_status=task_status,
                )
                nursery.cancel_scope.cancel()

            async def drain() -> None:
                if not shutdown.is_set():
                    await control.say({"draining": hosted.in_flight()})
                    shutdown.set()

            async def leave() -> None:
                nursery.cancel_scope.cancel()

            # A signal that comes before the start was complete has nothing to drain.
            stop = leave

            async def obey() -> None:
                async for _ in signals:
                    await stop()

            async def hear() -> None:
                async for message in control.heard():
                    if "tell" in message:
                        nursery.start_soon(control.say, {"told": hosted.siblings.numbers()})
                    elif "gathered" in message:
                        control.have_gathered(message)
                    else:
                        send_reload.send_nowait(message)
                await stop()  # it outlives nobody

            async def reload() -> None:
                async for message in reloads:
                    await _reload(hosted, control, message)

            nursery.start_soon(obey)
            nursery.start_soon(hear)
            urls = await nursery.start(served)
            stop = drain
            collector.work()
            nursery.start_soon(collector.collect_in_time, time.thread_time)
            hosted.siblings.ask = control.gather
            await control.say({"ready": urls, "greeting": hosted.greeting()})
            nursery.start_soon(reload)


async def _reload(hosted: Hosted, control: _Control, message: Mapping[str, object]) -> None:
    try:
        if hosted.reload is not None:
            await hosted.reload(cast("Mapping[str, object]", message["app"]))
    except Exception:
        log.exception("reloading failed")
        note = f"worker {os.getpid()} could not take the new configuration and goes on with the old one"
        await control.say({"note": note})
        await control.say({"kept_the_old": message["reload"]})
    else:
        await control.say({"reloaded": message["reload"]})


def _load(name: str) -> Factory:
    module, _, function = name.partition(":")
    return cast("Factory", getattr(importlib.import_module(module), function))


def _fds(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _listening(fds: list[int]) -> list[socket.socket]:
    sockets = [socket.socket(fileno=fd) for fd in fds]
    for sock in sockets:
        sock.setblocking(False)
    return sockets


if __name__ == "__main__":
    sys.exit(main())
