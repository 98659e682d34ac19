"""Faults of area stream: blocks, items and calls, each opened once, told apart and closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Seen, fault, through
from tests.faults.reading import read
from tests.faults.wire import (
    block,
    block_delta,
    block_start,
    block_stop,
    call_events,
    call_item,
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
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

Call = tuple[str, str]


def calls_from(upstream: Dialect, *calls: Call, text: str = "") -> bytes:
    """An upstream's stream of a text and then calls, ids `call_0`, …."""
    listed = [(f"call_{index}", name, arguments) for index, (name, arguments) in enumerate(calls)]
    start = int(bool(text))
    if upstream == CHAT:
        said = chunk({"role": "assistant", "content": text})
        for index, one in enumerate(listed):
            said += chunk(chat_call(index, one[0], one[1], "")) + chunk(chat_call(index, arguments=one[2]))
        return said + chat_ending("tool_calls" if calls else "stop")
    if upstream == MESSAGES:
        said = message_start() + (block(0, "text", ("text", text)) if text else b"")
        for index, (id, name, arguments) in enumerate(listed, start):
            said += block(index, "tool_use", ("input_json", arguments), id=id.replace("call", "toolu"), name=name)
        return said + message_ending("tool_use" if calls else "end_turn")
    events, items = (text_events(0, text), [text_item(text)]) if text else ([], [])
    for index, (id, name, arguments) in enumerate(listed, start):
        events += call_events(index, f"fc_{index}", id, name, arguments)
        items.append(call_item(f"fc_{index}", id, name, arguments))
    return response_stream(*events, completed(*items))


def glued(client: Dialect, *calls: Call) -> bytes:
    """All arguments in the first call, as other gateways wrote it."""
    ((name, _), *_), together = calls, "".join(arguments for _, arguments in calls)
    return calls_from(client, (name, together))


def _calls(*expected: tuple[str, Any]) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        found = read(seen)
        assert found.calls == list(expected)
        assert found.kinds == ["call"] * len(expected)
        assert len({one["id"] for one in found.blocks}) == len(expected)

    return check


TWO = (("weather", '{"city":"Ulm"}'), ("time", '{"zone":"CET"}'))
THREE = (*TWO, ("weather", '{"city":"Bonn"}'))
ULM, CET, BONN = ("weather", {"city": "Ulm"}), ("time", {"zone": "CET"}), ("weather", {"city": "Bonn"})

test_F001_a_new_tool_index_opens_the_next_block = fault(
    *[
        through(client, upstream, calls_from(upstream, *TWO), _calls(ULM, CET), [glued(client, *TWO)])
        for client in ALL
        for upstream in ALL
    ],
    *[
        # Servers that give each call a new id under the same index, or none of both.
        through(client, CHAT, said, _calls(ULM, CET), [glued(client, *TWO)], label=label)
        for client in ALL
        for label, said in {
            "one index, two ids": chunk(chat_call(0, "call_0", *TWO[0])) + chunk(chat_call(0, "call_1", *TWO[1])),
            "no index": chunk(chat_call(None, "call_0", *TWO[0])) + chunk(chat_call(None, "call_1", *TWO[1])),
        }.items()
        for said in [said + chat_ending("tool_calls")]
    ],
)

test_F002_three_calls_make_three_blocks = fault(
    *[
        through(client, upstream, calls_from(upstream, *THREE), _calls(ULM, CET, BONN), [glued(client, *THREE)])
        for client in ALL
        for upstream in ALL
    ]
)

_NO_DELTA = message_start() + block(0, "tool_use", id="toolu_0", name="weather") + message_ending("tool_use")
_EMPTY = {client: calls_from(client, ("weather", "{}")) for client in ALL}

test_F003_a_call_in_one_chunk_keeps_its_arguments = fault(
    *[
        through(
            client,
            CHAT,
            chunk({"role": "assistant", **chat_call(0, "call_0", *TWO[0])}) + chat_ending("tool_calls"),
            _calls(ULM),
            [
                _EMPTY[client],
                message_start() + block(0, "tool_use", id="toolu_0", name="weather") + message_ending("tool_use"),
            ],
        )
        for client in ALL
    ],
    *[
        # Messages servers that put the whole input into the start of the block.
        through(
            client,
            MESSAGES,
            message_start() + block(0, "tool_use", id="t", name="weather", input=ULM[1]) + message_ending("tool_use"),
            _calls(ULM),
            [_EMPTY[client]],
        )
        for client in ALL
    ],
)


def _legal(seen: Seen) -> None:
    found = read(seen)
    assert (found.text, found.calls) == ("Let me see.", [ULM])


test_F006_no_delta_for_a_block_that_was_not_opened = fault(
    *[
        through(
            MESSAGES,
            upstream,
            calls_from(upstream, TWO[0], text="Let me see."),
            _legal,
            [
                calls_from(MESSAGES, TWO[0], text="Let me see.").replace(block_start(0, "text"), b""),
                calls_from(MESSAGES, TWO[0], text="Let me see.").replace(b'"index": 1', b'"index": 2'),
            ],
        )
        for upstream in ALL
    ]
)


def _started_first(seen: Seen) -> None:
    if seen.status != 200:
        assert b'"type":"error"' in seen.body
        return
    assert b"event: message_stop" not in seen.body, "a good end of nothing"
    read(seen, failed=True)


test_F007_an_empty_upstream_is_an_error_and_no_lone_message_stop = fault(
    *[
        through(MESSAGES, upstream, [Script(thinking=waits)] * 3, _started_first, [message_ending()], label=f"{waits}s")
        for upstream in ALL
        for waits in (0.0, 11.0)
    ],
)


test_F009_each_call_of_a_messages_stream_has_its_own_index = fault(
    through(
        CHAT,
        MESSAGES,
        calls_from(MESSAGES, *TWO),
        _calls(ULM, CET),
        [
            chunk({"role": "assistant"})
            + chunk(chat_call(0, "toolu_0", *TWO[0]))
            + chunk(chat_call(0, "toolu_1", *TWO[1]))
            + chat_ending("tool_calls")
        ],
    ),
    through(CHAT, RESPONSES, calls_from(RESPONSES, *TWO), _calls(ULM, CET), [glued(CHAT, *TWO)]),
)


def _text_and_two_calls(seen: Seen) -> None:
    found = read(seen)
    assert (found.kinds, found.text) == (["text", "call", "call"], "Let me see.")
    assert found.calls == [("now", {}), ULM]


def _overlapping(client: Dialect) -> bytes:
    if client == MESSAGES:
        opened = (
            block_start(0, "text") + block_delta(0, "text", "Let me see.") + block_start(1, "tool_use", id="t", name="now")
        )
        opened += block_start(2, "tool_use", id="u", name="weather") + block_delta(2, "input_json", TWO[0][1])
        return message_start() + opened + block_stop(0) + message_ending("end_turn")
    return calls_from(client, ("now", "{}"), text="Let me see.")


test_F010_text_and_calls_without_arguments_are_closed_in_turn = fault(
    *[
        through(
            client,
            upstream,
            calls_from(upstream, ("now", arguments), TWO[0], text="Let me see."),
            _text_and_two_calls,
            [_overlapping(client)],
            label=arguments or "empty",
        )
        for client in ALL
        for upstream in ALL
        for arguments in ("", "{}")
    ]
)


def _never_opened(text: str = "") -> bytes:
    """Closes a message item that was never opened."""
    events = call_events(0, "fc_0", "call_0", *TWO[0]) + text_events(1, text, "chatcmpl-1")[3:]
    return response_stream(*events, completed(call_item("fc_0", "call_0", *TWO[0])))


test_F013_no_message_item_when_there_was_no_text = fault(
    *[through(RESPONSES, upstream, calls_from(upstream, TWO[0]), _calls(ULM), [_never_opened()]) for upstream in ALL]
)
