"""Faults of area stream: reasoning and text of Responses clients, and upstreams that leave out what should open an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Seen, fault, through
from tests.faults.reading import read
from tests.faults.test_stream_blocks import TWO, ULM, calls_from
from tests.faults.wire import (
    block,
    block_delta,
    chat_call,
    chat_ending,
    chunk,
    completed,
    message_ending,
    message_start,
    response_stream,
    text_events,
    text_item,
)

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

THOUGHT, ANSWER = "First, the question.", "Forty-two."
CHAT_THINKS = (
    chunk({"role": "assistant", "reasoning_content": THOUGHT[:6]})
    + chunk({"reasoning_content": THOUGHT[6:]})
    + chunk({"content": ANSWER})
    + chat_ending()
)
MESSAGES_THINKS = (
    message_start()
    + block(0, "thinking", ("thinking", THOUGHT), ("signature", "c2ln"))
    + block(1, "text", ("text", ANSWER))
    + message_ending()
)
THINKS: dict[Dialect, bytes] = {CHAT: CHAT_THINKS, MESSAGES: MESSAGES_THINKS}


def _thinks_and_answers(seen: Seen) -> None:
    found = read(seen)
    assert (found.kinds, found.reasoning, found.text) == (["reasoning", "text"], THOUGHT, ANSWER)


def _reasoning_without_a_part(part_added: bool, item_added: bool) -> bytes:
    at: dict[str, Any] = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    item = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}
    events: list[tuple[str, dict[str, Any]]] = [("output_item.added", {"output_index": 0, "item": {**item, "summary": []}})]
    if part_added:
        events.append(("reasoning_summary_part.added", {**at, "part": {"type": "summary_text", "text": ""}}))
    events.append(("reasoning_summary_text.delta", {**at, "delta": THOUGHT}))
    events.append(("reasoning_summary_text.done", {**at, "text": THOUGHT}))
    if part_added:
        events.append(("reasoning_summary_part.done", {**at, "part": item["summary"][0]}))
    events.append(("output_item.done", {"output_index": 0, "item": item}))
    events += text_events(1, ANSWER)[0 if item_added else 2 :]
    return response_stream(*events, completed(item, text_item(ANSWER)))


test_F015_reasoning_has_the_full_life_of_an_item = fault(
    *[
        through(
            RESPONSES,
            upstream,
            said,
            _thinks_and_answers,
            [_reasoning_without_a_part(False, True), _reasoning_without_a_part(True, False)],
        )
        for upstream, said in THINKS.items()
    ]
)

test_F016_a_message_item_opens_before_its_text_after_thinking = fault(
    *[
        through(
            RESPONSES,
            MESSAGES,
            said,
            _thinks_and_answers,
            [_reasoning_without_a_part(True, False)],
            ask={"reasoning": {"effort": "high"}},
            label=label,
        )
        for label, said in (("signed", MESSAGES_THINKS), ("unsigned", MESSAGES_THINKS.replace(b"c2ln", b"")))
    ]
)

_ONLY_DELTAS = response_stream(*text_events(0, ANSWER)[2:3], completed(text_item(ANSWER)))
_NO_PART = response_stream(*text_events(0, ANSWER)[:1], *text_events(0, ANSWER)[2:], completed(text_item(ANSWER)))


def _answers(seen: Seen) -> None:
    found = read(seen)
    assert (found.kinds, found.text) == (["text"], ANSWER)


def _at_minus_one(client: Dialect) -> bytes:
    if client == MESSAGES:
        return message_start() + block_delta(-1, "text", ANSWER) + message_ending()
    return _ONLY_DELTAS if client == RESPONSES else chat_ending()


test_F017_a_delta_without_its_item_opens_one = fault(
    *[
        through(client, RESPONSES, said, _answers, [_at_minus_one(client)], label=label)
        for client in ALL
        for label, said in (("no item", _ONLY_DELTAS), ("no part", _NO_PART))
    ]
)

test_F018_a_complete_stream_ends_in_response_completed = fault(
    *[
        through(
            RESPONSES,
            upstream,
            calls_from(upstream, text=ANSWER),
            _answers,
            [response_stream(*text_events(0, ANSWER)[:3]), response_stream(*text_events(0, ANSWER))],
        )
        for upstream in ALL
    ]
)

_EMPTY_REASONS = CHAT_THINKS.replace(b'"finish_reason": null', b'"finish_reason": ""')

test_F040_finish_reason_is_null_until_the_last_chunk = fault(
    through(CHAT, CHAT, _EMPTY_REASONS, _thinks_and_answers, [_EMPTY_REASONS]),
    *[through(client, CHAT, _EMPTY_REASONS, _thinks_and_answers, [calls_from(client, text=ANSWER)]) for client in ALL[1:]],
)


def _one_call(seen: Seen) -> None:
    found = read(seen)
    assert (found.kinds, found.calls) == (["call"], [ULM])


_NO_INDEX = (
    chunk({"role": "assistant"})
    + chunk(chat_call(None, "call_0", *TWO[0][:1], ""))
    + chunk(chat_call(None, arguments=TWO[0][1][:5]))
    + chunk(chat_call(None, arguments=TWO[0][1][5:]))
    + chat_ending("tool_calls")
)

test_F042_each_delta_of_a_call_has_its_index = fault(
    through(CHAT, CHAT, _NO_INDEX, _one_call, [_NO_INDEX]),
    *[through(CHAT, upstream, calls_from(upstream, TWO[0]), _one_call, [_NO_INDEX]) for upstream in (MESSAGES, RESPONSES)],
)
