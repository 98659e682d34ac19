"""A head that a client has sent before: it repeats them, but for the length of the body, and they say the same again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hyperinfer.api.edge.lean.request import Body, Request

if TYPE_CHECKING:
    from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)

_MOST_DIGITS = 12
_MOST_BYTES = 4096
"""A connection holds no more than this for the next request."""


class KnownHead:
    """The head of one request, and what a request says whose head differs from it in no byte but those of its length."""

    __slots__ = ("_after", "_before", "_place", "_request", "_start")

    def __init__(self, before: bytes, after: bytes, request: Request, place: int) -> None:
        self._before = before
        self._start = len(before)
        self._after = after
        self._request = request
        self._place = place

    @classmethod
    def of(cls, data: bytes, request: Request) -> Self | None:
        """That of a request which came as `data`, and nothing else with it. None where its head cannot be told again."""
        end = data.find(b"\r\n\r\n")
        found = _LENGTH.search(data, 0, end + 2)
        names = [name for name, _ in request.headers]
        if found is None or names.count(b"content-length") != 1 or end > _MOST_BYTES:
            return None
        if request.chunked or request.upgrade or request.expects_continue or not request.keep_alive:
            return None
        start, stop = found.span(1)
        said = Request(
            request.method,
            request.target,
            request.path,
            request.raw_path,
            request.query,
            list(request.headers),
            request.version,
            request.keep_alive,
            memo=request.memo,
        )
        return cls(data[:start], data[stop : end + 4], said, names.index(b"content-length"))

    def again(self, data: bytes) -> Request | None:
        """The request that `data` begins, if it has this head and nothing behind its body, of which more may have to come;
        None where it is anything else."""
        start, after = self._start, self._after
        if not data.startswith(self._before):
            return None
        stop = data.find(b"\r", start, start + _MOST_DIGITS)
        digits = data[start:stop]
        if stop < 0 or not digits.isdigit() or not data.startswith(after, stop):
            return None
        stop += len(after)
        length, size = int(digits), len(data) - stop
        if size > length:
            return None
        said = self._request
        headers = [*said.headers]
        headers[self._place] = (b"content-length", digits)
        body = Body()
        if size:
            body.add(data[stop:])
        body.complete = size == length
        return Request(
            said.method,
            said.target,
            said.path,
            said.raw_path,
            said.query,
            headers,
            said.version,
            said.keep_alive,
            length=length,
            body=body,
            memo=said.memo,
        )
