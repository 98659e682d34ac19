"""All fields of all formats with what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from hyperinfer.formats.quirks import PROTOCOL_QUIRKS, Quirks
from tests.fields import (
    chat_replies,
    chat_requests,
    messages_replies,
    messages_requests,
    responses_replies,
    responses_requests,
)
from tests.fields.paths import kind_of, value_at
from tests.fields.replies import clients_hear, clients_see
from tests.fields.requests import RUN_BY_PROVIDERS, read, sent, target, upstreams_see
from tests.fields.variants import Sides, became, fields_of
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Target
    from tests.fields.example import Example
    from tests.fields.outcome import Outcome

Way = Literal["request", "reply"]
EXAMPLES: dict[tuple[Dialect, Way], tuple[Example, ...]] = {
    ("openai_chat", "request"): chat_requests.EXAMPLES,
    ("openai_chat", "reply"): chat_replies.EXAMPLES,
    ("openai_responses", "request"): responses_requests.EXAMPLES,
    ("openai_responses", "reply"): responses_replies.EXAMPLES,
    ("anthropic_messages", "request"): messages_requests.EXAMPLES,
    ("anthropic_messages", "reply"): messages_replies.EXAMPLES,
}


@dataclass(frozen=True)
class Field:
    """One field. `streamed`: of a whole reply, what becomes of it when the client asked for a stream.

    `quirks`: for each protocol, those that change what becomes of it.
    """

    area: str
    kind: str
    value: Any
    outcomes: dict[Dialect, Outcome]
    streamed: dict[Dialect, Outcome] | None = None
    quirks: dict[Dialect, tuple[str, ...]] | None = None


@cache
def survey(dialect: Dialect, way: Way) -> tuple[Field, ...]:
    """Every field that the examples have, once."""
    found: dict[str, Field] = {}
    for example in EXAMPLES[dialect, way]:
        fields = _request_fields(dialect, example) if way == "request" else _reply_fields(dialect, example)
        for field in fields(set(found)):
            found.setdefault(field.kind, field)
    return tuple(found.values())


def _request_fields(dialect: Dialect, example: Example) -> Any:
    document, view = example.document, partial(upstreams_see, dialect)

    def fields(known: set[str]) -> Iterator[Field]:
        full = view(document)
        changed = _changed_by_quirks(dialect, document, full)
        for path in fields_of(document):
            if (kind := kind_of(document, path)) not in known:
                outcomes = became(document, path, full, view)
                quirks: dict[Dialect, tuple[str, ...]] = {
                    name: _quirks_of(outcome, changed[name]) for name, outcome in outcomes.items()
                }
                yield Field(example.area, kind, value_at(document, path), outcomes, quirks=quirks)

    return fields


def _reply_fields(dialect: Dialect, example: Example) -> Any:
    document = example.document
    see, hear = partial(clients_see, dialect), partial(clients_hear, dialect)

    def fields(known: set[str]) -> Iterator[Field]:
        heard = hear(document)
        seen = see(document)
        for path in fields_of(document):
            if (kind := kind_of(document, path)) in known:
                continue
            value, streamed = value_at(document, path), became(document, path, heard, hear)
            if isinstance(document, list):
                yield Field(example.area, kind, value, streamed)
            else:
                yield Field(example.area, kind, value, became(document, path, seen, see), streamed)

    return fields


Change = tuple[str, frozenset[Any]]
"""The name of a quirk, and the places and losses that are no more as they were with it."""


def _changed_by_quirks(dialect: Dialect, document: Any, full: Sides) -> dict[Dialect, list[Change]]:
    asked = read(dialect, document)
    found: dict[Dialect, list[Change]] = {}
    for upstream in DIALECTS:
        found[upstream] = []
        if full[upstream].refused is not None:
            continue
        for name, to in _quirky_targets(upstream):
            side = sent(asked, to)
            if side.refused is None and (side.document, side.losses) != (full[upstream].document, full[upstream].losses):
                gone = {(place.kind, str(place.value)) for place in full[upstream].has_beyond(side)}
                lost = set(full[upstream].losses) ^ set(side.losses)
                found[upstream].append((name, frozenset(gone | lost)))
    return found


@cache
def _quirky_targets(upstream: Dialect) -> tuple[tuple[str, Target], ...]:
    usual = PROTOCOL_QUIRKS[upstream]
    hints = get_type_hints(Quirks)
    targets = [
        (name, target(upstream, replace(usual, **{name: value})))
        for name, hint in hints.items()
        for value in get_args(hint)
        if value != getattr(usual, name)
    ]
    return (*targets, ("native_tools", target(upstream, native_tools=RUN_BY_PROVIDERS)))


def _quirks_of(outcome: Outcome, changes: list[Change]) -> tuple[str, ...]:
    mine = {(place.kind, str(place.value)) for place in outcome.landed} | set(outcome.lost)
    return tuple(dict.fromkeys(name for name, changed in changes if changed & mine))
