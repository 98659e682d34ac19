"""The recorded upstream: what upstreams sent while a request was recorded is sent again, byte for byte, at its times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from hyperinfer.engine.recording import Bytes, Close, Eof, Exchange, Fault, Recording
from hyperinfer.engine.recording_file import read_recording
from hyperinfer.testing.routes import COUNTING
from hyperinfer.testing.upstream import Upstream
from hyperinfer.testing.wire.frames import Chunk, Ending, Wire, cut

if TYPE_CHECKING:
    from hyperinfer.testing.received import Received

_CUT: Final = frozenset({"RemoteProtocolError", "BrokenResourceError", "EndOfStream"})
_PACKED: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class RecordedUpstream(Upstream):
    """An upstream that plays the upstream's side of recordings (`hyperinfer serve --record`), one attempt a request.

        with RecordedUpstream("fixtures/two-tool-rounds.jsonl") as upstream:
            client = OpenAI(base_url=upstream.openai_url, api_key="test", max_retries=0)

    The n-th request is given what the n-th attempt was, of all recordings in their order. It must be of the same protocol,
    and ask for a stream where that did: else it is answered with 400 and fails the test, as do attempts that nobody asked
    for. What was asked in the recording is in `exchanges`, for who wants to compare it. Counts of tokens are apart from
    that: the recorded ones are given in their order, and then four characters count as a token.

    A connection that failed fails in the same way, as far as there is one: a host that could not be reached breaks the
    connection. After an attempt that was given up, and one whose end was not recorded, nothing comes any more. `split`:
    as of a `Reply`, None as recorded. Raises `RecordingError` for a file that is none, `Withheld` where bodies were not
    recorded, `OSError`.
    """

    kind = "recorded"

    def __init__(
        self,
        *recordings: Recording | Path | str,
        split: int | Sequence[int] | Literal["whole"] | None = None,
        pace: float = 1.0,
    ) -> None:
        super().__init__(pace=pace)
        read = [each if isinstance(each, Recording) else read_recording(Path(each)) for each in recordings]
        self.exchanges: list[Exchange] = []
        self._counts: list[Wire] = []
        for exchange in (exchange for recording in read for exchange in recording.exchanges):
            if exchange.asked.path.partition("?")[0].endswith(COUNTING):
                self._counts.append(_wire(exchange, split))
            else:
                self.exchanges.append(exchange)
        self._wires = [_wire(exchange, split) for exchange in self.exchanges]
        self._next = 0

    def _answer(self, request: Received) -> Wire:
        if request.dialect is None:
            if self._counts and request.path.endswith(COUNTING):
                return self._counts.pop(0)
            return self._beside(request, dict.fromkeys(exchange.asked.model for exchange in self.exchanges))
        if self._next == len(self._wires):
            return self._unexpected(request, self._exhausted())
        asked = self.exchanges[self._next].asked
        if (asked.protocol, asked.streamed) != (request.dialect, request.streamed):
            said = _kind(asked.protocol, asked.streamed)
            is_now = _kind(request.dialect, request.streamed)
            return self._unexpected(request, f"attempt {self._next} of the recording was for {said}, this is for {is_now}")
        self._next += 1
        return self._wires[self._next - 1]

    def _exhausted(self) -> str:
        match self._next:
            case 0:
                return "no provider was asked in the recording"
            case 1:
                return "the one attempt of the recording was played"
            case number:
                return f"all {number} attempts of the recording were played"

    def _left(self) -> str | None:
        left = self.exchanges[self._next :]
        if not left:
            return None
        first = left[0].asked
        which = f"of {first.model!r} at {first.path}"
        if len(left) == 1:
            return f"nobody asked for 1 attempt of the recording, {which}"
        return f"nobody asked for {len(left)} attempts of the recording, the first {which}"


def _kind(protocol: str, streamed: bool) -> str:
    return f"a stream of {protocol}" if streamed else f"a whole reply of {protocol}"


def _wire(exchange: Exchange, split: int | Sequence[int] | Literal["whole"] | None) -> Wire:
    asked, head, end = exchange.asked, exchange.head, exchange.end
    ending, error = _ending(end)
    if head is None:
        over = asked.at if end is None else end.at
        return Wire(None, wait=over - asked.at, ending=ending, error=error)
    chunks = cut(_chunks(exchange.pieces, head.at), split)
    last = exchange.pieces[-1].at if exchange.pieces else head.at
    return Wire(
        head.status,
        tuple((name, value) for name, value in head.headers if name not in _PACKED),
        chunks,
        streamed=True,
        wait=head.at - asked.at,
        ending=ending,
        ending_delay=0.0 if end is None else end.at - last,
        error=error,
    )


def _chunks(pieces: Iterable[Bytes], since: float) -> list[Chunk]:
    found: list[Chunk] = []
    for piece in pieces:
        found.append(Chunk(piece.at - since, piece.data.data))
        since = piece.at
    return found


def _ending(end: Eof | Fault | Close | None) -> tuple[Ending, str | None]:
    match end:
        case Eof():
            return Ending.COMPLETE, None
        case Fault(error=name) if name in _CUT:
            return Ending.CUT, name
        case Fault(error=name) if "Timeout" not in name:
            return Ending.RESET, name
        case _:
            return Ending.STALL, None
