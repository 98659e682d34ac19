"""Which tools there are, with what is in the catalogue, and after it has changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hyperinfer.nodes.tools.documents.reader import DocumentReader
from hyperinfer.nodes.tools.toolbox import CurrentTools, toolbox
from hyperinfer.providers.catalogue import load
from hyperinfer.providers.egress import Egress
from hyperinfer.providers.listing import public_models
from hyperinfer.providers.transport import Transport
from tests.support.pdfs import pdf_of
from tests.support.rawserver import Reply, Request, raw_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.formats.server_tools import ToolName
    from hyperinfer.nodes.tools.port import ServerTool
    from hyperinfer.providers.catalogue import Catalogue

BOTH = """
tools:
  web_search: {kind: exa, api_key: "${EXA_KEY}", price: 0.007}
  image: {api_key: "${IMAGE_KEY}", price: 0.04}
  datetime: {price: 0.001}
  pdf: {price: 0.002}
"""
ALWAYS = {"datetime", "web_fetch", "pdf"}


def answered(body: bytes, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def of_catalogue(catalogue: Catalogue, transport: Transport) -> CurrentTools:
    return CurrentTools(
        lambda: catalogue, transport=transport, reader=DocumentReader(), egress=lambda allow: Egress(allow=allow)
    )


def tools(text: str, environ: dict[str, str]) -> Mapping[ToolName, ServerTool]:
    return toolbox(load(text, environ).tools, transport=Transport(), egress=Egress(), reader=DocumentReader())


@pytest.mark.parametrize(
    ("text", "environ", "more"),
    [
        ("", {}, set[str]()),
        (BOTH, {}, set[str]()),
        (BOTH, {"EXA_KEY": "k"}, {"web_search"}),
        (BOTH, {"IMAGE_KEY": "k"}, {"image"}),
        (BOTH, {"EXA_KEY": "k", "IMAGE_KEY": "k"}, {"web_search", "image"}),
    ],
)
def test_which_there_are(text: str, environ: dict[str, str], more: set[str]) -> None:
    made = tools(text, environ)
    assert made.keys() == ALWAYS | more
    assert all(tool.name == name for name, tool in made.items())
    listed = public_models(load(text, environ))
    assert listed.meta.image_generation_configured == ("image" in made), "the list of models says the same"


@pytest.mark.parametrize("kind", ["brave", "tavily", "exa", "searxng"])
def test_every_kind_that_may_be_configured_can_be_made(kind: str) -> None:
    text = f'tools: {{web_search: {{kind: {kind}, base_url: "http://a", price: 0.002}}}}'
    assert tools(text, {})["web_search"].price == 2_000_000_000


def test_prices() -> None:
    made = tools(BOTH, {"EXA_KEY": "k", "IMAGE_KEY": "k"})
    assert {name: tool.price for name, tool in made.items()} == {
        **{"datetime": 10**9, "pdf": 2 * 10**9, "web_fetch": 0, "web_search": 7 * 10**9, "image": 40 * 10**9},
    }
    assert tools("", {})["datetime"].price == 0


async def test_they_follow_the_catalogue() -> None:
    held = [load("", {})]
    current = CurrentTools(
        lambda: held[0],
        transport=Transport(),
        reader=DocumentReader(),
        egress=lambda allow: Egress(allow=allow),
        now=lambda: 0.0,
    )
    first = current()
    assert current() is first
    assert "1970-01-01T00:00:00" in (await first["datetime"].run({}, {})).text
    held[0] = load(BOTH, {"EXA_KEY": "k"})
    assert "web_search" in current()
    assert current() is current()


@pytest.mark.parametrize(("allow", "error"), [("", "unavailable"), ("egress: {allow: [127.0.0.0/8]}", None)])
async def test_an_image_at_a_private_address_is_fetched_only_where_the_operator_allows_it(
    allow: str, error: str | None
) -> None:
    """The images API is the operator's; what it answers with may be anybody's."""
    png = b"\x89PNG\r\n\x1a\n"
    async with raw_server([Request(), Reply(answered(png, "image/png"))]) as other, Transport() as transport:
        body = json.dumps({"data": [{"url": other.url + "/i.png"}]}).encode()
        async with raw_server([Request(), Reply(answered(body))]) as server:
            catalogue = load(f'tools: {{image: {{base_url: "{server.url}/v1", model: flux}}}}\n{allow}', {})
            current = of_catalogue(catalogue, transport)
            outcome = await current()["image"].run({"prompt": "a"}, {})
        assert outcome.error == error
        assert len(other.connections) == (error is None)


@pytest.mark.parametrize(("allow", "error"), [("", "refused"), ("egress: {allow: [127.0.0.0/8]}", None)])
async def test_pdfs_of_conversations(allow: str, error: str | None) -> None:
    pdf = pdf_of(["first", "second"])
    async with raw_server([Request(), Reply(answered(pdf, "application/pdf"))]) as server, Transport() as transport:
        catalogue = load(allow, {})
        current = of_catalogue(catalogue, transport)
        by_url = await current.read_pdf(server.url + "/a.pdf")
        by_bytes = await current.read_pdf(pdf)
    assert by_url.error == error
    assert by_bytes.error is None
    assert "second" in by_bytes.text
    assert error or by_url.sources[0].url == server.url + "/a.pdf"
    assert (await current.read_pdf("ftp://a/b")).error
    assert (await current.read_pdf(b"no")).error == "unsupported"
