"""The demo models take the time that was recorded, on a virtual clock exactly."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hyperinfer.formats.events import TextDelta
from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import decode, each_protocol, each_wish, exchange, request


@each_protocol
@each_wish
async def test_time_goes_by_as_recorded(protocol: Protocol, wish: dict[str, Any], autojump_clock: MockClock) -> None:
    got = await exchange(protocol, request(protocol, **wish, stream=True))
    times = [at for at, _ in got.chunks]
    assert times[0] <= 0.05
    assert times == sorted(set(times))
    assert times[-1] <= 0.6
    whole = await exchange(protocol, request(protocol, **wish))
    assert [at for at, _ in whole.chunks] == [pytest.approx(0.32)]


@pytest.mark.parametrize(
    ("protocol", "around"),
    [("openai_chat", 30 + 15 + 10), ("openai_responses", 40 + 10 + 15), ("anthropic_messages", 40 + 5 + 15)],
)
async def test_a_text_takes_the_sum_of_its_pauses(protocol: Protocol, around: int, autojump_clock: MockClock) -> None:
    got = await exchange(protocol, request(protocol, stream=True))
    pieces = sum(isinstance(event, TextDelta) for event in decode(got))
    assert 8 <= pieces <= 12
    assert got.chunks[-1][0] == pytest.approx((around + 25 * pieces) / 1000, abs=1e-9)


@each_protocol
async def test_the_pace_is_a_factor(protocol: Protocol, autojump_clock: MockClock) -> None:
    body = request(protocol, stream=True)
    usual = await exchange(protocol, body)
    slow = await exchange(protocol, body, pace=3)
    at_once = await exchange(protocol, body, pace=0)
    assert [at for at, _ in slow.chunks] == pytest.approx([3 * at for at, _ in usual.chunks])
    assert {at for at, _ in at_once.chunks} == {0}
    assert at_once.body == slow.body == usual.body
    assert usual.chunks[-1][0] > 0.3


@each_protocol
async def test_a_reply_can_be_left_at_any_time(protocol: Protocol, autojump_clock: MockClock) -> None:
    for after in range(0, 500, 20):
        with trio.move_on_after(after / 1000) as scope:
            await exchange(protocol, request(protocol, stream=True))
        if scope.cancelled_caught:
            assert trio.current_time() == pytest.approx(scope.deadline)
