"""Recordings in numbers: a real gateway's, a gateway's on virtual time, and real exchanges of providers; all replay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hyperinfer.api.replay import replay
from hyperinfer.engine import recording as rec
from tests.api.replay.by_chance import in_virtual_time
from tests.api.replay.test_shared_recordings import played_for_all
from tests.support.recordings import recordings
from tests.system.recorded_traffic import record_traffic

SEEDS = 60
REQUESTS = 160


def test_what_a_real_gateway_recorded_replays_byte_by_byte(tmp_path: Path) -> None:
    files = record_traffic(tmp_path, seed=1, count=REQUESTS)
    made = [(file, replay(file)) for file in files]
    assert {file.name: played.differences for file, played in made if not played.verified} == {}
    assert {note for _, played in made for note in played.notes} == set()
    assert len(made) > REQUESTS / 2
    lines = Counter(type(line) for _, played in made for line in played.recording.lines)
    assert {rec.Draw, rec.Tool, rec.Fault, rec.Close, rec.Abort, rec.Refusal, rec.Drain} <= set(lines)
    assert lines[rec.Sent] > len(made)


def test_whatever_happened_on_virtual_time_replays_byte_by_byte() -> None:
    made = [in_virtual_time(seed) for seed in range(SEEDS)]
    for seed, recording in enumerate(made):
        played = replay(recording)
        assert played.verified, f"{seed}: {played.differences}"
        for other in ("chat", "responses", "messages"):
            assert replay(recording, as_=other).departed is None, seed
        if recording.end is not None and recording.end.how == "complete":
            assert replay(recording, chunks="bytes").events == played.events, seed
            assert replay(recording, chunks="whole").events == played.events, seed
    ends = {recording.end.error for recording in made if recording.end is not None}
    assert ends >= {None, "provider_timeout", "provider_unavailable", "provider_overloaded"}
    assert max(len(recording.exchanges) for recording in made) >= 3


def test_all_real_exchanges_are_told_to_every_client() -> None:
    found = recordings()
    if not found:
        pytest.skip("the recorded traffic is not beside this repository")
    for recording in found:
        first, *others = played_for_all(recording)
        assert first.departed is None, recording
        for other in others:
            assert (other.departed, other.status, other.text) == (None, first.status, first.text), recording
