"""Spans as they are kept until they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Value: TypeAlias = "str | bool | int | float | Sequence[str]"

INTERNAL, SERVER, CLIENT = 1, 2, 3
"""Kinds, as OTLP numbers them."""

MOST_SPANS: Final = 1000
"""Of one request. More come of none that ends: eight rounds of sixteen tools and all attempts are a third of it."""

LONGEST_TEXT: Final = 1024
"""Characters of an attribute."""


class Span:
    """One span. Times are trio's clock, `end` None while it goes on. `error`: what it failed with, a word; None: it did
    not. `events`: (time, name). `contents`: attributes of what is asked and answered, in UTF-8; None: there are none."""

    __slots__ = ("attributes", "contents", "end", "error", "events", "kind", "name", "parent", "span_id", "start")

    def __init__(self, name: str, kind: int, span_id: bytes, parent: bytes, start: float) -> None:
        self.name, self.kind, self.span_id, self.parent, self.start = name, kind, span_id, parent, start
        self.end: float | None = None
        self.error: str | None = None
        self.attributes: dict[str, Value] = {}
        self.events: list[tuple[float, str]] = []
        self.contents: dict[str, bytes] | None = None


class Trace:
    """The spans of one request, the server's first. `unix`: seconds at trio's `started`. `parent`: the client's span, empty
    for none; `state`: what came with it. `content_bytes`: of the contents of its spans, once it is over."""

    __slots__ = ("_base", "_unix_ns", "content_bytes", "parent", "spans", "started", "state", "trace_id")

    def __init__(
        self, trace_id: bytes, base: bytes, *, unix: float, started: float, parent: bytes = b"", state: str = ""
    ) -> None:
        self.trace_id, self.started, self.parent, self.state = trace_id, started, parent, state
        self._unix_ns = round(unix * 1e9)
        self._base = int.from_bytes(base)
        self.spans: list[Span] = []
        self.content_bytes = 0

    def open(self, name: str, kind: int, start: float, parent: Span | None) -> Span:
        """A span that begins. Its id is the next one of the trace, none of which is zero."""
        span_id = ((self._base + len(self.spans)) % (2**64 - 1) + 1).to_bytes(8)
        span = Span(name, kind, span_id, self.parent if parent is None else parent.span_id, start)
        self.spans.append(span)
        return span

    @property
    def full(self) -> bool:
        """No more spans are taken."""
        return len(self.spans) >= MOST_SPANS

    def unix_ns(self, time: float) -> int:
        """Nanoseconds since 1970 of a time of trio's clock."""
        return self._unix_ns + round((time - self.started) * 1e9)
