"""`GET /metrics`: who may read it, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hyperinfer.engine import Failure
from hyperinfer.formats import FORMATS
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.api.metrics.siblings import Siblings

PATH: Final = "/metrics"
BODY_LIMIT: Final = 64 * 1024

_UNSET = Failure(
    "invalid_api_key",
    "Metrics are for who has the token of HYPERINFER_METRICS_TOKEN, and this gateway was started without one. Set it, or"
    " start with --metrics open where everybody may read them.",
)
_WRONG = Failure("invalid_api_key", "Send Authorization: Bearer with the token of HYPERINFER_METRICS_TOKEN.")


def metrics_route(siblings: Siblings, *, token: Secret | None, open_to_all: bool, new_id: Callable[[], str]) -> Handler:
    """The handler. `token`: what a reader has to send; None: nobody may read, unless it is `open_to_all`."""

    async def handle(exchange: Exchange) -> None:
        request = new_id()
        if exchange.method not in ("GET", "HEAD"):
            wrong = Failure("invalid_request", f"{exchange.method} is not possible here; use GET.")
            await _refuse(exchange, request, wrong, 405)
        elif not open_to_all and token is None:
            await _refuse(exchange, request, _UNSET, 401)
        elif not open_to_all and _sent(exchange) != token:
            await _refuse(exchange, request, _WRONG, 401)
        else:
            await _tell(exchange, request, siblings)

    return handle


async def _tell(exchange: Exchange, request: str, siblings: Siblings) -> None:
    # Loaded by who is asked: two dozen modules that a gateway without Prometheus has no use for.
    from hyperinfer.api.metrics.exposition import encoder_for, families, written

    gathered = await siblings.gather()
    accept = b",".join(value for name, value in exchange.headers if name == b"accept")
    encode, kind = encoder_for(accept.decode("latin-1"))
    text = b"".join([piece async for piece in written(families(gathered), encode)])
    await _answer(exchange, request, 200, kind, text)


def _sent(exchange: Exchange) -> Secret:
    """The token of a request, "" where it has none."""
    for name, value in exchange.headers:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return Secret(token.strip() if scheme.lower() == "bearer" else "")
    return Secret("")


async def _refuse(exchange: Exchange, request: str, failure: Failure, status: int) -> None:
    report = ErrorReport(failure.code, failure.message, request, status=status)
    body = FORMATS["openai_chat"].encode_error(report)
    more = ((b"allow", b"GET, HEAD"),) if status == 405 else ((b"www-authenticate", b"Bearer"),)
    await _answer(exchange, request, status, "application/json", body, more)


async def _answer(
    exchange: Exchange,
    request: str,
    status: int,
    kind: str,
    body: bytes,
    more: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    headers = [
        (b"content-type", kind.encode("latin-1")),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request.encode()),
        *more,
    ]
    await exchange.send_head(status, headers)
    await exchange.send_last(body)
