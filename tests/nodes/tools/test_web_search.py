"""The tool `web_search` over HTTP: each API as it is documented, and everything that one can answer instead."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import trio

from hyperinfer.formats.server_tools import ToolOutcome, ToolSource
from hyperinfer.nodes.tools.web_search import ANSWER_LIMIT, WebSearchTool
from hyperinfer.providers.catalogue_records import Tool
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport
from tests.support.rawserver import Reply, Request, Reset, raw_server
from tests.support.upstreams import NEVER, Script, ScriptedTransport

KEY = "tvly-secret-0123456789abcdef"
RESULTS = [
    {
        "title": "Book",
        "url": "https://doc.rust-lang.org/book/",
        "content": "Rust has no GC.",
        "published_date": "2026-12-24",
    },
    {"title": "", "url": "https://docs.rs/gc", "content": ""},
]
TEXT = """\
2 results of the web search for "rust gc":

[1] Book
Address: https://doc.rust-lang.org/book/
Published: 2026-12-24
Rust has no GC.

[2] https://docs.rs/gc
Address: https://docs.rs/gc

Cite the pages that you use as Markdown links to their addresses: [title](address)."""


def tool(kind: str = "tavily", url: str = "http://search.internal:8080/api", *, key: str = KEY) -> Tool:
    return Tool("web_search", kind, url, (Secret(key),) if key else (), price=5_000_000_000)


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answered(results: Any = RESULTS) -> bytes:
    return json.dumps({"query": "x", "results": results}).encode()


async def search(transport: httpx2.AsyncBaseTransport, made: Tool | None = None, **arguments: Any) -> ToolOutcome:
    searching = WebSearchTool(made or tool(), transport, now=lambda: 1_798_250_712.0)
    options = arguments.pop("options", {})
    return await searching.run({"query": "rust gc", **arguments}, options)


@pytest.mark.parametrize(
    ("kind", "line", "key_header", "answer"),
    [
        ("tavily", "POST /api/search HTTP/1.1", ("authorization", f"Bearer {KEY}"), {"results": RESULTS}),
        (
            "exa",
            "POST /api/search HTTP/1.1",
            ("x-api-key", KEY),
            {
                "results": [
                    {**RESULTS[0], "publishedDate": "2026-12-24", "highlights": ["Rust has no GC."]},
                    {**RESULTS[1], "highlights": [""]},
                ]
            },
        ),
        (
            "brave",
            "GET /api/web/search?q=rust+gc&count=6&text_decorations=false&result_filter=web HTTP/1.1",
            ("x-subscription-token", KEY),
            {
                "type": "search",
                "web": {"results": [{**RESULTS[0], "page_age": "2026-12-24", "description": "Rust has no GC."}, RESULTS[1]]},
            },
        ),
        (
            "searxng",
            "GET /api/search?q=rust+gc&format=json HTTP/1.1",
            ("authorization", f"Bearer {KEY}"),
            {"results": [{**RESULTS[0], "publishedDate": "2026-12-24"}, RESULTS[1]]},
        ),
    ],
)
async def test_each_kind_on_the_wire(kind: str, line: str, key_header: tuple[str, str], answer: Any) -> None:
    async with raw_server([Request(), Reply(http(json.dumps(answer).encode()))]) as server, Transport() as transport:
        outcome = await search(transport, tool(kind, server.url + "/api"))
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(each.split(": ", 1) for each in lines)
    assert first == line
    assert headers.pop("user-agent").startswith("hyperinfer")
    expected = {"host": f"127.0.0.1:{server.port}", "accept": "application/json", "accept-encoding": "identity"}
    if line.startswith("POST"):
        expected |= {"content-type": "application/json", "content-length": str(len(body))}
        assert json.loads(body)["query"] == "rust gc"
    assert {name.lower(): value for name, value in headers.items()} == {**expected, key_header[0]: key_header[1]}
    assert outcome == ToolOutcome(
        text=TEXT,
        summary='2 results for "rust gc"',
        sources=(
            ToolSource(url="https://doc.rust-lang.org/book/", title="Book", text="Rust has no GC.", published="2026-12-24"),
            ToolSource(url="https://docs.rs/gc"),
        ),
    )


async def test_the_query_of_an_address_and_a_missing_key() -> None:
    async with raw_server([Request(), Reply(http(answered()))]) as server, Transport() as transport:
        await search(transport, tool("searxng", server.url + "/s?theme=a%20b", key=""), query="ü&=#?", freshness="month")
        head = server.requests[0].decode()
    target = urlsplit(head.split(" ")[1])
    assert target.path == "/s/search"
    assert target.query.startswith("theme=a%20b&q=")
    assert dict(parse_qsl(target.query)) == {"theme": "a b", "q": "ü&=#?", "format": "json", "time_range": "month"}
    assert "authorization" not in head.lower()


async def test_a_redirect_is_not_followed() -> None:
    async with raw_server() as other:
        moved = http(b"", "302 Found", f"Location: {other.url}/search")
        async with raw_server([Request(), Reply(moved)]) as server, Transport() as transport:
            outcome = await search(transport, tool(url=server.url))
        assert (outcome.error, outcome.calls) == ("unavailable", 0)
        assert other.unexpected == 0


async def test_an_answer_that_is_compressed_regardless() -> None:
    packed = http(gzip.compress(answered()), "200 OK", "Content-Encoding: gzip")
    async with raw_server([Request(), Reply(packed)]) as server, Transport() as transport:
        assert (await search(transport, tool(url=server.url))).text == TEXT


async def test_a_connection_that_breaks_is_tried_again() -> None:
    async with raw_server([Request(), Reset()], [Request(), Reply(http(answered()))]) as server, Transport() as transport:
        assert (await search(transport, tool(url=server.url))).text == TEXT


async def test_no_server() -> None:
    async with raw_server() as server:
        url = server.url
    async with Transport() as transport:
        assert (await search(transport, tool(url=url))).error == "unavailable"


OK = Script([(0.1, answered())], headers={})
BOMB = gzip.compress(b" " * (ANSWER_LIMIT + 1))


def failing(status: int, body: bytes = b"{}", **headers: str) -> Script:
    return Script([(0.0, body)], status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("scripts", "error", "seconds"),
    [
        ((failing(429), OK), None, 1.2),
        ((failing(429, retry_after="2"), OK), None, 2.1),
        ((failing(503), OK), None, 0.6),
        ((Script(breaks=httpx2.ConnectError("refused")), OK), None, 0.6),
        ((Script(breaks=httpx2.ReadError("reset")), OK), None, 0.6),
        ((failing(500), failing(500)), "unavailable", 0.5),
        ((failing(429), failing(429, retry_after="0")), "unavailable", 1.1),
        ((failing(429, retry_after="60"),), "unavailable", 0.0),
        ((failing(429, retry_after="Sat, 26 Dec 2026 02:05:14 GMT"), OK), None, 2.1),
        ((failing(401, b'{"detail": {"error": "Unauthorized: invalid API key %s"}}' % KEY.encode()),), "unavailable", 0.0),
        ((failing(403),), "unavailable", 0.0),
        ((failing(404),), "unavailable", 0.0),
        ((failing(432, b'{"detail": {"error": "This request exceeds your plan"}}'),), "unavailable", 0.0),
        ((failing(400, b'{"detail": {"error": "Query is too long."}}'),), "bad_arguments", 0.0),
        ((failing(422),), "bad_arguments", 0.0),
        ((failing(301, location="http://search.internal/x"),), "unavailable", 0.0),
        ((failing(200, b"<html>blocked</html>", content_type="text/html"),), "unavailable", 0.0),
        ((failing(200, b""),), "unavailable", 0.0),
        ((failing(200, b"[" * 100_000),), "unavailable", 0.0),
        ((failing(200, b'{"results": "\xff"}'),), "unavailable", 0.0),
        ((failing(200, b'{"results": 1e999}'),), "unavailable", 0.0),
        ((failing(200, b"null"),), "unavailable", 0.0),
        ((failing(200, BOMB, content_encoding="gzip"),), "unavailable", 0.0),
        ((failing(200, b"x", content_encoding="br"),), "unavailable", 0.0),
        ((Script([(0.5, b"[" + b" " * ANSWER_LIMIT), NEVER]),), "unavailable", 0.5),
        ((Script(thinking=1e6),), "timeout", 29.0),
        ((Script([(1.0, b"{"), NEVER]),), "timeout", 29.0),
        ((Script(connecting=1e6), Script(connecting=1e6)), "timeout", 20.5),
        ((failing(504), failing(504)), "timeout", 0.5),
    ],
)
async def test_what_else_can_come(
    scripts: tuple[Script, ...], error: str | None, seconds: float, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    transport = ScriptedTransport(*scripts)
    begun = trio.current_time()
    with caplog.at_level(logging.WARNING, "hyperinfer.tools"):
        outcome = await search(transport)
    assert trio.current_time() - begun == pytest.approx(seconds)
    assert len(transport.played) == len(scripts)
    assert not transport.left_open
    assert outcome.error == error
    assert outcome.calls == (error is None)
    if error:
        assert not outcome.sources
        for private in (KEY, "search.internal", "8080"):
            assert private not in outcome.text + outcome.summary
        (record,) = caplog.records
        assert "web_search at search.internal: " in record.getMessage(), "the operator reads where it was"
        assert KEY not in caplog.text


async def test_a_search_that_is_cancelled_closes_its_connection(autojump_clock: object) -> None:
    transport = ScriptedTransport(Script([(1.0, b"{"), NEVER]))
    with trio.move_on_after(5):
        await search(transport)
    assert [played.closed_at for played in transport.played] == [trio.current_time()]


async def test_results_are_of_the_domains_that_were_asked_for_whatever_the_api_does() -> None:
    found = [{"url": f"https://{host}/", "title": host} for host in ("a.com", "x.a.com", "evil.com", "b.com", "a.com")]
    script = Script([(0.0, answered(found))])
    options = {"allowed_domains": ["a.com", "b.com"], "blocked_domains": ["x.a.com", "b.com/private"]}
    transport = ScriptedTransport(script, script)
    outcome = await search(transport, options=options)
    assert [each.url for each in outcome.sources] == ["https://a.com/", "https://b.com/"]
    assert json.loads(transport.played[0].body)["include_domains"] == ["a.com", "b.com"]
    outcome = await search(transport, options=options, domains=["b.com"])
    assert [each.url for each in outcome.sources] == ["https://b.com/"]
    assert json.loads(transport.played[1].body)["include_domains"] == ["b.com"]
    refused = await search(transport, options=options, domains=["evil.com"])
    assert (refused.error, refused.calls, len(transport.played)) == ("bad_arguments", 0, 2)


async def test_no_more_results_than_asked_for_and_no_longer() -> None:
    found = [{"url": f"https://a.com/{i}", "title": "t" * 999, "content": "word " * 999} for i in range(50)]
    outcome = await search(ScriptedTransport(Script([(0.0, answered(found))])), count=4)
    assert [each.url for each in outcome.sources] == [f"https://a.com/{i}" for i in range(4)]
    assert all(len(each.title) == 300 and len(each.text) <= 800 for each in outcome.sources)
    assert outcome.sources[0].text.endswith("word…")


async def test_nothing_found() -> None:
    outcome = await search(ScriptedTransport(Script([(0.0, answered([]))])))
    assert outcome == ToolOutcome(
        text='No results for "rust gc". Try other or fewer words, or fewer restrictions.', summary='No results for "rust gc"'
    )


def test_how_it_is_told_to_models() -> None:
    made = WebSearchTool(tool(), ScriptedTransport(), now=lambda: 0.0)
    assert (made.name, made.price, made.seconds) == ("web_search", 5_000_000_000, 30.0)
    parameters = made.declaration({"max_results": 4, "allowed_domains": ["a.com/x", "b.com"]}).parameters
    properties = parameters["properties"]
    assert parameters["required"] == ["query"]
    assert properties.keys() == {"query", "count", "freshness", "domains"}
    assert properties["count"]["maximum"] == 4
    assert "There are: a.com/x, b.com." in properties["domains"]["description"]
    with pytest.raises(ValueError, match="max_results"):
        made.declaration({"max_results": -1})
