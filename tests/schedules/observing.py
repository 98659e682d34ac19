"""What is seen of a gateway from outside while it works: its tasks, its watches, and what it logs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from hyperinfer.api.edge.edges import EDGES
from hyperinfer.api.edge.lean import LeanEdge
from hyperinfer.api.edge.watch import Watch
from tests.support import living_tasks
from tests.support.ledger import NOW

if TYPE_CHECKING:
    from tests.schedules.course import Course
    from tests.schedules.plan import Schedule

_OURS = ("tests.schedules.upstream.", "tests.schedules.store.")
"""Names of tasks that are not the gateway's."""


def tasks() -> Counter[str]:
    """The tasks of the gateway that live, by name."""
    return living_tasks.tasks(but=_OURS)


@contextmanager
def watching(schedule: Schedule, edge: str) -> Generator[list[Watch]]:
    """The watches that are at work, which look at no sockets where the schedule says so. Meanwhile there is an edge of that
    name whose clock stands still."""
    found: list[Watch] = []
    run, watches = Watch.run, Watch.watches_sockets

    async def known(watch: Watch) -> None:
        found.append(watch)
        await run(watch)

    patched: Any = Watch
    patched.run = known
    known_edges: Any = EDGES
    known_edges[edge] = partial(LeanEdge, now=lambda: NOW)
    if not schedule.watched:
        patched.watches_sockets = property(lambda _: False)
    try:
        yield found
    finally:
        patched.run, patched.watches_sockets = run, watches
        del known_edges[edge]


class _Errors(logging.Handler):
    def __init__(self, course: Course) -> None:
        super().__init__(logging.ERROR)
        self._course = course

    def emit(self, record: logging.LogRecord) -> None:
        cause = "" if record.exc_info is None else f": {record.exc_info[1]!r}"
        self._course.logged.append(f"{record.getMessage()}{cause}")


@contextmanager
def errors_into(course: Course) -> Generator[None]:
    """What is logged as an error goes into the course, and nothing anywhere else."""
    loggers, errors = [logging.getLogger("hyperinfer"), logging.getLogger("trio")], _Errors(course)
    before = [(logger, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(errors)
        logger.propagate = False
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, propagate, level in before:
            logger.removeHandler(errors)
            logger.propagate = propagate
            logger.setLevel(level)
