"""What a replay gives: in a test, one line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, get_args

import trio

from hyperinfer.api.data_plane import COUNTS
from hyperinfer.api.replay.play import Played, Speed, play
from hyperinfer.api.replay.reading import ReplayError, notes_on, read_scene, scene_of
from hyperinfer.api.replay.telling import KeepAlive, Told
from hyperinfer.api.replay.upstream import Chunks
from hyperinfer.api.replay.verify import differences, unverifiable
from hyperinfer.api.replay.wording import texts_of
from hyperinfer.engine.recording import Recording, Withheld
from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import ErrorReport

if TYPE_CHECKING:
    from hyperinfer.api.replay.client import Write
    from hyperinfer.api.replay.play import Scene
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.usage import Usage
    from hyperinfer.nodes.ports import Attempt, Generation, LossRecord

T = TypeVar("T")

As: TypeAlias = Literal["chat", "responses", "messages"]
"""The format of a client."""

DIALECTS: Final[dict[As, Dialect]] = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
}


class ReplayDiffers(AssertionError):
    """The client of the replay got something else than the one that was recorded. `differences`: a line for each thing."""

    def __init__(self, name: str, differences: tuple[str, ...]) -> None:
        super().__init__("\n  ".join((f"{name} does not replay as it was recorded:", *differences)))
        self.differences = differences


class Replay:
    """What the client of a replay got, and what became of the request.

    `status`: of HTTP; None where the client left before there was one. `headers`: of the response, in their order; those of
    HTTP itself (`date`, `transfer-encoding`) are the edge's and not among them. `writes`: the body as it was sent, piece by
    piece. `told`: what these pieces say, with signs of life and the error that the reply ended with. `row`: what
    `/api/v1/generation` would show; None for a request that was not let in. `verified`: whether all of it is as it was
    recorded; None where there is nothing to compare with, or it was played otherwise. `differences`: a line for each thing
    that is not. `notes`: what the file does not say, and what was asked in other words than then. `departed`: why the replay
    ended before its end, None where it did not. `seconds`: how long it took. Times are seconds since the request came, money
    is pico-USD (1e-12 USD).
    """

    def __init__(self, recording: Recording, played: Played, notes: tuple[str, ...], verified: bool | None) -> None:
        self.recording, self.notes, self.verified = recording, (*notes, *played.notes), verified
        self.status, self.headers, self.writes, self.told = played.status, played.head, played.writes, played.told
        self.row: Generation | None = played.row
        self.departed, self.seconds = played.departed, played.ended_at
        self.differences: tuple[str, ...] = () if verified is None else differences(recording, played)

    def __repr__(self) -> str:
        return f"Replay(status={self.status}, events={len(self.events)}, verified={self.verified})"

    @cached_property
    def body(self) -> bytes:
        """The body of the response."""
        return b"".join([write.data for write in self.writes])

    @cached_property
    def events(self) -> tuple[ev.Event, ...]:
        """The events of the reply, of whatever format; of the token counts, which replace each other, the last. They are the
        same however the upstream's bytes are split."""
        return tuple(event for _, event in self._reply)

    @cached_property
    def times(self) -> tuple[float, ...]:
        """When each of `events` was told."""
        return tuple(at for at, _ in self._reply)

    @cached_property
    def _reply(self) -> list[tuple[float, ev.Event]]:
        events = [(each.at, each.what) for each in self.told if not isinstance(each.what, KeepAlive | ErrorReport)]
        counts = [place for place, (_, event) in enumerate(events) if _replaceable(event)]
        for place in reversed(counts[:-1]):
            del events[place]
        return events

    @cached_property
    def text(self) -> str:
        """The answer; the first one, where several were asked for."""
        return texts_of(self.told, ev.TextDelta)

    @cached_property
    def reasoning(self) -> str:
        """The reasoning before it, as far as it can be read."""
        return texts_of(self.told, ev.ReasoningDelta)

    @cached_property
    def error(self) -> ErrorReport | None:
        """The error that it ended with."""
        return next((each.what for each in reversed(self.told) if isinstance(each.what, ErrorReport)), None)

    @cached_property
    def usage(self) -> Usage | None:
        """The last counts that the client was told; with the cost where the reply is complete."""
        return next((each.usage for each in reversed(self.events) if isinstance(each, ev.UsageUpdate)), None)

    @property
    def cost(self) -> int:
        """What it is billed, in pico-USD."""
        return 0 if self.row is None else self.row.cost

    @property
    def losses(self) -> tuple[LossRecord, ...]:
        """What the upstream's format, or the client's, could not express."""
        return () if self.row is None else self.row.losses

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The calls of upstreams."""
        return () if self.row is None else self.row.attempts


def replay(
    recording: Path | str | Recording,
    *,
    as_: As | None = None,
    chunks: Chunks = "recorded",
    speed: Speed = "fast",
    verify: bool = False,
    entry: int | None = None,
) -> Replay:
    """Plays a recording through the gateway, on virtual time: the same events, the same bytes, every time.

    `recording`: the path of a file, or what was read from one: a recording of `hyperinfer serve --record`, a HAR file, a
    cassette of VCR. `as_`: the same upstream for a client of another format. `chunks`: its bytes in the pieces that were
    recorded, one by one, or at once. `speed`: `real` takes as long as it took. `entry`: which of several in a file.
    `verify`: raises `ReplayDiffers` where the client gets something else than it got.

    Needs no network, no store and no loop of its own; it may be called in a test of any kind. Raises ReplayError for what
    cannot be replayed, and for `verify` where there is nothing to compare with, or with another format or other pieces;
    OSError, and ValueError for an option of another value than its type has.
    """
    if isinstance(recording, Recording):
        scene, name = scene_of(recording), "the recording"
        notes = notes_on(recording)
    else:
        scene, notes = read_scene(Path(recording), entry)
        name = str(recording)
    if verify and (why := incomparable(scene, as_, chunks)):
        raise ReplayError(f"{name}: {why}")
    made = replay_scene(scene, notes, as_=as_, chunks=chunks, speed=speed)
    if verify and made.differences:
        raise ReplayDiffers(name, made.differences)
    return made


def replay_scene(
    scene: Scene,
    notes: tuple[str, ...] = (),
    *,
    as_: As | None = None,
    chunks: Chunks = "recorded",
    speed: Speed = "fast",
    hear: Callable[[Told], None] = lambda _: None,
    sent: Callable[[Write], None] = lambda _: None,
) -> Replay:
    """The same of what was read already (`read_scene`). `hear`, `sent`: are told of events and bytes, with `real` as they
    come. Raises ReplayError, and ValueError for an option of another value than its type has."""
    _one_of("as_", as_, (None, *DIALECTS))
    _one_of("chunks", chunks, get_args(Chunks))
    _one_of("speed", speed, get_args(Speed))
    speak = None if as_ is None else DIALECTS[as_]
    if speak is not None and scene.recording.request.path in COUNTS:
        raise ReplayError("a count of tokens is told in no other format")
    try:
        played = _outside(lambda: play(scene, speak=speak, chunks=chunks, speed=speed, hear=hear, sent=sent))
    except Withheld:
        without = "bodies" if not scene.recording.request.bodies else "the request's body, which was too large for it"
        raise ReplayError(f"the recording was made without {without}, so there is nothing to replay") from None
    verified: bool | None = None
    if incomparable(scene, as_, chunks) is None:
        verified = not differences(scene.recording, played)
    return Replay(scene.recording, played, notes, verified)


def _one_of(option: str, given: object, choice: Sequence[object]) -> None:
    if given not in choice:
        raise ValueError(f"{option} is one of {', '.join(map(repr, choice))}, not {given!r}")


def _replaceable(event: ev.Event) -> bool:
    """Counts of tokens, but for those that end a round of server tools."""
    return isinstance(event, ev.UsageUpdate) and not event.round_over


def incomparable(scene: Scene, as_: As | None, chunks: Chunks) -> str | None:
    """Why what comes out cannot be compared with what came out; None where it can."""
    if as_ is not None or chunks != "recorded":
        return "only what is played as it was recorded can be compared with it: not in another format, nor in other chunks"
    return unverifiable(scene.recording)


def _in_a_loop() -> bool:
    """Of trio's or of asyncio's, which would be in each other's way."""
    if trio.lowlevel.in_trio_run():
        return True
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _outside(function: Callable[[], T]) -> T:
    """Called where no loop runs: in a thread, if one does here."""
    if not _in_a_loop():
        return function()
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
