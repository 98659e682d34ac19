"""How a Responses stream ends: well, early, with an error, and with which counts."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import END, NEED_DATA
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from tests.formats.openai_responses.harness import decoded, stream, upstream
from tests.formats.openai_responses.test_stream_decode import CREATED, added, call, completed, delta, message, shape
from tests.support.chunks import two_way_splits


@pytest.mark.parametrize(
    ("last", "stop"),
    [
        (completed(message("x")), "stop"),
        (completed(call()), "tool_calls"),
        ({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}, "length"),
        ({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}}, "refusal"),
        ({"type": "response.incomplete", "response": {"incomplete_details": None}}, "length"),
        ({"type": "response.done", "response": {"status": "completed"}}, "stop"),
    ],
)
def test_ends(last: dict[str, Any], stop: str) -> None:
    assert shape(decoded([stream(CREATED, last)]))[-1] == ("end", stop)


def test_done_alone_is_an_end() -> None:
    raw = stream(CREATED, delta("output_text", "hi", output_index=0), done=True)
    assert shape(decoded([raw])) == ["MessageStart", "TextStart", "hi", "TextEnd", ("end", "stop")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>no</html>",
        b"data: [DONE]\n\n",
        b"data: {\n\n",
        b"data: 7\n\n",
        b"event: response.created\ndata: {}\n\n",
        stream(CREATED),
        stream(CREATED, delta("output_text", "hi", output_index=0)),
        stream(CREATED, added(0)),
    ],
)
def test_garbage_and_an_early_end_are_the_upstreams_fault(raw: bytes) -> None:
    for pieces in two_way_splits(raw):
        with pytest.raises(PeerError):
            decoded(pieces)


def test_after_the_end_nothing_is_read_and_an_error_stays() -> None:
    decoder = OPENAI_RESPONSES.stream_decoder(upstream())
    decoder.receive_data(stream(CREATED, completed()) + b"data: garbage\n\n")
    assert [type(decoder.next_event()) for _ in range(2)] == [ev.MessageStart, ev.MessageEnd]
    assert decoder.next_event() is END
    decoder.receive_eof()
    assert decoder.next_event() is END
    broken = OPENAI_RESPONSES.stream_decoder(upstream())
    assert broken.next_event() is NEED_DATA
    broken.receive_data(b"data: {\n\n" + stream(CREATED))
    for _ in range(2):
        with pytest.raises(PeerError):
            broken.next_event()


FILTER = {"code": "content_filter", "message": "The response was filtered."}
VAGUE = {"code": "server_error", "message": "Something broke."}


ERRORS: list[tuple[list[dict[str, Any]], str]] = [
    ([{"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}], "provider_rate_limit"),
    ([{"type": "error", "error": {"code": "context_length_exceeded", "message": "long"}}], "context_length_exceeded"),
    ([{"type": "response.failed", "response": {"error": FILTER}}], "content_filter"),
    ([{"type": "response.failed", "response": {"error": VAGUE}}], "provider_unavailable"),
    ([{"type": "response.failed", "response": {"error": VAGUE}}, {"type": "error", "error": FILTER}], "content_filter"),
    ([{"type": "error", "message": "x"}, {"type": "response.failed", "response": {"error": FILTER}}], "content_filter"),
    ([{"type": "response.failed", "response": {}}], "provider_unavailable"),
]


@pytest.mark.parametrize(("frames", "code"), ERRORS)
def test_errors_in_either_order(frames: list[dict[str, Any]], code: str) -> None:
    events = decoded([stream(CREATED, *frames)])
    assert len(events) == 2
    error = events[1]
    assert isinstance(error, ev.UpstreamError)
    assert error.code == code


def test_usage_of_a_failed_response_is_kept() -> None:
    failed = {"status": "failed", "error": FILTER, "usage": {"input_tokens": 5, "output_tokens": 1}}
    events = decoded([stream(CREATED, {"type": "response.failed", "response": failed})])
    assert isinstance(events[1], ev.UsageUpdate)
    assert (events[1].usage.input_tokens, events[1].usage.output_tokens) == (5, 1)


@pytest.mark.parametrize(
    ("raw", "counts"),
    [
        ({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}, (10, 5, 0, 0, 0)),
        (
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 15,
            },
            (10, 5, 4, 2, 3),
        ),
        (
            {"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 18},
            (10, 8, 0, 0, 3),
        ),
        ({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": 1.0}, (3, 1, 3, 0, 0)),
    ],
)
def test_counts_are_put_right(raw: dict[str, Any], counts: tuple[int, ...]) -> None:
    events = decoded([stream(CREATED, completed(usage=raw))])
    update = events[1]
    assert isinstance(update, ev.UsageUpdate)
    usage = update.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read, usage.cache_write, usage.reasoning) == counts
