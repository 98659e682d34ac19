"""Faults of area reasoning: how it is asked for, where its text is told, and whose state goes where on a failover."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hyperinfer.providers.catalogue import load
from tests.faults import wire as w
from tests.faults.bodies import items_in
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Seen, fault, reaching, through
from tests.faults.reading import read
from tests.support.bench import MODEL, PROVIDER
from tests.support.replies import WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F081: reasoning text, as vLLM's Responses server says it


def _reasoning_text(stream: bool) -> bytes:
    part = {"type": "reasoning_text", "text": "hmm"}
    item: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": [], "content": [part]}
    if not stream:
        return w.response_whole(item, w.text_item("Hi"))
    at: dict[str, Any] = {"item_id": "rs_1", "output_index": 0, "content_index": 0}
    return w.response_stream(
        ("output_item.added", {"output_index": 0, "item": {**item, "content": []}}),
        ("reasoning_text.delta", {**at, "delta": "hm"}),
        ("reasoning_text.delta", {**at, "delta": "m"}),
        ("reasoning_text.done", {**at, "text": "hmm"}),
        ("output_item.done", {"output_index": 0, "item": item}),
        *w.text_events(1, "Hi"),
        w.completed(item, w.text_item("Hi")),
    )


def _thinks_aloud(seen: Seen) -> None:
    reading = read(seen)
    assert (reading.reasoning, reading.text) == ("hmm", "Hi")
    if seen.client == CHAT and not seen.stream:
        message = json.loads(seen.body)["choices"][0]["message"]
        assert message["reasoning"] == message["reasoning_content"] == "hmm"


def _text_alone(client: Dialect, stream: bool) -> bytes:
    if client == CHAT:
        return w.chunk({"content": "Hi"}) + w.chat_ending() if stream else w.chat_whole({"content": "Hi"})
    if client == RESPONSES:
        item = w.text_item("Hi")
        return w.response_stream(*w.text_events(0, "Hi"), w.completed(item)) if stream else w.response_whole(item)
    streamed = w.message_start() + w.block(0, "text", ("text", "Hi")) + w.message_ending()
    return streamed if stream else w.message_whole({"type": "text", "text": "Hi"})


test_F081_reasoning_text_is_told = fault(
    *[
        through(client, RESPONSES, _reasoning_text(stream), _thinks_aloud, [_text_alone(client, stream)], stream=stream)
        for client in ALL
        for stream in (True, False)
    ]
)


# F083: sealed reasoning on a failover

_SEALED: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA1"}
_CALL = w.call_item("fc_1", "call_1", "f", "{}")
_HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    _SEALED,
    _CALL,
    {"type": "function_call_output", "call_id": "call_1", "output": "done"},
]


def _two_vendors(second: Dialect) -> Any:
    text = "providers:\n" + PROVIDER.format(name="first", protocol=RESPONSES, more="vendor: openai")
    text += PROVIDER.format(name="second", protocol=second, more="vendor: another")
    text += "creators:\n  test: {name: Test}\nmodels:\n"
    routes = "{provider: first, model: up}, {provider: second, model: up, weight: 0}"
    return load(text + MODEL.format(slug="both", routes=routes), {}, "test.yaml")


def _whole_item_gone(second: Dialect) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        assert seen.status == 200, seen.body
        first, *_, last = seen.asked
        assert "gAAAA1" in first.decode(), "the vendor that made it gets it"
        assert "gAAAA1" not in last.decode()
        body = json.loads(last)
        if second == RESPONSES:
            kinds = [item.get("type", "message") for item in items_in(body)]
            assert kinds == ["message", "function_call", "function_call_output"], kinds

    return check


def _failed_over(*items: dict[str, Any]) -> Seen:
    asked = [json.dumps({"input": [_HISTORY[0], *made, *_HISTORY[2:]]}).encode() for made in ([_SEALED], items)]
    return Seen(RESPONSES, False, asked=asked)


_SHELL = {name: value for name, value in _SEALED.items() if name != "encrypted_content"}

test_F083_sealed_reasoning_stays_with_its_vendor = fault(
    *[
        through(
            RESPONSES,
            second,
            [
                Script([(0.1, b"{}")], status=401, headers={"content-type": "application/json"}),
                Script([(0.1, WHOLES[second])], headers={"content-type": "application/json"}),
            ],
            _whole_item_gone(second),
            [_failed_over(_SEALED), *([_failed_over(_SHELL)] if second == RESPONSES else [])],
            stream=False,
            ask={"input": _HISTORY},
            catalogue=_two_vendors(second),
            model="both",
        )
        for second in ALL
    ]
)


# F084: how much to think, by what the model takes


def _adaptive(body: Any) -> None:
    assert body["thinking"]["type"] == "adaptive"
    assert "budget_tokens" not in body["thinking"]
    assert body["output_config"]["effort"] == "high"


def _budget(body: Any) -> None:
    assert body["thinking"]["type"] == "enabled"
    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
    assert "effort" not in body.get("output_config", {})


def _nothing(body: Any) -> None:
    assert "thinking" not in body
    assert "output_config" not in body


_ASKED: dict[Dialect, dict[str, Any]] = {
    CHAT: {"reasoning_effort": "high"},
    RESPONSES: {"reasoning": {"effort": "high"}},
    MESSAGES: {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
}
_OLD = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}}
_NEW = {"max_tokens": 4000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
_LIMITS: dict[Dialect, str] = {CHAT: "max_tokens", RESPONSES: "max_output_tokens", MESSAGES: "max_tokens"}


def _roomy(quirk: str) -> Any:
    """A model that may write enough for a budget of thinking."""
    text = "providers:\n" + PROVIDER.format(name="up", protocol=MESSAGES, more=f"quirks: {{thinking: {quirk}}}")
    text += "creators:\n  test: {name: Test}\nmodels:\n" + MODEL.format(slug="m", routes="{provider: up, model: up}")
    roomy = text.replace("context_length: 1000", "context_length: 200000")
    return load(roomy.replace("max_output_tokens: 100", "max_output_tokens: 64000"), {}, "test.yaml")


test_F084_effort_in_the_words_of_the_model = fault(
    *[
        reaching(
            client,
            MESSAGES,
            check,
            wrong,
            ask={**asked, _LIMITS[client]: 4000},
            catalogue=_roomy(quirk),
            model="m",
            label=quirk,
        )
        for client, asked in _ASKED.items()
        for quirk, check, wrong in (
            ("adaptive", _adaptive, [_OLD]),
            ("budget", _budget, [_NEW]),
            ("none", _nothing, [_OLD, _NEW]),
        )
    ]
)
