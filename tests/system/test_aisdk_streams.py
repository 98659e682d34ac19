"""Streams that we write, read by the Vercel AI SDK: all nine pairs, generated and recorded, whole and broken off.

One process reads them all. It also makes the next request of each conversation, which must hold what the model said.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hyperinfer.formats import FORMATS, Dialect, Event
from hyperinfer.formats import events as ev
from tests.support.facts import Fact, facts
from tests.support.heard import as_heard
from tests.support.pair import Pair, decode_stream
from tests.support.recordings import DIALECTS, recordings
from tests.support.strategies import Walk, event_sequences
from tests.support.told import Piece, opened, told
from tests.system.agents import run

CLIENT = Path(__file__).with_name("clients") / "aisdk_streams.mjs"
NAMES: dict[Dialect, tuple[str, ...]] = {
    "openai_chat": ("chat", "compatible"),
    "openai_responses": ("responses",),
    "anthropic_messages": ("messages",),
}
"""The SDK's clients of each format."""
KINDS = {"text": "says", "reasoning": "thought", "blob": "blob", "call": "call"}
KEPT = {
    "chat": ("text", "call"),
    "compatible": ("text", "reasoning", "call"),
    "responses": ("text", "blob", "call"),  # reasoning without a blob is left out
    "messages": tuple(KINDS),
}
"""What each client gives back of a reply."""
GENERATED = 25
MOST = 60_000


@dataclass(frozen=True)
class Case:
    """A stream for a client, and the reply that it tells."""

    name: str
    client: Dialect
    stream: str
    pieces: list[Piece]
    failed: bool


def case(name: str, upstream: Dialect, client: Dialect, events: list[Event]) -> Case:
    """The reply of an upstream, written for a client."""
    pair = Pair(client, upstream=upstream)
    encoder = pair.codec.stream_encoder(pair.reply)
    stream = b"".join(encoder.send(event) for event in events)
    failed = isinstance(events[-1], ev.UpstreamError)
    if failed:
        return Case(name, client, stream.decode(), [], failed)
    pieces = as_heard(told(events), upstream, client, list(encoder.losses))
    return Case(name, client, (stream + encoder.end()).decode(), pieces, failed)


def generated(upstream: Dialect, client: Dialect) -> list[Case]:
    """The same replies in every run."""
    found: list[Case] = []
    walk = Walk(
        upstream,
        rich=True,
        failures=True,
        custom_tools=False,
        item_ids=upstream == "openai_responses",
        most_blocks=4,
    )

    @settings(
        max_examples=GENERATED,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(event_sequences(walk))
    def collect(events: tuple[Event, ...]) -> None:
        found.append(case(f"{upstream} to {client}, {len(found)}", upstream, client, list(events)))

    collect()
    return found


def recorded(client: Dialect) -> list[Case]:
    """Recorded streams of providers, without those that have what the SDK has no function for: tools of one format, and
    reasoning that an OpenAI model would not show."""
    found: list[Case] = []
    for recording in recordings():
        if not recording.streamed or recording.status != 200 or len(recording.response) > MOST:
            continue
        events = [event for event in decode_stream(recording.dialect, [recording.response]) if not isinstance(event, str)]
        if not any(_is_of_one_format(event, recording.dialect, client) for event in events):
            found.append(case(f"{recording} to {client}", recording.dialect, client, events))
    return found


def _is_of_one_format(event: Event, upstream: Dialect, client: Dialect) -> bool:
    match event:
        case ev.ServerToolStart() | ev.ToolCallStart(kind="custom"):
            return True
        case ev.ReasoningDelta(form="text"):
            return upstream == client == "openai_responses"
        case _:
            return False


@cache
def cases() -> list[tuple[str, Case]]:
    """(client of the SDK, stream)."""
    found = [one for upstream in DIALECTS for client in DIALECTS for one in generated(upstream, client)]
    found += [one for client in DIALECTS for one in recorded(client)]
    return [(name, one) for one in found for name in NAMES[one.client]]


def _line(name: str, one: Case) -> dict[str, Any]:
    tools = sorted({piece.what[1] for piece in one.pieces if piece.kind == "call"})
    return {"client": name, "stream": one.stream, "tools": tools}


@pytest.fixture(scope="module")
def read(node: Path, aisdk: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Case, dict[str, Any]]]:
    """Each case with what the SDK made of it."""
    folder = tmp_path_factory.mktemp("aisdk")
    streams = folder / "streams.jsonl"
    streams.write_text("\n".join(json.dumps(_line(name, one)) for name, one in cases()))
    printed = run([node, CLIENT, aisdk, streams], folder, {"HOME": str(folder)})
    answers = [json.loads(line) for line in printed.split("\n") if line]
    return [(name, one, answer) for (name, one), answer in zip(cases(), answers, strict=True)]


Answers = list[tuple[str, Case, dict[str, Any]]]


def test_every_stream_is_taken(read: Answers) -> None:
    for name, one, answer in read:
        where = (name, one.name)
        assert "thrown" not in answer, (where, answer)
        assert bool(answer["errors"]) == one.failed, (where, answer)
        assert answer["open"] == [] or one.failed, (where, answer)


def test_the_next_request_holds_what_was_said(read: Answers) -> None:
    """As far as the SDK's client keeps it, see `KEPT`."""
    kept = Counter[str]()
    for name, one, answer in read:
        if one.failed or any(piece.kind in ("refusal", "citation", "native") for piece in one.pieces):
            continue
        conversation = FORMATS[one.client].decode_request(json.dumps({"model": "m", **answer["again"]}).encode())
        kinds = KEPT[name]
        said = [Fact(KINDS[p.kind], p.text, p.what[:2] if p.kind == "call" else ()) for p in one.pieces if p.kind in kinds]
        found = [replace(f, kind="blob") if f.kind == "state" else f for f in facts(conversation)]
        back = [fact for fact in found if fact.kind in {KINDS[kind] for kind in kinds}]
        assert bag(back) == bag(said), (name, one.name, answer["again"])
        kept.update(fact.kind for fact in back)
    assert min(kept[kind] for kind in KINDS.values()) > 10


def bag(found: list[Fact]) -> Counter[tuple[str, str, tuple[Any, ...]]]:
    """What was said, a letter at a time where blocks may be one or several."""
    out = Counter[tuple[str, str, tuple[Any, ...]]]()
    for fact in found:
        if fact.kind in ("says", "thought"):
            out.update((fact.kind, letter, ()) for letter in fact.text if not letter.isspace())
        else:
            out[fact.kind, opened(fact.text), fact.what] += 1
    return out


def words(pieces: list[Piece], *kinds: str) -> str:
    """The words of some kinds, without the white space between blocks."""
    return "".join("".join(piece.text.split()) for piece in pieces if piece.kind in kinds)


def test_what_was_said_is_there(read: Answers) -> None:
    for name, one, answer in read:
        if one.failed:
            continue
        where = (name, one.name)
        spoken = "".join(answer["text"].split())
        assert spoken in (words(one.pieces, "text"), words(one.pieces, "text", "refusal")), where
        if name != "chat":  # the SDK's client of OpenAI's own Chat knows no reasoning
            assert "".join(answer["reasoning"].split()) == words(one.pieces, "reasoning"), where
        calls = [(call[0], call[1], json.dumps(call[2], sort_keys=True)) for call in answer["calls"]]
        assert calls == [(*piece.what[:2], piece.text) for piece in one.pieces if piece.kind == "call"], where
        assert not any(call[3] for call in answer["calls"]), where
        [usage] = [piece.what for piece in one.pieces if piece.kind == "usage"]
        assert (answer["usage"]["inputTokens"], answer["usage"]["outputTokens"]) == usage[:2], where
