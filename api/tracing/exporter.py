"""Sends traces to a collector: gathered, beside the requests, which never wait for it."""

from __future__ import annotations

import logging
import math
import zlib
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import httpx2
import trio

from hyperinfer.api.tracing.otlp import Writer, rejected
from hyperinfer.providers.client import UpstreamResponse
from hyperinfer.providers.response_headers import retry_after
from hyperinfer.providers.transport_request import Body
from hyperinfer.providers.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from hyperinfer.api.tracing.settings import TracingSettings
    from hyperinfer.api.tracing.spans import Trace, Value

log = logging.getLogger("hyperinfer.tracing")

FLUSH_SECONDS: Final = 3.0
"""What a worker that ends gives the rest of its traces."""

_AGAIN: Final = frozenset({429, 502, 503, 504})
"""The statuses after which OTLP sends once more."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 8.0
_LEAST_PAUSE: Final = 0.5
"""Also where the collector says `Retry-After: 0`: it is in trouble."""
_SAID_EVERY: Final = 60.0
"""Seconds between warnings of the log."""
_ANSWER_LIMIT: Final = 64 * 1024

MOST_CONTENT_WAITING, MOST_CONTENT_AT_ONCE = 64 * 2**20, 2**20
"""Bytes of contents that wait, and that are sent together: collectors take messages of some megabytes."""

_PRESSED_AT_ONCE: Final = 128 * 1024
"""Bytes that are compressed before others have their turn."""


class Posts(Protocol):
    """The transport (`httpx2.AsyncBaseTransport`)."""

    async def handle_async_request(self, request: httpx2.Request, /) -> httpx2.Response: ...


class _Refused(Exception):
    """The collector does not take it. `pause`: seconds after which it may be tried again, None where it does not say;
    `final`: never."""

    def __init__(self, why: str, *, pause: float | None = None, final: bool = False) -> None:
        super().__init__(why)
        self.pause, self.final = pause, final


class Exporter:
    """The traces of one worker on their way.

    `sent`, `dropped`, `failed`: spans that a collector has taken, for which there was no room, and that none took.
    `resource`: who we are. `now`: unix seconds. `jitter`: a number from 0 to 1.
    """

    def __init__(
        self,
        settings: TracingSettings,
        transport: Posts,
        *,
        resource: Mapping[str, Value],
        version: str,
        now: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._settings, self._transport, self._now, self._jitter = settings, transport, now, jitter
        self._writer = Writer(resource, version)
        self._headers = {
            "content-type": "application/x-protobuf",
            "user-agent": user_agent(),
            **({"content-encoding": "gzip"} if settings.compressed else {}),
        }
        self._waiting: deque[Trace] = deque()
        self._spans = self._content = 0  # of those, and of what is under way; the latter in bytes
        self._came, self._enough = trio.Event(), trio.Event()
        self._ends_at = math.inf
        self._sending: trio.CancelScope | None = None
        self._said_at = -math.inf
        self.sent = self.dropped = self.failed = 0

    @property
    def waiting(self) -> int:
        """Spans that are still to be sent."""
        return self._spans

    def take(self, trace: Trace) -> None:
        """One more trace, whole or not at all."""
        count, content = len(trace.spans), trace.content_bytes
        if self._spans + count > self._settings.most_waiting or self._content + content > MOST_CONTENT_WAITING:
            self.dropped += count
            megabytes = MOST_CONTENT_WAITING // 2**20
            most = f"{self._settings.most_waiting} spans or {megabytes} MiB of contents"
            self._say(f"{self.dropped} spans were dropped, as more than {most} would wait")
            return
        self._waiting.append(trace)
        self._spans += count
        self._content += content
        self._came.set()
        if self._spans >= self._settings.most_at_once or self._content >= MOST_CONTENT_AT_ONCE:
            self._enough.set()

    async def run(self) -> None:
        """Sends what comes, until `end`."""
        while True:
            await self._came.wait()
            if not self._waiting:
                return
            with trio.move_on_after(self._settings.delay):
                await self._enough.wait()
            await self._send_batch()

    def end(self, seconds: float) -> None:
        """Nothing more comes: `run` sends what is left, and has so long for it."""
        self._ends_at = trio.current_time() + seconds
        self._came.set()
        self._enough.set()
        if self._sending is not None:
            self._sending.deadline = min(self._sending.deadline, self._ends_at)

    async def _send_batch(self) -> None:
        traces: list[Trace] = []
        count = content = 0
        while self._waiting and (not traces or self._fits(count, content)):
            traces.append(self._waiting.popleft())
            count += len(traces[-1].spans)
            content += traces[-1].content_bytes
        ending = self._ends_at < math.inf
        if not ending and not self._waiting:
            self._came = trio.Event()
        left = self._spans - count, self._content - content
        if not ending and left[0] < self._settings.most_at_once and left[1] < MOST_CONTENT_AT_ONCE:
            self._enough = trio.Event()
        why = "it took too long"
        try:
            # What is under way counts as waiting: so much is held at most.
            until = min(self._ends_at, trio.current_time() + self._settings.patience)
            with trio.CancelScope(deadline=until) as self._sending:
                why = await self._send(await self._writer.batch(traces))
        except Exception as error:
            log.exception("traces could not be written")
            why = type(error).__name__
        finally:
            self._sending = None
            self._spans -= count
            self._content -= content
        if why:
            self.failed += count
            self._say(f"{count} spans could not be sent to {self._settings.host}: {why}")
        else:
            self.sent += count

    def _fits(self, count: int, content: int) -> bool:
        """Whether one more goes with so many spans, and so many bytes of contents."""
        trace = self._waiting[0]
        most = self._settings.most_at_once
        return count + len(trace.spans) <= most and content + trace.content_bytes <= MOST_CONTENT_AT_ONCE

    async def _send(self, message: bytes) -> str:
        """Why it could not; nothing where it could."""
        if self._settings.compressed:
            message = await _compressed(message)
        pause, why = _FIRST_PAUSE, ""
        while True:
            try:
                await self._post(message)
                return ""
            except _Refused as refusal:
                if refusal.final:
                    return str(refusal)
                why = str(refusal)
                own = pause * (0.5 + self._jitter() / 2)
                wait = own if refusal.pause is None else max(refusal.pause, _LEAST_PAUSE)
            if trio.current_time() + wait >= trio.current_effective_deadline():
                return why
            await trio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _post(self, message: bytes) -> None:
        """Raises _Refused."""
        seconds = self._settings.timeout
        waits = {"connect": seconds, "read": None, "write": None, "pool": None}
        headers = {**self._headers, "content-length": str(len(message))}
        headers |= {name: value.reveal() for name, value in self._settings.headers}
        request = httpx2.Request(
            "POST", self._settings.url, headers=headers, stream=Body(message), extensions={"timeout": waits}
        )
        try:
            with trio.fail_after(seconds):
                response = await self._transport.handle_async_request(request)
                try:
                    await self._heard(UpstreamResponse.of(response, ()))
                finally:
                    await response.aclose()
        except trio.TooSlowError:
            raise _Refused(f"no answer within {seconds:g} s") from None
        except httpx2.TransportError as error:
            raise _Refused(type(error).__name__) from None

    async def _heard(self, response: UpstreamResponse) -> None:
        body = await response.read(_ANSWER_LIMIT)
        if 200 <= response.status < 300:
            count, why = rejected(body)
            if count or why:
                self._say(f"{self._settings.host} did not want {count} spans: {why[:200]!r}")
            return
        again = response.status in _AGAIN
        pause = retry_after(response.meaningful, self._now()) if again else None
        raise _Refused(f"status {response.status}", pause=pause, final=not again)

    def _say(self, what: str) -> None:
        now = trio.current_time()
        if now - self._said_at >= _SAID_EVERY:
            self._said_at = now
            log.warning("%s", what)


async def _compressed(message: bytes) -> bytes:
    pressing = zlib.compressobj(1, wbits=31)  # gzip
    pieces: list[bytes] = []
    for at in range(0, len(message), _PRESSED_AT_ONCE):
        if at:
            await trio.lowlevel.checkpoint()
        pieces.append(pressing.compress(message[at : at + _PRESSED_AT_ONCE]))
    return b"".join((*pieces, pressing.flush()))


@asynccontextmanager
async def running(exporter: Exporter, seconds: float = FLUSH_SECONDS) -> AsyncGenerator[None]:
    """The exporter at work for the block; what is left then has so many seconds more."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exporter.run)
        yield
        exporter.end(seconds)
