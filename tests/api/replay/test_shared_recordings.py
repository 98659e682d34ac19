"""Real exchanges of providers, played for clients of all three formats. Every sixth: `tests/system` has them all."""

from __future__ import annotations

import pytest

from hyperinfer.api.replay import Replay, replay
from hyperinfer.api.replay.foreign import Exchanged
from hyperinfer.api.replay.imported import imported
from tests.support.recordings import Recording, recordings

ADDRESSES = {
    "openai_chat": "https://api.openai.com/v1/chat/completions",
    "openai_responses": "https://api.openai.com/v1/responses",
    "anthropic_messages": "https://api.anthropic.com/v1/messages",
}
EVERY = 6


def exchanged(recording: Recording) -> Exchanged:
    """As a cassette has it."""
    kind = "text/event-stream" if recording.streamed else "application/json"
    return Exchanged(
        number=1,
        dialect=recording.dialect,
        url=ADDRESSES[recording.dialect],
        headers=(),
        body=recording.request,
        status=recording.status,
        response_headers=(("content-type", kind),),
        response=recording.response,
    )


def played_for_all(recording: Recording) -> list[Replay]:
    """As it is, and for each kind of client."""
    made, _ = imported(exchanged(recording))
    return [replay(made), *(replay(made, as_=each) for each in ("chat", "responses", "messages"))]


@pytest.mark.parametrize("recording", recordings()[::EVERY] or [None], ids=str)
def test_a_real_exchange_is_told_to_every_client(recording: Recording | None) -> None:
    if recording is None:
        pytest.skip("the recorded traffic is not beside this repository")
    first, *others = played_for_all(recording)
    assert first.departed is None
    assert first.status is not None
    for other in others:
        assert (other.departed, other.status, other.text) == (None, first.status, first.text)
        assert (other.usage is None) == (first.usage is None)
