"""Frames of a stream to events: the part that the decoders of all three formats share."""

from __future__ import annotations

from collections import deque
from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Protocol

from hyperinfer.formats.codec import END, NEED_DATA, Wait
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.sse import Frame, Run, SSEDecoder

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event


_HOPE = 20
"""Runs that are looked for in vain before the stream counts as one without any: some servers count in every frame."""


class FrameReader(Protocol):
    """What a dialect knows of one reply. `events`: those of the frame that is being read. `ended`: nothing will follow,
    whatever comes."""

    events: deque[Event]
    ended: bool


class FrameDecoder:
    """A `codec.StreamDecoder`. A dialect reads one frame at a time (`_frame`) and may say what the next frames are likely to
    be (`_expect`, while there is `_hope`). The events of a frame are stepped through the lifecycle; those of a run need not
    be, as they go on with a piece of an open block that was legal.

    `_wait`: what to say while more bytes are needed.
    """

    def __init__(self, reply: FrameReader) -> None:
        self._reply = reply
        self._sse = SSEDecoder()
        self._life = Lifecycle()
        self._run: Run | None = None
        self._hope = _HOPE  # how many runs are still made, before one of them is found
        self._wait = NEED_DATA
        self._eof = False
        self._error: PeerError | None = None
        self._ready: deque[Event] | tuple[()] = ()  # of the frames that `next_event` has had read

    def _expect(self, run: Run | None) -> None:
        """Says what the next frames are likely to be."""
        self._run = run
        self._hope -= 1

    def _frame(self, frame: Frame) -> None:
        """Reads one frame. Raises `PeerError`, behind the events made until then."""
        raise NotImplementedError

    def _end(self) -> None:
        """The bytes have ended, and the reply has not. Ends it, or raises `PeerError`."""
        raise NotImplementedError

    def receive_data(self, data: bytes) -> None:
        """Stores bytes."""
        if not self._reply.ended:
            self._sse.receive_data(data)

    def receive_eof(self) -> None:
        """The upstream has closed its stream."""
        self._eof = True
        self._sse.receive_eof()

    def take_events(self, into: list[Event]) -> Wait:
        """See `codec.StreamDecoder`."""
        if self._ready:
            into.extend(self._ready)
            self._ready = ()
        self._read(into)
        if self._error is not None:
            raise self._error
        return END if self._reply.ended else self._wait

    def next_event(self) -> Event | Wait:
        """See `codec.StreamDecoder`."""
        ready = self._ready = self._ready or deque()
        if not ready:
            self._read(ready)
        if ready:
            return ready.popleft()
        if self._error is not None:
            raise self._error
        return END if self._reply.ended else self._wait

    def _read(self, into: MutableSequence[Event]) -> None:
        """All frames that are there."""
        sse, reply = self._sse, self._reply
        while self._error is None and not reply.ended:
            try:
                if self._run is not None:
                    known = len(into)
                    left = sse.take_run(self._run, into)
                    if len(into) != known:
                        self._hope = _HOPE
                    if not left and not self._eof:
                        return
                frame = sse.next_frame()
                if frame is not None:
                    self._run = None
                    self._frame(frame)
                elif self._eof:
                    self._end()
                else:
                    return
            except PeerError as error:
                self._error, self._run = error, None
            self._give(into)

    def _give(self, into: MutableSequence[Event]) -> None:
        """The events of one frame, as far as they are legal."""
        made, step = self._reply.events, self._life.step
        while made:
            event = made.popleft()
            try:
                step(event)
            except OrderError as error:
                made.clear()
                self._error, self._run = PeerError(str(error)), None
                return
            into.append(event)
