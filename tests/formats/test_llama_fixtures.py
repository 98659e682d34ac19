"""The project's own recordings of a real server: each decodes, and comes out clean in each client format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from hyperinfer.formats import FORMATS, Dialect, Reply, Upstream, Wait
from hyperinfer.formats import events as ev
from tests.support.chunks import byte_by_byte
from tests.support.judge import breaches

if TYPE_CHECKING:
    from hyperinfer.formats import Event

FOLDER = Path(__file__).parents[1] / "fixtures" / "llama.cpp"
CASES = sorted(path.name for path in FOLDER.iterdir())
ASKED: dict[Dialect, bytes] = {
    "openai_chat": b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
    "openai_responses": b'{"model":"m","stream":true,"input":"x"}',
    "anthropic_messages": b'{"model":"m","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
}


def dialect_of(case: str) -> Dialect:
    return cast("Dialect", case.rsplit("-", 1)[0])


def events_of(case: str, *, cut: bool = False) -> list[Event]:
    codec, upstream = FORMATS[dialect_of(case)], Upstream(vendor="openai", id_seed="s")
    if case.endswith("whole"):
        return list(codec.decode_response((FOLDER / case / "response.json").read_bytes(), upstream))
    stream = (FOLDER / case / "response.sse").read_bytes()
    decoder = codec.stream_decoder(upstream)
    found: list[Event] = []
    for piece in byte_by_byte(stream) if cut else [stream]:
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), Wait):
            found.append(event)
    decoder.receive_eof()
    while not isinstance(event := decoder.next_event(), Wait):
        found.append(event)
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_complete_and_counted(case: str) -> None:
    events = events_of(case)
    assert isinstance(events[-1], ev.MessageEnd)
    assert "".join(event.text for event in events if isinstance(event, ev.TextDelta))
    usages = [event.usage for event in events if isinstance(event, ev.UsageUpdate)]
    assert usages[-1].input_tokens > 0
    assert usages[-1].output_tokens > 0
    assert events_of(case, cut=True) == events


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_every_client_format_is_clean(case: str, client: Dialect) -> None:
    codec = FORMATS[client]
    reply = Reply(
        request_id="r1",
        model="a/model",
        created=1,
        conversation=codec.decode_request(ASKED[client]),
        upstream=dialect_of(case),
    )
    encoder = codec.stream_encoder(reply)
    stream = b"".join(encoder.send(event) for event in events_of(case)) + encoder.end()
    assert breaches(client, stream) == []
