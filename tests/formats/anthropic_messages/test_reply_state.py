"""What a Messages reply carries for the next turn, and how it ends when something fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.anthropic_messages.reasoning_blob import blob_text, read_blob
from hyperinfer.formats.errors import EncodeError, ErrorReport
from hyperinfer.formats.lifecycle import TRANSITIONS, Lifecycle
from hyperinfer.formats.opaque import Opaque
from tests.support.messages_reply import CHAT, START, USAGE, Events, call, text


@pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses", "anthropic_messages"])
@pytest.mark.parametrize("vendor", ["anthropic", "openai", "acme.corp"])
@pytest.mark.parametrize("kind", ["signature", "redacted", "encrypted"])
@pytest.mark.parametrize("extra", [None, {"id": "rs_1", "format": "f"}])
def test_every_blob_comes_back_as_it_was(upstream: str, vendor: str, kind: Any, extra: dict[str, Any] | None) -> None:
    blob = Opaque(vendor, kind, "data+/=", extra)
    field: Any = "redacted" if kind == "redacted" else "signature"
    carried = read_blob(blob_text(blob, upstream, field), field)
    own = upstream == "anthropic_messages" and vendor == "anthropic"  # the two fields say all there is
    assert carried == (Opaque(vendor, field, "data+/=") if own else blob, False)


def test_every_illegal_event_is_refused() -> None:
    samples: list[ev.Event] = [
        START,
        *text("x"),
        *call("{}"),
        USAGE,
        ev.MessageEnd("stop"),
        ev.ReasoningStart(),
        ev.ReasoningEnd(),
    ]
    order: Events = [START, ev.TextStart(), ev.TextDelta("x")]
    for count in range(len(order) + 1):
        for event in samples:
            encoder = ANTHROPIC_MESSAGES.stream_encoder(CHAT)
            for sent in order[:count]:
                encoder.send(sent)
            state = _state(order[:count])
            if (state, type(event)) in TRANSITIONS:
                encoder.send(event)
            else:
                with pytest.raises(EncodeError):
                    encoder.send(event)


def _state(events: Events) -> Any:
    lifecycle = Lifecycle()
    for event in events:
        lifecycle.step(event)
    return lifecycle.state


def test_error_bodies() -> None:
    report = ErrorReport("invalid_request", "no", "abc", param="messages[0]")
    assert json.loads(ANTHROPIC_MESSAGES.encode_error(report)) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "code": "invalid_request", "message": "no", "param": "messages[0]"},
        "request_id": "abc",
    }
