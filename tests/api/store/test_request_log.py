"""All pages together are everything that was there, each once, whatever comes in while they are read."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.api.ids import RequestIds, id_of_time
from hyperinfer.api.store.database import migrate, migrations
from hyperinfer.api.store.generations import generation_row
from hyperinfer.api.store.reports import requests
from hyperinfer.api.store.request_log import MOST, FoundRows, RequestsQuestion, Search
from hyperinfer.api.store.request_pages import page_of
from tests.api.store.samples import NOW, a_generation

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import Generation, Status

WORKSPACES = ("ws_a", "ws_b")
STATUSES: tuple[Status, ...] = ("completed", "failed")


@dataclass(frozen=True)
class Came:
    """A request: when, in milliseconds; of whom; how it ended; before which page it is in the database."""

    at: int
    workspace: str
    status: Status
    before: int

    def row(self, number: int) -> Generation:
        seconds = NOW + self.at / 1000
        id_ = RequestIds(lambda: seconds, lambda length: number.to_bytes(length, "big")).next()
        row = a_generation(id_, self.workspace, 7, created_at=seconds)
        return msgspec.structs.replace(row, status=self.status)


came = st.builds(
    Came,
    at=st.integers(0, 9),
    workspace=st.sampled_from(WORKSPACES),
    status=st.sampled_from(STATUSES),
    before=st.just(0) | st.integers(0, 9),
)
questions = st.builds(
    RequestsQuestion,
    limit=st.integers(1, 4),
    workspace=st.none() | st.sampled_from(WORKSPACES),
    statuses=st.none() | st.just(("failed",)),
    since=st.none() | st.integers(0, 9).map(lambda at: NOW + at / 1000),
    until=st.none() | st.integers(0, 9).map(lambda at: NOW + at / 1000),
)


@given(st.lists(came, max_size=12), questions, st.integers(1, 5), st.booleans())
def test_all_pages_together(them: list[Came], question: RequestsQuestion, step: int, hurried: bool) -> None:
    rows = [(each, each.row(number)) for number, each in enumerate(them)]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, migrations())
        pages: list[tuple[Generation, ...]] = []
        before = None
        for turn in range(100):
            for each, row in rows:
                if each.before == turn:
                    connection.execute(f"INSERT INTO generation VALUES ({','.join('?' * 17)})", generation_row(row))
            asked = msgspec.structs.replace(question, before=before)
            clock = iter([0.0, *[math.inf] * 1000]).__next__ if hurried else lambda: 0.0
            page = page_of(requests(connection, Search(asked, clock, step)), asked)
            pages.append(page.requests)
            before = page.next
            if before is None:
                break
    shown = [row.id for page in pages for row in page]
    assert all(len(page) <= question.limit for page in pages)
    assert shown == sorted(set(shown), reverse=True)
    there = {row.id for each, row in rows if each.before == 0 and question.fits(row)}
    assert there <= set(shown) <= {row.id for _, row in rows if question.fits(row)}


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9)), st.integers(1, 4))
def test_what_is_pending_stands_in_its_place(stored: list[int], pending: list[int], limit: int) -> None:
    rows = {at: Came(at, "ws_a", "completed", 0).row(at) for at in {*stored, *pending}}
    latest = sorted((row.id for row in rows.values()), reverse=True)
    shown: list[str] = []
    before: str | None = None
    while True:
        question = RequestsQuestion(before=before, limit=limit)
        ids = sorted((rows[at].id for at in stored if rows[at].id < question.below), reverse=True)
        of_page = tuple(generation_row(row) for id_ in ids[:limit] for row in rows.values() if row.id == id_)
        found = FoundRows(of_page, ids[limit - 1] if len(ids) > limit else None)
        page = page_of(found, question, [rows[at] for at in pending])
        assert len(page.requests) <= limit
        shown += [row.id for row in page.requests]
        before = page.next
        if before is None:
            break
    assert shown == latest


def test_the_time_of_an_id_is_between_those_before_and_those_after() -> None:
    for milliseconds in (0, 1, 1295, 1296, 1_795_600_000_250, 36**9 - 2):
        seconds = (milliseconds + 0.5) / 1000
        id_ = RequestIds(partial(float, seconds), bytes).next()
        assert id_of_time(milliseconds / 1000 if milliseconds < 2**40 else seconds) <= id_ < id_of_time(seconds + 0.001)


def test_a_page_has_its_limits() -> None:
    assert Search(RequestsQuestion(limit=10**9)).limit == MOST
    assert Search(RequestsQuestion(limit=-1)).limit == 1
