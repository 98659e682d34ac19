"""The hot path: what goes out, what comes back, and that it closes."""

import gzip
import itertools
import json
from importlib import metadata

import httpx2
import pytest
import trio

from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.providers.catalogue import Provider, Timeouts
from hyperinfer.providers.client import ERROR_BODY_LIMIT, BodyTooLarge, Upstream
from hyperinfer.providers.quirks import Protocol
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse
from tests.support.rawserver import End, Hold, Reply, Request, Script, raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def provider(url: str, protocol: Protocol = "openai_chat", **fields: object) -> Provider:
    defaults: dict[str, object] = {"keys": (Secret("sk-one"),)}
    return Provider("p", protocol, url + "/v1", **(defaults | fields))  # type: ignore[arg-type]


def sent(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Request line, headers by lower-case name (each must be there once), body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *rest = head.decode("ascii").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (header.partition(":") for header in rest)]
    assert len(dict(pairs)) == len(pairs)
    return line, dict(pairs), body


@pytest.mark.parametrize(
    ("protocol", "path", "own"),
    [
        ("openai_chat", "/v1/chat/completions", {"authorization": "Bearer sk-one"}),
        ("openai_responses", "/v1/responses", {"authorization": "Bearer sk-one"}),
        ("anthropic_messages", "/v1/messages", {"x-api-key": "sk-one", "anthropic-version": "2023-06-01"}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_exactly_these_headers_go_out(protocol: Protocol, path: str, own: dict[str, str], stream: bool) -> None:
    async with raw_server([Request(), Reply(OK)]) as server, Transport() as transport:
        auth = "x-api-key" if protocol == "anthropic_messages" else "bearer"
        upstream = Upstream(provider(server.url, protocol, auth=auth), transport, turns=itertools.count())
        async with upstream.open(upstream.endpoint, b'{"a":1}', stream=stream) as response:
            assert (response.status, await response.read(10)) == (200, b"{}")
        line, headers, body = sent(server.requests[0])
        assert line == f"POST {path} HTTP/1.1"
        assert headers == own | {
            "host": f"127.0.0.1:{server.port}",
            "user-agent": f"hyperinfer/{metadata.version('hyperinfer')}",
            "accept": "text/event-stream" if stream else "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "content-length": "7",
        }
        assert body == b'{"a":1}'
        assert transport.idle == 1


async def test_headers_of_the_provider_and_of_a_messages_client() -> None:
    fields = {"headers": (("anthropic-beta", Secret("a")), ("X-Title", Secret("t"))), "auth": "header:api-key"}
    async with raw_server([Request(), Reply(OK), Request(), Reply(OK)]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url, "anthropic_messages", **fields), transport, turns=itertools.count())
        extra = [("anthropic-version", "2026-10-21"), ("Anthropic-Beta", "b,c"), ("anthropic-beta", "d")]
        async with upstream.open("/messages/count_tokens", b"{}", stream=False, extra_headers=extra) as response:
            await response.read(10)
        line, headers, _ = sent(server.requests[0])
        assert line == "POST /v1/messages/count_tokens HTTP/1.1"
        assert headers["anthropic-version"] == "2026-10-21"
        assert headers["anthropic-beta"] == "a,b,c,d"
        assert (headers["x-title"], headers["api-key"]) == ("t", "sk-one")
        async with upstream.open(upstream.endpoint, b"{}", stream=False) as response:
            await response.read(10)
        _, headers, _ = sent(server.requests[1])
        assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2023-06-01", "a")


async def test_headers_of_a_client_stay_here() -> None:
    upstream = Upstream(provider("http://127.0.0.1:1"), Transport(), turns=itertools.count())
    for name in ("Authorization", "x-api-key", "cookie", "x-forwarded-for", "xi-api-key", "host"):
        with pytest.raises(ValueError, match=name.lower()):
            async with upstream.open("/x", b"", stream=False, extra_headers=[(name, "a")]):
                pass


async def test_anthropic_headers_do_not_reach_other_protocols() -> None:
    async with raw_server([Request(), Reply(OK)]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"", stream=False, extra_headers=[("anthropic-beta", "a")]):
            pass
        assert "anthropic-beta" not in sent(server.requests[0])[1]


async def test_keys_take_turns() -> None:
    script: Script = [Request(), Reply(OK)] * 4
    async with raw_server(script) as server, Transport() as transport:
        keys = tuple(Secret(f"sk-{i}") for i in range(3))
        upstream = Upstream(provider(server.url, keys=keys), transport, turns=itertools.count(1))
        for _ in range(4):
            async with upstream.open("/x", b"", stream=False) as response:
                await response.read(10)
        used = [sent(request)[1]["authorization"] for request in server.requests]
        assert used == [f"Bearer sk-{i}" for i in (1, 2, 0, 1)]


async def test_an_open_provider_gets_no_key() -> None:
    async with raw_server([Request(), Reply(OK)]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url, keys=()), transport, turns=itertools.count())
        async with upstream.open("/x", b"", stream=False):
            pass
        assert "authorization" not in sent(server.requests[0])[1]


async def test_azure_by_configuration_alone() -> None:
    async with raw_server([Request(), Reply(OK)]) as server, Transport() as transport:
        base = f"{server.url}/openai/deployments/gpt%2D4o?api-version=2024-10-21"
        azure = Provider("azure", "openai_chat", base, (Secret("0123"),), auth="header:api-key")
        upstream = Upstream(azure, transport, turns=itertools.count())
        async with upstream.open(upstream.endpoint, b"{}", stream=False):
            pass
        line, headers, _ = sent(server.requests[0])
        assert line == "POST /openai/deployments/gpt%2D4o/chat/completions?api-version=2024-10-21 HTTP/1.1"
        assert headers["api-key"] == "0123"


async def test_a_stream_arrives_piece_by_piece() -> None:
    script: Script = [Request(), Reply(STREAM + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", piece=8)]
    async with raw_server(script) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=True) as response:
            pieces = [piece async for piece in response]
        assert b"".join(pieces) == b"onetwo"
        assert len(pieces) > 1
        assert b"" not in pieces
        assert transport.idle == 1


async def test_leaving_early_closes_the_connection() -> None:
    async with raw_server([Request(), Reply(STREAM + b"3\r\none\r\n"), Hold()]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=True) as response:
            assert await anext(response) == b"one"
        assert (transport.idle, transport.active) == (0, 0)
        with trio.fail_after(5):
            await server.connections[0].closed.wait()


async def test_a_cut_stream_is_an_error_behind_its_pieces() -> None:
    async with raw_server([Request(), Reply(STREAM + b"3\r\none\r\n"), End()]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=True) as response:
            assert await anext(response) == b"one"
            with pytest.raises(Disconnected):
                await anext(response)


async def test_a_compressed_stream_is_decoded() -> None:
    coded = gzip.compress(b"data: hello\n\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    async with raw_server([Request(), Reply(head + coded, piece=10)]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=True) as response:
            assert await response.read(100) == b"data: hello\n\n"


async def test_an_unknown_coding_is_an_error_and_closes() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 100\r\n\r\n"
    async with raw_server([Request(), Reply(head), Hold()]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        with pytest.raises(GarbledResponse):
            async with upstream.open("/x", b"{}", stream=True):
                pass
        assert (transport.idle, transport.active) == (0, 0)


async def test_a_whole_body_is_bounded() -> None:
    async with raw_server([Request(), Reply(OK)]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=False) as response:
            with pytest.raises(BodyTooLarge):
                await response.read(1)


def reply(status: int, body: bytes, *headers: str) -> Reply:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return Reply("\r\n".join(lines).encode() + body)


async def test_a_fault() -> None:
    body = json.dumps({"error": {"message": "quota of sk-one at 127.0.0.1 used up", "code": "rate_limit_exceeded"}})
    async with raw_server([Request(), reply(429, body.encode(), "Retry-After: 7")]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=True) as response:
            fault = await response.fault(now=0)
        assert (fault.code, fault.retry_after, fault.retryable) == ("provider_rate_limit", 7.0, True)
        assert fault.message == "quota of [redacted] at [redacted] used up"
        assert transport.idle == 1


async def test_a_fault_within_a_reply() -> None:
    body = json.dumps({"error": {"message": "sk-one: quota at 127.0.0.1 used up", "code": "rate_limit_exceeded"}})
    async with raw_server([Request(), reply(200, body.encode())]) as server, Transport() as transport:
        keys = (Secret("private words"),)
        upstream = Upstream(provider(server.url, keys=keys), transport, turns=itertools.count())
        async with upstream.open("/x", b"{}", stream=True) as response:
            error = upstream_error(json.loads(await response.read(1000)))
            fault = response.fault_within(error)
            assert (fault.code, fault.status, fault.retryable) == ("provider_rate_limit", 200, True)
            assert fault.message == "[redacted]: quota at [redacted] used up"
            error = upstream_error("these are private words, it says")
            assert response.fault_within(error).message == "these are [redacted], it says"


async def test_a_fault_whose_body_breaks_off_or_does_not_end() -> None:
    broken = Reply(b"HTTP/1.1 503 X\r\nContent-Length: 100\r\n\r\n" + b'{"error":{"message":"full"')
    endless = reply(529, b" " * (ERROR_BODY_LIMIT * 3))
    async with raw_server([Request(), broken, End()], [Request(), endless]) as server, Transport() as transport:
        upstream = Upstream(provider(server.url), transport, turns=itertools.count())
        for _ in range(2):
            async with upstream.open("/x", b"{}", stream=False) as response:
                assert (await response.fault(now=0)).code == "provider_overloaded"


async def test_other_transports_will_do() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=request.headers["authorization"].encode())

    upstream = Upstream(provider("http://nowhere"), httpx2.MockTransport(answer), turns=itertools.count())
    async with upstream.open("/x", b"{}", stream=False) as response:
        assert await response.read(100) == b"Bearer sk-one"


async def test_the_provider_says_how_long_connecting_may_take() -> None:
    seen: list[object] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.extensions["timeout"])
        return httpx2.Response(200)

    slow = provider("http://nowhere", timeouts=Timeouts(connect=3))
    upstream = Upstream(slow, httpx2.MockTransport(answer), turns=itertools.count())
    async with upstream.open("/x", b"{}", stream=False):
        pass
    assert seen == [{"connect": 3, "read": None, "write": None, "pool": None}]


async def test_the_key_shows_nowhere() -> None:
    upstream = Upstream(provider("http://nowhere"), Transport(), turns=itertools.count())
    assert "sk-one" not in repr(upstream) + repr(vars(upstream))


async def test_a_prebuilt_head_says_what_a_built_one_does() -> None:
    said: list[list[bytes]] = []
    for kind in (Transport, type("Watched", (Transport,), {})):
        async with raw_server([Request(), Reply(OK)] * 2) as server, kind() as transport:
            target = provider(server.url, headers=(("X-Title", Secret("t")),), auth="header:api-key")
            upstream = Upstream(target, transport, turns=itertools.count())
            for body in (b"{}", b'{"a":"' + b"b" * 2000 + b'"}'):
                async with upstream.open(upstream.endpoint, body, stream=True) as response:
                    await response.read(10)
            said.append([request.replace(f":{server.port}".encode(), b"") for request in server.requests])
    assert said[0] == said[1]
    assert [len(sent(request)[2]) for request in said[0]] == [2, 2008]


@pytest.mark.parametrize("transport", [Transport, type("Watched", (Transport,), {})], ids=["prebuilt", "built"])
async def test_headers_of_a_response_are_found_by_lower_case_names(transport: type[Transport]) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: a\r\nx-one: b\r\nX-Two: caf\xc3\xa9\r\n\r\n{}"
    plain = head.replace(b"caf\xc3\xa9", b"c")
    async with raw_server([Request(), Reply(head), Request(), Reply(plain)]) as server, transport() as opened:
        upstream = Upstream(provider(server.url), opened, turns=itertools.count())
        for two in ("café", "c"):
            async with upstream.open("/x", b"{}", stream=False) as response:
                await response.read(10)
            assert (response.headers["x-one"], response.headers["x-two"]) == ("a, b", two)
