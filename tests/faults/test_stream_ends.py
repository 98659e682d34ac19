"""Faults of area stream: where an event ends, and how a reply does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.faults.kit import ALL, CHAT, MESSAGES, Case, Seen, fault, through
from tests.faults.reading import read
from tests.faults.test_stream_blocks import calls_from
from tests.faults.wire import DONE, bare_chunk, chat_usage, chunk, completed, data, event, response_stream
from tests.support.replies import STREAMS
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

SAID = "One. Two. Three."


def _whole_text(seen: Seen) -> None:
    assert read(seen).text == SAID


def cut_short(dialect: Dialect) -> bytes:
    """The opening of a stream and its text, then nothing."""
    whole = calls_from(dialect, text=SAID)
    marks = {CHAT: b"data: ", MESSAGES: b"event: content_block_stop"}
    if dialect == CHAT:
        return whole[: whole.index(b"data: ", whole.index(SAID.encode()))]
    mark = marks.get(dialect, b"event: response.output_text.done")
    return whole[: whole.index(mark)]


def failing(dialect: Dialect) -> bytes:
    """A stream that ends in an error."""
    if dialect == CHAT:
        return data({"error": {"message": "cut", "code": "provider_unavailable"}}) + DONE
    if dialect == MESSAGES:
        return event("error", error={"type": "api_error", "message": "cut"})
    return response_stream(completed(status="failed", error={"code": "x", "message": "cut"}))


def _pieces(said: bytes, *cuts: int) -> Script:
    edges = [0, *cuts, len(said)]
    return Script([(0.0, said[a:b]) for a, b in pairwise(edges)])


def _split_cases(client: Dialect, upstream: Dialect) -> Sequence[Case[Seen]]:
    said = calls_from(upstream, text=SAID)
    within = said.index(b"Two")
    cuts = {"in a line": (within,), "in the name": (within - 30,), "bytes": tuple(range(1, len(said)))}
    return [
        through(client, upstream, _pieces(said, *at), _whole_text, [cut_short(client), failing(client)], label=label)
        for label, at in cuts.items()
    ]


test_F008_half_a_line_waits_for_the_rest = fault(
    *[case for client in ALL for upstream in ALL for case in _split_cases(client, upstream)]
)


def _failed(seen: Seen) -> None:
    found = read(seen, failed=True)
    assert seen.client != CHAT or not found.usage, "usage after a failure"
    assert SAID.encode() in seen.body, "what had come is lost"
    assert seen.row is None or (seen.row.status, seen.row.error_code) == ("failed", "provider_unavailable")


test_F021_a_stream_that_breaks_off_is_a_failure = fault(
    *[
        through(client, upstream, cut_short(upstream), _failed, [calls_from(client, text=SAID), cut_short(client)])
        for client in ALL
        for upstream in ALL
    ]
)

_COUNTED_AS_SUCCESS = chunk({"role": "assistant", "content": ""}) + bare_chunk(choices=[], usage=chat_usage(0, 0)) + DONE


def _served_by_the_second(seen: Seen) -> None:
    assert read(seen).text == SAID
    assert seen.row is None or [one.code for one in seen.row.attempts] == ["provider_unavailable", None]


def _cut_before_output(upstream: Dialect) -> list[Script]:
    return [Script([(0.0, STREAMS[upstream][0])]), Script([(0.0, calls_from(CHAT, text=SAID))])]


test_F023_an_end_before_output_is_tried_elsewhere_and_after_it_told = fault(
    *[
        through(client, CHAT, _cut_before_output(CHAT), _served_by_the_second, wrong, model="twice", label="before")
        for client in ALL
        for wrong in [[_COUNTED_AS_SUCCESS] if client == CHAT else [failing(client), calls_from(client)]]
    ],
    through(CHAT, CHAT, cut_short(CHAT), _failed, [cut_short(CHAT) + _COUNTED_AS_SUCCESS], label="after"),
)

_NO_DONE = calls_from(CHAT, text=SAID).removesuffix(DONE)
_NO_USAGE = chunk({"role": "assistant", "content": SAID}) + chunk({}, "stop")

test_F024_a_finish_reason_alone_ends_a_stream_well = fault(
    *[
        through(client, CHAT, said, _whole_text, [failing(client), cut_short(client)], label=label)
        for client in ALL
        for label, said in (("no DONE", _NO_DONE), ("no usage either", _NO_USAGE))
    ]
)

_COMMENT = b": OPENROUTER PROCESSING\n\n"


def _commented(upstream: Dialect) -> bytes:
    said = calls_from(upstream, text=SAID)
    middle = said.index(b"\n\n") + 2
    return _COMMENT + said[:middle] + _COMMENT + said[middle:]


test_F029_a_comment_is_no_data = fault(
    *[
        through(
            client,
            upstream,
            _commented(upstream),
            _whole_text,
            [b"data: " + _COMMENT + calls_from(client, text=SAID)],
        )
        for client in ALL
        for upstream in ALL
    ]
)

test_F031_both_line_endings_separate_events = fault(
    *[
        through(
            client,
            upstream,
            calls_from(upstream, text=SAID).replace(b"\n", ending),
            _whole_text,
            [b"", failing(client), calls_from(client, text=SAID).replace(b"\n\n", b"\r\n\r\n")],
            label=label,
        )
        for client in ALL
        for upstream in ALL
        for label, ending in (("CRLF", b"\r\n"), ("CR", b"\r"))
    ]
)
