"""All nine cells, streamed and whole, against upstreams that are not ours: llama.cpp with a real model, and aimock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import cast

import httpx2
import pytest

from hyperinfer.formats import FORMATS, Dialect, Upstream, Wait
from hyperinfer.formats import events as ev
from tests.support.judge import breaches
from tests.support.served import KEY, Running
from tests.system.foreign import DIALECTS, PROTOCOLS, aimock_server, ask, catalogue, gateway, llama_server, question


@pytest.fixture(scope="module")
def before_llama(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("gateway")
    with (
        llama_server(llama, tmp_path_factory.mktemp("weights")) as upstream,
        gateway(folder, catalogue(upstream.url, "gemma3-270m")) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def before_aimock(aimock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with aimock_server(aimock) as url, gateway(tmp_path_factory.mktemp("gateway"), catalogue(url, "mock")) as server:
        yield server


def events_of(path: str, answer: httpx2.Response) -> list[ev.Event]:
    """What a client of the route's format reads in the answer."""
    codec, upstream = FORMATS[cast("Dialect", DIALECTS[path])], Upstream(vendor="openai", id_seed="s")
    if answer.headers["content-type"].startswith("application/json"):
        return list(codec.decode_response(answer.content, upstream))
    decoder = codec.stream_decoder(upstream)
    decoder.receive_data(answer.content)
    decoder.receive_eof()
    found: list[ev.Event] = []
    while not isinstance(event := decoder.next_event(), Wait):
        found.append(event)
    return found


def checked(server: Running, path: str, answer: httpx2.Response, *, streamed: bool) -> list[ev.Event]:
    """The events of a good answer, after its grammar and its bill were checked."""
    assert answer.status_code == 200, answer.text
    if streamed:
        assert breaches(cast("Dialect", DIALECTS[path]), answer.content) == []
    events = events_of(path, answer)
    assert isinstance(events[-1], ev.MessageEnd)
    usage = [event.usage for event in events if isinstance(event, ev.UsageUpdate)][-1]
    row = httpx2.get(
        f"{server.url}/api/v1/generation",
        params={"id": answer.headers["x-request-id"]},
        headers={"authorization": f"Bearer {KEY}"},
    )
    assert row.status_code == 200, row.text
    data = json.loads(row.content, parse_float=Decimal)["data"]
    assert data["tokens_prompt"] == usage.input_tokens
    assert data["tokens_completion"] == usage.output_tokens
    expected = data["tokens_prompt"] * Decimal("0.15") + data["tokens_completion"] * Decimal("0.6")
    assert Decimal(data["cost_micro_usd"]) == expected
    assert data["streamed"] is streamed
    return events


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path", DIALECTS)
def test_a_real_model(before_llama: Running, path: str, protocol: str, *, streamed: bool) -> None:
    body = question(path, f"test/{protocol}", "Name three colours of the rainbow.", streamed=streamed)
    events = checked(before_llama, path, ask(before_llama, path, body), streamed=streamed)
    assert "".join(event.text for event in events if isinstance(event, ev.TextDelta))


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path", DIALECTS)
def test_text_of_a_scripted_upstream(before_aimock: Running, path: str, protocol: str, *, streamed: bool) -> None:
    body = question(path, f"test/{protocol}", "hello there", streamed=streamed)
    events = checked(before_aimock, path, ask(before_aimock, path, body), streamed=streamed)
    text = "".join(event.text for event in events if isinstance(event, ev.TextDelta))
    assert text == "Hello from an upstream that others wrote: äöü €."


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path", DIALECTS)
def test_a_tool_call_of_a_scripted_upstream(before_aimock: Running, path: str, protocol: str, *, streamed: bool) -> None:
    body = question(path, f"test/{protocol}", "what is the weather", streamed=streamed, tool=True)
    events = checked(before_aimock, path, ask(before_aimock, path, body), streamed=streamed)
    assert [event.name for event in events if isinstance(event, ev.ToolCallStart)] == ["get_weather"]
    arguments = "".join(event.text for event in events if isinstance(event, ev.ArgumentsDelta))
    assert json.loads(arguments) == {"city": "Paris"}
    end = events[-1]
    assert isinstance(end, ev.MessageEnd)
    assert end.stop == "tool_calls"
