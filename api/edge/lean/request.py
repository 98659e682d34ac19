"""A request as it came: its head, and what there is of its body."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from hyperinfer.api.edge.exchange import HeadMemo

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Headers

UNASKED = 64 * 1024
"""Bytes of a body that are read before anybody asks for it."""


class Refused(Exception):
    """A request that is answered by the connection itself. `status` 0: by nothing but the end of the connection."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Body:
    """The bytes of a request's body: those that came and were not taken."""

    __slots__ = ("_first", "_rest", "complete", "dropping", "held", "room", "size", "wanted_whole")

    def __init__(self) -> None:
        self.complete = False
        self.size = 0
        """Bytes that came, those that were taken or dropped with them."""
        self.held = 0
        self.room: float = UNASKED
        """No more is read while so many bytes are held."""
        self.dropping = False
        self.wanted_whole = False
        """Who waits for it need not be told of parts."""
        self._first = b""
        self._rest: bytearray | None = None

    def add(self, piece: bytes) -> None:
        """Bytes that came."""
        self.size += len(piece)
        if self.dropping:
            return
        if not self.held:
            self._first = piece
        elif self._rest is None:
            self._rest = bytearray(self._first)
            self._rest += piece
        else:
            self._rest += piece
        self.held += len(piece)

    def take(self) -> bytes:
        """What is held; it is held no more."""
        data = self._first if self._rest is None else bytes(self._rest)
        self._first, self._rest, self.held = b"", None, 0
        return data

    def drop(self) -> None:
        """Nobody wants it: what is held is let go, and so is what comes."""
        self.dropping = True
        self.room = inf
        self.take()

    @property
    def awaited(self) -> bool:
        """More of it has to come before who waits for it has something to do."""
        return self.wanted_whole and not self.complete and self.held < self.room

    @property
    def full(self) -> bool:
        return self.held >= self.room and not self.complete


@dataclass(slots=True)
class Request:
    """One request. `length`: of its body where it says so, 0 where there is none."""

    method: str
    target: bytes
    path: str
    raw_path: bytes
    query: bytes
    headers: Headers
    version: str
    """"1.0" or "1.1"."""
    keep_alive: bool
    expects_continue: bool = False
    length: int = 0
    chunked: bool = False
    upgrade: bytes = b""
    """The value of the header of that name, in lower case."""
    body: Body = field(default_factory=Body)
    memo: HeadMemo = field(default_factory=HeadMemo)

    @property
    def has_body(self) -> bool:
        return self.chunked or self.length > 0

    def wire(self, *, without: bytes = b"") -> bytes:
        """The head again, without the fields of one name."""
        parts = [b"%s %s HTTP/%s\r\n" % (self.method.encode(), self.target, self.version.encode())]
        parts += [b"%s: %s\r\n" % header for header in self.headers if header[0] != without]
        return b"".join(parts) + b"\r\n"
