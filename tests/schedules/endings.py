"""How requests end: what a number of schedules must have seen, so that they cannot go blind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.schedules.course import Course
    from tests.schedules.laws import Exchange

CAUSES = ("connect", "first_token", "idle", "stream", "whole")

_NO_ROOM = {
    "at the providers of": "no place at a provider",
    "requests under way at once": "too many of a key",
    "as many requests as it takes": "too many in all",
    "as many bytes of requests": "no room for a body",
}

KINDS = (
    "a stream that is complete",
    "a whole response",
    "an error response",
    "a stream that failed before output",
    "a stream that failed after output",
    "a retry that helped",
    "another route that helped",
    *(f"the deadline {cause}" for cause in CAUSES),
    "signs of life",
    "left before output",
    "left within the output",
    "left without its whole response",
    "left while a retry waited",
    "left while a tool ran",
    "left within its request",
    "half-closed",
    "a tool that was run",
    "a client that was dropped as it took nothing",
    "a body that came too late",
    "what could not be recorded",
    *_NO_ROOM.values(),
    "refused by a drain",
    "complete within the grace",
    "ended by the grace",
    "cut off",
    "a client's connection used again",
    "an upstream's connection used again",
)


def of(course: Course, exchanges: list[Exchange]) -> Iterator[str]:
    """The kinds that a course has seen."""
    for exchange in exchanges:
        yield from _told(exchange)
        yield from _interrupted(exchange)
    if any(len(one.attempts) > 1 for one in course.dialled):
        yield "an upstream's connection used again"


def _told(exchange: Exchange) -> Iterator[str]:
    told, row, response, course = exchange.told, exchange.row, exchange.response, exchange.course
    for attempt in () if row is None else row.attempts:
        if attempt.deadline is not None:
            yield f"the deadline {attempt.deadline}"
    if response is not None and b": keep-alive\n" in response.body:
        yield "signs of life"
    if told is None or response is None:
        return
    if told.error is None:
        yield "a stream that is complete" if response.streamed else "a whole response"
        if exchange.place:
            yield "a client's connection used again"
        if row is not None and exchange.ask.tool is not None and len(row.attempts) > 1:
            yield "a tool that was run"
        elif row is not None and len(row.attempts) > 1:
            yield "a retry that helped"
            if row.route:
                yield "another route that helped"
        if course.stopped_at is not None and (exchange.over_at or 0.0) > course.stopped_at:
            yield "complete within the grace"
    elif no_room := [kind for words, kind in _NO_ROOM.items() if words in told.message]:
        yield from no_room
    elif response.status == 408:
        yield "a body that came too late"
    elif "could not be recorded" in told.message:
        yield "what could not be recorded"
    elif "shutting down" in told.message:
        yield "ended by the grace" if row is not None else "refused by a drain"
    elif response.streamed:
        yield "a stream that failed after output" if told.text else "a stream that failed before output"
    else:
        yield "an error response"


def _interrupted(exchange: Exchange) -> Iterator[str]:
    row, response, visited, course = exchange.row, exchange.response, exchange.visited, exchange.course
    if response is not None and response.whole:
        return
    if course.stopped_at is not None and course.schedule.stopping is not None and course.schedule.stopping.cut:
        yield "cut off"
        return
    if visited.left_at is None:
        if visited.visitor.stuck is not None and visited.ended in ("eof", "reset") and response is not None:
            yield "a client that was dropped as it took nothing"
        return
    if visited.visitor.leaves is not None and visited.visitor.leaves.half:
        yield "half-closed"
    if len(visited.began_at) > exchange.place >= len(visited.sent_at):
        yield "left within its request"
    rows = [row] if row is not None else [row for _, row in course.rows if row.status == "cancelled"]
    if len(course.visits) > 1 or len(visited.visitor.asks) > 1 or not rows or rows[0].status != "cancelled":
        return  # whose row it is cannot be told
    (row,) = rows
    if not exchange.ask.streamed:
        yield "left without its whole response"
    else:
        yield "left before output" if row.first_token_ms is None else "left within the output"
    if row.attempts and row.attempts[-1].code is not None:
        yield "left while a retry waited"
    if exchange.ask.tool and len(row.attempts) == 1 and row.first_token_ms is not None and exchange.attempts[0].whole:
        yield "left while a tool ran"
