"""One HTTP/1.1 response, sans-IO: bytes in, head and body out.

httptools does the grammar. What it leaves open is decided here (RFC 9112, and what was measured of llhttp):

1. It has no limits. The head is bounded by its bytes on the wire, interim responses included; so are trailers, chunk
   extensions and whatever else is not body.
2. It has no `feed_eof`. A response delimited by the end of the connection completes there; one that was chunked or
   had a length and ends early is `Disconnected`.
3. It does not know that the request was HEAD, so bodiless responses to HEAD are completed by hand.
4. A 1xx is a message of its own, with its own "complete". It is skipped; 101 is refused, since we never ask for it.
5. Trailers arrive as headers after the body. They are dropped: nobody may set a header after the head was judged.

What comes out is a function of the bytes alone, never of how they were split: a failure behind good body bytes is
told only after those bytes were taken.
"""

from typing import Final, Literal

import httptools

from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse

HEAD_LIMIT: Final = 64 * 1024
"""Most bytes of a response's head, and of the trailers and chunk lines between two pieces of its body."""

_FRAMING_LENGTHS: Final = (len("content-length"), len("transfer-encoding"))

_Framing = Literal["chunked", "length", "eof", "none"]


class ResponseParser:
    """Parses the response to one request of `method`.

    Feed it with `feed` and `feed_eof`, neither of which raises; then look at `has_head` (with `status` and `headers`),
    `take`, `failure` and `complete`, in this order.
    """

    __slots__ = (
        "_framing",
        "_head_bytes",
        "_head_limit",
        "_interim",
        "_is_head_request",
        "_overhead_bytes",
        "_parser",
        "_pieces",
        "_trailer_bytes",
        "complete",
        "failure",
        "has_head",
        "headers",
        "reusable",
        "started",
        "status",
    )

    def __init__(self, method: str, *, head_limit: int = HEAD_LIMIT) -> None:
        self._is_head_request = method == "HEAD"
        self._head_limit = head_limit
        self._head_bytes = 0
        self._overhead_bytes = 0
        self._trailer_bytes = 0
        self._interim = False
        self._framing: _Framing = "none"
        self._pieces: list[bytes] = []
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.started = False
        """Whether any byte of the response has arrived."""
        self.has_head = False
        self.complete = False
        self.failure: Disconnected | GarbledResponse | None = None
        self.reusable = False
        """Whether the connection may carry another request. Means something once `complete`."""

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the connection; `data` is not empty."""
        self.started = True
        if self.complete:
            # Nobody asked for these: whatever they are, they must not become the next response.
            self.reusable = False
            return
        if self.failure is not None:
            return
        if self.has_head:
            self._parse(data)
            return
        room = self._head_limit - self._head_bytes
        if len(data) < room:
            self._head_bytes += len(data)
            self._parse(data)
            return
        self._head_bytes += room
        self._parse(data[:room])
        self._feed_behind_head(data, room)

    def _feed_behind_head(self, data: bytes, room: int) -> None:
        if not self.has_head and self._head_bytes >= self._head_limit:
            self._fail(f"the head of the response is larger than {self._head_limit} bytes")
        elif len(data) > room:
            self.feed(data[room:])

    def feed_eof(self) -> None:
        """The upstream has closed its side: completes the response, or makes it a failure."""
        if self.complete:
            self.reusable = False
        elif self.failure is None:
            self._parser = None
            if self.has_head and self._framing == "eof":
                self.complete = True
            elif not self.started:
                self.failure = Disconnected("the server closed the connection without a response")
            else:
                self.failure = Disconnected("the server closed the connection in the middle of its response")

    def take(self) -> bytes:
        """The body bytes that came since the last call, in one piece; empty when there are none."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        assert parser is not None
        waiting_for_body = self.has_head
        taken = len(self._pieces)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # After the end of the response this is about bytes that nobody asked for.
            if self.complete:
                self.reusable = False
            elif self.failure is None:
                self._fail(f"not an HTTP/1.1 response: {error}")
        if waiting_for_body:
            self._overhead_bytes = 0 if len(self._pieces) > taken else self._overhead_bytes + len(data)
            if self._overhead_bytes > self._head_limit and not self.complete and self.failure is None:
                self._fail(f"more than {self._head_limit} bytes between two pieces of the body")
        if self.complete or self.failure is not None:
            # The parser and this object hold each other; without this each response would wait for the collector.
            self._parser = None

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = GarbledResponse(reason)
        self.reusable = False
        self._parser = None

    # The callbacks of httptools. An exception in one would come out as a parser error, so none is raised.

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.headers.append((name, value))
            return
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > self._head_limit and self.failure is None:
            self._fail(f"the trailers of the response are larger than {self._head_limit} bytes")

    def on_headers_complete(self) -> None:
        parser = self._parser
        if parser is None or self.complete:
            return
        status = parser.get_status_code()
        if status == 101:
            self._fail("the server switched protocols without being asked")
        elif 100 <= status < 200:
            self._interim = True
            self.headers = []
        elif not 200 <= status <= 599:
            self._fail(f"{status} is not a status")
        else:
            self._begin_body(parser, status)

    def _begin_body(self, parser: httptools.HttpResponseParser, status: int) -> None:
        codings: list[bytes] = []
        framing: _Framing = "eof"
        for name, value in self.headers:
            if len(name) in _FRAMING_LENGTHS:
                lower = name.lower()
                if lower == b"content-length":
                    framing = "length"
                elif lower == b"transfer-encoding":
                    codings.append(value.strip().lower())
        if codings:
            framing = "chunked"
            if codings != [b"chunked"]:
                self._fail("the response has a transfer coding that we cannot undo")
                return
        self.status = status
        self.has_head = True
        self._framing = "none" if self._is_head_request or status in (204, 304) else framing
        if self._is_head_request:
            self.complete = True
            self.reusable = parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        if self.complete:
            self.reusable = False
        elif self.failure is None:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self.failure is None and not self.complete and self._parser is not None:
            self.complete = True
            # Servers say 408 of a connection on which nothing came (RFC 9110, 15.5.9): what they have to say to the request
            # that crossed it would become the answer to the next one.
            self.reusable = self.status != 408 and self._parser.should_keep_alive()
