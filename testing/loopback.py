"""An upstream on a port of this machine: a thread for each connection, so that clients of any kind can wait for it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import httptools

from hyperinfer.testing.wire.frames import Ending, Wire

if TYPE_CHECKING:
    from hyperinfer.testing.upstream import Upstream

_FOREVER: Final = 1e9
_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


class _ClientLeft(Exception):
    """The client has closed its side."""


class _Closing(Exception):
    """The test is over."""


class Loopback:
    """Listens until it is closed. HTTP/1.1, connections are kept for further requests."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        # Readable once the test is over: whoever waits for a client waits for that too.
        self._bell, self._pull = socket.socketpair()
        self._threads: list[tuple[threading.Thread, socket.socket]] = []
        self._accepting = threading.Thread(target=self._accept, name="scripted upstream", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Closes the port and every connection, and waits for the threads."""
        self._pull.close()
        self._accepting.join()
        for thread, connection in self._threads:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # for a thread whose client does not read
            thread.join()
        self._listener.close()
        self._bell.close()

    def _accept(self) -> None:
        while True:
            if self._bell in _ready([self._listener, self._bell]):
                return
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self._threads = [each for each in self._threads if each[0].is_alive()]
                thread = threading.Thread(target=self._serve, args=(connection,), name="scripted upstream", daemon=True)
                self._threads.append((thread, connection))
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, _ClientLeft, _Closing, httptools.HttpParserError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = _Reader(connection)
            while True:
                while not reader.complete:
                    self._wait(connection, _FOREVER, for_data=True)
                    reader.read()
                request, wire = self._upstream.receive(
                    method=reader.method, target=reader.target, headers=reader.headers, body=reader.body, at=time.monotonic()
                )
                try:
                    self._play(connection, wire, head_only=reader.method == "HEAD")
                except (OSError, _ClientLeft):
                    request.end("left")
                    raise
                except _Closing:
                    request.end("failed" if wire.ending is Ending.STALL else "left")
                    raise
                request.end("answered" if wire.ending is Ending.COMPLETE else "failed")
                if wire.ending is not Ending.COMPLETE or not reader.keep_alive:
                    return
                reader = reader.next()

    def _play(self, connection: socket.socket, wire: Wire, *, head_only: bool) -> None:
        pace = self._upstream.pace
        due = time.monotonic() + wire.wait * pace
        self._wait_until(connection, due)
        if wire.status is not None:
            connection.sendall(_head(wire))
            for chunk in () if head_only else wire.chunks:
                due += chunk.delay * pace
                self._wait_until(connection, due)
                if chunk.data:
                    connection.sendall(b"%x\r\n%b\r\n" % (len(chunk.data), chunk.data) if wire.streamed else chunk.data)
        self._wait_until(connection, due + wire.ending_delay * pace)
        match wire.ending:
            case Ending.COMPLETE:
                if wire.streamed and not head_only:
                    connection.sendall(b"0\r\n\r\n")
            case Ending.CUT:
                pass
            case Ending.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case Ending.STALL:
                self._wait(connection, _FOREVER, for_data=False)

    def _wait_until(self, connection: socket.socket, due: float) -> None:
        seconds = due - time.monotonic()
        if seconds > 0:
            self._wait(connection, seconds, for_data=False)

    def _wait(self, connection: socket.socket, seconds: float, *, for_data: bool) -> None:
        """Waits for so long, or for the client's next bytes. Raises `_ClientLeft` when it leaves, `_Closing`."""
        until = time.monotonic() + seconds
        watched = [connection, self._bell]
        while (left := until - time.monotonic()) > 0:
            ready = _ready(watched, left)
            if self._bell in ready:
                raise _Closing
            if connection in ready:
                if for_data:
                    return
                if not connection.recv(1, socket.MSG_PEEK):
                    raise _ClientLeft
                # It says something ahead of time: that can wait, and its leaving cannot be seen behind it.
                watched.remove(connection)


class _Reader:
    """One request of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._parser = httptools.HttpRequestParser(self)
        self.complete = False
        self.keep_alive = True
        self.method = self.target = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    def next(self) -> _Reader:
        """The reader of the request behind this one."""
        return _Reader(self._connection)

    def read(self) -> None:
        """Takes in what has come. Raises `_ClientLeft` at the end of it."""
        data = self._connection.recv(65536)
        if not data:
            raise _ClientLeft
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.method = self._parser.get_method().decode()
        self.keep_alive = self._parser.should_keep_alive()
        self.complete = True


def _ready(watched: Sequence[socket.socket], seconds: float | None = None) -> list[socket.socket]:
    """Those of the sockets that can be read within so many seconds."""
    with selectors.DefaultSelector() as selector:
        for each in watched:
            selector.register(each, selectors.EVENT_READ)
        found = [key.fileobj for key, _ in selector.select(None if seconds is None else min(seconds, 3600.0))]
        return [each for each in watched if each in found]


def _head(wire: Wire) -> bytes:
    assert wire.status is not None
    lines = [f"HTTP/1.1 {wire.status} {_REASONS.get(wire.status, '')}", *(f"{name}: {value}" for name, value in wire.fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
