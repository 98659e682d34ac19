"""What must hold of every schedule, whatever it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.nodes.settlement import SETTLE_SECONDS
from tests.schedules import reading, timing
from tests.schedules.gateway import EDGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperinfer.nodes.ports import Generation
    from tests.schedules.course import Course, Visited
    from tests.schedules.plan import Ask
    from tests.schedules.reading import Response, Told


class Exchange:
    """One request with what came of it.

    `before`: the response before it on the connection. `told`: None where the response is not whole. `row`: None where there
    is none. `over_at`: when the last byte came to the client.
    """

    def __init__(
        self, course: Course, visited: Visited, ask: Ask, response: Response | None, before: Response | None
    ) -> None:
        self.course, self.visited, self.ask, self.response = course, visited, ask, response
        self.before, self.place = before, visited.visitor.asks.index(ask)
        self.attempts = course.attempts(ask)
        self.told: Told | None = None
        self.row: Generation | None = None
        self.over_at: float | None = None
        if response is not None:
            self.row = next((row for _, row in course.rows if row.id == response.headers.get("x-request-id")), None)
            if response.whole:
                self.over_at = _time_of(visited, response.ends - 1)

    def pieces(self) -> Iterator[float]:
        """When bytes of the response came."""
        if self.response is not None:
            place = 0
            for at, data in self.visited.received:
                if place + len(data) > self.response.begins and place < self.response.ends:
                    yield at
                place += len(data)

    @property
    def may_expect(self) -> bool:
        """Its client began to send it on a connection that nothing had ended by then."""
        kept = self.place == 0 or (self.before is not None and self.before.stays)
        return kept and self.place < len(self.visited.began_at)

    @property
    def disturbed(self) -> bool:
        """Its client or the operator may have ended it anyhow. A drain ends well what was begun, if the store lets it."""
        visited, stopping = self.visited, self.course.schedule.stopping
        if visited.left_at is not None or not visited.visitor.prompt:
            return True
        if self.course.stopped_at is None or stopping is None:
            return False
        late = max(self.course.schedule.storing.settling) >= EDGE.settle_margin
        return stopping.cut or late or not self.attempts


def _time_of(visited: Visited, place: int) -> float:
    for at, data in visited.received:
        place -= len(data)
        if place < 0:
            return at
    raise AssertionError("no such byte")


def exchanges(course: Course) -> list[Exchange]:
    """All requests, with their responses. Raises AssertionError where the bytes are no responses."""
    found: list[Exchange] = []
    for visited in course.visits:
        came = reading.responses(b"".join(data for _, data in visited.received))
        asks = visited.visitor.asks
        assert len(came) <= len(asks), f"{len(came)} responses to {len(asks)} requests"
        for place, ask in enumerate(asks):
            response = came[place] if place < len(came) else None
            before = came[place - 1] if 0 < place <= len(came) else None
            found.append(Exchange(course, visited, ask, response, before))
    return found


def exchanges_told(course: Course) -> list[Exchange]:
    """All requests of a course that breaks no law, read."""
    found = exchanges(course)
    for exchange in found:
        list(_read(exchange))
    return found


def broken(course: Course) -> list[str]:
    """What does not hold; empty where all is well."""
    try:
        all_of_them = exchanges(course)
    except AssertionError as error:
        return [f"what a client received is malformed: {error}"]
    found: list[str] = []
    for exchange in all_of_them:
        found += _read(exchange)
    for law in (_nothing_left, _settled_once, _told_as_recorded, _paid_as_told, *timing.LAWS):
        found += law(course, all_of_them)
    return found


def _read(exchange: Exchange) -> Iterator[str]:
    """The stream of a client is well-formed to its last byte."""
    response, visited = exchange.response, exchange.visited
    name = f"request {exchange.ask.number}"
    try:
        if response is not None and response.whole:
            exchange.told = reading.told(exchange.ask, response)
        elif response is not None:
            reading.check_beginning(exchange.ask, response)
    except AssertionError as error:
        yield f"{name}: {error}"
    if (response is None or not response.whole) and not exchange.disturbed and exchange.may_expect:
        yield f"{name}: its client stayed, and has no whole response ({visited.ended})"


def _nothing_left(course: Course, _: list[Exchange]) -> Iterator[str]:
    yield from (f"left: {each}" for each in course.left)
    for line in course.logged:
        if "settlement of" not in line or not _unsure(course):
            yield f"logged: {line}"


def _settled_once(course: Course, _: list[Exchange]) -> Iterator[str]:
    rows = [row.id for _, row in course.rows]
    for id_ in {*rows, *course.admitted}:
        owed = int(id_ in course.admitted and id_ not in course.released)
        if rows.count(id_) != owed:
            yield f"{id_} was settled {rows.count(id_)} times, and should have been {owed} times"
    for at, row in course.rows:
        billed = course.billed.get(row.id)
        if course.schedule.storing.rejects:
            continue
        if billed != row.cost:
            yield f"{row.id}: the ledger has {billed}, its row {row.cost}"
        if row.cost != sum(line.cost for line in row.lines):
            yield f"{row.id}: its cost is not the sum of its lines"
        if (row.status == "failed") != (row.error_code is not None):
            yield f"{row.id}: {row.status} with {row.error_code}"
        if at < course.admitted[row.id]:
            yield f"{row.id} was settled before it was admitted"


_NOT_RECORDED = "The request could not be recorded."


def _told_as_recorded(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    """A client that has seen the end of its response finds the row of it."""
    for exchange in all_of_them:
        told, row, response = exchange.told, exchange.row, exchange.response
        if told is None or response is None:
            continue
        name = f"request {exchange.ask.number}"
        id_ = response.headers.get("x-request-id")
        if told.message == _NOT_RECORDED:
            if id_ in course.recorded and course.recorded[id_] <= (exchange.over_at or 0.0):
                yield f"{name}: told that it was not recorded, and it was"
            continue
        if told.error is None and row is None:
            yield f"{name}: went well, and nobody admitted it"
        if row is None:
            continue
        good = row.status in ("completed", "incomplete")
        if (told.error is None) != good:
            yield f"{name}: its client was told {told.error or 'that it went well'}, its row says {row.status}"
        if told.error is not None and told.error != row.error_code:
            yield f"{name}: its client was told {told.error}, its row says {row.error_code}"
        in_time = id_ in course.recorded and course.recorded[id_] <= (exchange.over_at or 0.0)
        if not in_time and not (told.error is not None and _unsure(course)):
            yield f"{name}: its client saw the end before its row was there"


def _unsure(course: Course) -> bool:
    storing = course.schedule.storing
    return storing.rejects or max(storing.settling) >= SETTLE_SECONDS


def _paid_as_told(course: Course, all_of_them: list[Exchange]) -> Iterator[str]:
    for exchange in all_of_them:
        told, row = exchange.told, exchange.row
        if told is None or row is None:
            continue
        if told.cost is not None and round(float(told.cost) * 10**12) != row.cost:
            yield f"request {exchange.ask.number}: told {told.cost} USD, billed {row.cost} pico-USD"
        if row.status == "failed" and row.cost and row.first_token_ms is None:
            yield f"{row.id}: billed for nothing"
