"""Replies of several message items, as Responses upstreams give: every text reaches every client, in order, cut where the
client's format can say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import CHAT, RESPONSES, Seen
from tests.faults.reading import Reading, read
from tests.faults.wire import call_events, call_item, completed, response_stream, response_whole, text_events, text_item
from tests.support.bench import DIALECTS, bench
from tests.support.judge import breaches_if_judged
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

TEXTS = ("I look it up.", "It rains.", "Take a coat.")
CALL = ("fc_0", "call_0", "weather", '{"city":"Ulm"}')
Item = tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]


def message(index: int, text: str) -> Item:
    id = f"msg_{index}"
    return text_item(text, id), text_events(index, text, id)


def call(index: int) -> Item:
    return call_item(*CALL), call_events(index, *CALL)


REPLIES: dict[str, list[Item]] = {
    "two": [message(0, TEXTS[0]), message(1, TEXTS[1])],
    "three": [message(n, text) for n, text in enumerate(TEXTS)],
    "two around a call": [message(0, TEXTS[0]), call(1), message(2, TEXTS[1])],
    "two before a call": [message(0, TEXTS[0]), message(1, TEXTS[1]), call(2)],
    "an empty one between": [message(0, TEXTS[0]), message(1, ""), message(2, TEXTS[1])],
}


async def answered(client: Dialect, name: str, *, stream: bool, at_once: bool) -> Reading:
    items = REPLIES[name]
    whole = [item for item, _ in items]
    events = [event for _, life in items for event in life]
    if stream and at_once:  # all items are begun before the first has its text
        events.sort(key=lambda event: event[0] not in ("output_item.added", "content_part.added"))
    says = response_stream(*events, completed(*whole)) if stream else response_whole(*whole)
    async with bench(Script([(1.0, says)])) as gateway:
        exchange = await gateway.ask(client, RESPONSES, stream=stream)
        if stream:
            assert breaches_if_judged(client, exchange.sent) == []
        assert gateway.row.losses == ()
        return read(Seen(client, stream, exchange.sent, exchange.status or 0))


@pytest.mark.parametrize("way", ["streamed", "interleaved", "whole"])
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("client", DIALECTS)
async def test_every_text_in_order(client: Dialect, name: str, way: str, autojump_clock: object) -> None:
    found = await answered(client, name, stream=way != "whole", at_once=way == "interleaved")
    texts = [part["text"] for item, _ in REPLIES[name] if item["type"] == "message" for part in item["content"]]
    calls = [item for item, _ in REPLIES[name] if item["type"] == "function_call"]
    assert found.text == "".join(texts)
    assert found.calls == [("weather", {"city": "Ulm"})] * len(calls)
    said = [block["text"] for block in found.blocks if block["type"] == "text" and block["text"]]
    if client == CHAT:
        assert len(said) <= len(texts)  # one string
    else:
        assert said == [text for text in texts if text]
    if client == RESPONSES:
        ids = [block.get("item_id") or block["id"] for block in found.blocks]
        assert ids == [item["id"] for item, _ in REPLIES[name]]


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("client", DIALECTS)
async def test_streamed_is_whole(client: Dialect, name: str, autojump_clock: object) -> None:
    streamed = await answered(client, name, stream=True, at_once=False)
    whole = await answered(client, name, stream=False, at_once=False)
    assert (streamed.text, streamed.calls, streamed.stop) == (whole.text, whole.calls, whole.stop)
    if client != CHAT:
        assert streamed.kinds == whole.kinds


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("client", DIALECTS)
async def test_what_a_stream_says_twice_is_not_lost_the_first_time(
    client: Dialect, stream: bool, autojump_clock: object
) -> None:
    """Reasoning begins with a copy of its blob, and the end of arguments names the function again."""
    thought: dict[str, Any] = {"id": "rs_0", "type": "reasoning", "summary": [], "encrypted_content": "gAAAA-late"}
    early = {**thought, "encrypted_content": "gAAAA-early"}
    added, done = {"output_index": 0, "item": early}, {"output_index": 0, "item": thought}
    events = [("output_item.added", added), ("output_item.done", done), *call(1)[1]]
    whole = [thought, call(1)[0]]
    says = response_stream(*events, completed(*whole)) if stream else response_whole(*whole)
    async with bench(Script([(1.0, says)])) as gateway:
        exchange = await gateway.ask(client, RESPONSES, stream=stream)
        assert b"gAAAA-late" in exchange.sent
        assert gateway.row.losses == ()
