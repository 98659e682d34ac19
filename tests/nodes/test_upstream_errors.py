"""Whatever an upstream does wrong reaches the client as the right error, well-formed, in its own format (RULES: Errors)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from hyperinfer.providers.transport_errors import GarbledResponse
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, bench, catalogue
from tests.support.replies import ERROR_FRAMES, STREAMS, WHOLES
from tests.support.upstreams import Piece, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

ONCE = catalogue(limits="{retries: 0}")
JSON = {"content-type": "application/json"}


def _said(message: str, **fields: str) -> bytes:
    more = "".join(f',"{name}":"{value}"' for name, value in fields.items())
    return b'{"error":{"message":"%b"%b}}' % (message.encode(), more.encode())


USUAL = {"content-type", "content-length", "x-request-id", "request-id"}

ROWS: list[tuple[str, int, bytes, str]] = [
    ("400", 400, _said("messages: too odd"), "invalid_request"),
    ("404", 404, _said("what is it"), "invalid_request"),
    ("409", 409, _said("conflict"), "invalid_request"),
    ("415", 415, _said("odd media"), "invalid_request"),
    ("422", 422, b'{"detail":[{"loc":["body","messages"],"msg":"field required","type":"missing"}]}', "invalid_request"),
    ("context", 400, _said("too long", code="context_length_exceeded"), "context_length_exceeded"),
    ("filter", 400, _said("filtered", code="content_filter"), "content_filter"),
    ("no model", 404, _said("The model `up` does not exist", code="model_not_found"), "provider_unavailable"),
    ("413", 413, _said("too large"), "payload_too_large"),
    ("401", 401, _said("Incorrect API key provided: sk-secret-openai_chat"), "provider_auth"),
    ("402", 402, _said("pay first"), "provider_auth"),
    ("403", 403, _said("no access for sk-secret-openai_chat"), "provider_auth"),
    ("408", 408, _said("slow"), "provider_timeout"),
    ("504", 504, _said("slow"), "provider_timeout"),
    ("429", 429, _said("quota of org-1 reached"), "provider_rate_limit"),
    ("500 with 429", 500, b'{"error":{"message":"busy","code":429}}', "provider_rate_limit"),
    ("503", 503, _said("busy"), "provider_overloaded"),
    ("529", 529, _said("busy"), "provider_overloaded"),
    ("500", 500, _said("oops"), "provider_unavailable"),
    ("502 page", 502, b"<html><body>Bad gateway</body></html>", "provider_unavailable"),
    ("500 empty", 500, b"", "provider_unavailable"),
    ("redirect", 302, b"", "provider_unavailable"),
    ("error under 200", 200, b'{"error":{"message":"busy","code":503}}', "provider_overloaded"),
    ("page under 200", 200, b"<!doctype html><p>hello", "provider_unavailable"),
    ("garbage", 200, b"\x00\xff\x17 nothing at all", "provider_unavailable"),
    ("broken JSON", 200, b'{"choices": [', "provider_unavailable"),
    ("nothing", 200, b"", "provider_unavailable"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize(("status", "body", "code"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_a_response_that_is_no_reply(
    client: Dialect, stream: bool, status: int, body: bytes, code: str, autojump_clock: object
) -> None:
    headers = JSON | {"retry-after": "7", "location": "http://10.0.0.1/", "set-cookie": "a=b", "server": "up"}
    async with bench(Script([(1.0, body)], status=status, headers=headers), catalogue=ONCE) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        message = check_error(client, exchange, code)
        assert "sk-secret" not in message
        assert "10.0.0.1" not in message
        again = {name: text for name, text in exchange.sent_headers.items() if name not in USUAL}
        # What an operator has to mend stays as it is, however often the SDKs repeat it.
        assert again == {"retry-after": "7"} | ({"x-should-retry": "false"} if code == "provider_auth" else {})
        row = gateway.row
        assert (row.status, row.error_code, row.cost, row.lines) == ("failed", code, 0, ())
        assert [(a.status, a.code, a.ms) for a in row.attempts] == [(status, code, 1000)]


@pytest.mark.parametrize(
    ("breaks", "code"),
    [
        (httpx2.ConnectError("refused"), "provider_unavailable"),
        (httpx2.ConnectTimeout("slow"), "provider_timeout"),
        (httpx2.ReadError("reset"), "provider_unavailable"),
        (httpx2.RemoteProtocolError("EOF"), "provider_unavailable"),
        (GarbledResponse("no HTTP"), "provider_unavailable"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_connection_that_breaks(
    client: Dialect, stream: bool, breaks: httpx2.TransportError, code: str, autojump_clock: object
) -> None:
    async with bench(Script(breaks=breaks, thinking=2.0), catalogue=ONCE) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        check_error(client, exchange, code)
        assert [(a.status, a.code, a.ms) for a in gateway.row.attempts] == [(None, code, 2000)]


@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_an_error_frame_before_output_has_a_status(client: Dialect, protocol: Dialect, autojump_clock: object) -> None:
    script = Script([(1.0, STREAMS[protocol][0]), (1.0, ERROR_FRAMES[protocol])])
    async with bench(script, catalogue=ONCE) as gateway:
        exchange = await gateway.ask(client, protocol, stream=True)
        code = gateway.row.error_code
        assert code in ("provider_overloaded", "provider_unavailable")
        check_error(client, exchange, code)
        assert gateway.row.attempts[0].code == code


@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_an_error_frame_after_output(client: Dialect, protocol: Dialect, autojump_clock: object) -> None:
    frames = STREAMS[protocol]
    script = Script([(1.0, frames[0] + frames[1]), (1.0, frames[2] + ERROR_FRAMES[protocol])])
    async with bench(script, Script()) as gateway:
        exchange = await gateway.ask(client, protocol, stream=True)
        code = gateway.row.error_code or ""
        check_failed_stream(client, exchange, code)
        assert b"Hel" in exchange.sent
        assert b"lo" in exchange.sent
        assert len(gateway.transport.played) == 1
        assert gateway.row.status == "failed"
        assert gateway.row.cost > 0, "what the client got is billed"
        assert [(a.status, a.code) for a in gateway.row.attempts] == [(200, code)]


ENDS: dict[str, tuple[bytes | BaseException, ...]] = {
    "EOF": (),
    "reset": (httpx2.ReadError("reset"),),
    "truncated": (httpx2.RemoteProtocolError("incomplete chunked read"),),
    "garbage": (b"data: {no json\n\n",),
    "half a frame": (b'data: {"id":',),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_an_end_in_the_middle(client: Dialect, protocol: Dialect, end: str, autojump_clock: object) -> None:
    pieces: list[Piece] = [(1.0, piece) for piece in (*STREAMS[protocol][:3], *ENDS[end])]
    async with bench(Script(pieces)) as gateway:
        exchange = await gateway.ask(client, protocol, stream=True)
        check_failed_stream(client, exchange, "provider_unavailable")
        assert (gateway.row.status, gateway.row.error_code) == ("failed", "provider_unavailable")
        assert [(a.status, a.code) for a in gateway.row.attempts] == [(200, "provider_unavailable")]


@pytest.mark.parametrize("protocol", DIALECTS)
async def test_an_end_in_the_middle_of_a_whole_reply(protocol: Dialect, autojump_clock: object) -> None:
    pieces: list[Piece] = [(1.0, WHOLES[protocol][:40]), (1.0, httpx2.RemoteProtocolError("incomplete"))]
    async with bench(Script(pieces, headers=JSON), Script([(1.0, WHOLES[protocol])], headers=JSON)) as gateway:
        exchange = await gateway.ask(protocol, protocol, stream=False)
        assert exchange.status == 200
        assert [a.code for a in gateway.row.attempts] == ["provider_unavailable", None]


async def test_rate_limit_headers_go_from_messages_to_messages_alone(autojump_clock: object) -> None:
    limits = {"anthropic-ratelimit-unified-status": "rejected", "retry-after": "287441", "x-internal": "1"}
    for client in DIALECTS:
        async with bench(Script([(0.0, _said("slow down"))], status=429, headers=JSON | limits)) as gateway:
            exchange = await gateway.ask(client, "anthropic_messages", stream=True)
            check_error(client, exchange, "provider_rate_limit")
            assert exchange.sent_headers["retry-after"] == "287441"
            assert ("anthropic-ratelimit-unified-status" in exchange.sent_headers) == (client == "anthropic_messages")
    for stream in (True, False):
        pieces = [(1.0, b"".join(STREAMS["anthropic_messages"]))]
        async with bench(Script(pieces, headers=limits)) as gateway:
            exchange = await gateway.ask("anthropic_messages", "anthropic_messages", stream=stream)
            assert (exchange.status, exchange.sent_headers["anthropic-ratelimit-unified-status"]) == (200, "rejected")
            assert "x-internal" not in exchange.sent_headers
