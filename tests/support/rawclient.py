"""A client that writes its own HTTP: any bytes on a connection, and the answer as it came."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 20.0
"""Seconds after which a silent server counts as hanging, and the test fails."""


@dataclass(frozen=True)
class Answer:
    """One response. `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """One TCP connection to a server."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def send(self, data: bytes) -> None:
        """Writes bytes; a server that stopped listening is no error, it may have answered already."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def answer(self, method: str = "POST") -> Answer:
        """Reads one response, whole. Raises TimeoutError, and what http.client raises for no valid one."""
        with contextlib.closing(HTTPResponse(self.socket, method=method)) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())

    def until(self, mark: bytes) -> bytes:
        """Everything up to these bytes, and what came with them. Raises EOFError when they do not come."""
        data = b""
        while mark not in data:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(data)
            data += piece
        return data

    def reset(self) -> None:
        """Breaks the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def until_closed(self) -> bytes:
        """Everything up to the server's end of the connection, also a reset."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                data += piece
        return data


@contextlib.contextmanager
def connected(url: str, *, patience: float = PATIENCE) -> Generator[Connection]:
    """A connection to the server of `url`."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=patience) as sock:
        yield Connection(sock)


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request head as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "host: gateway.test", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def ask(url: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """One request on a connection of its own."""
    with connected(url) as connection:
        connection.send(head(method, path, {"content-length": str(len(body)), **headers}) + body)
        return connection.answer(method)
