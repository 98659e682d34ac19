"""The estimate against what real providers counted, for every recorded exchange.

The recordings lie in the folder shared beside the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Upstream
from hyperinfer.formats.conversation import FileIdSource, FilePart, ImagePart, UrlSource
from hyperinfer.formats.tokens import Written, estimate_input
from hyperinfer.nodes.reply_reader import ReplyReader
from tests.support.recordings import Recording, recordings

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation
    from hyperinfer.formats.usage import Usage

LOW, HIGH = 0.8, 2.0

SEARCHED = {
    "openai_chat-groq-model-web-search-tool": "the model itself is a loop of two models that searches the web",
    "openai_chat-openrouter-web-search-annotations-stream": "the router searched and put what it found into the prompt",
}
"""Replies that do not show that their provider read more than it was sent, and why it did."""

NOT_ITS_TEXT = {
    "anthropic_messages-anthropic-model-thinking-part-redacted-stream": "most of it is encrypted",
    "anthropic_messages-anthropic-generate-structured-with-text-document-citations-1": "it writes its citations too",
    "anthropic_messages-anthropic-citations-with-cites-text-documents-in-responses": "the same",
    "anthropic_messages-anthropic-citations-with-cites-tool-results-returned-as-search-results-1": "the same",
    "openai_chat-groq-model-web-search-tool": "the reasoning of a loop of two models is shown and not counted",
    "openai_chat-ollama-local-native-output-uses-json-schema": "the reasoning is shown and not counted",
}
"""Replies whose counted output is not the text that they show, and why."""


def reply_of(recording: Recording) -> list[ev.Event]:
    reader = ReplyReader(FORMATS[recording.dialect], Upstream(vendor="any", id_seed="x"))
    return [*reader.receive_data(recording.response), *reader.receive_eof()]


def usage_of(events: Iterable[ev.Event]) -> Usage | None:
    found: Usage | None = None
    for event in events:
        if isinstance(event, (ev.UsageUpdate, ev.MessageStart)):
            found = event.usage or found
    return found


def asked(recording: Recording) -> Conversation | None:
    """The request; None where it was not recorded, or lies at the provider in part."""
    if recording.request is None:
        return None
    body = json.loads(recording.request)
    body.pop("background", None)  # which the gateway refuses; it is nothing that a model reads
    if "previous_response_id" in body:
        return None
    return FORMATS[recording.dialect].decode_request(json.dumps(body).encode())


def is_whole(conversation: Conversation) -> bool:
    """Whether all that the model reads stands in the request itself."""
    parts = [part for turn in conversation.turns for part in turn.parts]
    media = [part.source for part in parts if isinstance(part, (ImagePart, FilePart))]
    return not any(isinstance(source, (UrlSource, FileIdSource)) for source in media)


def read_more(recording: Recording, events: Iterable[ev.Event]) -> bool:
    """Whether the provider's own tools read on: its count is then of several prompts, with what they found."""
    return str(recording) in SEARCHED or any(isinstance(event, ev.ServerToolStart) for event in events)


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_input(recording: Recording) -> None:
    events = reply_of(recording)
    usage = usage_of(events)
    if usage is None or not usage.input_tokens or (conversation := asked(recording)) is None:
        return
    estimate = estimate_input(conversation, model=conversation.model, protocol=recording.dialect)
    ratio = estimate / usage.input_tokens
    if read_more(recording, events):
        assert 0 < ratio <= HIGH
    elif is_whole(conversation):
        assert LOW <= ratio <= HIGH, (estimate, usage.input_tokens)


def test_few_are_left_out() -> None:
    """Of the exchanges with a request and a count: those whose provider read on, or whose media are elsewhere."""
    if not recordings():
        pytest.skip("the recordings are not on this machine")
    compared: list[str] = []
    elsewhere: list[str] = []
    for recording in recordings():
        events = reply_of(recording)
        usage = usage_of(events)
        if usage is None or not usage.input_tokens or read_more(recording, events):
            continue
        if (conversation := asked(recording)) is None:
            continue
        (compared if is_whole(conversation) else elsewhere).append(str(recording))
    assert len(compared) >= 70
    assert elsewhere == [
        "openai_responses-openai-document-url-input-response-api",
        "openai_responses-xai-vision-models-can-understand-remote-images-without-extension-1",
    ]


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_output(recording: Recording) -> None:
    """Of replies that show all that was written; hidden reasoning cannot be seen."""
    events = reply_of(recording)
    usage = usage_of(events)
    written = Written()
    for event in events:
        if isinstance(event, (ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta, ev.RefusalDelta)):
            written.text(event.text)
        elif isinstance(event, ev.ToolCallStart):
            written.text(event.name)
            written.calls += 1
    written.end()
    hidden = usage is None or usage.reasoning or read_more(recording, events) or str(recording) in NOT_ITS_TEXT
    if usage is None or hidden or not usage.output_tokens or written.nothing:
        return
    estimate = written.tokens(model=recording.meta["model"] or "", protocol=recording.dialect)
    assert 0.5 * usage.output_tokens <= estimate <= 2 * usage.output_tokens + 2
