"""Faults of area usage: every token counted once, and told where clients look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, through
from tests.faults.reading import frames_of, read
from tests.faults.wire import (
    DONE,
    bare_chunk,
    block,
    chat_usage,
    chat_whole,
    chunk,
    completed,
    event,
    message_ending,
    message_start,
    message_whole,
    response_stream,
    response_whole,
    text_events,
    text_item,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.formats import Dialect

INPUT, READ, WRITTEN, OUTPUT = 74, 2000, 300, 12
"""Tokens that come fresh, from the cache, into the cache, and out."""


def _usage_of(seen: Seen) -> dict[str, Any]:
    found = read(seen).usage
    closing: dict[str, Any] = found.get("closing", found)
    return closing


def counts(seen: Seen) -> tuple[Any, ...]:
    """(all input, read from the cache, output), in the accounting of the client."""
    usage = _usage_of(seen)
    if seen.client == MESSAGES:
        assert {"input_tokens", "output_tokens"} <= usage.keys(), f"closing usage without input_tokens: {usage}"
        read_back, written = (usage.get(f"cache_{one}_input_tokens") or 0 for one in ("read", "creation"))
        return usage["input_tokens"] + read_back + written, read_back, usage["output_tokens"]
    into, out = ("prompt", "completion") if seen.client == CHAT else ("input", "output")
    assert usage, "no usage"
    assert usage["total_tokens"] == usage[f"{into}_tokens"] + usage[f"{out}_tokens"]
    return usage[f"{into}_tokens"], usage[f"{into}_tokens_details"]["cached_tokens"], usage[f"{out}_tokens"]


def _counts(*expected: int) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        assert counts(seen) == expected
        row = seen.row
        assert row is None or (row.tokens_prompt, row.tokens_cached_prompt, row.tokens_completion) == expected

    return check


def said(dialect: Dialect, fresh: int, cached: int, written: int, output: int, *, stream: bool = True) -> bytes:
    """A reply 'hi' of this usage, in the accounting of its protocol."""
    whole = fresh + cached + written
    if dialect == MESSAGES:
        cache = {"cache_read_input_tokens": cached, "cache_creation_input_tokens": written}
        if not stream:
            counted = {"input_tokens": fresh, **cache, "output_tokens": output}
            return message_whole({"type": "text", "text": "hi"}, usage=counted)
        start = message_start(input_tokens=fresh, **cache)
        ending = message_ending("end_turn", None, input_tokens=fresh, output_tokens=output, **cache)
        return start + block(0, "text", ("text", "hi")) + ending
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    if dialect == CHAT:
        told = chat_usage(whole, output, prompt_tokens_details=details)
        if not stream:
            return chat_whole({"content": "hi"}, usage=told)
        opened = chunk({"role": "assistant", "content": "hi"}) + chunk({}, "stop")
        return opened + bare_chunk(choices=[], usage=told) + DONE
    usage: dict[str, Any]
    usage = {"input_tokens": whole, "input_tokens_details": details, "output_tokens": output}
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": whole + output}
    if not stream:
        return response_whole(text_item("hi"), usage=usage)
    return response_stream(*text_events(0, "hi"), completed(text_item("hi"), usage=usage))


_ON_THE_LAST_CHOICE = (
    chunk({"role": "assistant", "content": "hi"})
    + chunk({"role": "assistant", "content": None}, "stop", usage=chat_usage(INPUT, OUTPUT))
    + DONE
)

test_F033_usage_is_taken_from_any_chunk = fault(
    *[through(client, CHAT, _ON_THE_LAST_CHOICE, _counts(INPUT, 0, OUTPUT), [said(client, 0, 0, 0, 0)]) for client in ALL],
    *[
        through(client, CHAT, _ON_THE_LAST_CHOICE.replace(DONE, b""), _counts(INPUT, 0, OUTPUT), [said(client, 0, 0, 0, 0)])
        for client in ALL
    ],
)


def _of_every_pair(
    wrong: Callable[[Dialect, bool], list[bytes]], written: int, clients: tuple[Dialect, ...]
) -> list[Case[Seen]]:
    return [
        through(
            client,
            upstream,
            said(upstream, INPUT, READ, written, OUTPUT, stream=stream),
            _counts(INPUT + READ + written, READ, OUTPUT),
            wrong(client, stream),
            stream=stream,
        )
        for client in clients
        for upstream in ALL
        for stream in (True, False)
    ]


test_F089_what_came_from_the_cache_is_told_beside_the_fresh_input = fault(
    *_of_every_pair(
        lambda client, stream: [
            said(client, INPUT + READ, 0, 0, OUTPUT, stream=stream),
            said(client, INPUT + READ, READ, 0, OUTPUT, stream=stream),
        ],
        0,
        (MESSAGES,),
    )
)


def _without_input(fresh: int) -> bytes:
    closing = event(
        "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": OUTPUT}
    )
    start = message_start(input_tokens=fresh) + block(0, "text", ("text", "hi"))
    return start + closing + event("message_stop")


test_F091_the_closing_usage_has_the_input = fault(
    through(
        MESSAGES,
        CHAT,
        said(CHAT, INPUT, READ, 0, OUTPUT),
        _counts(INPUT + READ, READ, OUTPUT),
        [_without_input(0), said(MESSAGES, INPUT + READ, READ, 0, OUTPUT)],
    )
)

_OLLAMA = chunk({"role": "assistant", "content": "hi"}) + chunk({}, "stop", usage=chat_usage(INPUT, OUTPUT)) + DONE

test_F092_the_closing_usage_has_more_than_the_output = fault(
    *[
        through(MESSAGES, upstream, said(upstream, INPUT, 0, 0, OUTPUT), _counts(INPUT, 0, OUTPUT), [_without_input(INPUT)])
        for upstream in ALL
    ],
    through(MESSAGES, CHAT, _OLLAMA, _counts(INPUT, 0, OUTPUT), [_without_input(0)], label="ollama"),
    # A Messages upstream that gives the input at the start alone.
    through(MESSAGES, MESSAGES, _without_input(INPUT), _counts(INPUT, 0, OUTPUT), [_without_input(INPUT)], label="start"),
)


def _one_usage_chunk_before_done(seen: Seen) -> None:
    assert counts(seen)[0] == INPUT + READ + WRITTEN
    chunks = [value for _, value in frames_of(seen.body, named=False)]
    assert chunks[-1] is None
    assert chunks[-2]["choices"] == []
    assert [bool(one.get("usage")) for one in chunks[:-1]].count(True) == 1


_GOOD = said(CHAT, INPUT, READ, WRITTEN, OUTPUT)
_USAGE = _GOOD[_GOOD.index(b"data: ", _GOOD.index(b'"stop"')) : -len(DONE)]

test_F093_one_usage_chunk_comes_before_done = fault(
    *[
        through(
            CHAT,
            upstream,
            said(upstream, INPUT, READ, WRITTEN, OUTPUT),
            _one_usage_chunk_before_done,
            [_GOOD.replace(_USAGE, b""), _GOOD.replace(_USAGE, _USAGE * 2)],
            ask={"stream_options": {"include_usage": True}},
        )
        for upstream in ALL
    ]
)

test_F095_both_kinds_of_cache_are_counted_once = fault(
    *_of_every_pair(
        lambda client, stream: [
            said(client, INPUT, READ, 0, OUTPUT, stream=stream),
            said(client, INPUT + READ + WRITTEN, READ, WRITTEN, OUTPUT, stream=stream),
        ],
        WRITTEN,
        ALL,
    )
)

test_F096_the_end_has_the_real_numbers = fault(
    *[
        through(client, CHAT, said(CHAT, INPUT, 0, 0, OUTPUT), _counts(INPUT, 0, OUTPUT), [said(client, 0, 0, 0, 0)])
        for client in (MESSAGES, RESPONSES)
    ]
)
