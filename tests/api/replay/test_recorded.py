"""What a gateway recorded is what replays, byte by byte, whatever happened. `tests/system` has some hundreds of these."""

from __future__ import annotations

import pytest

from hyperinfer.api.replay import ReplayDiffers, replay
from hyperinfer.engine import recording as rec
from tests.api.replay.by_chance import in_virtual_time

SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happened_replays_byte_by_byte(seed: int) -> None:
    assert replay(in_virtual_time(seed), verify=True).verified


def test_a_changed_byte_of_what_an_upstream_said_is_found() -> None:
    """Of every recording whose client was told of it: a letter of the text is another."""
    found = 0
    for seed in SEEDS:
        recording = in_virtual_time(seed)
        lines = tuple(_without_hello(line) if isinstance(line, rec.Bytes) else line for line in recording.lines)
        if lines == recording.lines or b"Hel" not in replay(recording).body:
            continue
        found += 1
        with pytest.raises(ReplayDiffers, match="the first difference is at"):
            replay(rec.Recording(recording.request, lines), verify=True)
    assert found > 2


def _without_hello(line: rec.Bytes) -> rec.Line:
    data = line.data.data.replace(b'"Hel"', b'"Bel"').replace(b'"Hello"', b'"Bello"')
    return rec.Bytes(line.attempt, line.at, rec.Payload.of(data))
