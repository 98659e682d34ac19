"""The head of a response: its lines, and how its body is told from what comes after it.

RFC 9112: 6.3 (the length of a body), 9.3 and 9.6 (persistence). RFC 9110: 6.6.1 (date), 8.6 (no length with a 204).
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.exchange import Headers
    from hyperinfer.api.edge.lean.request import Request
    from hyperinfer.api.edge.refusals import Refusal

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"

_OURS = frozenset({b"content-length", b"transfer-encoding", b"connection", b"date"})
"""Fields that are looked at before they are sent, or are not the application's to say."""

_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus if status >= 200}

_known_names: set[bytes] = set()
_MAX_KNOWN = 1000


class BadHead(ValueError):
    """The application's head of a response cannot be sent: a bug of its own."""


class DateLine:
    """The date field, written anew once a second. `now`: unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._line = b"date: %s\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


class ResponseHead:
    """The head that an application gave, before it is known how its body ends. Raises BadHead.

    `length`: what it says of its body, None when nothing. `close`: the connection ends with this response.
    `bodiless`: nothing comes after the head, whatever is given as its body.
    """

    __slots__ = ("_request", "_text", "bodiless", "chunked", "close", "length")

    def __init__(self, status: int, headers: Headers, request: Request, date: DateLine) -> None:
        self._request = request
        self.bodiless = request.method == "HEAD" or status == 204 or status == 304
        self.length: int | None = None
        self.close = False
        self.chunked = False
        parts = [_LINES.get(status) or _line(status)]
        dated = False
        for name, value in headers:
            if name in _OURS:
                if name == b"content-length":
                    self.length = _length(value)
                    continue
                if name == b"connection":
                    self.close = self.close or b"close" in value.lower()
                    continue
                if name == b"transfer-encoding":
                    continue
                dated = True
            elif name not in _known_names:
                _check_name(name)
            parts.append(b"%b: %b\r\n" % (name, value))
        if not dated:
            parts.append(date())
        text = b"".join(parts)
        # No value may hold an end of its line: what followed it would be a field, or a response, of somebody else. Each line
        # ends with two of these octets by itself.
        if len(text) - len(text.translate(None, b"\r\n\0")) != 2 * len(parts):
            raise BadHead("a field with a control character")
        if self.length is not None and status != 204:
            text += b"content-length: %d\r\n" % self.length
        self._text = text

    def bytes(self, *, whole: int | None, close: bool) -> bytes:
        """The head on the wire. `whole`: the length of the body when all of it follows at once, None when that is not
        known. `close`: the connection ends for other reasons than the application's."""
        request, parts = self._request, [self._text]
        self.close = self.close or close or not request.keep_alive
        if self.length is None and not self.bodiless:
            if whole is not None:
                self.length = whole
                parts.append(b"content-length: %d\r\n" % whole)
            elif request.version == "1.1":
                self.chunked = True
                parts.append(b"transfer-encoding: chunked\r\n")
            else:
                # It ends with the connection.
                self.close = True
        if self.close:
            parts.append(b"connection: close\r\n")
        elif request.version == "1.0":
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)


def _line(status: int) -> bytes:
    if not 200 <= status <= 999:
        raise BadHead(f"{status} is no status of a final response")
    return b"HTTP/1.1 %d \r\n" % status


def _length(value: bytes) -> int:
    if not value.isdigit():
        raise BadHead("a length that is no number")
    return int(value)


def _check_name(name: bytes) -> None:
    if not name or name.translate(None, _TOKEN):
        raise BadHead(f"{name!r} is no name of a field in lower case")
    if len(_known_names) < _MAX_KNOWN:
        _known_names.add(name)


def refusal_of(status: int, refusal: Refusal, date: DateLine) -> bytes:
    """A response to what never was a request."""
    fields = b"".join(b"%b: %b\r\n" % field for field in refusal.headers)
    end = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(refusal.body)
    return (_LINES.get(status) or _line(status)) + fields + date() + end + refusal.body
