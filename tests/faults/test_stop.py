"""Faults of area stop: why a reply ended, told honestly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, through
from tests.faults.reading import read
from tests.faults.test_stream_blocks import calls_from
from tests.faults.wire import (
    block,
    chat_ending,
    chat_whole,
    chunk,
    completed,
    message_ending,
    message_start,
    message_whole,
    response_stream,
    response_whole,
    text_events,
    text_item,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperinfer.formats import Dialect

# F087: upstreams that think, with stop strings set.

THOUGHT, ANSWER = "They want a number. So: 42", "It is 42."


def _channels_apart(seen: Seen) -> None:
    found = read(seen)
    assert (found.reasoning, found.text) == (THOUGHT, ANSWER)
    assert "</think>" not in seen.body.decode().replace("\\u003c", "<")


_THINKS = (
    chunk({"role": "assistant", "content": ""})
    + b"".join(chunk({"reasoning_content": piece}) for piece in (THOUGHT[:9], THOUGHT[9:]))
    + b"".join(chunk({"content": piece}) for piece in (ANSWER[:3], ANSWER[3:]))
    + chat_ending()
)


def _leaks(client: Dialect) -> bytes:
    tail = THOUGHT[9:] + "</think>" + ANSWER
    if client == CHAT:
        opened = chunk({"role": "assistant", "reasoning_content": THOUGHT[:9]})
        return opened + chunk({"content": tail}) + chat_ending()
    if client == MESSAGES:
        thinking = block(0, "thinking", ("thinking", THOUGHT[:9]))
        return message_start() + thinking + block(1, "text", ("text", tail)) + message_ending()
    return calls_from(RESPONSES, text=tail)


test_F087_reasoning_and_content_stay_apart_whatever_stops_are_set = fault(
    *[
        through(
            client,
            CHAT,
            _THINKS,
            _channels_apart,
            [_leaks(client)],
            ask={"stop_sequences" if client == MESSAGES else "stop": ["42.\n", "</answer>"]},
        )
        for client in (CHAT, MESSAGES)
    ],
    through(RESPONSES, CHAT, _THINKS, _channels_apart, [_leaks(RESPONSES)]),
)

# F109, F110: cut by the limit.

_CUT_WORDS: Mapping[Dialect, str] = {CHAT: "length", MESSAGES: "max_tokens", RESPONSES: "incomplete"}


def _cut(dialect: Dialect, *, stream: bool) -> bytes:
    """A reply 'Once upon' that its limit cut."""
    text = "Once upon"
    if dialect == CHAT:
        if not stream:
            return chat_whole({"content": text}, "length")
        return chunk({"role": "assistant", "content": text}) + chat_ending("length")
    if dialect == MESSAGES:
        if not stream:
            return message_whole({"type": "text", "text": text}, stop="max_tokens")
        return message_start() + block(0, "text", ("text", text)) + message_ending("max_tokens")
    item, why = text_item(text, status="incomplete"), {"reason": "max_output_tokens"}
    if not stream:
        return response_whole(item, status="incomplete", incomplete_details=why)
    events = [*text_events(0, text)[:-1], ("output_item.done", {"output_index": 0, "item": item})]
    return response_stream(*events, completed(item, status="incomplete", incomplete_details=why))


def _told_as_cut(seen: Seen) -> None:
    found = read(seen)
    assert (found.text, found.stop) == ("Once upon", _CUT_WORDS[seen.client])
    if seen.client == RESPONSES:
        assert found.whole["incomplete_details"] == {"reason": "max_output_tokens"}
        assert not seen.stream or b"event: response.incomplete\n" in seen.body
    assert seen.row is None or (seen.row.status, seen.row.finish_reason) == ("incomplete", "length")


def _good(client: Dialect, *, stream: bool) -> bytes:
    """The same, told as complete."""
    if stream:
        return calls_from(client, text="Once upon")
    if client == CHAT:
        return chat_whole({"content": "Once upon"})
    whole = message_whole({"type": "text", "text": "Once upon"})
    return whole if client == MESSAGES else response_whole(text_item("Once upon"))


def _no_details(*, stream: bool) -> bytes:
    return _cut(RESPONSES, stream=stream).replace(b'{"reason": "max_output_tokens"}', b"null")


test_F109_a_length_becomes_incomplete_with_its_reason = fault(
    *[
        through(
            RESPONSES,
            CHAT,
            _cut(CHAT, stream=stream),
            _told_as_cut,
            [_no_details(stream=stream), _good(RESPONSES, stream=stream)],
            stream=stream,
        )
        for stream in (True, False)
    ]
)

test_F110_a_cut_is_told_whoever_cut = fault(
    *[
        through(
            client,
            upstream,
            _cut(upstream, stream=stream),
            _told_as_cut,
            [_good(client, stream=stream)],
            stream=stream,
        )
        for client in ALL
        for upstream in ALL
        for stream in (True, False)
    ]
)

# F112, F113, F114: stop strings.


def _stopped_by(word: str | None) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        found = read(seen)
        assert found.text == "one two "
        assert (found.stop, found.stop_sequence) == (("stop_sequence", word) if word else ("end_turn", None))

    return check


def _stops(choice: dict[str, Any], word: str | None, *, stream: bool, ask: list[str], label: str) -> Case[Seen]:
    if stream:
        says = chunk({"role": "assistant", "content": "one two "}) + chat_ending("stop", choice=choice)
        start = message_start() + block(0, "text", ("text", "one two "))
        wrong = start + (message_ending() if word else message_ending("stop_sequence", str(choice["stop_reason"])))
    else:
        says = chat_whole({"content": "one two "}, choice=choice)
        text = {"type": "text", "text": "one two "}
        wrong = message_whole(text) if word else message_whole(text, stop="stop_sequence", stop_sequence="2")
    return through(MESSAGES, CHAT, says, _stopped_by(word), [wrong], stream=stream, ask={"stop_sequences": ask}, label=label)


_BOTH = (True, False)

test_F112_a_stop_string_that_the_backend_tells_is_told = fault(
    *[_stops({"stop_reason": "three"}, "three", stream=stream, ask=["three"], label="one") for stream in _BOTH],
    *[_stops({"stop_reason": "b"}, "b", stream=stream, ask=["a", "b"], label="second") for stream in _BOTH],
)

test_F113_a_stop_reason_that_is_a_string_is_the_stop_string = fault(
    *[_stops({"stop_reason": "END"}, "END", stream=stream, ask=["END"], label="string") for stream in _BOTH],
    *[_stops({"stop_reason": 2}, None, stream=stream, ask=["END"], label="token id") for stream in _BOTH],
)

test_F114_the_extensions_of_vllm_and_sglang_are_used = fault(
    *[
        _stops({name: "END"}, "END", stream=stream, ask=["END", "STOP"], label=name)
        for name in ("stop_reason", "matched_stop")
        for stream in _BOTH
    ]
)

# F116: a refusal and nothing else.

_NO = "I cannot help with that."


def _refusal(dialect: Dialect, *, stream: bool) -> bytes:
    if dialect == CHAT:
        if not stream:
            return chat_whole({"content": None, "refusal": _NO})
        return chunk({"role": "assistant", "refusal": _NO[:8]}) + chunk({"refusal": _NO[8:]}) + chat_ending()
    part = {"type": "refusal", "refusal": _NO}
    item = text_item("", content=[part])
    if not stream:
        return response_whole(item)
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return response_stream(
        ("output_item.added", {"output_index": 0, "item": {**item, "content": [], "status": "in_progress"}}),
        ("content_part.added", {**at, "part": {**part, "refusal": ""}}),
        ("refusal.delta", {**at, "delta": _NO}),
        ("refusal.done", {**at, "refusal": _NO}),
        ("content_part.done", {**at, "part": part}),
        ("output_item.done", {"output_index": 0, "item": item}),
        completed(item),
    )


def _refused(seen: Seen) -> None:
    found = read(seen)
    if seen.client != MESSAGES:
        assert found.texts("refusal") == _NO
        return
    assert (found.text, found.stop) == (_NO, "refusal")
    assert b'"stop_details":{"type":"refusal"' in seen.body


def _nothing(client: Dialect, *, stream: bool) -> bytes:
    if client == MESSAGES:
        return message_start() + message_ending() if stream else message_whole()
    if client == CHAT:
        return chunk({"role": "assistant"}) + chat_ending() if stream else chat_whole({"content": None})
    return response_stream(completed()) if stream else response_whole()


test_F116_a_refusal_alone_is_a_refusal = fault(
    *[
        through(
            client,
            upstream,
            _refusal(upstream, stream=stream),
            _refused,
            [_nothing(client, stream=stream), _good(client, stream=stream)],
            stream=stream,
        )
        for client in ALL
        for upstream in (RESPONSES, CHAT)
        for stream in _BOTH
    ]
)
