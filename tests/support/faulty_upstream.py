"""An upstream that goes wrong on purpose: what it does is chosen by the path, `http://HOST:PORT/FAULT/…`.

It lies in the test's own process (a thread for each connection), so a test can ask what was seen.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tests.support.wire_replies import REPLIES, Reply


class End(Enum):
    """How a connection ends. `HOLD`: it stays open until the gateway closes it."""

    CLOSE = "close"
    RESET = "reset"
    HOLD = "hold"


@dataclass(frozen=True)
class Call:
    """One request to the upstream. `attempt` counts from 0, for one fault and mark."""

    protocol: str
    reply: Reply
    streamed: bool
    attempt: int


Play: TypeAlias = Callable[[Call], Iterable[bytes | End]]
"""What is sent, and how it ends; without an `End` the next request is awaited."""


@dataclass
class FaultyUpstream:
    """`calls` and `closed` are by the fault and the mark of a request: the word after "request " in its text."""

    url: str
    plays: dict[str, Play]
    calls: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    closed: dict[tuple[str, str], threading.Event] = field(default_factory=dict[tuple[str, str], threading.Event])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def gone(self, fault: str, mark: str) -> threading.Event:
        """Set once the connection of the request with this mark was closed by the gateway."""
        with self.lock:
            return self.closed.setdefault((fault, mark), threading.Event())

    def attempts(self, fault: str, mark: str) -> int:
        """How often a request with this mark came."""
        with self.lock:
            return self.calls.get((fault, mark), 0)

    def serve(self, connection: socket.socket) -> None:
        """One connection."""
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as those do that stream
            unread = _more(connection)
            if unread[:1] == b"\x16":
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # as servers answer TLS on a plain port
                return
            while True:
                fault, path, body, unread = _request(connection, unread)
                asked = json.loads(body)
                protocol = next(name for end, name in _PATHS.items() if path.endswith(end))
                mark = _mark_of(protocol, asked)
                with self.lock:
                    attempt = self.calls[fault, mark] = self.calls.get((fault, mark), 0) + 1
                call = Call(protocol, REPLIES[protocol], bool(asked.get("stream")), attempt - 1)
                for step in self.plays[fault](call):
                    if isinstance(step, bytes):
                        try:
                            connection.sendall(step)
                        except OSError:
                            self.gone(fault, mark).set()
                            return
                        continue
                    if step is End.RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if step is End.HOLD:
                        with contextlib.suppress(ConnectionResetError):
                            while connection.recv(65536):
                                pass
                        self.gone(fault, mark).set()
                    return


_PATHS = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/messages": "messages",
    "/responses/input_tokens": "responses",
    "/messages/count_tokens": "messages",
}


def _mark_of(protocol: str, asked: dict[str, object]) -> str:
    """The last line of what the user said, whatever form the gateway gave it: it names the request."""
    said = json.dumps(asked["input" if protocol == "responses" else "messages"])
    return said.rpartition("request ")[2].partition(" ")[0]


def _request(connection: socket.socket, unread: bytes) -> tuple[str, str, bytes, bytes]:
    while b"\r\n\r\n" not in unread:
        unread += _more(connection)
    head, _, rest = unread.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(rest) < length:
        rest += _more(connection)
    path = head.split(b" ")[1].decode()
    return path.split("/")[1], path, rest[:length], rest[length:]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


@contextlib.contextmanager
def faulty_upstream(plays: dict[str, Play]) -> Generator[FaultyUpstream]:
    """Serves until the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        upstream = FaultyUpstream(f"http://127.0.0.1:{listener.getsockname()[1]}", plays)
        threading.Thread(target=_accept, args=(listener, upstream), daemon=True).start()
        try:
            yield upstream
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, upstream: FaultyUpstream) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=upstream.serve, args=(connection,), daemon=True).start()
