"""What ends a reply of the demo models before its end, and what is counted."""

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import each_protocol, each_wish, exchange, hear, judge, request


@each_protocol
@pytest.mark.parametrize("limit", [1, 5, 30])
async def test_the_limit_holds(protocol: Protocol, limit: int, autojump_clock: MockClock) -> None:
    full = hear(await exchange(protocol, request(protocol, reasoning=True)))
    heard = hear(await exchange(protocol, request(protocol, reasoning=True, limit=limit, stream=True)))
    assert heard.stop == "length"
    assert heard.usage.output_tokens == limit
    assert full.reasoning.startswith(heard.reasoning)
    assert full.text.startswith(heard.text)
    exact = full.usage.output_tokens
    assert hear(await exchange(protocol, request(protocol, reasoning=True, limit=exact))).stop == "stop"
    assert hear(await exchange(protocol, request(protocol, reasoning=True, limit=exact - 1))).stop == "length"


async def test_a_limit_of_nothing_warms_the_cache(autojump_clock: MockClock) -> None:
    heard = hear(await exchange("anthropic_messages", request("anthropic_messages", limit=0)))
    assert (heard.text, heard.stop, heard.usage.output_tokens) == ("", "length", 0)


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_stop_sequence_ends_the_text_before_it(protocol: Protocol, stream: bool, autojump_clock: MockClock) -> None:
    body = request(protocol, stops=["nowhere", "wrote", "model"], stream=stream)
    heard = hear(await exchange(protocol, body))
    assert heard.text == "Hello! This is the demo "
    assert heard.usage.output_tokens == 6
    if protocol == "anthropic_messages":
        assert (heard.stop, heard.stop_sequence) == ("stop_sequence", "model")
    else:
        assert heard.stop == "stop"


@each_protocol
async def test_a_stop_sequence_at_once_leaves_no_text(shared: Path, protocol: Protocol, autojump_clock: MockClock) -> None:
    if protocol == "openai_responses":
        return  # it has none
    got = await exchange(protocol, request(protocol, stops=["Hello"], stream=True))
    assert hear(got).text == ""
    assert judge(shared, got, usage=True) == "ok"


@each_protocol
@each_wish
async def test_usage_adds_up(protocol: Protocol, wish: dict[str, Any], autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, **wish)))
    written = -(-len(heard.text) // 4) + -(-len(heard.reasoning) // 4)
    called = sum(-(-len(name + arguments) // 4) for name, arguments, _ in heard.calls)
    if heard.stop != "length":
        assert heard.usage.output_tokens == written + called
    assert heard.usage.reasoning <= heard.usage.output_tokens
    assert (heard.usage.cache_read, heard.usage.cache_write) == (0, 0)
