"""The same bytes reach the client whether the graph runs fused or not, and however the bytes of the upstream are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.engine import run
from hyperinfer.engine.testing import ListSink, run_virtual
from hyperinfer.formats import FORMATS
from hyperinfer.nodes.items import Head, Incoming, Output, Ticket
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.recordings import Recording, recordings
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

ONCE = catalogue(limits="{retries: 0}")
RECORDINGS = recordings()
if not RECORDINGS:
    pytest.skip("the recordings are not on this machine", allow_module_level=True)


def played(recording: Recording, client: Dialect, pieces: list[bytes], *, fused: bool, stream: bool) -> tuple[Head, bytes]:
    """What a client gets when the upstream says this."""
    script = Script([(0.01, piece) for piece in pieces], status=recording.status)

    async def main() -> list[Output]:
        sink: ListSink[Output] = ListSink()
        async with bench(script, catalogue=ONCE) as gateway:
            ticket = Ticket(
                request_id="r1", format=FORMATS[client], created=1, started=trio.current_time(), principal=gateway.principal
            )
            graph = gateway.pipelines.stream if stream else gateway.pipelines.whole
            body = asked(client, recording.dialect, stream=stream)
            await run(graph, [Incoming(ticket, body)], sink, fused=fused)
        return sink.items

    head, *chunks = run_virtual(main)
    assert isinstance(head, Head)
    assert [chunk.last for chunk in chunks if not isinstance(chunk, Head)] == [False] * (len(chunks) - 1) + [True]
    return head, b"".join(chunk.data for chunk in chunks if not isinstance(chunk, Head))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


@pytest.mark.parametrize("recording", RECORDINGS, ids=str)
def test_equal_bytes(recording: Recording) -> None:
    data = recording.response
    place = RECORDINGS.index(recording)
    for client in DIALECTS if recording.streamed else (DIALECTS[place % 3],):
        for stream in (True, False):
            whole = played(recording, client, [data], fused=True, stream=stream)
            assert whole[1]
            for pieces, fused in (
                ([data], False),
                (cut(data, max(1, len(data) // 40)), True),
                (cut(data, max(1, len(data) // 7)), False),
            ):
                again = played(recording, client, pieces, fused=fused, stream=stream)
                assert again[1] == whole[1]
                assert again[0].status == whole[0].status
