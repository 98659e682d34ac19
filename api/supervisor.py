"""The parent process: opens the sockets, keeps the workers alive, passes signals on. Also for one worker.

Ours, because hypercorn's runner cuts running requests at SIGTERM when one of several workers ends first, and ends the
whole service when a worker dies. POSIX only.

* Workers get the listening sockets by descriptor, so a port of 0 works and a new worker serves at once.
* A worker that dies is replaced: at once, and slower (up to 5 s) while they die young. One that fails before the
  service was ever ready ends the service with its exit code.
* SIGTERM, SIGINT: the parent closes its own copy of the sockets first (connections would wait in its backlog for
  ever), lets the workers drain, and kills what is left after that. A second SIGINT kills at once.
* SIGHUP, or a change of where the configuration comes from: it is read again, here, and given to all workers. A worker that
  is started later gets the last one that was good.
* A worker that loses its parent drains and ends (see `worker.py`).
* Whatever is held for the whole life of the service, such as the lock of a data folder, the parent holds and hands down:
  so a worker that is being replaced leaves no moment at which somebody else could take it.
"""

from __future__ import annotations

import errno
import json
import math
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

import trio

from hyperinfer.api.backoff import Backoff
from hyperinfer.api.configuration import Configuration, Reloads, Unchanging
from hyperinfer.api.edge.address import url_of
from hyperinfer.api.edge.settings import EdgeSettings, hypercorn_config
from hyperinfer.api.gathering import gathered
from hyperinfer.api.import_path import python_argv
from hyperinfer.api.service_notify import READY, RELOADING, STOPPING, Notify, nobody
from hyperinfer.api.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from hypercorn.config import Sockets

KILL_MARGIN = 2.0
"""Seconds after the longest drain of a worker, for the end of its process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. `bind` is `host:port`, `[v6]:port` or `unix:path`; `factory` and `app` see `worker.Order`.

    `handed`: open descriptors that every worker gets under the same numbers; `app` says what they are. `configuration`: what
    is given to workers beside `app`, and again when it has changed.
    """

    bind: str
    factory: str
    app: Mapping[str, object] = field(default_factory=lambda: dict[str, object]())
    edge: EdgeSettings = field(default_factory=EdgeSettings)
    workers: int = 1
    backlog: int = 2048
    handed: tuple[int, ...] = ()
    argv: tuple[str, ...] = field(default_factory=lambda: worker_argv())
    configuration: Configuration = field(default_factory=Unchanging, repr=False)

    def order(self) -> bytes:
        app = {**self.app, **self.configuration.given()}
        return json.dumps({"factory": self.factory, "edge": asdict(self.edge), "app": app}).encode()


def worker_argv() -> tuple[str, ...]:
    """The command of a worker."""
    return python_argv("hyperinfer.api.worker")


async def supervise(
    plan: Plan, *, announce: Callable[[str], None], report: Callable[[str], None], notify: Notify = nobody
) -> int:
    """Runs the service until it was told to stop; returns the exit code of the process.

    `announce` is called once, with `listening http://HOST:PORT`, when all workers serve; `report` with each line that
    an operator should read; `notify` is told of what a service manager wants to know.
    """
    try:
        sockets = _open_sockets(plan)
    except OSError as error:
        hint = "; choose another with --port" if error.errno == errno.EADDRINUSE and ":" in plan.bind else ""
        report(f"cannot listen on {plan.bind}: {error.strerror or error}{hint}")
        return 1
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        supervisor = _Supervisor(plan, sockets, announce, report, notify)
        return await supervisor.run(signals)


def _open_sockets(plan: Plan) -> Sockets:
    config = hypercorn_config(plan.edge)
    config.bind = plan.bind
    sockets = config.create_sockets()
    for sock in (*sockets.secure_sockets, *sockets.insecure_sockets):
        sock.listen(plan.backlog)
    return sockets


class _Supervisor:
    def __init__(
        self,
        plan: Plan,
        sockets: Sockets,
        announce: Callable[[str], None],
        report: Callable[[str], None],
        notify: Notify,
    ) -> None:
        self._plan = plan
        self._sockets = sockets
        self._announce = announce
        self._report = report
        self._notify = notify
        self._reloads = Reloads(plan.configuration, report, partial(self._tell, READY))
        self._workers: set[WorkerProcess] = set()
        self._ready_slots = 0
        self._announced = False
        self._draining: list[int] = []
        self._to_drain = 0
        self._interrupted = False
        self._stopping = trio.Event()
        self._exit_code = 0
        self._restarts = dict.fromkeys(range(plan.workers), 0)

    async def run(self, signals: AsyncIterator[int]) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._obey, signals)
            nursery.start_soon(self._kill_late)
            nursery.start_soon(self._reloads.watch)
            try:
                async with trio.open_nursery() as slots:
                    for place in range(self._plan.workers):
                        slots.start_soon(self._keep_one, place)
            finally:
                self._close_sockets()
            nursery.cancel_scope.cancel()
        if self._announced:
            self._report("stopped")
        return self._exit_code

    # One worker after the other, in one of the slots

    async def _keep_one(self, place: int) -> None:
        backoff = Backoff()
        first = True
        while not self._stopping.is_set():
            began = trio.current_time()
            worker = await self._start(place)
            if worker is not None:
                await self._watch(worker, first=first)
            if self._stopping.is_set():
                self._note_end(worker)
                return
            if not self._announced and (worker is None or not worker.ready):
                self._give_up(worker)
                return
            first = first and (worker is None or not worker.ready)
            delay = backoff.after(trio.current_time() - began)
            self._restarts[place] += 1
            self._report(f"{_end_of(worker)}; the next starts in {delay:g} s")
            with trio.move_on_after(delay):
                await self._stopping.wait()

    async def _start(self, place: int) -> WorkerProcess | None:
        """None when the machine could not start a process; said to the operator."""
        ours, theirs = socket.socketpair()
        try:
            process = await self._open_process(theirs, place)
        except OSError as error:
            ours.close()
            if not self._stopping.is_set():
                self._report(f"cannot start a worker: {error}")
            return None
        return WorkerProcess(process, trio.SocketStream(trio.socket.from_stdlib_socket(ours)), place)

    async def _open_process(self, theirs: socket.socket, place: int) -> trio.Process:
        with theirs:
            secure = [sock.fileno() for sock in self._sockets.secure_sockets]
            plain = [sock.fileno() for sock in self._sockets.insecure_sockets]
            command = [*self._plan.argv, "--control-fd", str(theirs.fileno()), "--place", str(place)]
            for name, fds in (("--secure-fds", secure), ("--plain-fds", plain)):
                if fds:
                    command += [name, ",".join(map(str, fds))]
            return await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,
                pass_fds=[*secure, *plain, theirs.fileno(), *self._plan.handed],
                # Its own group: Ctrl-C in a terminal goes to the parent alone, which then drains.
                process_group=0,
            )

    async def _watch(self, worker: WorkerProcess, *, first: bool) -> None:
        """Returns when the worker has ended."""
        self._workers.add(worker)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._give_order, worker)
                nursery.start_soon(worker.speak)
                nursery.start_soon(self._listen, worker, first, nursery)
                if self._stopping.is_set():
                    worker.send_signal(signal.SIGTERM)
                await worker.process.wait()
                # What it said last is already in the socket; its own children may still hold the other end open.
                nursery.cancel_scope.deadline = trio.current_time() + 0.1
        finally:
            self._workers.discard(worker)
            self._note_generations()
            if worker.process.returncode is None:
                worker.send_signal(signal.SIGTERM)
            await trio.aclose_forcefully(worker.control)

    async def _give_order(self, worker: WorkerProcess) -> None:
        stdin = worker.process.stdin
        assert stdin is not None
        # A worker that died early has said why, or its exit code does.
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stdin:
                worker.given = worker.has = self._reloads.generation
                await stdin.send_all(self._plan.order())
        while True:
            await self._reloads.newer_than(worker.given)
            worker.given = self._reloads.generation
            worker.say({"reload": worker.given, "app": dict(self._reloads.given())})

    async def _answer(self, worker: WorkerProcess, number: object) -> None:
        """The numbers of all workers, for one that was asked for them."""
        found = await gathered(worker, list(self._workers), self._plan.workers)
        worker.say({"gathered": number, **found, "restarts": self._restarts, "refused": self._reloads.refused})

    async def _listen(self, worker: WorkerProcess, first: bool, nursery: trio.Nursery) -> None:
        said = bytearray()
        with suppress(trio.BrokenResourceError):
            while data := await worker.control.receive_some():
                said += data
                *lines, said = said.split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if "gather" in message:
                        nursery.start_soon(self._answer, worker, message["gather"])
                    else:
                        self._hear(worker, message, first)

    def _hear(self, worker: WorkerProcess, message: Mapping[str, object], first: bool) -> None:
        if "failed" in message:
            worker.failure = str(message["failed"])
        elif "told" in message:
            worker.told(message["told"])
        elif "note" in message:
            self._report(str(message["note"]))
        elif "reloaded" in message:
            worker.has = cast("int", message["reloaded"])
            self._note_generations()
        elif "kept_the_old" in message:
            worker.refused = cast("int", message["kept_the_old"])
            self._note_generations()
        elif "draining" in message:
            self._hear_draining(cast("int", message["draining"]))
        elif "ready" in message:
            worker.ready = True
            self._note_generations()
            self._ready_slots += first
            if self._ready_slots == self._plan.workers and not self._announced and not self._stopping.is_set():
                self._announced = True
                socks = [(sock, True) for sock in self._sockets.secure_sockets]
                for sock, tls in (*socks, *((sock, False) for sock in self._sockets.insecure_sockets)):
                    self._announce(f"listening {url_of(sock, tls=tls)}")
                if message.get("greeting"):
                    self._report(str(message["greeting"]))
                self._tell(READY)

    def _tell(self, state: str) -> None:
        if self._announced and not self._stopping.is_set():
            self._notify(state)

    def _note_generations(self) -> None:
        newest, serving = self._reloads.generation, [worker for worker in self._workers if worker.ready]
        if all(newest in (worker.has, worker.refused) for worker in serving):
            self._reloads.has_arrived(sum(worker.has == newest for worker in serving), len(serving))

    # The end

    def _hear_draining(self, requests: int) -> None:
        self._draining.append(requests)
        if len(self._draining) == self._to_drain and (running := sum(self._draining)):
            what = "1 request" if running == 1 else f"{running} requests"
            hint = "; Ctrl-C again ends at once" if self._interrupted else ""
            self._report(f"draining {what}, up to {self._plan.edge.grace:g} s{hint}")

    def _give_up(self, worker: WorkerProcess | None) -> None:
        code = worker.process.returncode if worker is not None else None
        self._exit_code = code if code is not None and code > 0 else 1
        self._report(worker.failure if worker is not None and worker.failure else _end_of(worker))
        self._stop()

    def _note_end(self, worker: WorkerProcess | None) -> None:
        # A worker that was not ready had nothing to drain, and may have been ended by the signal itself.
        if worker is not None and worker.ready and worker.process.returncode != 0 and self._exit_code == 0:
            self._exit_code = 1
            self._report(_end_of(worker))

    def _stop(self) -> None:
        self._notify(STOPPING)
        self._stopping.set()
        self._to_drain = sum(worker.ready for worker in self._workers)
        self._close_sockets()
        for worker in self._workers:
            worker.send_signal(signal.SIGTERM)

    def _close_sockets(self) -> None:
        for sock in (*self._sockets.secure_sockets, *self._sockets.insecure_sockets):
            sock.close()

    async def _obey(self, signals: AsyncIterator[int]) -> None:
        async with trio.open_nursery() as reloading:
            async for number in signals:
                if number == signal.SIGHUP:
                    self._tell(RELOADING)
                    reloading.start_soon(self._reloads.renew)
                elif not self._stopping.is_set():
                    self._interrupted = number == signal.SIGINT
                    self._stop()
                elif number == signal.SIGINT:
                    self._kill()

    async def _kill_late(self) -> None:
        await self._stopping.wait()
        await trio.sleep(math.ceil(self._plan.edge.drain_time + KILL_MARGIN))
        self._kill()

    def _kill(self) -> None:
        for worker in self._workers:
            worker.send_signal(signal.SIGKILL)


def _end_of(worker: WorkerProcess | None) -> str:
    return "no worker was started" if worker is None else worker.end
