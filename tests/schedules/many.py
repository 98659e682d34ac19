"""Many schedules, and one again."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.schedules import draw, endings, gateway, laws

if TYPE_CHECKING:
    from tests.schedules.course import Course
    from tests.schedules.plan import Schedule

MOST_FAILURES = 5
"""After so many nobody needs another."""


@dataclass
class Many:
    """What became of them. `failures`: the laws that were broken, each with its schedule and how to replay it."""

    ran: int = 0
    failures: list[str] = field(default_factory=list[str])
    endings: Counter[str] = field(default_factory=Counter[str])


def run_many(seeds: Iterable[int], *, most_failures: int = MOST_FAILURES) -> Many:
    """Runs the schedules of these seeds, until too many have failed."""
    many = Many()
    with _collecting_seldom():
        _run(seeds, many, most_failures)
    return many


@contextmanager
def _collecting_seldom() -> Generator[None]:
    """A run leaves circles, which cost a tenth of the time when they are looked for as often as usual."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(50_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _run(seeds: Iterable[int], many: Many, most_failures: int) -> None:
    for seed in seeds:
        schedule = draw.schedule(seed)
        course, broken = judged(schedule)
        many.ran += 1
        if course is not None and not broken:
            many.endings.update(set(endings.of(course, laws.exchanges_told(course))))
        if broken:
            laws_of_it = "\n".join(f"BROKEN: {law}" for law in broken)
            many.failures.append(f"{schedule}\n{laws_of_it}\nreplay: python -m tests.schedules {seed}")
            if len(many.failures) >= most_failures:
                break


def judged(schedule: Schedule) -> tuple[Course | None, list[str]]:
    """One schedule's course, None where it crashed, and the laws that it broke."""
    try:
        course = gateway.run(schedule)
    except Exception as error:
        return None, [f"crashed: {error!r}"]
    return course, laws.broken(course)


def replay(seed: int) -> tuple[str, list[str]]:
    """A schedule, how it went, step by step, and the laws that it broke."""
    schedule = draw.schedule(seed)
    course, broken = judged(schedule)
    lines = [str(schedule), ""]
    if course is not None:
        lines += told(course)
    lines += ["", *(f"BROKEN: {law}" for law in broken), f"{len(broken)} laws broken", ""]
    return "\n".join(lines), broken


def told(course: Course) -> list[str]:
    """What happened, in the order of time."""
    found: list[tuple[float, str]] = []
    for number, visited in enumerate(course.visits):
        who = f"client {number}"
        found += [(at, f"{who} has sent a request") for at in visited.sent_at]
        found += [(at, f"{who} reads {len(data)} bytes: {data[:400]!r}") for at, data in visited.received]
        if visited.left_at is not None:
            found.append((visited.left_at, f"{who} leaves"))
        found.append((visited.ended_at, f"{who}: {visited.ended}"))
    for number, dialled in enumerate(course.dialled):
        what = f"connection {number} to {dialled.protocol}"
        found.append((dialled.asked_at, f"{what} is asked for"))
        if dialled.open_at is not None:
            found.append((dialled.open_at, f"{what} is there"))
        for attempted in dialled.attempts:
            found.append((attempted.at, f"{what} carries request {attempted.ask}, answered: {attempted.answer}"))
            found += [(at, f"{what} is sent {size} bytes") for at, size in attempted.sent]
        if dialled.closed_at is not None:
            found.append((dialled.closed_at, f"{what} is let go of"))
    found += [(at, f"{id_} is admitted") for id_, at in course.admitted.items()]
    found += [(at, f"{row.id} is settled: {row}") for at, row in course.rows]
    found += [(at, f"{id_} is recorded") for id_, at in course.recorded.items()]
    if course.stopped_at is not None:
        found.append((course.stopped_at, "the gateway is told to end"))
    found.sort(key=lambda each: each[0])  # stable: what came at one instant stays in its order
    return [f"{at:12.6f}  {what}" for at, what in found] + [f"logged: {line}" for line in course.logged]
