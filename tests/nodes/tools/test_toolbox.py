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
from tests.support.rawserver import Reply, Request, raw_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.formats.server_tools import ToolName
    from hyperinfer.nodes.tools.port import ServerTool

BOTH = """
tools:
  web_search: {kind: exa, api_key: "${EXA_KEY}", price: 0.007}
  image: {api_key: "${IMAGE_KEY}", price: 0.04}
  datetime: {price: 0.001}
  pdf: {price: 0.002}
"""
ALWAYS = {"datetime", "web_fetch", "pdf"}


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


async def test_an_image_at_a_private_address_is_not_fetched() -> None:
    """The images API is the operator's; what it answers with may be anybody's."""
    async with raw_server() as other, Transport() as transport:
        body = json.dumps({"data": [{"url": other.url + "/i.png"}]}).encode()
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        async with raw_server([Request(), Reply(reply)]) as server:
            text = f'tools: {{image: {{base_url: "{server.url}/v1", model: flux}}}}'
            made = toolbox(load(text, {}).tools, transport=transport, egress=Egress(), reader=DocumentReader())
            outcome = await made["image"].run({"prompt": "a"}, {})
        assert (outcome.error, outcome.images, other.unexpected) == ("unavailable", (), 0)
