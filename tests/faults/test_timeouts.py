"""Faults of area timeouts: signs of life while an upstream is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.kit import ALL, MESSAGES, Seen, fault, through
from tests.faults.reading import read
from tests.support.replies import STREAMS
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


def _no_gap_beyond_15_s(seen: Seen) -> None:
    assert seen.status == 200
    gaps = [after - before for before, after in zip([0.0, *seen.times], seen.times, strict=False)]
    assert gaps, "nothing was written"
    assert max(gaps) <= 15.0, f"silent for {max(gaps)} s"
    name = b"event: ping\n" if seen.client == MESSAGES else b": keep-alive\n"
    assert name in seen.body


def _silent(client: Dialect) -> Seen:
    return Seen(client=client, stream=True, body=b"".join(STREAMS[client]), times=[0.0, 60.0])


def _slow_to_speak(upstream: Dialect) -> Script:
    return Script([(0.0, STREAMS[upstream][0]), (60.0, b"".join(STREAMS[upstream][1:]))])


def _slow_to_answer(upstream: Dialect) -> Script:
    return Script([(0.0, b"".join(STREAMS[upstream]))], thinking=60.0)


test_F034_pings_while_the_model_is_silent = fault(
    *[through(client, MESSAGES, _slow_to_speak(MESSAGES), _no_gap_beyond_15_s, [_silent(client)]) for client in ALL]
)


def _told_in_the_stream(seen: Seen) -> None:
    assert (seen.status, seen.headers.get("content-type")) == (200, "text/event-stream; charset=utf-8")
    found = read(seen, failed=True)
    assert found.error


_BUSY = b'{"error": {"type": "overloaded_error", "message": "Too busy"}}'


def _fails_late() -> list[Script]:
    return [Script([(0.0, _BUSY)], status=529, headers={"content-type": "application/json"}, thinking=11.0)] * 3


def _error_body(client: Dialect) -> Seen:
    """An error response where a stream has begun."""
    return Seen(client=client, stream=True, body=b": keep-alive\n\n" + _BUSY, headers={"content-type": "application/json"})


test_F036_the_stream_is_open_before_the_upstream_answers = fault(
    *[
        through(client, upstream, _slow_to_answer(upstream), _no_gap_beyond_15_s, [_silent(client)])
        for client in ALL
        for upstream in ALL
    ],
    *[
        through(client, upstream, _fails_late(), _told_in_the_stream, [_error_body(client)], label="fails")
        for client in ALL
        for upstream in ALL
    ],
)
