"""Sources that come late: carried while the text is open, else told to who can be told, else a Loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, Event, Reply, Upstream
from hyperinfer.formats.codec import Wait
from tests.support.recordings import DIALECTS

CHAT, RESPONSES, MESSAGES = DIALECTS
FLAT = {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 2}
NESTED = {"type": "url_citation", "url_citation": {name: FLAT[name] for name in FLAT if name != "type"}}
CALL = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}
TEXT, THOUGHT, SOURCE = {"content": "hi"}, {"reasoning_content": "hm"}, {"annotations": [NESTED]}


def chunks(*deltas: dict[str, Any]) -> bytes:
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    return b"".join(f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n".encode() for choice in choices)


def frame(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def events(upstream: Dialect, data: bytes) -> Iterator[Event]:
    decoder = FORMATS[upstream].stream_decoder(Upstream(vendor="v", id_seed="s"))
    decoder.receive_data(data)
    decoder.receive_eof()
    while not isinstance(event := decoder.next_event(), Wait):
        yield event


def told(client: Dialect, upstream: Dialect, data: bytes) -> tuple[int, int]:
    """(how often the source is told, how many losses there are); the stream and the whole reply agree."""
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    conversation = FORMATS[CHAT].decode_request(json.dumps(request).encode())
    reply = Reply(request_id="1", model="m", created=1, conversation=conversation, upstream=upstream)
    found = list(events(upstream, data))
    whole = FORMATS[client].encode_response(found, reply)
    encoder = FORMATS[client].stream_encoder(reply)
    stream = b"".join(encoder.send(event) for event in found) + encoder.end()
    assert list(encoder.losses) == list(whole.losses)
    assert (b"https://a" in stream) == (b"https://a" in whole.body)
    return whole.body.count(b'"https://a"'), len(whole.losses)


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize(
    "deltas",
    [
        [TEXT, SOURCE],
        [{**TEXT, **SOURCE}],
        [SOURCE, TEXT],  # it waits for its text
        [THOUGHT, SOURCE, TEXT],
        [TEXT, SOURCE, CALL],
        [{**TEXT, **SOURCE, **CALL}],
    ],
)
def test_a_source_of_a_text_that_is_open_reaches_every_client(client: Dialect, deltas: list[dict[str, Any]]) -> None:
    assert told(client, CHAT, chunks(*deltas)) == (1, 0)


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize(
    "deltas", [[TEXT, CALL, SOURCE], [TEXT, THOUGHT, SOURCE], [{"refusal": "no"}, SOURCE], [CALL, SOURCE]]
)
def test_a_source_of_a_text_that_has_ended_reaches_chat_and_is_a_loss_elsewhere(client: Dialect, deltas: list[Any]) -> None:
    assert told(client, CHAT, chunks(*deltas)) == ((1, 0) if client == CHAT else (0, 1))


MESSAGE: dict[str, Any] = {"type": "message", "id": "m1", "role": "assistant", "status": "in_progress", "content": []}
FUNCTION: dict[str, Any] = {"type": "function_call", "id": "f1", "call_id": "c", "name": "f", "arguments": ""}
OPENED = {"item_id": "m1", "output_index": 0, "content_index": 0}
SAID = {"type": "output_text", "text": "hi", "annotations": [FLAT]}


def message_closed_early(*, announced: bool) -> bytes:
    """A call begins while the message is open; its source comes behind the call. `announced`: in an event of its own."""
    late = frame("response.output_text.annotation.added", **OPENED, annotation_index=0, annotation=FLAT)
    return b"".join(
        [
            frame("response.created", response={"id": "r", "output": []}),
            frame("response.output_item.added", output_index=0, item=MESSAGE),
            frame("response.content_part.added", **OPENED, part={"type": "output_text", "text": "", "annotations": []}),
            frame("response.output_text.delta", **OPENED, delta="hi"),
            frame("response.output_item.added", output_index=1, item=FUNCTION),
            frame("response.function_call_arguments.delta", output_index=1, item_id="f1", delta="{}"),
            late if announced else b"",
            frame("response.output_item.done", output_index=1, item={**FUNCTION, "arguments": "{}"}),
            frame("response.output_item.done", output_index=0, item={**MESSAGE, "content": [SAID]}),
            frame("response.completed", response={"id": "r", "status": "completed", "output": []}),
        ]
    )


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("announced", [True, False])
def test_a_source_of_a_message_that_was_closed_early(client: Dialect, announced: bool) -> None:
    """Messages has no text to put it to: an empty one could not be sent back."""
    assert told(client, RESPONSES, message_closed_early(announced=announced)) == ((1, 0) if client != MESSAGES else (0, 1))
