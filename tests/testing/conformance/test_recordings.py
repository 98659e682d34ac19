"""The kit's readers find nothing wrong with what the vendors of the three formats really send."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperinfer.testing.conformance.exchange import Turn
from tests.support.recordings import FOLDER, Recording, recordings

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Format

FORMATS: dict[tuple[str, str], Format] = {
    ("openai_chat", "openai"): "chat",
    ("openai_responses", "openai"): "responses",
    ("anthropic_messages", "anthropic"): "messages",
}
CUT = ("openai_responses-openai-custom-tool-1", "openai_responses-openai-shell-container-1")
"""Without the numbers of events, and without some of the deltas: whoever recorded them took those out."""


def _theirs() -> list[tuple[Recording, Format]]:
    return [
        (recording, form)
        for recording in recordings()
        if (form := FORMATS.get((recording.dialect, recording.meta.get("provider", "")))) is not None
        and recording.status == 200
        and str(recording) not in CUT
    ]


@pytest.mark.skipif(not FOLDER.exists(), reason=f"{FOLDER} is not on this machine")
def test_the_vendors_own_answers_break_no_rule() -> None:
    found: dict[str, object] = {}
    streams = 0
    for recording, form in _theirs():
        turn = Turn(status=200, headers={"content-type": "text/event-stream"}, body=recording.response)
        turn.read(form, streamed=recording.streamed)
        streams += recording.streamed
        if turn.heard.breaches:
            found[str(recording)] = turn.heard.breaches
    assert found == {}
    assert streams > 30
