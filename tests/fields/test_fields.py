"""No field vanishes, on any hop, and the page says what the codecs do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.formats.conversation import NativePart
from tests.fields.example import lines
from tests.fields.notes import NOTES, Note
from tests.fields.outcome import Outcome, Side, compared
from tests.fields.page import page
from tests.fields.replies import events_of
from tests.fields.requests import read
from tests.fields.survey import EXAMPLES, Field, Way, survey
from tests.fields.table import cell, rows
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
WAYS = list(EXAMPLES)


def _needs_a_note(outcome: Outcome) -> bool:
    """Whether a field is told nowhere, or something else than its value arrives, and neither is a loss."""
    return outcome.silent or bool(outcome.landed and not outcome.carried and not outcome.lost)


def _note(dialect: Dialect, way: Way, field: Field, to: Dialect) -> Note | None:
    return next((note for note in NOTES if note.fits(dialect, way, field.kind, to)), None)


@pytest.mark.parametrize(("dialect", "way"), WAYS)
def test_no_field_vanishes(dialect: Dialect, way: Way) -> None:
    vanished = [
        f"{field.kind} towards {to}"
        for field in survey(dialect, way)
        for to in DIALECTS
        for outcome in (field.outcomes[to], *([field.streamed[to]] if field.streamed else []))
        if _needs_a_note(outcome) and _note(dialect, way, field, to) is None
    ]
    assert vanished == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_loss_names_the_field_that_it_is_of(dialect: Dialect) -> None:
    def names(path: str) -> list[str]:
        return re.findall(r"[a-z_]+", path)

    wrong = [
        f"{field.kind} towards {to} as {path}"
        for field in survey(dialect, "request")
        for to, outcome in field.outcomes.items()
        for path, _ in outcome.lost
        if names(path)[0] != names(field.kind)[0] or (names(path)[-1] not in names(field.kind) and path[-1] != "]")
    ]
    assert wrong == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_tells_what_a_whole_reply_tells(dialect: Dialect) -> None:
    def what(outcome: Outcome) -> tuple[bool, bool]:
        return bool(outcome.landed), bool(outcome.lost or outcome.lost_with)

    differ = [
        f"{field.kind} towards {to}"
        for field in survey(dialect, "reply")
        for to in DIALECTS
        if field.streamed and what(field.outcomes[to]) != what(field.streamed[to]) and not _note(dialect, "reply", field, to)
    ]
    assert differ == []


@pytest.mark.parametrize("note", NOTES, ids=lambda note: f"{note.way}-{note.pattern}")
def test_notes_are_needed(note: Note) -> None:
    assert any(
        _needs_a_note(field.outcomes[to]) and note.fits(dialect, note.way, field.kind, to)
        for dialect in note.dialects
        for field in survey(dialect, note.way)
        for to in note.to
    )


def test_a_field_that_vanishes_is_seen() -> None:
    document = {"model": "m", "zqfield": "zqvalue"}
    silent = compared(document, ("zqfield",), Side({"model": "m"}), Side({"model": "m"}))
    assert silent.silent
    told = compared(document, ("zqfield",), Side({"model": "m"}, (("zqfield", "no such field"),)), Side({"model": "m"}))
    assert told.lost == (("zqfield", "no such field"),)
    other = compared(document, ("zqfield",), Side({"model": "m", "x": 1}), Side({"model": "m", "x": 2}))
    assert _needs_a_note(other), "what arrives is another value"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_example_is_a_reply(dialect: Dialect) -> None:
    for example in EXAMPLES[dialect, "reply"]:
        assert not isinstance(found := events_of(dialect, example.document), str), found


@pytest.mark.parametrize(
    ("dialect", "name"), [("openai_responses", "responses_items.jsonl"), ("anthropic_messages", "messages_blocks.jsonl")]
)
def test_what_is_carried_as_one_is_read_as_one(dialect: Dialect, name: str) -> None:
    """`test_complete` asks for no example of what is deep in these."""
    said = [{"role": "assistant", "content": [line]} for line in lines(name)]
    body = {"messages": said, "max_tokens": 1} if dialect == "anthropic_messages" else {"input": lines(name)}
    conversation = read(dialect, {"model": "m", **body})
    assert not isinstance(conversation, Exception)
    parts = [part for turn in conversation.turns for part in turn.parts]
    assert [part.raw for part in parts if isinstance(part, NativePart)] == lines(name)


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make fields"


@pytest.mark.parametrize(("dialect", "way"), WAYS)
def test_every_field_is_on_the_page(dialect: Dialect, way: Way) -> None:
    """In a row of its own or in that of what holds it, with the same cells."""
    fields = survey(dialect, way)
    for area in dict.fromkeys(field.area for field in fields):
        here = [field for field in fields if field.area == area]
        shown = {kind: row.cells for row in rows(dialect, way, here) for kind in row.fields}
        for field in here:
            holders = [kind for kind in shown if _holds(kind, field.kind)]
            assert holders, field.kind
            assert shown[max(holders, key=len)] == tuple(cell(dialect, way, field, to) for to in DIALECTS)


def _holds(kind: str, field: str) -> bool:
    prefix = kind.removesuffix(".*")
    return field == kind or re.match(rf"{re.escape(prefix)}[.\[]", field) is not None


def test_all_formats_are_surveyed() -> None:
    assert {dialect for dialect, _ in WAYS} == set(FORMATS)
