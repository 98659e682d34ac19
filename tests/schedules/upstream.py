"""The upstreams of a schedule: what is at the other end of every connection that the gateway opens."""

from __future__ import annotations

import errno
import re
import socket as stdlib_socket
from contextlib import suppress
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any, cast

import trio

from tests.schedules.course import Attempted, Dialled
from tests.schedules.plan import Answer, Connecting
from tests.schedules.wires import said
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.schedules.course import Course
    from tests.schedules.plan import Ask

_NUMBER = re.compile(rb"request number (\d+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_REASON = {200: "OK", 429: "Too Many Requests"}
SMALL = 4096
"""Bytes of the buffer of a connection that carries few at a time."""


class Upstreams(trio.abc.SocketFactory):
    """Makes the sockets of a run: each is one end of a pair, and its `connect` is what the schedule says."""

    def __init__(self, course: Course, asks: Mapping[int, Ask], nursery: trio.Nursery) -> None:
        self._course, self._asks, self._nursery = course, asks, nursery
        self._asked: dict[int, int] = dict.fromkeys(asks, 0)

    def socket(self, family: int | None = None, type: int | None = None, proto: int | None = None) -> trio.socket.SocketType:
        ours, theirs = stdlib_socket.socketpair()
        place = len(self._course.dialled)
        connects = self._course.schedule.connects
        plan = connects[place] if place < len(connects) else Connecting()
        dialled = Dialled(DIALECTS[0], trio.current_time())
        self._course.dialled.append(dialled)
        gone = trio.Event()
        end: Any = trio.socket.from_stdlib_socket(ours)
        close = end.close

        def closing() -> None:
            if dialled.closed_at is None:
                dialled.closed_at = trio.current_time()
                gone.set()
            if dialled.open_at is None:
                theirs.close()
            close()

        async def connect(address: tuple[str, int]) -> None:
            dialled.protocol = DIALECTS[address[1] - 1001]
            await trio.sleep(plan.after)
            if plan.refused:
                raise OSError(errno.ECONNREFUSED, "refused")
            dialled.open_at = trio.current_time()
            if plan.small:
                theirs.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_SNDBUF, SMALL)
            self._nursery.start_soon(self._serve, trio.socket.from_stdlib_socket(theirs), dialled, gone)

        end.close, end.connect = closing, connect
        return cast("trio.socket.SocketType", end)

    async def _serve(self, sock: trio.socket.SocketType, dialled: Dialled, gone: trio.Event) -> None:
        with sock:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_then, gone, nursery.cancel_scope)
                with suppress(OSError):
                    while await self._answer_one(sock, dialled):
                        pass
                nursery.cancel_scope.cancel()

    async def _answer_one(self, sock: trio.socket.SocketType, dialled: Dialled) -> bool:
        """Whether another request may come."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = await sock.recv(65536, stdlib_socket.MSG_PEEK)
            if not data:
                return False
            end = (head + data).find(b"\r\n\r\n")
            head += await sock.recv(len(data) if end < 0 else end + 4 - len(head))
        length = _LENGTH.search(head)
        assert length is not None
        body = bytearray()
        # The last byte stays: who closes with bytes unread resets.
        while len(body) < int(length[1]) - 1:
            data = await sock.recv(int(length[1]) - 1 - len(body))
            if not data:
                return False
            body += data
        await trio.lowlevel.wait_readable(sock)
        number = _NUMBER.search(body)
        assert number is not None
        ask = self._asks[int(number[1])]
        turn = self._asked[ask.number]
        self._asked[ask.number] += 1
        answer = ask.answers[turn] if turn < len(ask.answers) else Answer()
        attempted = Attempted(
            sum(self._asked.values()),
            ask.number,
            dialled.protocol,
            answer,
            trio.current_time(),
            again=bool(dialled.attempts),
        )
        dialled.attempts.append(attempted)
        return await _Playing(sock, answer, attempted, ask).play()


async def _then(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


class _Playing:
    def __init__(self, sock: trio.socket.SocketType, answer: Answer, attempted: Attempted, ask: Ask) -> None:
        self._socket, self._answer, self._attempted, self._ask = sock, answer, attempted, ask

    async def play(self) -> bool:
        """Whether another request may come."""
        answer, attempted = self._answer, self._attempted
        head, frames, output_ends = self._wire()
        wire = head + b"".join(frames)
        stops = len(wire) if answer.breaks is None else int(len(wire) * answer.breaks[0])
        if answer.after:
            await trio.sleep(answer.after)
        sent, pauses = 0, cycle(answer.pauses)
        for piece in self._pieces(wire, head, frames):
            if pause := next(pauses):
                await trio.sleep(pause)
            piece = piece[: stops - sent]
            await self._send(piece)
            sent += len(piece)
            if attempted.head_at is None and sent >= len(head):
                attempted.head_at = trio.current_time()
            if attempted.first_output is None and output_ends is not None and sent >= output_ends:
                attempted.first_output = trio.current_time()
            if sent >= stops:
                break
        attempted.over = trio.current_time()
        if answer.breaks is None:
            attempted.whole = True
            await self._socket.recv(1)
            return answer.framing != "eof" and not answer.closes
        if answer.breaks[1] == "stall":
            await trio.sleep_forever()
        if answer.breaks[1] == "eof":
            await self._socket.recv(1)
        return False

    def _wire(self) -> tuple[bytes, list[bytes], int | None]:
        """The head, the frames in their framing, and the bytes to the end of the first output."""
        answer = self._answer
        body = said(answer.says, self._attempted.protocol, streamed=self._ask.streamed)
        kind = "text/event-stream" if self._ask.streamed and answer.status == 200 else "application/json"
        lines = [f"HTTP/1.1 {answer.status} {_REASON.get(answer.status, 'Status')}", f"content-type: {kind}"]
        frames = list(body.frames)
        if answer.retry_after:
            lines.append(f"retry-after: {answer.retry_after}")
        if answer.framing == "length":
            lines.append(f"content-length: {sum(map(len, frames))}")
        elif answer.framing == "chunked":
            lines.append("transfer-encoding: chunked")
        if answer.closes or answer.framing == "eof":
            lines.append("connection: close")
        head = "\r\n".join([*lines, "", ""]).encode()
        output_ends = _first_output(frames, body.first_output, len(head), chunked=answer.framing == "chunked")
        if answer.framing == "chunked":
            frames = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames]
            frames.append(b"0\r\n\r\n")
        return head, frames, output_ends if answer.status == 200 else None

    def _pieces(self, wire: bytes, head: bytes, frames: Sequence[bytes]) -> list[bytes]:
        if self._answer.cuts is None:
            return [head, *frames]
        places = sorted({0, *(int(cut * len(wire)) for cut in self._answer.cuts), len(wire)})
        return [wire[start:end] for start, end in pairwise(places)]

    async def _send(self, piece: bytes) -> None:
        while piece:
            size = await self._socket.send(piece)
            self._attempted.sent.append((trio.current_time(), size))
            piece = piece[size:]


def _first_output(frames: Sequence[bytes], within: int | None, head: int, *, chunked: bool) -> int | None:
    """Where the first output ends on the wire."""
    if within is None:
        return None
    if not chunked:
        return head + within
    place, size = head, 0
    for frame in frames:
        place += len(b"%x\r\n" % len(frame))
        if size + len(frame) >= within:
            return place + within - size
        size += len(frame)
        place += len(frame) + 2
    return place
