"""Lone surrogate escapes, wherever JSON is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, Upstream, Wait
from hyperinfer.formats import events as ev
from hyperinfer.formats.json_text import read_json, without_lone_surrogates

BODIES: dict[Dialect, bytes] = {
    "openai_chat": b'{"model":"m","messages":[{"role":"user","content":"A\\ud83dB"}]}',
    "openai_responses": b'{"model":"m","input":"A\\ud83dB"}',
    "anthropic_messages": b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"A\\ud83dB"}]}',
}
REPLIES: dict[Dialect, bytes] = {
    "openai_chat": b'{"choices":[{"index":0,"message":{"content":"A\\ud83dB"},"finish_reason":"stop"}]}',
    "openai_responses": b'{"status":"completed","output":[{"type":"message","id":"msg_1","role":"assistant",'
    b'"content":[{"type":"output_text","text":"A\\ud83dB"}]}]}',
    "anthropic_messages": b'{"type":"message","content":[{"type":"text","text":"A\\ud83dB"}],"stop_reason":"end_turn"}',
}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'"a\ud83d"', "a�"),
        (rb'"\ude00a"', "�a"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud83d\ud83d\ude00"', "�😀"),
        (rb'"\\ud83d\ud83d"', "\\ud83d�"),
        (rb'"\\\ud83d"', "\\�"),
    ],
)
def test_what_has_no_partner_is_replaced(raw: bytes, value: str) -> None:
    assert read_json(raw) == value


def test_what_is_no_json_for_another_reason_stays_an_error() -> None:
    for raw in (b'"a', rb'"\x"', rb'{"a": "\ud83d"'):
        with pytest.raises(msgspec.DecodeError):
            read_json(raw)


@given(st.text())
def test_good_text_is_never_touched(text: str) -> None:
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(text))
    raw = f'"{escaped}"'.encode()
    assert without_lone_surrogates(raw) == raw
    assert read_json(raw) == text


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


@pytest.mark.parametrize("dialect", FORMATS)
def test_requests_and_whole_replies_keep_the_rest_of_the_text(dialect: Dialect) -> None:
    codec = FORMATS[dialect]
    asked = codec.decode_request(BODIES[dialect])
    assert "A�B" in repr(asked.turns)
    events = codec.decode_response(REPLIES[dialect], Upstream(vendor="openai", id_seed="s"))
    assert "".join(event.text for event in events if isinstance(event, ev.TextDelta)) == "A�B"


def test_a_stream_whose_snapshot_has_it_goes_on() -> None:
    decoder = FORMATS["openai_responses"].stream_decoder(Upstream(vendor="openai", id_seed="s"))
    item = b'{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"A\\ud83dB"}]}'
    for frame in (
        b'{"type":"response.created","response":{"id":"r"}}',
        b'{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","content":[]}}',
        b'{"type":"response.output_item.done","output_index":0,"item":' + item + b"}",
        b'{"type":"response.completed","response":{"id":"r","status":"completed","output":[' + item + b"]}}",
    ):
        decoder.receive_data(b"data: " + frame + b"\n\n")
    decoder.receive_eof()
    events: list[ev.Event] = []
    while not isinstance(event := decoder.next_event(), Wait):
        events.append(event)
    assert isinstance(events[-1], ev.MessageEnd)
    assert "".join(event.text for event in events if isinstance(event, ev.TextDelta)) == "A�B"
