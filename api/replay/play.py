"""A recorded request, served again: the real data plane on a clock of its own, between a client and upstreams that do what
they did. No network, no store, no thread; what was chance then is what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

import msgspec
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hyperinfer.api.data_plane import COUNTS, ROUTES, DataPlane
from hyperinfer.api.pipelines import Parts, build_pipelines
from hyperinfer.api.replay.accounts import WHOEVER, RecordedBooks
from hyperinfer.api.replay.client import ReplayedClient, Write
from hyperinfer.api.replay.routing import RecordedConversations, RecordedHealth, RecordedRooms
from hyperinfer.api.replay.telling import Hear, HeardFormat, Told
from hyperinfer.api.replay.timeline import Misplaced, RecordedPause, Signs, Timeline
from hyperinfer.api.replay.tools import RecordedTools
from hyperinfer.api.replay.upstream import Chunks, RecordedUpstreams, scripts_of
from hyperinfer.engine import Drain
from hyperinfer.engine import recording as rec
from hyperinfer.formats import FORMATS, Dialect
from hyperinfer.nodes.ports import Generation, Principal
from hyperinfer.nodes.settlement import Settlement
from hyperinfer.nodes.tool_loop import Tooling
from hyperinfer.providers.catalogue import Catalogue, Limits

if TYPE_CHECKING:
    from hyperinfer.api.idempotency import Idempotency
    from hyperinfer.api.ids import RequestIds
    from hyperinfer.formats.codec import Format

Speed: TypeAlias = Literal["real", "fast"]
"""As long as it took, or no longer than it takes."""

PATHS: Final = {format.dialect: path for path, format in ROUTES.items()}
LATEST: Final = 1e7
"""Seconds after which nothing that was recorded can still come."""


def _unheard(_: object) -> None:
    """For whoever does not listen."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is played: a recording, the catalogue that it was served under, and who asked."""

    recording: rec.Recording
    catalogue: Catalogue
    principal: Principal = WHOEVER


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What a client was sent and told. `status`: None where it left before there was one. `row`: of the request; None where
    it was not let in. `departed`: where the replay ended, since what happened had not happened; None where it did not."""

    status: int | None
    head: tuple[tuple[str, str], ...]
    writes: tuple[Write, ...]
    told: tuple[Told, ...]
    row: Generation | None
    notes: tuple[str, ...]
    departed: str | None
    ended_at: float


def play(
    scene: Scene,
    *,
    speak: Dialect | None = None,
    chunks: Chunks = "recorded",
    speed: Speed = "fast",
    hear: Hear = _unheard,
    sent: Callable[[Write], None] = _unheard,
) -> Played:
    """Plays it to its end. `speak`: the format of the client, by default its own. `hear`, `sent`: are told of what the
    client is told and sent: with `real` as it comes, else when it is over. Not inside of a run of trio. Raises
    `engine.recording.Withheld` where bodies were not recorded. The request's path is one of `ROUTES` or `COUNTS`."""
    signs = _signs_of(scene.recording) if speak is None and chunks == "recorded" else None
    make = partial(_Playing, scene, speak, chunks, signs)
    made: Played | Misplaced = _run(make(), virtual=True)
    while isinstance(made, Misplaced):
        if signs is not None:
            signs.advance(made)
        made = _run(make(), virtual=True)
    if speed == "real":
        _run(make(hear, sent), virtual=False)
        return made  # what a machine makes of it that computes in no time, and so the same each time
    for told in made.told:
        hear(told)
    for write in made.writes:
        sent(write)
    return made


def _signs_of(recording: rec.Recording) -> Signs | None:
    lines = [line for line in recording.lines if isinstance(line, rec.Sent)]
    return Signs([line.at if line.alive else None for line in lines]) if lines else None


def _run(playing: _Playing, *, virtual: bool) -> Played | Misplaced:
    from hyperinfer.engine.virtual import refusing_threads, seeded_schedule

    if not virtual:
        return trio.run(playing.main, False)
    with seeded_schedule(0), refusing_threads():
        return trio.run(playing.main, True, clock=MockClock(autojump_threshold=0))


class _Playing:
    def __init__(
        self,
        scene: Scene,
        speak: Dialect | None,
        chunks: Chunks,
        signs: Signs | None,
        hear: Hear = _unheard,
        sent: Callable[[Write], None] = _unheard,
    ) -> None:
        self._scene, self._sent = scene, sent
        self._chunks: Chunks = chunks
        self._request = scene.recording.request
        self._asked = self._format_asked()
        self._spoken: Format = self._asked if speak is None else FORMATS[speak]
        self._body = self._request.body.data
        self._lines, self._signs = scene.recording.lines, signs
        self._told: list[Told] = []
        self._hear = hear
        self._departed: str | None = None
        self._misplaced: Misplaced | None = None
        self._scope = trio.CancelScope()

    def _format_asked(self) -> Format:
        path = self._request.path
        return ROUTES.get(path) or COUNTS[path]

    def _depart(self, what: str) -> None:
        if self._cut is not None or any(_is_hard_end(line) for line in self._lines):
            return  # a replay is ahead of what it replays: the client leaves, or the gateway ends, before that matters
        self._departed = self._departed or what
        self._scope.cancel()

    def _misplace(self, misplaced: Misplaced) -> None:
        self._misplaced = self._misplaced or misplaced
        self._scope.cancel()

    def _note(self, told: Told) -> None:
        self._told.append(told)
        self._hear(told)

    async def main(self, strict: bool) -> Played | Misplaced:
        scene, recording = self._scene, self._scene.recording
        timeline = Timeline(self._signs, strict=strict)
        upstreams = RecordedUpstreams(scripts_of(self._lines), timeline, self._chunks, self._depart)
        refusal = next((line for line in recording.lines if isinstance(line, rec.Refusal)), None)
        books, drain = RecordedBooks(scene.principal, refusal), Drain()
        data_plane = self._data_plane(timeline, upstreams, books, drain)
        client = self._client(timeline)
        format = HeardFormat(self._spoken, self._asked, timeline, self._note)
        with self._scope, trio.move_on_after(LATEST):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._leave, client, timeline, strict)
                nursery.start_soon(self._drain, drain, timeline)
                with client.handling:
                    await (data_plane.count if self._request.path in COUNTS else data_plane.handle)(format, client)
                nursery.cancel_scope.cancel()
        if self._misplaced is not None:
            return self._misplaced
        return Played(
            status=client.status,
            head=client.head,
            writes=tuple(client.writes),
            told=tuple(self._told),
            row=books.row,
            notes=tuple(upstreams.notes),
            departed=self._departed,
            ended_at=timeline.now,
        )

    def _client(self, timeline: Timeline) -> ReplayedClient:
        request, over = self._request, self._cut
        end = self._scene.recording.end
        after = None
        if over is not None:
            after = end.length if end is not None and self._scene.recording.truncated is None else self._size_sent
        path = request.path if self._spoken is self._asked else PATHS[self._spoken.dialect]
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in request.headers]
        return ReplayedClient(
            method=request.method,
            path=path,
            query=request.query,
            headers=[*headers, *self._not_recorded],
            body=self._body,
            timeline=timeline,
            told=lambda: len(self._told),
            misplaced=self._misplace,
            leaves_after=after if self._spoken is self._asked else None,
            headless=over is not None and end is not None and end.status is None and end.how != "complete",
            sent=self._sent,
        )

    @property
    def _not_recorded(self) -> list[tuple[bytes, bytes]]:
        """Headers that are in no recording, but that the request had."""
        told = [(b"authorization", b"Bearer hi-replay")]
        refused = [line.by for line in self._scene.recording.lines if isinstance(line, rec.Refusal)]
        return [*told, (b"idempotency-key", b"replay")] if "idempotency" in refused else told

    @property
    def _cut(self) -> rec.Line | None:
        """The line at which nobody heard, or nothing was recorded, any more."""
        recording = self._scene.recording
        for line in self._lines:
            if isinstance(line, rec.Abort | rec.Truncated):
                return line
        if recording.truncated is not None or (recording.end is not None and recording.end.how != "complete"):
            return self._lines[-1] if self._lines else None
        return None

    @property
    def _size_sent(self) -> int | None:
        sizes = [line.size for line in self._lines if isinstance(line, rec.Sent)]
        return sum(sizes) if sizes else None

    async def _leave(self, client: ReplayedClient, timeline: Timeline, strict: bool) -> None:
        """The client goes when it went, or when the recording ends before the response did."""
        if (cut := self._cut) is not None:
            await timeline.reach(cut.at)
            if strict:  # what came at that very instant comes first, as far as it did
                await wait_all_tasks_blocked()
            client.leave()

    async def _drain(self, drain: Drain, timeline: Timeline) -> None:
        """The gateway ends its streams when it did."""
        for line in self._lines:
            if _is_hard_end(line):
                await timeline.reach(line.at)
                drain.begin(0.0)
                await drain.finish(last_words=LATEST)

    def _data_plane(self, timeline: Timeline, upstreams: RecordedUpstreams, books: RecordedBooks, drain: Drain) -> DataPlane:
        catalogue, unix = self._scene.catalogue, self._request.unix
        tools = RecordedTools(catalogue, self._lines, timeline, self._depart)
        settlement = Settlement(books)
        health = RecordedHealth(catalogue, self._lines, lambda: upstreams.next)

        async def admitted() -> None:
            health.admitted = True
            await timeline.reach(self._admits_at)

        books.admitted = admitted
        parts = Parts(
            catalogue=lambda: catalogue,
            ledger=books,
            settlement=settlement,
            clients=upstreams,
            health=health,
            rooms=RecordedRooms(lambda: upstreams.next, timeline),
            conversations=RecordedConversations(health.first),
            tooling=Tooling(tools=lambda: tools.box, read_pdf=tools.read_pdf, drain=drain),
            drain=drain,
            now=lambda: unix + timeline.now,
            jitter=partial(next, self._draws("jitter"), 0.5),
        )
        return DataPlane(
            accounts=books,
            settlement=settlement,
            idempotency=cast("Idempotency", books),
            pipelines=build_pipelines(parts, self._limits(timeline)),
            ids=cast("RequestIds", _OneId(self._request.id)),
            drain=drain,
            body_limit=lambda: catalogue.limits.body_mb * 1024 * 1024,
            now=lambda: unix,
            say=lambda _, __, ___: None,
        )

    @property
    def _admits_at(self) -> float:
        """When there was something to do for it: what it had waited for before is in no recording, but how long is."""
        for line in self._lines:
            if isinstance(line, rec.Tool):
                return line.began
            if isinstance(line, rec.Attempt | rec.Refusal):
                return line.at
        return next((line.at for line in self._lines if isinstance(line, rec.Plan)), 0.0)

    def _limits(self, timeline: Timeline) -> Limits:
        limits = self._scene.catalogue.limits
        return limits if self._signs is None else replace(limits, keepalive=RecordedPause(limits.keepalive, timeline))

    def _draws(self, what: str) -> Iterator[float]:
        lines = self._scene.recording.lines
        return iter([line.value for line in lines if isinstance(line, rec.Draw) and line.what == what])


def _is_hard_end(line: rec.Line) -> bool:
    return isinstance(line, rec.Drain) and line.what == "hard_end"


class _OneId:
    """Of `RequestIds` what the data plane uses."""

    def __init__(self, id: str) -> None:
        self._id = id

    def next(self) -> str:
        return self._id
