"""Calls the HTTP API behind a server tool: at the operator's address, with the operator's key, JSON in both directions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

import httpx2
import msgspec
import trio

from hyperinfer.formats.upstream_errors import UpstreamFault
from hyperinfer.providers.client import BodyTooLarge, UpstreamResponse
from hyperinfer.providers.connection_faults import fault_of_exception
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport_request import Body
from hyperinfer.providers.user_agent import user_agent

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue_records import Tool

log = logging.getLogger("hyperinfer.tools")

CONNECT_SECONDS: Final = 10.0
RETRY_AFTER: Final = 0.5
"""Seconds to the second attempt where the API does not say how many."""
RETRY_WHEN_LIMITED: Final = 1.1
"""The same after a 429: Brave counts by the second, and says so in headers of its own."""
LONGEST_WAIT: Final = 3.0
"""Where it asks for more seconds than these, there is no second attempt."""

ApiError: TypeAlias = Literal["timeout", "refused", "bad_arguments", "too_large", "unavailable"]
"""What went wrong, in the words of `formats.server_tools.ToolOutcome`."""


class ApiRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path`: below the base URL, escaped. `body`: makes it a POST. `once`: it may cost something each time it
    arrives, so it is not sent again when it may have."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: dict[str, Any] | None = None
    once: bool = False


class ApiAnswer(msgspec.Struct, frozen=True):
    """What a response of success holds. `value`: as parsed, of whatever shape."""

    value: Any


class ApiFault(msgspec.Struct, frozen=True):
    """Why there is no answer. `message`: of the API where it says one, without keys and addresses, for a model to read."""

    error: ApiError
    message: str


class ToolApi:
    """The API of one tool. Redirects are not followed: the key is for the address that the operator wrote.

    `header`: the header that takes the key; `authorization` takes it as a bearer token. `seconds`: for a whole call, a
    second attempt included. `limit`: bytes of a response. `now`: Unix seconds, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        tool: Tool,
        transport: httpx2.AsyncBaseTransport,
        *,
        header: str = "authorization",
        seconds: float,
        limit: int,
        now: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._name = tool.name
        self._base = httpx2.URL(tool.base_url)
        self._signs = [
            (header, f"Bearer {key.reveal()}" if header == "authorization" else key.reveal()) for key in tool.keys[:1]
        ]
        self._private = (*tool.keys, Secret(self._base.netloc.decode("ascii")), Secret(self._base.host))
        self._seconds = seconds
        self._limit = limit
        self._now = now

    async def ask(self, request: ApiRequest) -> ApiAnswer | ApiFault:
        """Sends it, once more when the API is busy or cannot be reached. Never raises."""
        body = await self._twice(self._http(request), once=request.once)
        if isinstance(body, ApiFault):
            return body
        try:
            return ApiAnswer(msgspec.json.decode(body))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._told(UpstreamFault(code="provider_unavailable", message="The answer is not JSON.", status=200))

    def has(self, url: str) -> bool:
        """Whether an address within an answer is one of this API's own server, which the operator trusts."""
        try:
            other = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError):
            return False
        return _origin(other) == _origin(self._base)

    async def download(self, url: str) -> bytes | ApiFault:
        """The bytes behind an address that it `has`."""
        target = httpx2.URL(url)
        return await self._twice(self._request("GET", target.raw_path, (("accept", "*/*"),), b""), once=False)

    async def _twice(self, request: httpx2.Request, *, once: bool) -> bytes | ApiFault:
        with trio.move_on_after(self._seconds):
            first = await self._attempt(request, once)
            if not isinstance(first, UpstreamFault):
                return first
            wait = first.retry_after
            if wait is None:
                wait = RETRY_WHEN_LIMITED if first.status == 429 else RETRY_AFTER
            if not first.retryable or wait > LONGEST_WAIT:
                return self._told(first)
            await trio.sleep(wait)
            second = await self._attempt(request, once)
            return self._told(second) if isinstance(second, UpstreamFault) else second
        return self._told(UpstreamFault(code="provider_timeout", message=f"No answer within {self._seconds:g} seconds."))

    def misunderstood(self) -> ApiFault:
        """For an answer that turned out to be none of this API. Tells the operator."""
        return self._told(UpstreamFault(code="provider_unavailable", message="The answer has another shape.", status=200))

    async def _attempt(self, request: httpx2.Request, once: bool) -> bytes | ApiFault | UpstreamFault:
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return await self._read(UpstreamResponse.of(response, self._private))
            finally:
                # Ours closes without waiting, also in a cancelled task.
                await response.aclose()
        except BodyTooLarge:
            log.warning("%s at %s: a response of more than %d bytes", self._name, self._base.host, self._limit)
            return ApiFault("too_large", f"The answer has more than {self._limit} bytes.")
        except httpx2.TransportError as error:
            fault = fault_of_exception(error)
            arrived = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            return msgspec.structs.replace(fault, retryable=False) if once and arrived else fault

    async def _read(self, response: UpstreamResponse) -> bytes | UpstreamFault:
        if not 200 <= response.status < 300:
            return await response.fault(now=self._now())
        return await response.read(self._limit)

    def _http(self, request: ApiRequest) -> httpx2.Request:
        body = b""
        headers = [("accept", "application/json"), *request.headers]
        if request.body is not None:
            body = msgspec.json.encode(request.body)
            headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        path, _, own_query = self._base.raw_path.partition(b"?")
        query = b"&".join(filter(None, (own_query, urlencode(request.query).encode("ascii"))))
        target = path.rstrip(b"/") + request.path.encode("ascii") + (b"?" + query if query else b"")
        return self._request("GET" if request.body is None else "POST", target, headers, body)

    def _request(self, method: str, target: bytes, more: Iterable[tuple[str, str]], body: bytes) -> httpx2.Request:
        headers = httpx2.Headers(
            [
                ("host", self._base.netloc.decode("ascii")),
                ("user-agent", user_agent()),
                ("accept-encoding", "identity"),
                *more,
                *self._signs,
            ]
        )
        return httpx2.Request(
            method,
            self._base.copy_with(raw_path=target),
            headers=headers,
            stream=Body(body),
            # The rest has the deadline of the whole call.
            extensions={"timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}},
        )

    def _told(self, fault: UpstreamFault) -> ApiFault:
        """The operator's log says where it was and what the API said; who gets the answer reads what went wrong."""
        detail = fault.detail or fault.message
        log.warning("%s at %s: %s, status %d: %s", self._name, self._base.host, fault.code, fault.status, detail)
        return ApiFault(_error(fault), fault.message)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _error(fault: UpstreamFault) -> ApiError:
    match fault.code:
        case "provider_timeout":
            return "timeout"
        case "content_filter":
            return "refused"
        case "invalid_request" | "context_length_exceeded" if fault.status in (400, 422) and not _is_about_money(fault):
            return "bad_arguments"
        case _:
            return "unavailable"


def _is_about_money(fault: UpstreamFault) -> bool:
    """OpenAI's images answer 400 `billing_hard_limit_reached`, which nobody but the operator can do anything about."""
    return any(word in (fault.upstream_code or "") for word in ("billing", "quota"))
