"""Recordings: how they are written, and that playing one gives its frames at their times."""

import pytest

from hyperinfer.providers.demo.recording import Part, Recording, Reply, load, parse
from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import PROTOCOLS

HEAD = ": protocol openai_chat\n: origin made up"
TEXT = f"""{HEAD}

: 30 start
data: {{"id":$id}}

: 0 start if loud
event: ping
data: $sequence

: 20 text each
data: $piece

: 0 text
data: [$closing]

: 5 tool
data: none

: 300 whole
{{
  "id": $id
}}
"""


def test_frames_without_a_pause_are_one_chunk() -> None:
    parts = {"start": Part(traits=frozenset({"loud"})), "text": Part({"closing": "1"}, ("a", "b\n"))}
    assert list(parse(TEXT).play(Reply({"id": '"x"'}, parts))) == [
        (30, b'data: {"id":"x"}\n\nevent: ping\ndata: 1\n\n'),
        (20, b'data: "a"\n\n'),
        (20, b'data: "b\\n"\n\ndata: [1]\n\n'),
    ]


def test_what_the_reply_does_not_have_is_not_played() -> None:
    assert list(parse(TEXT).play(Reply({"id": "7"}, {"start": Part()}))) == [(30, b'data: {"id":7}\n\n')]


def test_a_value_is_never_read_as_a_place() -> None:
    reply = Reply({"id": '"$piece"'}, {"start": Part(), "text": Part({"closing": ""}, ("$id",))})
    assert b"".join(chunk for _, chunk in parse(TEXT).play(reply)) == b'data: {"id":"$piece"}\n\ndata: "$id"\n\ndata: []\n\n'


def test_the_whole_body_keeps_its_layout() -> None:
    assert parse(TEXT).body(Reply({"id": "7"}, {})) == (300, b'{\n  "id": 7\n}')


@pytest.mark.parametrize("cue", ["30 start", ": start", ": x start", ": 1 middle", ": 1 start twice", ": 1 start if", ": 1"])
def test_a_cue_that_is_none_is_named(cue: str) -> None:
    with pytest.raises(ValueError, match="cue"):
        parse(f"{HEAD}\n\n{cue}\ndata: 1\n\n: 1 whole\n1")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_recordings_say_what_they_are(protocol: Protocol) -> None:
    recording: Recording = load(protocol)
    assert recording.head["protocol"] == protocol
    assert recording.head["origin"].startswith("Written by hand")
    assert 0 < recording.frames[0].delay <= 50
    assert {frame.part for frame in recording.frames} == {"start", "reasoning", "text", "tool", "end"}
