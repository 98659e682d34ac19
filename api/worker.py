"""A worker process: takes listening sockets from the supervisor, builds the application, serves it until a drain ends.

Started by `supervisor.py` as `python -m hyperinfer.api.worker --plain-fds 5 --control-fd 6`, its order as JSON on
standard input: `{"factory": "module:function", "edge": {…EdgeSettings…}, "app": {…}}`. The function is called with
the mapping under `app` and returns `Hosted`.

On the control socket the worker says lines of JSON: `{"ready": [urls], "greeting": text | null}` or `{"failed": "why"}`,
later `{"note": "for the operator"}` and, when it begins to drain, `{"draining": requests}`. The socket's end (the
supervisor is gone) means drain, as SIGTERM and SIGINT do. SIGHUP reloads. Exit code 0 after a drain, 1 otherwise.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import trio
from hypercorn.config import Sockets

from hyperinfer.api import collector
from hyperinfer.api.edge.lifespan import LifespanFailed, StartupFailed
from hyperinfer.api.edge.serve import serve
from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.hosted import Hosted, ReloadRefused
from hyperinfer.api.process_limits import raise_file_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperinfer.api.hosted import Factory

log = logging.getLogger("hyperinfer.worker")


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
    parser = argparse.ArgumentParser(prog="hyperinfer.api.worker")
    parser.add_argument("--plain-fds", type=_fds, default=[])
    parser.add_argument("--secure-fds", type=_fds, default=[])
    parser.add_argument("--control-fd", type=int, required=True)
    arguments = parser.parse_args(argv)
    order = Order.from_json(sys.stdin.buffer.read())
    control = socket.socket(fileno=arguments.control_fd)
    sockets = Sockets(_listening(arguments.secure_fds), _listening(arguments.plain_fds), [])
    raise_file_limit()
    collector.rest()
    return trio.run(_work, order, sockets, control)


class _Control:
    """The worker's end of the control socket. What is said when nobody listens any more is lost, as it should be."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._turn = trio.Lock()

    async def say(self, message: Mapping[str, object]) -> None:
        async with self._turn:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._stream.send_all(json.dumps(message).encode() + b"\n")

    async def wait_closed(self) -> None:
        """Until the supervisor is gone."""
        with suppress(trio.BrokenResourceError):
            while await self._stream.receive_some():
                pass


async def _work(order: Order, sockets: Sockets, control: socket.socket) -> int:
    said = _Control(trio.SocketStream(trio.socket.from_stdlib_socket(control)))
    try:
        hosted = _load(order.factory)(order.app)
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
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
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
                async for number in signals:
                    if number == signal.SIGHUP:
                        nursery.start_soon(_reload, hosted, control)
                    else:
                        await stop()

            async def outlive_nobody() -> None:
                await control.wait_closed()
                await stop()

            nursery.start_soon(obey)
            nursery.start_soon(outlive_nobody)
            urls = await nursery.start(served)
            stop = drain
            collector.work()
            await control.say({"ready": urls, "greeting": hosted.greeting()})


async def _reload(hosted: Hosted, control: _Control) -> None:
    if hosted.reload is None:
        return
    try:
        await control.say({"note": await hosted.reload()})
    except ReloadRefused as refusal:
        await control.say({"note": f"not reloaded, the configuration stays as it was: {refusal}"})
    except Exception:
        log.exception("reloading failed; the configuration stays as it was")


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
