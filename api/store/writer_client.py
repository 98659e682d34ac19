"""The trio side of the writer's process: starts it, restarts it, sends requests and matches the answers.

A request stays pending until it is answered. When the writer dies, all pending requests go to its successor; every
request names what it makes, so one that had been committed unheard changes nothing the second time. A caller that
is cancelled only stops listening: its request is carried out, and its effect on memory is applied.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import outcome
import trio

import hyperinfer
from hyperinfer.api.store.backlog import Backlog
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.frames import FrameReader, frame
from hyperinfer.api.store.messages import Balance, Claimed, Done, Fatal, Hello, Rejected, Reply, Request, Settled
from hyperinfer.api.store.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

log = logging.getLogger("hyperinfer.ledger")

PENDING_LIMIT: Final = 4096
"""So many unanswered requests and no more work should be begun. What has been done is still taken."""
STALLED_SECONDS: Final = 5.0
"""So long without any answer and no more work should be begun: half of what a settlement waits."""
BACKOFF_FIRST: Final = 0.05
BACKOFF_MOST: Final = 2.0
GOODBYE_SECONDS: Final = 5.0
"""How long closing waits for what is pending, and then for the process."""

_READ: Final = 1 << 16
"""Bytes. Four times as many, and each read would have memory mapped for it."""

Answer = Settled | Done | Claimed | Rejected


class _Pending:
    __slots__ = ("apply", "began", "data", "task", "until")

    def __init__(
        self, data: bytes, apply: Callable[[Answer], None], task: trio.lowlevel.Task, began: float, until: float
    ) -> None:
        self.began = began
        self.data = data
        self.apply = apply
        self.task: trio.lowlevel.Task | None = task
        self.until = until

    def leave(self, _: object) -> trio.lowlevel.Abort:
        """Whoever waits for its answer is cancelled."""
        self.task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def stay(self, _: object) -> trio.lowlevel.Abort:
        """Whoever waits for its answer is cancelled, and waits on."""
        return trio.lowlevel.Abort.FAILED

    def answer(self, outcome: outcome.Outcome[Answer | None]) -> None:
        """Tell whoever waits for it."""
        task, self.task, self.until = self.task, None, math.inf
        if task is not None:
            trio.lowlevel.reschedule(task, outcome)


class WriterClient:
    """One writer's process, whoever it is at the moment. Made by `open_writer_client`."""

    def __init__(
        self,
        folder: Path,
        greet: Callable[[Hello], None],
        moved: Callable[[tuple[Balance, ...]], None],
        under_way: Callable[[], int],
        patience: float,
    ) -> None:
        self._folder, self._patience = folder, patience
        self._greet = greet
        self._moved = moved
        self._pending: dict[int, _Pending] = {}
        self._sequence = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Reply)
        self._idle = trio.Event()
        self._socket: socket.socket | None = None
        self._greeted = False
        self._outbox = Outbox(lambda: under_way() > len(self._pending))
        self._closed = False
        self._mode: tuple[str, ...] = ()
        self._answered = False
        self._heard = 0.0  # of when it was last known that all is well
        self._scope, self._timing = trio.CancelScope(shield=True), trio.CancelScope(shield=True)
        self.failure: str | None = None
        self.process: trio.Process | None = None

    @property
    def healthy(self) -> bool:
        """Whether a writer is there, has greeted and keeps up."""
        return self._greeted and not self.behind

    @property
    def behind(self) -> bool:
        """Whether so much is unanswered, or anything for so long, that new work should be refused: the disk is full or far
        too slow, or there is no writer."""
        if not self._pending and self._greeted:
            return False
        return len(self._pending) >= PENDING_LIMIT or trio.current_time() - self._heard > STALLED_SECONDS

    @property
    def backlog(self) -> Backlog:
        """What is not answered yet."""
        began = next((pending.began for pending in self._pending.values()), None)
        return Backlog(len(self._pending), 0.0 if began is None else trio.current_time() - began)

    def number(self) -> int:
        """For the next request."""
        self._sequence += 1
        return self._sequence

    async def submit(self, request: Request, apply: Callable[[Answer], None]) -> Answer:
        """Send a request, its number from `number`; returns its answer.

        apply: called once with the answer, also when the caller has been cancelled by then.
        Raises StoreUnavailable when the store is closed before it came, OverflowError for what msgpack cannot hold.
        """
        pending = self._begin(request, apply, trio.current_time(), math.inf)
        answer: Answer = await trio.lowlevel.wait_task_rescheduled(pending.leave)
        return answer

    async def finish(self, request: Request, apply: Callable[[Answer], None]) -> Answer | None:
        """`submit` for a caller that waits on when it is cancelled, but not longer than its `patience`: None then."""
        # Shielded by its own abort, and timed by one task for all: a cancel scope around it costs more than all the rest.
        pending = self._begin(request, apply, trio.current_time(), self._patience)
        answer: Answer | None = await trio.lowlevel.wait_task_rescheduled(pending.stay)
        return answer

    def _begin(self, request: Request, apply: Callable[[Answer], None], now: float, patience: float) -> _Pending:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        pending = _Pending(frame(self._encoder.encode(request)), apply, trio.lowlevel.current_task(), now, now + patience)
        if not self._pending and self._greeted:
            self._heard = now
        self._pending[request.seq] = pending
        if self._greeted:
            self._outbox.put(pending.data)
        return pending

    async def keep_time(self) -> None:
        """The actor that ends the patience of those in `finish`, until `close`."""
        with self._timing:
            while True:
                now = trio.current_time()
                for pending in self._pending.values():
                    if pending.until <= now:
                        pending.answer(outcome.Value(None))
                # What is begun meanwhile is not due before that.
                soonest = min((pending.until for pending in self._pending.values()), default=math.inf)
                await trio.sleep_until(min(soonest, now + self._patience))

    async def keep_running(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The actor: one writer after the other, with back-off, until `close`. Started at the first greeting.

        Raises StoreUnavailable when the very first writer ends without one. Shielded: what requests have been
        accepted until the store is closed is written, whatever becomes of the tasks around it."""
        started = False
        backoff = BACKOFF_FIRST

        def start() -> None:
            nonlocal started
            if not started:
                started = True
                task_status.started()

        with self._scope:
            while not self._closed:
                await self._one_life(start)
                if not started:
                    raise StoreUnavailable(self.failure or "the store's writer ended before it was ready")
                if self._closed:
                    break
                self._mode = ("rw",)  # what it wrote to is there, or nothing is written any more
                log.error("the store's writer ended%s", f": {self.failure}" if self.failure else "")
                backoff = BACKOFF_FIRST if self._answered else min(BACKOFF_MOST, backoff * 2)
                await trio.sleep(backoff)

    async def close(self) -> None:
        """Wait for what is pending, let the writer finish and see it end; by force when that takes too long."""
        with trio.move_on_after(GOODBYE_SECONDS, shield=True):
            while self._pending:
                self._idle = trio.Event()
                await self._idle.wait()
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
        with trio.move_on_after(GOODBYE_SECONDS, shield=True):
            if self.process is not None:
                await self.process.wait()
        self._scope.cancel()
        self._timing.cancel()
        lost = list(self._pending.values())
        self._pending.clear()
        for pending in lost:
            pending.answer(outcome.Error(StoreUnavailable("the store is closed")))

    async def _one_life(self, start: Callable[[], None]) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self.process = await _start(self._folder, theirs, *self._mode)
            ours.setblocking(False)
            self._socket = ours
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._outbox.run, ours)
                    await self._receive(ours, start)
                    nursery.cancel_scope.cancel()
            finally:
                self._socket = None
                if self._greeted and not self._pending:
                    self._heard = trio.current_time()
                self._greeted = False
                self._outbox.clear()
                if not self._closed:
                    # Cancelled or out of step: it finishes what it has and ends at the end of its input.
                    ours.close()
        with trio.CancelScope(shield=True):
            with trio.move_on_after(GOODBYE_SECONDS):
                await self.process.wait()
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()

    async def _receive(self, ours: socket.socket, start: Callable[[], None]) -> None:
        """Apply answers until the writer is gone."""
        inbox = FrameReader()
        self.failure = None
        self._answered = False
        while True:
            await trio.lowlevel.wait_readable(ours)
            try:
                data = ours.recv(_READ)
            except BlockingIOError:
                continue
            except ConnectionError:
                return
            if not data:
                return
            inbox.feed(data)
            for payload in inbox.take(len(inbox)):
                try:
                    self._on_reply(self._decoder.decode(payload), start)
                except StoreUnavailable as error:
                    self.failure = str(error)
                    return

    def _on_reply(self, reply: Reply, start: Callable[[], None]) -> None:
        match reply:
            case Settled():
                self._heard = trio.current_time()
                self._moved(reply.balances)
                for sequence in reply.seqs:
                    self._answer(sequence, reply)
            case Done() | Claimed() | Rejected():
                self._heard = trio.current_time()
                self._answer(reply.seq, reply)
            case Hello():
                self._greet(reply)
                self._greeted = True
                start()
                for pending in self._pending.values():
                    self._outbox.put(pending.data)
            case Fatal():
                self.failure = reply.message

    def _answer(self, sequence: int, answer: Answer) -> None:
        pending = self._pending.pop(sequence, None)
        if pending is None:
            return
        self._answered = True
        pending.apply(answer)
        pending.answer(outcome.Value(answer))
        if not self._pending:
            self._idle.set()


@asynccontextmanager
async def open_writer_client(
    nursery: trio.Nursery,
    folder: Path,
    greet: Callable[[Hello], None],
    moved: Callable[[tuple[Balance, ...]], None],
    under_way: Callable[[], int],
    patience: float,
) -> AsyncGenerator[WriterClient]:
    """Keep a writer running on the folder, its actor in the given nursery; closes in order on the way out.

    greet: called with each writer's greeting, before it gets any request; it may raise StoreUnavailable. moved: called with
    the balances of each COMMIT. under_way: how many requests there are that may still have something to write. patience:
    seconds that `finish` waits. Raises StoreUnavailable when the first writer cannot work.
    """
    client = WriterClient(folder, greet, moved, under_way, patience)
    try:
        await nursery.start(client.keep_running)
        nursery.start_soon(client.keep_time)
        yield client
    finally:
        await client.close()


def child_environment() -> dict[str, str]:
    """The environment in which a child process finds this very package, wherever it was imported from."""
    home = os.fspath(Path(hyperinfer.__file__).parent.parent)
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


async def _start(folder: Path, theirs: socket.socket, *mode: str) -> trio.Process:
    command = [sys.executable, "-P", "-m", "hyperinfer.api.store.writer", os.fspath(folder), *mode]
    return await trio.lowlevel.open_process(command, stdin=theirs, stdout=subprocess.DEVNULL, env=child_environment())
