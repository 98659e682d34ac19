"""What the demo models do not answer."""

import httpx2
import pytest
from trio.testing import MockClock

from hyperinfer.providers.demo import DemoTransport
from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import CREATED, each_protocol, exchange, request


@each_protocol
@pytest.mark.parametrize(
    ("body", "about"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "object"),
        (b"{}", "model"),
        (b'{"model": 1}', "model"),
        (b"\xff", ""),
    ],
)
async def test_a_malformed_body_is_refused(protocol: Protocol, body: bytes, about: str, autojump_clock: MockClock) -> None:
    got = await exchange(protocol, body)
    assert (got.status, got.content_type) == (400, "application/json")
    assert got.json["error"]["type"] == "invalid_request_error"
    assert about in str(got.json["error"])
    if protocol == "anthropic_messages":
        assert got.json["type"] == "error"
        assert got.json["request_id"].startswith("req_")
    else:
        assert set(got.json["error"]) == {"message", "type", "param", "code"}


@each_protocol
async def test_a_malformed_body_is_refused_naming_the_field(protocol: Protocol, autojump_clock: MockClock) -> None:
    place = "input" if protocol == "openai_responses" else "messages"
    for value in ([], [3]):
        error = (await exchange(protocol, request(protocol) | {place: value})).json["error"]
        assert place in error["message"] + str(error.get("param"))


async def test_several_choices_are_refused(autojump_clock: MockClock) -> None:
    got = await exchange("openai_chat", request("openai_chat") | {"n": 2})
    assert (got.status, got.json["error"]["param"]) == (400, "n")


@each_protocol
async def test_a_schema_without_a_value_is_refused(protocol: Protocol, autojump_clock: MockClock) -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert (await exchange(protocol, request(protocol, schema=endless))).status == 400
    assert (await exchange(protocol, request(protocol, tools={"t": endless}))).status == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "/responses"), ("POST", "/messages/count_tokens"), ("POST", "/")])
async def test_other_addresses_are_not_found(method: str, path: str) -> None:
    async with httpx2.AsyncClient(transport=DemoTransport(now=lambda: CREATED), base_url="demo://chat") as client:
        assert (await client.request(method, path)).status_code == 404
