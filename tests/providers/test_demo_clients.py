"""Whatever a real client sends is answered, and whatever nobody sends is refused, not crashed on."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.providers.demo import anthropic_messages, openai_chat, openai_responses
from hyperinfer.providers.demo.answer import compose
from hyperinfer.providers.demo.asked import Asked, Malformed, is_list, is_table
from hyperinfer.providers.demo.recording import Reply, load
from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import PROTOCOLS, TOOLS, WEATHER, Json, each_protocol, request

MODULES = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
}
PATHS: dict[str, Protocol] = {
    "/chat/completions": "openai_chat",
    "/responses": "openai_responses",
    "/messages": "anthropic_messages",
}


def answer(protocol: Protocol, body: Json) -> tuple[Asked, Reply]:
    """The reply to a body, played to its end both ways."""
    module = MODULES[protocol]
    asked = module.ask(json.dumps(body).encode())
    reply = module.fill(asked, compose(asked), seed="seed", created=1)
    for _, chunk in load(protocol).play(reply):
        assert chunk.endswith(b"\n\n")
    json.loads(load(protocol).body(reply)[1])
    return asked, reply


@each_protocol
def test_captured_requests_are_answered(shared: Path, protocol: Protocol) -> None:
    captured = [
        sent
        for file in sorted((shared / "judges" / "captured").glob("*.json"))
        for sent in json.loads(file.read_text())["requests"]
    ]
    mine = [sent for sent in captured if PATHS.get(sent["path"].partition("?")[0].split("/v1")[-1]) == protocol]
    assert mine
    for sent in mine:
        if sent.get("expect") is None:
            answer(protocol, sent["body"])


@each_protocol
def test_recorded_requests_are_answered(shared: Path, protocol: Protocol) -> None:
    answered = 0
    for file in (shared / "recordings" / protocol).glob("*/request.json"):
        body = json.loads(file.read_text())
        try:
            answer(protocol, body | {"model": "demo"})
        except Malformed as problem:
            raise AssertionError(f"{file.parent.name}: {problem} ({problem.param})") from None
        answered += 1
    assert answered > 20


ODD: list[Any] = [None, True, 0, -1, 1.5, "", "none", "x", [], [None], ["x"], [[]], [{}], {}, {"type": "x"}, {"type": None}]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON value with each of its keys."""
    keys: list[Any] = list(value) if is_table(value) else list(range(len(value))) if is_list(value) else []
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


@given(st.sampled_from(PROTOCOLS), st.data())
def test_a_spoilt_request_is_answered_or_refused(protocol: Protocol, data: st.DataObject) -> None:
    body = request(protocol, tools=TOOLS, choice="weather", result="1", reasoning=True, schema=WEATHER, limit=50)
    body = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 2))):
        places = _places(body)
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        container[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    with suppress(Malformed):
        answer(protocol, body)
