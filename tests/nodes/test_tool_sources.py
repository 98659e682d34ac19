"""What tools bring beside words: sources that the answer cites, PDFs as text, tools that a provider runs itself."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.server_tools import ToolOutcome, ToolSource
from hyperinfer.nodes.tools.citing import Citing
from hyperinfer.providers.catalogue import load
from tests.support.bench import DIALECTS, bench
from tests.support.judge import breaches
from tests.support.saying import sayings
from tests.support.tool_rounds import ScriptedTool, asked_of, call, found, switched_on, text, tooling, upstream

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event

CHAT: Dialect = "openai_chat"
PAGE = ToolSource(url="https://example.org/a", title="A page", text="Words of the page.")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_link_to_what_was_found_is_a_citation(client: Dialect, stream: bool, autojump_clock: object) -> None:
    search = ScriptedTool(steps=[(0.0, found(sources=(PAGE,)))])
    answer = "It is so ([A page](https://example.org/a)); elsewhere (https://other.org/) it is not."
    scripts = (
        upstream(CHAT, text("See https://example.org/a before."), call("web_search"), stream=stream),
        upstream(CHAT, text(answer), stream=stream),
    )
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(client, CHAT, stream=stream, **switched_on(client, "web_search"))
        if stream:
            assert breaches(client, exchange.sent) == []
        (said,) = sayings(client, exchange.sent)
        assert len(said.citations) == 1
        (citation,) = said.citations
        assert "https://example.org/a" in citation
        assert exchange.sent_headers["x-hyperinfer-loss"] == "0"
        assert gateway.row.losses == ()


@pytest.mark.parametrize(
    ("words", "cited"),
    [
        ("[x](https://example.org/a)", "[x](https://example.org/a)"),
        ("see https://example.org/a.", "https://example.org/a"),
        ("see https://example.org/a/, or", "https://example.org/a/"),
        ("<https://example.org/a>", "https://example.org/a"),
        ("[x](https://example.org/ab)", None),
        ("https://example.org/a?b=1", None),
        ("[[[[https://example.org/a", "https://example.org/a"),
        ("[x](https://example.org/a(b))", None),
    ],
)
def test_links_are_found_in_pieces_of_text(words: str, cited: str | None) -> None:
    citing = Citing()
    assert citing.push(ev.TextStart()) == (ev.TextStart(),)
    citing.know([PAGE])
    events: list[Event] = [ev.TextStart(), *(ev.TextDelta(letter) for letter in words), ev.TextEnd()]
    given = [out for event in events for out in citing.push(event)]
    assert [event for event in given if not isinstance(event, ev.Citation)] == events
    citations = [event for event in given if isinstance(event, ev.Citation)]
    assert [words[c.start : c.end] for c in citations] == ([] if cited is None else [cited])


def test_links_are_found_in_linear_time() -> None:
    citing = Citing()
    citing.know([PAGE])
    for hostile in ("[" * 100_000, "[a](" * 50_000, "https://a(" * 50_000, "[" + "a" * 100_000 + "](https://x"):
        events: list[Event] = [ev.TextStart(), ev.TextDelta(hostile), ev.TextEnd()]
        for event in events:
            citing.push(event)


PDF = base64.b64encode(b"%PDF-1.7 of the caller").decode()


def with_pdf(client: Dialect) -> dict[str, Any]:
    url = f"data:application/pdf;base64,{PDF}"
    if client == "openai_chat":
        part: dict[str, Any] = {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}
        return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Sum up."}, part, part]}]}
    if client == "openai_responses":
        part = {"type": "input_file", "filename": "a.pdf", "file_data": url}
        return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Sum up."}, part, part]}]}
    part = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Sum up."}, part, part]}]}


@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_pdf_is_told_as_text_to_a_model_that_takes_none(
    client: Dialect, protocol: Dialect, autojump_clock: object
) -> None:
    read: list[bytes | str] = []

    async def read_pdf(source: bytes | str) -> ToolOutcome:
        read.append(source)
        return found("[page 1 of 1]\nThe words of the PDF.")

    pdf = ScriptedTool("pdf", price=500)
    async with bench(upstream(protocol, text("Sum."), stream=False), tooling=tooling(pdf, read_pdf=read_pdf)) as gateway:
        fields = {**switched_on(client, "pdf"), **with_pdf(client)}
        exchange = await gateway.ask(client, protocol, stream=False, **fields)
        assert exchange.status == 200, exchange.sent
        body = gateway.transport.played[0].body
        assert PDF.encode() not in body
        assert body.count(b"The words of the PDF.") == 2
        assert b"Sum up." in body
        assert read == [b"%PDF-1.7 of the caller"]
        assert {line.bucket: line.cost for line in gateway.row.lines}["pdf"] == 500
        assert exchange.sent_headers["x-hyperinfer-loss"] == "0", gateway.row.losses


NATIVE = """
providers:
  a: {{protocol: {protocol}, base_url: "https://a.test/v1", api_key: k, native_tools: [{native}]}}
  b: {{protocol: openai_chat, base_url: "https://b.test/v1", api_key: k}}
creators: {{test: {{name: Test}}}}
models:
  - slug: test/native
    name: n
    description: d
    context_length: 1000
    max_output_tokens: 100
    pricing: {{prompt: 3, completion: 15}}
    source: made up, 2026-11-26
    routes: [{{provider: a, model: up}}, {{provider: b, model: up, weight: 0}}]
"""


async def test_a_pdf_stays_as_it_is_where_the_route_reads_it(autojump_clock: object) -> None:
    catalogue = load(NATIVE.format(protocol="openai_chat", native="pdf"), {}, "test.yaml")

    async def read_pdf(source: bytes | str) -> ToolOutcome:
        return found("The words of the PDF.")

    tools = tooling(ScriptedTool("pdf"), read_pdf=read_pdf)
    async with bench(upstream(CHAT, text("Sum."), stream=False), catalogue=catalogue, tooling=tools) as gateway:
        await gateway.ask(CHAT, "native", stream=False, **switched_on(CHAT, "pdf"), **with_pdf(CHAT))
        body = gateway.transport.played[0].body
        assert PDF.encode() in body
        assert b"The words of the PDF." not in body


@pytest.mark.parametrize("protocol", ["openai_responses", "anthropic_messages"])
async def test_a_route_that_runs_the_tool_itself_is_left_to_it_and_another_has_ours(
    protocol: Dialect, autojump_clock: object
) -> None:
    catalogue = load(NATIVE.format(protocol=protocol, native="web_search"), {}, "test.yaml")
    search = ScriptedTool()
    script = upstream(protocol, text("Found."), stream=False)
    async with bench(script, catalogue=catalogue, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, "native", stream=False, **switched_on(CHAT, "web_search"))
        assert exchange.status == 200, exchange.sent
        (tool,) = json.loads(gateway.transport.played[0].body)["tools"]
        assert tool["type"].startswith("web_search")
        assert search.ran == []
    refused = upstream(CHAT, text("x"), stream=False)
    scripts = (
        type(refused)([(0.0, b"{}")], status=401, headers={"content-type": "application/json"}),
        upstream(CHAT, call("web_search"), stream=False),
        upstream(CHAT, text("Found."), stream=False),
    )
    async with bench(*scripts, catalogue=catalogue, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, "native", stream=False, **switched_on(CHAT, "web_search"))
        assert sayings(CHAT, exchange.sent)[0].text == "Found."
        assert [tool.name for tool in asked_of(CHAT, gateway.transport.played[1].body).tools] == ["web_search"]
        assert len(search.ran) == 1
        assert gateway.row.losses == ()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", DIALECTS)
async def test_places_of_citations_are_counted_in_the_whole_text_of_a_chat_message(
    protocol: Dialect, stream: bool, autojump_clock: object
) -> None:
    """Of several rounds, and of several blocks in one: our own, and those that the provider gives in its round."""
    search = ScriptedTool(steps=[(0.0, found("It rises.", sources=(PAGE,)))])
    raw = {"type": "url_citation", "url": "https://own.example/", "title": "O", "start_index": 3, "end_index": 5}
    own = ev.Citation("openai_responses", raw, url="https://own.example/", title="O", start=3, end=5)
    said: list[Event] = [ev.TextStart(), ev.TextDelta(f"It is so, says {PAGE.url}."), own, ev.TextEnd()]
    scripts = (
        upstream(protocol, text("Let me look."), call("web_search"), stream=stream),
        upstream(protocol, text(f"See [Tides]({PAGE.url}). "), call("web_search"), stream=stream),
        upstream(protocol, said, stream=stream),
    )
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, protocol, stream=stream, **switched_on(CHAT, "web_search"))
        (heard,) = sayings(CHAT, exchange.sent)
        places = [(int(a), int(b)) for a, b in re.findall(rb'"start_index":(\d+),"end_index":(\d+)', exchange.sent)]
    assert heard.text == f"Let me look.\n\nSee [Tides]({PAGE.url}). It is so, says {PAGE.url}."
    cited = {heard.text[start:end] for start, end in places}
    assert cited - {""} == {f"[Tides]({PAGE.url})", PAGE.url, *(["is"] if protocol != "anthropic_messages" else [])}
