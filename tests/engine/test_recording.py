"""The file of a recording: what is written is read again, and every beginning of it too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import recording as rec
from hyperinfer.engine.recording import Payload, Recording
from hyperinfer.engine.recording_file import (
    RecordingError,
    parse_recording,
    read_recording,
    recording_bytes,
    write_recording,
)

REQUEST = rec.Request(
    version=rec.VERSION,
    id="abc",
    unix=1764150000.25,
    gateway="1.0",
    method="POST",
    path="/api/v1/messages",
    headers=(("content-type", "application/json"),),
    body=Payload.of(b'{"model": "m"}'),
    served={"catalogue": {"models": []}},
)
ATTEMPT = rec.Attempt(
    number=0, at=0.001, provider="p", model="m", protocol="openai_chat", path="/x", streamed=True, body=Payload.of(b"{}")
)
END = rec.End(at=2.5, how="complete", status=200, length=3, sha256="00", losses=(("a.b", "why"),))

_DATA = st.one_of(st.binary(max_size=12), st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(str.encode))
_PAYLOAD = st.one_of(_DATA.map(Payload.of), st.integers(0, 9).map(lambda size: Payload(length=size)))
_WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def _line(draw: st.DrawFn, at: float, attempts: int) -> rec.Line:
    number = draw(st.integers(0, attempts - 1)) if attempts else 0
    of_attempts: list[rec.Line] = [
        rec.Head(number, at, 200, ((draw(_WORD), draw(_WORD)),)),
        rec.Bytes(number, at, draw(_PAYLOAD)),
        rec.Eof(number, at),
        rec.Fault(number, at, draw(_WORD), draw(_WORD)),
        rec.Close(number, at),
    ]
    return draw(
        st.sampled_from(
            [
                *(of_attempts if attempts else []),
                rec.Plan(at, ({"provider": draw(_WORD)},)),
                rec.Tool(at=at, began=0.0, name=draw(_WORD), arguments=draw(_PAYLOAD), outcome=draw(st.none() | _PAYLOAD)),
                rec.Draw(at, "jitter", 0.25),
                rec.Refusal(at=at, by="ledger", code="c", message=draw(_WORD), retry_after=1.5, details={"a": 1}),
                rec.Sent(at, draw(st.integers(0, 9)), draw(st.integers(0, 2**32 - 1)), draw(st.booleans())),
                rec.Abort(at),
                rec.Drain(at, "hard_end"),
                rec.Truncated(at, "size"),
            ]
        )
    )


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    lines: list[rec.Line] = []
    attempts, why = 0, None
    for at in sorted(draw(st.lists(st.floats(0, 1e6), max_size=8))):
        if draw(st.booleans()):
            lines.append(
                rec.Attempt(
                    number=attempts,
                    at=at,
                    provider=draw(_WORD),
                    model="m",
                    protocol="p",
                    path="/",
                    streamed=draw(st.booleans()),
                    body=draw(_PAYLOAD),
                )
            )
            attempts += 1
        else:
            lines.append(_line(draw, at, attempts))
            if isinstance(lines[-1], rec.Truncated):
                why = f"it was cut off at {at:g} s: size"
    lines.append(rec.End(at=1e6, how="complete", status=200, error=draw(st.none() | _WORD)))
    return Recording(REQUEST, tuple(lines), why)


@settings(max_examples=60)
@given(recordings())
def test_what_is_written_is_read(recording: Recording) -> None:
    assert parse_recording(recording_bytes(recording)) == recording


@settings(max_examples=10)
@given(recordings())
def test_every_beginning_is_a_truncated_recording(recording: Recording) -> None:
    data = recording_bytes(recording)
    first = data.index(b"\n") + 1
    for size in range(len(data)):
        if size < first:
            with pytest.raises(RecordingError, match=r"f:1: it (is empty|ends before the request is whole)"):
                parse_recording(data[:size], "f")
            continue
        part = parse_recording(data[:size], "f")
        assert part.truncated
        assert part.end is None
        assert part.lines == recording.lines[: len(part.lines)]


def test_bytes_are_text_where_they_can_be() -> None:
    assert Payload.of("grüß\n".encode()) == Payload(text="grüß\n")
    assert Payload.of(b"\xff") == Payload(base64="/w==")
    assert Payload.of("ü".encode()[:1]).data == "ü".encode()[:1]
    assert Payload.of(b"").data == b""
    assert (Payload.of("ü".encode()).size, Payload(length=7).size) == (2, 7)
    with pytest.raises(rec.Withheld, match="7 bytes"):
        _ = Payload(length=7).data


def test_an_attempt_has_what_came_of_it(tmp_path: Path) -> None:
    second = rec.Attempt(
        number=1, at=0.5, provider="q", model="m", protocol="p", path="/", streamed=True, body=Payload(length=1)
    )
    lines = (
        ATTEMPT,
        rec.Head(0, 0.1, 503),
        rec.Bytes(0, 0.2, Payload.of(b"bu")),
        rec.Bytes(0, 0.3, Payload.of(b"sy")),
        rec.Eof(0, 0.4),
        rec.Draw(0.4, "jitter", 0.5),
        second,
        rec.Fault(1, 0.6, "ConnectError", "no"),
        END,
    )
    path = tmp_path / "a.jsonl"
    write_recording(path, Recording(REQUEST, lines))
    recording = read_recording(path)
    assert (recording.end, recording.truncated) == (END, None)
    one, two = recording.exchanges
    assert (one.data, [piece.at for piece in one.pieces], one.end) == (b"busy", [0.2, 0.3], rec.Eof(0, 0.4))
    assert (two.asked, two.head, two.pieces, two.end) == (second, None, (), rec.Fault(1, 0.6, "ConnectError", "no"))


def _first(**fields: object) -> bytes:
    return json.dumps({**json.loads(recording_bytes(Recording(REQUEST, ())).splitlines()[0]), **fields}).encode()


BAD = {
    b"": "f:1: it is empty",
    b'{"kind"': "f:1: it ends before the request is whole",
    b"hello\n": "f:1: a recording begins with its request: JSON is malformed",
    b"[1]\n": "f:1: a recording begins with its request: Expected `object`",
    b'{"kind": "end", "at": 1, "how": "cut"}\n': "f:1: a recording begins with its request: Invalid value 'end'",
    _first(version=2) + b"\n": "f:1: it is of version 2 of the format; this program reads 1",
    _first(version=2, body=7) + b"\n": "f:1: it is of version 2",
    _first(unix="x") + b"\n": r"f:1: a recording begins with its request: Expected `float`, got `str` - at `\$.unix`",
    _first(body={}) + b"\n": "f:1: bytes are either `text`, `base64` or a `length`",
    _first(body={"base64": "%"}) + b"\n": "f:1: `base64` is not base64",
    _first(id="a").replace(b'"a"', b'"\xff"') + b"\n": "f:1: a recording begins with its request: 'utf-8'",
    _first() + b"\nhello\n": "f:2: JSON is malformed",
    _first() + b'\n{"kind": "truncated", "at": 1, "why": "\xff"}\n': "f:2: 'utf-8'",
    _first() + b'\n{"kind": "hop", "at": 1}\n': "f:2: Invalid value 'hop'",
    _first() + b'\n{"kind": "abort"}\n': "f:2: Object missing required field `at`",
    _first() + b'\n{"kind": "abort", "at": -1}\n': "f:2: times go forward: -1.0 after 0.0",
    _first() + b'\n{"kind": "eof", "attempt": 0, "at": 1}\n': "f:2: there is no attempt 0",
    _first() + b'\n{"kind": "end", "at": 1, "how": "cut"}\n{"kind": "abort", "at": 2}\n': "f:3: nothing follows the `end`",
}


@pytest.mark.parametrize(("data", "said"), BAD.items(), ids=lambda each: "")
def test_a_file_that_is_none_is_told_where_and_why(data: bytes, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        parse_recording(data, "f")


def test_a_surrogate_alone_is_no_text() -> None:
    line = _first() + b'\n{"kind": "refusal", "at": 1, "by": "x", "code": "c", "message": "\\ud800"}\n'
    with pytest.raises(RecordingError, match="f:2: "):
        parse_recording(line, "f")


def test_what_later_programs_add_is_passed_over() -> None:
    data = _first(new=[1]) + b'\n{"kind": "abort", "at": 1, "by": "them"}\n'
    assert parse_recording(data).lines == (rec.Abort(1.0),)
