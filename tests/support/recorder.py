"""A recorder whose scribe keeps what it is told in memory, for a gateway on virtual time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperinfer.api.recording.recorder import Recorder
from hyperinfer.api.recording.settings import RecordSettings
from hyperinfer.engine import recording as rec
from hyperinfer.engine.recording_file import parse_recording

if TYPE_CHECKING:
    from hyperinfer.api.recording.orders import Order
    from hyperinfer.engine.recording import Recording
    from tests.support.bench import Bench
    from tests.support.exchanges import ScriptedExchange


@dataclass
class MemoryScribe:
    """`files`: by name, as far as they were written. `open`: names that are not whole. `most`: bytes after which it takes
    only what is needed."""

    ready: bool = True
    most: float = float("inf")
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    open: dict[int, str] = field(default_factory=dict[int, str])

    def put(self, order: Order, *, needed: bool = False) -> bool:
        """As the real one."""
        if not needed and sum(map(len, self.files.values())) > self.most:
            return False
        if order.name:
            assert order.name not in self.files
            self.open[order.number], self.files[order.name] = order.name, b""
        self.files[self.open[order.number]] += order.data
        if order.last:
            del self.open[order.number]
        return True

    @property
    def recordings(self) -> list[Recording]:
        """All of them, in order."""
        return [parse_recording(data, name) for name, data in self.files.items()]

    @property
    def one(self) -> Recording:
        """The only one, which is over."""
        assert not self.open
        (recording,) = self.recordings
        return recording


def record(bench: Bench, chance: Callable[[], float] = lambda: 0.0, **settings: Any) -> tuple[Recorder, MemoryScribe]:
    """Records what the bench is asked from here on."""
    scribe = MemoryScribe()
    recorder = Recorder(
        RecordSettings(folder=Path("nowhere"), **settings),
        scribe,
        catalogue=lambda: bench.catalogue,
        drain=bench.drain,
        chance=chance,
    )
    bench.data_plane = replace(bench.data_plane, recorder=recorder)
    return recorder, scribe


def kinds(recording: Recording) -> list[str]:
    """What follows the request, in order."""
    return [type(line).__name__.lower() for line in recording.lines]


def the(recording: Recording, kind: type[Any]) -> Any:
    """The only line of a kind."""
    (line,) = [each for each in recording.lines if isinstance(each, kind)]
    return line


def check_sent(recording: Recording, exchange: ScriptedExchange) -> None:
    """What is said of the way out is what the client has."""
    end = recording.end
    assert end is not None
    sent = [line for line in recording.lines if isinstance(line, rec.Sent)]
    assert [(each.size, each.crc32) for each in sent] == [(len(data), zlib.crc32(data)) for _, data in exchange.writes]
    assert (end.length, end.sha256) == (len(exchange.sent), hashlib.sha256(exchange.sent).hexdigest())
    assert (end.status, dict(end.headers)) == (exchange.status, exchange.sent_headers)
