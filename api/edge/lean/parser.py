"""From bytes to requests: httptools with what it leaves open — limits, odd methods, upgrades, HTTP/2 by its preface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httptools

from hyperinfer.api.edge.lean.head import request_of, size_of
from hyperinfer.api.edge.lean.known_head import KnownHead
from hyperinfer.api.edge.lean.request import Body, Refused, Request

if TYPE_CHECKING:
    from hyperinfer.api.edge.settings import EdgeSettings

MAX_QUEUED = 64
"""Requests of one read that may wait for those before them; the connection ends after so many."""

MAX_OVERHEAD = 128 * 1024
"""Bytes that a body may have beside its own. Two reads are among them that hold other things as well."""

MOST_UNLIKE = 3
"""Heads of a connection that turned out not to be repeated, after which none is kept any more."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_MAX_METHOD = 32

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_USUAL = (b"POST /", b"GET /")

_METHODS = frozenset({b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT"})
"""Those that httptools is shown. Any other reads as PATCH to it: it knows but some, and those of other protocols too."""


class RequestParser:
    """The requests of one connection. Whatever a peer sends, `feed` raises nothing; an exception is a bug.

    `requests`: those whose head has come, oldest first. The owner takes them out. `over`: nothing more is read.
    `refusal`: the status that then is due, after the requests before it; `refused_path`: what that one asked for, "" where
    it is not known. `handover`: the bytes that another HTTP server
    is to begin with in place of this one, None when it is not to; never where `cleartext` is false.
    """

    def __init__(self, settings: EdgeSettings, *, cleartext: bool) -> None:
        self.requests: list[Request] = []  # at most `MAX_QUEUED`
        self.over = False
        self.refusal = 0
        self.refused_path = ""
        self.handover: bytes | None = None
        self._max_head = settings.max_head
        self._max_fields = settings.max_fields
        self._cleartext = cleartext
        self._fresh = True
        self._held = b""
        self._within = False
        self._in_head = False
        self._head_size = 0
        self._after_head = 0
        self._feeding = 0
        self._method = b""
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._request: Request | None = None
        self._upgrading: Request | None = None
        self._body = Body()
        self._known: KnownHead | None = None
        self._unlike = 0
        self._left = 0
        self._parser = httptools.HttpRequestParser(self)

    @property
    def in_head(self) -> bool:
        """A head has begun and is not complete."""
        return self._in_head or bool(self._held)

    @property
    def next_request(self) -> Request | None:
        """The oldest one, which its owner did not take out yet."""
        return self.requests[0] if self.requests else None

    def feed(self, data: bytes) -> None:
        """Bytes that came, in their order."""
        if self._left:
            # Not asked for its start, as nothing is that comes together with the end of a request.
            data = self._fill(data)
            data = self._parse(data) if data else data
        if data.startswith(_USUAL) and not (self._within or self._held or self.over or self.requests):
            self._feed_first(data)
            return
        while data and not self.over:
            if not self._within:
                data = self._start(data)
            data = self._parse(data) if data else data

    def _feed_first(self, data: bytes) -> None:
        """The first bytes of a request: mostly all of it, with a head that came before."""
        self._fresh = False
        if self._known is not None:
            request = self._known.again(data)
            if request is not None:
                self.requests.append(request)
                self._target, self._body = request.target, request.body
                self._left = request.length - request.body.size
                self._within = self._left > 0
                return
            self._known = None
            self._unlike += 1
        rest = self._parse(data)
        if self._unlike < MOST_UNLIKE and len(self.requests) == 1 and not (rest or self.over):
            self._known = KnownHead.of(data, self.requests[0])
        if rest:
            self.feed(rest)

    def _fill(self, data: bytes) -> bytes:
        """More of the body behind a known head. What comes behind that."""
        piece = data[: self._left]
        self._body.add(piece)
        self._left -= len(piece)
        if not self._left:
            self._within, self._body.complete = False, True
        return data[len(piece) :]

    def end(self, status: int) -> None:
        """Nothing more is read; `status` is due after what came before, unless it is 0."""
        if not self.over:
            self.over = True
            self.refusal = status
            if self._within:
                self.refused_path = self._target.partition(b"?")[0].decode("ascii")

    def _parse(self, data: bytes) -> bytes:
        """What is to be fed after it: the rest behind an upgrade that does not take place."""
        self._feeding = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(data[cast("Any", upgrade).args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, Refused):
                raise (cause or error) from None
            self.end(cause.status)
        except httptools.HttpParserError:
            self.end(400)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > self._max_head:
                self.end(431)
        elif self._within:
            self._check_overhead(len(data))
        return b""

    def _check_overhead(self, size: int) -> None:
        """Chunk extensions and trailers have no end of their own. Chunks of one byte each are five times the body."""
        self._after_head += size
        if self._after_head > 16 * self._body.size + MAX_OVERHEAD:
            self.end(400)

    def _start(self, data: bytes) -> bytes:
        """The first bytes of a request as httptools is to see them; b"" while they are too few to tell.

        It is not asked of a request whose first bytes came together with the end of the one before it: httptools does not
        say where that ended. A method that it does not know is refused there.
        """
        if not self._held and data.startswith(_USUAL):
            self._fresh = False
            return data
        data = (self._held + data).lstrip(b"\r\n")
        self._held = b""
        end = data.find(b" ", 0, _MAX_METHOD + 1)
        method = data[:end] if end >= 0 else data[: _MAX_METHOD + 1]
        if not data:
            return b""
        if method.translate(None, _TOKEN) or len(method) > _MAX_METHOD or not method:
            self.end(400)
        elif end < 0:
            self._held = data
        elif method == b"PRI":
            return self._preface(data)
        else:
            self._fresh = False
            if method in _METHODS:
                return data
            self._method = method
            return b"PATCH" + data[end:]
        return b""

    def _preface(self, data: bytes) -> bytes:
        # Over TLS, HTTP/2 is agreed on before the first byte (RFC 9113, 3.2).
        if not (self._fresh and self._cleartext) or not _PREFACE.startswith(data[: len(_PREFACE)]):
            self.end(400)
        elif len(data) < len(_PREFACE):
            self._held = data
        else:
            self.over = True
            self.handover = data
        return b""

    def _upgrade(self, rest: bytes) -> bytes:
        """What httptools takes for the end of HTTP/1.1 mostly is not."""
        request = self._upgrading
        assert request is not None
        self._upgrading = None
        if request.upgrade == b"websocket" and request.method == "GET":
            self.end(403)
        elif request.upgrade == b"h2c" and self._cleartext and not request.has_body and request.version == "1.1":
            self.over = True
            self.handover = request.wire() + rest
        else:
            # RFC 9110, 7.8: a server may go on as if it had not been asked. httptools then has no body to give.
            self._parser = httptools.HttpRequestParser(self)
            self._within = False
            return request.wire(without=b"upgrade") + rest
        return b""

    # What httptools calls

    def on_message_begin(self) -> None:
        if len(self.requests) >= MAX_QUEUED:
            raise Refused(0)
        self._within = self._in_head = True
        self._head_size = self._after_head = 0
        self._target = b""
        self._fields = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind the body is dropped: no field there may count as one of the head.
        if self._in_head:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        fields = [(name.lower(), value.rstrip(b" \t")) for name, value in self._fields]
        self._in_head = False
        method = self._method or parser.get_method()
        self._method = b""
        # What came with it may be more than the head, whose size is then looked at.
        large = self._head_size + self._feeding > self._max_head and size_of(self._target, fields) > self._max_head
        if large or len(fields) > self._max_fields:
            raise Refused(431)
        request = request_of(method.decode("ascii"), self._target, parser.get_http_version(), fields)
        self._body = request.body
        if not parser.should_keep_alive():
            # It takes nothing for a request behind this one, whatever its head.
            self._known, self._unlike = None, MOST_UNLIKE
        if request.upgrade and parser.should_upgrade():
            self._upgrading = request
        else:
            self.requests.append(request)

    def on_body(self, data: bytes) -> None:
        self._body.add(data)

    def on_message_complete(self) -> None:
        self._within = False
        self._body.complete = True
