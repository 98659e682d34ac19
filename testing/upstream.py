"""What every upstream of the kit has: requests that it keeps, a port, transports, and a check at the end of the test."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from hyperinfer.testing.received import Received
from hyperinfer.testing.routes import dialect_of

if TYPE_CHECKING:
    from hyperinfer.testing.loopback import Loopback
    from hyperinfer.testing.transports import UpstreamTransport
    from hyperinfer.testing.wire.frames import Wire


class Upstream(ABC):
    """An upstream that answers in the test's own process.

    On a port of this machine (`url`, `openai_url`), which is opened when it is first asked for and served by threads of its
    own, for clients of any kind and any event loop. Or without any port, as a transport of httpx.

    `pace` multiplies every pause: 1 is the script's own time, 0 is without any. `requests` are those that asked a model,
    `side_requests` all the others.
    """

    def __init__(self, *, pace: float = 1.0) -> None:
        self.pace = pace
        self.requests: list[Received] = []
        self.side_requests: list[Received] = []
        self._lock = threading.Lock()
        self._loopback: Loopback | None = None
        self._wrong: list[str] = []
        self._raised: list[Exception] = []

    @abstractmethod
    def _answer(self, request: Received) -> Wire:
        """What the request is given. Called by one thread at a time."""

    @abstractmethod
    def _left(self) -> str | None:
        """What was to be asked for and was not, as a sentence."""

    def receive(
        self, *, method: str, target: str, headers: Mapping[str, str], body: bytes, at: float
    ) -> tuple[Received, Wire]:
        """Takes a request in: for who carries it. `target`: path and query."""
        path, _, query = target.partition("?")
        path = unquote(path)
        with self._lock:
            request = Received(
                number=len(self.requests) + len(self.side_requests),
                method=method,
                path=path,
                query=query,
                headers=headers,
                body=body,
                dialect=dialect_of(method, path),
                at=at,
            )
            (self.side_requests if request.dialect is None else self.requests).append(request)
            return request, self._answer(request)

    @property
    def url(self) -> str:
        """Where it listens, as Anthropic's clients want it: without a path. Opens the port."""
        with self._lock:
            if self._loopback is None:
                from hyperinfer.testing.loopback import Loopback

                self._loopback = Loopback(self)
            return self._loopback.url

    @property
    def openai_url(self) -> str:
        """The same as OpenAI's clients want it: with `/v1`."""
        return f"{self.url}/v1"

    def transport(self) -> UpstreamTransport:
        """For `httpx2.Client` and `httpx2.AsyncClient` (what the official SDKs use): no port, whatever the URL. Pauses take
        the time of the event loop: none on a virtual clock."""
        from hyperinfer.testing.transports import UpstreamTransport

        return UpstreamTransport(self)

    def httpx_transport(self) -> Any:
        """The same for `httpx.Client` and `httpx.AsyncClient`. Raises `ImportError` where httpx is not installed."""
        from hyperinfer.testing.transports import httpx_transport

        return httpx_transport(self)

    def check(self) -> None:
        """Raises `AssertionError` for requests that were not expected and for answers that nobody asked for, and what a
        function of the script has raised."""
        with self._lock:
            wrong, raised = list(self._wrong), list(self._raised)
            left = self._left()
        if raised:
            raise raised[0]
        if wrong:
            raise AssertionError("\n".join(wrong))
        if left is not None:
            raise AssertionError(left)

    def close(self) -> None:
        """Closes the port with all that is open on it. Without effect on transports."""
        with self._lock:
            loopback, self._loopback = self._loopback, None
        if loopback is not None:
            loopback.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Closes; and checks, unless the test has failed anyway."""
        self.close()
        if error is None:
            self.check()
