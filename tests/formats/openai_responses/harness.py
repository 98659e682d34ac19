"""What the tests of this dialect share: running the codec, reading its streams, the recordings and the judge."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import END, Loss, Reply, Target, Upstream, Wait
from hyperinfer.formats.lifecycle import Lifecycle
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation
    from hyperinfer.formats.events import Dialect, Event

SHARED = Path(__file__).resolve().parents[4] / "shared"
RECORDINGS = SHARED / "recordings" / "openai_responses"
CAPTURED = SHARED / "judges" / "captured"


def recordings(suffix: str) -> list[Any]:
    """A test parameter for each recording with `response.<suffix>`; one that skips where there are none."""
    found = sorted(RECORDINGS.glob(f"*/response.{suffix}"))
    if not found:
        return [pytest.param(RECORDINGS, marks=pytest.mark.skip(reason="no ../shared/recordings here"))]
    return [pytest.param(path, id=path.parent.name) for path in found]


def upstream(vendor: str = "openai") -> Upstream:
    return Upstream(vendor=vendor, id_seed="seed")


def decoded(chunks: Iterable[bytes], vendor: str = "openai") -> list[Event]:
    """All events of a stream, checked against the order that they may have. A `PeerError` leaves."""
    decoder = OPENAI_RESPONSES.stream_decoder(upstream(vendor))
    events: list[Event] = []
    life = Lifecycle()

    def drain() -> bool:
        while not isinstance(event := decoder.next_event(), Wait):
            life.step(event)
            events.append(event)
        return event is END

    for chunk in chunks:
        decoder.receive_data(chunk)
        drain()
    decoder.receive_eof()
    assert drain()
    return events


def stream(*frames: dict[str, Any], done: bool = False) -> bytes:
    """The bytes of a stream of these events."""
    parts = [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n" for frame in frames]
    return "".join(parts).encode() + (b"data: [DONE]\n\n" if done else b"")


def request(**fields: Any) -> Conversation:
    return OPENAI_RESPONSES.decode_request(json.dumps({"model": "m", "input": "hi", **fields}).encode())


def reply(conversation: Conversation | None = None, source: Dialect = "openai_responses") -> Reply:
    return Reply(
        request_id="r1", model="slug", created=1_700_000_000, conversation=conversation or request(), upstream=source
    )


def encoded(events: Sequence[Event], to: Reply | None = None) -> tuple[bytes, list[Loss]]:
    """The stream of these events."""
    encoder = OPENAI_RESPONSES.stream_encoder(to or reply())
    out = b"".join(encoder.send(event) for event in events)
    if not isinstance(events[-1], ev.UpstreamError):
        out += encoder.end()
    return out, list(encoder.losses)


def whole(events: Sequence[Event], to: Reply | None = None) -> dict[str, Any]:
    """The whole response of these events."""
    found: dict[str, Any] = json.loads(OPENAI_RESPONSES.encode_response(events, to or reply()).body)
    return found


def frames(raw: bytes) -> list[dict[str, Any]]:
    """The events of a stream."""
    found: list[dict[str, Any]] = []
    for block in raw.decode().replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].lstrip() for line in block.split("\n") if line.startswith("data:"))
        if data and data != "[DONE]":
            found.append(json.loads(data))
    return found


def judged(raw: bytes, *, allow_error: bool = False) -> list[str]:
    """What the grammar's judge has to say; skips where the judge is not at hand."""
    path = SHARED / "judges" / "sse_grammar.py"
    if not path.exists():
        pytest.skip("no ../shared/judges here")
    spec = importlib.util.spec_from_file_location("sse_grammar", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bad: list[str] = module.judge("responses", raw, allow_error=allow_error).bad
    return bad


def target(**fields: Any) -> Target:
    settings: dict[str, Any] = {
        "dialect": "openai_responses",
        "model": "upstream-model",
        "vendor": "openai",
        "streamed": False,
        "max_output_tokens": 4096,
    }
    return Target(**{**settings, **fields})


def body(conversation: Conversation, **fields: Any) -> dict[str, Any]:
    """The request that goes upstream."""
    found: dict[str, Any] = json.loads(OPENAI_RESPONSES.encode_request(conversation, target(**fields)).body)
    return found


def losses(conversation: Conversation, **fields: Any) -> list[Loss]:
    return list(OPENAI_RESPONSES.encode_request(conversation, target(**fields)).losses)
