"""What every upstream of the kit has: requests that it keeps, a port, transports, and a check at the end of the test."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote

from hyperinfer.testing.parts import HttpError
from hyperinfer.testing.received import Received
from hyperinfer.testing.routes import dialect_of, side_answer
from hyperinfer.testing.wire.frames import Asked, Wire
from hyperinfer.testing.wire.render import render

if TYPE_CHECKING:
    from hyperinfer.testing.loopback import Loopback
    from hyperinfer.testing.transports import UpstreamTransport


class Upstream(ABC):
    """An upstream that answers in the test's own process.

    On a port of this machine (`url`, `openai_url`), which is opened when it is first asked for and served by threads of its
    own, for clients of any kind and any event loop. Or without any port, as a transport of httpx.

    `pace` multiplies every pause: 1 is the script's own time, 0 is without any. `requests` are those that asked a model,
    `side_requests` all the others.
    """

    kind: ClassVar[str]

    def __init__(self, *, pace: float = 1.0) -> None:
        self.pace = pace
        self.requests: list[Received] = []
        self.side_requests: list[Received] = []
        self._lock = threading.Condition()
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
            self._lock.notify_all()
            return request, self._answer(request)

    def _beside(
        self, request: Received, models: Iterable[str], tokens: int | None = None, created: int = 1_790_000_000
    ) -> Wire:
        """What a request is given that asks no model."""
        wire = side_answer(request, models, tokens, created)
        return self._unexpected(request, f"nothing is served at {request.path}") if wire is None else wire

    def _unexpected(self, request: Received, why: str) -> Wire:
        """The answer to a request that should not have come; the test hears of it when it checks."""
        self._wrong.append(f"unexpected {request!r}: {why}")
        return self._refusal(request, why)

    def _raising(self, request: Received, error: Exception) -> Wire:
        """The answer to a request that a function has raised at; the test hears of it when it checks."""
        self._raised.append(error)
        return self._refusal(request, f"answering it has raised {error!r}")

    def _refusal(self, request: Received, why: str) -> Wire:
        message = f"The {self.kind} upstream did not expect {request!r}: {why}."
        error = HttpError(400 if request.dialect else 404, message, headers={"x-should-retry": "false"})
        dialect = request.dialect or ("anthropic_messages" if "anthropic-version" in request.headers else "openai_chat")
        return render(error, dialect, Asked(model="", streamed=False, body={}, number=request.number))

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

    def wait_requests(self, number: int = 1, timeout: float = 5.0) -> list[Received]:
        """The requests that asked a model, once there are so many. Blocks, so not for an event loop that has to move
        meanwhile. Raises `TimeoutError` after `timeout` seconds."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self.requests) >= number, timeout):
                raise TimeoutError(f"{len(self.requests)} of {number} requests after {timeout:g} s")
            return list(self.requests)

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
