"""When the demo models reason, and what they show of it."""

from typing import Any

import pytest
from trio.testing import MockClock

from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import each_protocol, exchange, hear, request


@each_protocol
async def test_reasoning_comes_only_when_it_is_asked_for(protocol: Protocol, autojump_clock: MockClock) -> None:
    asked = hear(await exchange(protocol, request(protocol, reasoning=True)))
    not_asked = hear(await exchange(protocol, request(protocol)))
    assert "Hello there" in asked.reasoning
    assert asked.text == not_asked.text
    assert asked.usage.reasoning == -(-len(asked.reasoning) // 4)
    assert not_asked.reasoning == ""
    assert not_asked.usage.reasoning == 0
    # Chat has no blobs; the others want theirs back.
    assert len(asked.opaque) == (0 if protocol == "openai_chat" else 1)


REASONING: list[tuple[Protocol, dict[str, Any], bool]] = [
    ("openai_chat", {"reasoning_effort": "none"}, False),
    ("openai_chat", {"reasoning_effort": None}, False),
    ("openai_chat", {"reasoning": {"effort": "high"}}, True),
    ("openai_chat", {"reasoning": {"enabled": False}}, False),
    ("openai_chat", {"thinking": {"type": "enabled"}}, True),
    ("openai_chat", {"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, False),
    ("openai_responses", {"reasoning": None}, False),
    ("openai_responses", {"reasoning": {}}, False),
    ("openai_responses", {"reasoning": {"effort": "none", "summary": "auto"}}, False),
    ("openai_responses", {"reasoning": {"summary": "auto"}}, True),
    ("anthropic_messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
    ("anthropic_messages", {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, False),
    ("anthropic_messages", {"output_config": {"effort": "high"}}, True),
]


@pytest.mark.parametrize(("protocol", "fields", "expected"), REASONING)
async def test_the_ways_to_ask_for_reasoning(
    protocol: Protocol, fields: dict[str, Any], expected: bool, autojump_clock: MockClock
) -> None:
    heard = hear(await exchange(protocol, request(protocol) | fields))
    assert bool(heard.reasoning) is expected


async def test_thinking_that_is_not_displayed_has_a_signature_alone(autojump_clock: MockClock) -> None:
    fields = {"thinking": {"type": "adaptive", "display": "omitted"}, "stream": True}
    heard = hear(await exchange("anthropic_messages", request("anthropic_messages") | fields))
    assert heard.reasoning == ""
    assert len(heard.opaque) == 1
    assert heard.usage.reasoning > 0


async def test_encrypted_reasoning_comes_only_when_it_is_included(autojump_clock: MockClock) -> None:
    body = request("openai_responses", reasoning=True)
    assert hear(await exchange("openai_responses", body)).opaque != ()
    assert hear(await exchange("openai_responses", body | {"include": []})).opaque == ()
