"""The kit itself: readers take what is right as it stands, so that a wrong output fails for what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import ALL, CHAT, MESSAGES, Case, Seen, fault
from tests.faults.reading import read
from tests.faults.test_stream_blocks import BONN, CET, THREE, ULM, calls_from
from tests.faults.test_stream_ends import failing
from tests.faults.wire import chat_whole, message_whole, response_whole, text_item

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


@pytest.mark.parametrize("client", ALL)
def test_good_streams_are_read(client: Dialect) -> None:
    found = read(Seen(client, True, calls_from(client, *THREE, text="Hello")))
    assert (found.text, found.calls, found.kinds) == ("Hello", [ULM, CET, BONN], ["text", "call", "call", "call"])
    assert read(Seen(client, True, failing(client)), failed=True).error
    assert found.usage


@pytest.mark.parametrize("client", ALL)
def test_good_replies_are_read(client: Dialect) -> None:
    bodies = {CHAT: chat_whole({"content": "Hello"}), MESSAGES: message_whole({"type": "text", "text": "Hello"})}
    found = read(Seen(client, False, bodies.get(client) or response_whole(text_item("Hello"))))
    assert (found.text, found.kinds) == ("Hello", ["text"])


async def test_a_check_that_lets_wrong_output_pass_is_found(autojump_clock: object) -> None:
    async def right() -> int:
        return 1

    def lax(value: int) -> None:
        assert value > 0

    lenient: Case[Any] = Case("lax", right, lax, [0, 2])
    test: Any = fault(lenient)
    await test("right", lenient, None)
    with pytest.raises(pytest.fail.Exception, match="wrong output 1 pass"):
        await test("wrong", lenient, None)
