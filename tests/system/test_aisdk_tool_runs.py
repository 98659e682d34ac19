"""Runs of the gateway's own tools, read by the Vercel AI SDK, which checks every block and item against schemas of its own.

Its next request, with whatever it kept of the runs, must be one that any provider takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hyperinfer.formats import FORMATS, Target
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from tests.formats.test_run_history import check_rounds
from tests.support.pair import Pair
from tests.support.recordings import DIALECTS
from tests.support.strategies import Walk, event_sequences
from tests.support.tool_runs import PIXEL, TOOL_RUNS
from tests.system.agents import run

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Event

CLIENT = Path(__file__).with_name("clients") / "aisdk_streams.mjs"
CLIENTS: tuple[tuple[str, Dialect], ...] = (
    ("chat", "openai_chat"),
    ("compatible", "openai_chat"),
    ("responses", "openai_responses"),
    ("messages", "anthropic_messages"),
)
"""The SDK's clients, with their formats."""
GENERATED = 40


def replies() -> list[tuple[Event, ...]]:
    """The same in every run: words and runs, in any order."""
    found: list[tuple[Event, ...]] = []
    walk = Walk("openai_chat", (ev.TextStart,), citations=False, tool_runs=TOOL_RUNS)

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
        found.append(events)

    collect()
    return found


Read = list[tuple[str, "Dialect", tuple["Event", ...], dict[str, Any]]]


@pytest.fixture(scope="module")
def read(node: Path, aisdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """(the SDK's client, its format, the reply, what the SDK made of it)."""
    cases: list[tuple[str, Dialect, tuple[Event, ...]]] = [
        (name, dialect, made) for made in replies() for name, dialect in CLIENTS
    ]
    folder = tmp_path_factory.mktemp("aisdk")
    streams = folder / "streams.jsonl"
    lines = [
        {"client": name, "stream": Pair(dialect, upstream="openai_chat").stream(made).decode(), "tools": list[str]()}
        for name, dialect, made in cases
    ]
    streams.write_text("\n".join(json.dumps(line) for line in lines))
    printed = run([node, CLIENT, aisdk, streams], folder, {"HOME": str(folder)})
    answers = [json.loads(line) for line in printed.split("\n") if line]
    return [(name, dialect, made, answer) for (name, dialect, made), answer in zip(cases, answers, strict=True)]


def test_every_stream_is_taken(read: Read) -> None:
    assert any(isinstance(event, TOOL_RUNS) for _, _, made, _ in read for event in made)
    for name, _, made, answer in read:
        assert (answer.get("thrown"), answer["errors"], answer["open"]) == (None, [], []), (name, made)
        said = "".join(event.text for event in made if isinstance(event, ev.TextDelta))
        assert "".join(said.split()) in "".join(answer["text"].split()) or "![" in answer["text"], (name, made)


def test_the_next_request_is_taken_by_any_provider(read: Read) -> None:
    for name, dialect, made, answer in read:
        asked = {"model": "m", **answer["again"]}
        conversation = FORMATS[dialect].decode_request(json.dumps(asked).encode())
        for upstream in DIALECTS:
            vendor = DEFAULT_VENDOR[upstream]
            target = Target(dialect=upstream, model="m", vendor=vendor, streamed=False, max_output_tokens=0)
            body = json.loads(FORMATS[upstream].encode_request(conversation, target).body)
            history = body["input" if upstream == "openai_responses" else "messages"]
            assert "_hi_" not in json.dumps(history), (name, made)
            assert PIXEL not in json.dumps(history), (name, made)
            check_rounds(history)
