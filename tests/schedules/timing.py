"""The laws of time: deadlines, signs of life, and how soon upstreams are let go of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from hyperinfer.nodes.attempt import LAST_WORDS
from tests.schedules.gateway import EDGE
from tests.schedules.setting import SETTINGS

if TYPE_CHECKING:
    from tests.schedules.course import Attempted, Course, Dialled
    from tests.schedules.laws import Exchange
    from tests.schedules.setting import Setting

_STEP = 1e-6
"""Seconds that are none."""


def _over(seconds: float, limit: float) -> bool:
    return seconds > limit + _STEP


def _ends(course: Course) -> Iterator[tuple[Dialled, Attempted, float, float]]:
    """Each attempt with the time when the gateway began it, and when it was over for the gateway."""
    for dialled in course.dialled:
        for place, attempted in enumerate(dialled.attempts):
            began = dialled.asked_at if place == 0 else attempted.at
            later = dialled.attempts[place + 1].at if place + 1 < len(dialled.attempts) else dialled.closed_at
            # On a connection that is kept the end of the response is that of the attempt.
            ended = attempted.over if attempted.whole and attempted.over is not None else later
            if ended is not None:
                yield dialled, attempted, began, min(ended, later if later is not None else ended)


def _connects(course: Course, _: list[Exchange]) -> Iterator[str]:
    limit = SETTINGS[course.schedule.setting].connect
    for dialled in course.dialled:
        end = dialled.open_at if dialled.open_at is not None else dialled.closed_at
        if end is not None and _over(end - dialled.asked_at, limit):
            yield f"connecting took {end - dialled.asked_at:g} s"


def _upstreams(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    setting = SETTINGS[course.schedule.setting]
    asks = {exchange.ask.number: exchange for exchange in all_of_them}
    for _, attempted, began, ended in _ends(course):
        exchange = asks[attempted.ask]
        name = f"request {attempted.ask} at {attempted.protocol}"
        if exchange.ask.streamed:
            yield from (f"{name}: {each}" for each in _streamed(setting, attempted, began, ended, exchange))
        elif _over(ended - began, setting.whole):
            yield f"{name}: a whole response took {ended - began:g} s"


def _streamed(setting: Setting, attempted: Attempted, began: float, ended: float, exchange: Exchange) -> Iterator[str]:
    if _over(ended - began, setting.stream):
        yield f"a stream took {ended - began:g} s"
    out = attempted.first_output
    # A write towards the gateway that a slow client holds up may have got through with its output, and not be over.
    if out is None and exchange.visited.visitor.prompt and _over(ended - began, setting.first_token):
        yield f"no output for {ended - began:g} s"
    if out is not None and _over(out - began, setting.first_token) and _over(ended - began, setting.first_token):
        yield f"the first output after {out - began:g} s"
    if not exchange.visited.visitor.prompt:
        return  # then the gateway reads no further
    # While the end is being settled the connection may still be open.
    settling = max(exchange.course.schedule.storing.settling)
    times = [at for at, _ in attempted.sent]
    for before, after in pairwise([*times, ended]):
        answering = attempted.head_at is not None and before >= attempted.head_at
        if answering and _over(after - before, setting.idle + LAST_WORDS + settling):
            yield f"silent for {after - before:g} s"


def _keeps_alive(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    """A client that reads hears something every `keepalive` seconds, from when the first route is asked."""
    keepalive = SETTINGS[course.schedule.setting].keepalive
    storing = course.schedule.storing
    for exchange in all_of_them:
        visited, response = exchange.visited, exchange.response
        if not exchange.ask.streamed or not visited.visitor.prompt or not exchange.attempts:
            continue
        row = exchange.row
        times = list(exchange.pieces())
        if response is not None and not response.streamed and times:
            times = times[:1]
        began = min(began for _, attempt, began, _ in _ends(course) if attempt.ask == exchange.ask.number)
        allowed = keepalive + (max(storing.settling) if row is None or any(storing.settling) else 0.0)
        for before, after in pairwise([began, *times]):
            if _over(after - before, allowed):
                yield f"request {exchange.ask.number}: its client heard nothing for {after - before:g} s"


def _retries(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    most = SETTINGS[course.schedule.setting].retries + 1
    for exchange in all_of_them:
        rounds = 1 if exchange.ask.tool is None else 10
        # On a connection that was kept, and has gone before one byte of an answer, nothing was tried.
        tried = [attempt for attempt in exchange.attempts if attempt.sent or not attempt.again]
        if len(tried) > most * rounds:
            yield f"request {exchange.ask.number}: {len(tried)} attempts"
        if exchange.row is not None and rounds == 1 and len(exchange.row.attempts) > most:
            yield f"request {exchange.ask.number}: {len(exchange.row.attempts)} attempts in its row"
        with_output = [attempt for attempt in exchange.attempts[:-1] if _seen(attempt)]
        if exchange.ask.streamed and rounds == 1 and with_output and exchange.visited.visitor.prompt:
            yield f"request {exchange.ask.number}: asked again after output"


def _seen(attempted: Attempted) -> bool:
    """Output of it has surely reached the gateway while it listened."""
    answer = attempted.answer
    return answer.status == 200 and attempted.first_output is not None and answer.says in ("hello", "long", "late error")


def _let_go(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    """Once a client has left, what was asked for it is asked no more."""
    for exchange in all_of_them:
        left = exchange.visited.left_at
        if left is None:
            continue
        for dialled in course.dialled:
            mine = [attempt for attempt in dialled.attempts if attempt.ask == exchange.ask.number]
            if not mine:
                continue
            if mine[-1].at > left + _STEP:
                yield f"request {exchange.ask.number} was sent {mine[-1].at - left:g} s after its client had left"
            if mine[-1] is dialled.attempts[-1] and not mine[-1].whole:
                closed = dialled.closed_at
                if closed is not None and _over(closed - left, 0.0):
                    yield f"request {exchange.ask.number}: its upstream was open for {closed - left:g} s without a client"


def _ends_in_time(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    """Requests are over by the sum of all that may take time in them."""
    del all_of_them
    if course.stopped_at is None or not course.visits:
        return
    limit = course.stopped_at + EDGE.grace + EDGE.settle_margin + EDGE.settling
    if any(visited.visitor.stuck is not None for visited in course.visits):
        return
    late = [visited.ended_at for visited in course.visits if visited.ended_at > limit + _STEP]
    if late and all(visited.visitor.prompt for visited in course.visits):
        yield f"a client was served until {max(late) - course.stopped_at:g} s after the end began"


LAWS: tuple[Callable[[Course, list[Exchange]], Iterator[str]], ...] = (
    _connects,
    _upstreams,
    _keeps_alive,
    _retries,
    _let_go,
    _ends_in_time,
)
