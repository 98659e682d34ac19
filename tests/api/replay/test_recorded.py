"""What a gateway recorded is what replays, byte by byte, whatever happened. `tests/system` has some hundreds of these."""

from __future__ import annotations

import pytest

from hyperinfer.api.replay import ReplayDiffers, replay
from hyperinfer.engine import recording as rec
from tests.api.replay.by_chance import in_virtual_time
from tests.api.replay.kit import changed

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


@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_byte_of_which_no_client_is_told_is_found_too(seed: int) -> None:
    """Any byte of any attempt, also of one that failed and was made again, or behind which the client left."""
    recording = in_virtual_time(seed)
    pieces = [(place, line) for place, line in enumerate(recording.lines) if isinstance(line, rec.Bytes)]
    for place, line in (*pieces[:1], *pieces[-1:]):
        was = line.data.data
        other = rec.Payload.of(was[:-1] + bytes([was[-1] ^ 1]))
        with pytest.raises(ReplayDiffers, match=rf"attempt {line.attempt + 1}: its bytes at \d+\.\d{{3}} s are not those"):
            replay(changed(recording, place, data=other), verify=True)


def _without_hello(line: rec.Bytes) -> rec.Line:
    data = line.data.data.replace(b'"Hel"', b'"Bel"').replace(b'"Hello"', b'"Bello"')
    return rec.Bytes(line.attempt, line.at, rec.Payload.of(data))
