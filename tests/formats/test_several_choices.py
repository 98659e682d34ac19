"""Several answers to one Chat request: each ends as it ended, and a failure of one is the failure of all, told once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, PeerError, Reply, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Wait
from tests.support.recordings import DIALECTS

DONE = b"data: [DONE]\n\n"


def chunk(index: int, text: str | None = None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n".encode()


FAILED = b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'
BOTH = chunk(0, "a") + chunk(1, "b")


def decoded(data: bytes) -> tuple[list[ev.Event], str | None]:
    """(the events, the error after them)."""
    decoder = FORMATS["openai_chat"].stream_decoder(Upstream(vendor="v", id_seed="s"))
    decoder.receive_data(data)
    decoder.receive_eof()
    found: list[ev.Event] = []
    try:
        while not isinstance(event := decoder.next_event(), Wait):
            found.append(event)
    except PeerError as error:
        return found, str(error)
    return found, None


def told(client: Dialect, events: list[ev.Event]) -> tuple[str, list[str]]:
    """(the stream, the paths of its losses)."""
    body = json.dumps({"model": "m", "n": 2, "messages": [{"role": "user", "content": "x"}]}).encode()
    conversation = FORMATS["openai_chat"].decode_request(body)
    reply = Reply(request_id="1", model="m", created=1, conversation=conversation, upstream="openai_chat")
    encoder = FORMATS[client].stream_encoder(reply)
    out = b"".join(encoder.send(event) for event in events)
    if not isinstance(events[-1], ev.UpstreamError):
        out += encoder.end()
    return out.decode(), [loss.path for loss in encoder.losses]


def data_of(stream: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_each_answer_ends_with_its_own_word() -> None:
    events, error = decoded(BOTH + chunk(0, None, "stop") + chunk(1, "c", "length") + DONE)
    assert error is None
    ends = {
        choice["index"]: choice["finish_reason"]
        for data in data_of(told("openai_chat", events)[0])
        if data != "[DONE]"
        for choice in data["choices"]
        if choice["finish_reason"]
    }
    assert ends == {0: "stop", 1: "length"}


@pytest.mark.parametrize(
    "failing",
    [
        BOTH + chunk(0, None, "stop") + FAILED,
        BOTH + chunk(1, None, "stop") + FAILED,
        BOTH + chunk(0, None, "stop") + chunk(1, None, "error"),
        BOTH + chunk(1, None, "stop") + chunk(0, None, "error"),
    ],
    ids=["error after the first", "error after the second", "the second fails", "the first fails"],
)
@pytest.mark.parametrize("client", DIALECTS)
def test_an_error_after_the_end_of_another_answer_is_the_last_that_is_told(client: Dialect, failing: bytes) -> None:
    events, error = decoded(failing + DONE)
    assert error is None
    assert isinstance(events[-1], ev.UpstreamError)
    assert not any(isinstance(event, (ev.ChoiceEnd, ev.MessageEnd)) for event in events)
    found = data_of(told(client, events)[0])
    if client == "openai_chat":
        assert found[-1] == "[DONE]"
        assert found[-2]["error"]["code"] == events[-1].code
        assert all(choice["finish_reason"] is None for data in found[:-2] for choice in data["choices"])
    elif client == "openai_responses":
        assert (found[-1]["type"], found[-1]["response"]["status"]) == ("response.failed", "failed")
        assert not any(data["type"] in ("response.completed", "response.incomplete") for data in found)
    else:
        assert found[-1]["type"] == "error"
        assert not any(data["type"] in ("message_delta", "message_stop") for data in found)


@pytest.mark.parametrize("ended", [0, 1])
def test_bytes_that_end_before_every_answer_did_are_an_error(ended: int) -> None:
    events, error = decoded(BOTH + chunk(ended, None, "stop"))
    assert error is not None
    assert not any(isinstance(event, (ev.ChoiceEnd, ev.MessageEnd)) for event in events)


@pytest.mark.parametrize("client", ["openai_responses", "anthropic_messages"])
def test_a_client_of_one_answer_gets_the_first_and_is_told_of_the_others(client: Dialect) -> None:
    events, _ = decoded(BOTH + chunk(0, None, "length") + chunk(1, "c", "stop") + DONE)
    stream, losses = told(client, events)
    assert '"a"' in stream
    assert '"b"' not in stream
    assert ("max_tokens" if client == "anthropic_messages" else "max_output_tokens") in stream  # the end of the first
    assert len(losses) == 1
    assert losses[0].startswith("response.choices")
