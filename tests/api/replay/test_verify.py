"""What a client got, compared with what it gets: the same to the byte, or the first event that is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hyperinfer.api.replay import ReplayDiffers, ReplayError, replay
from hyperinfer.engine import recording as rec
from tests.api.replay.kit import Story, changed, tool_round
from tests.support.replies import ERROR_FRAMES, STREAMS, WHOLES

TALES = {
    "a stream": Story().asks(0.0).answers(0.1, STREAMS["openai_chat"], every=0.25),
    "one behind signs of life": Story("anthropic_messages").asks(0.0).answers(31.0, STREAMS["openai_chat"], every=7.0),
    "a whole response": Story(stream=False).asks(0.0).answers(1.0, [WHOLES["openai_chat"]]),
    "a failure": Story(limits={"retries": 0}).asks(0.0).answers(1.0, [b"<html>"], status=502),
    "a failure in the stream": Story("openai_responses", "anthropic_messages")
    .asks(0.0, "anthropic_messages")
    .answers(0.5, [*STREAMS["anthropic_messages"][:4], ERROR_FRAMES["anthropic_messages"]]),
    "a retry": Story(model="two")
    .asks(0.0)
    .fails(0.5, "ConnectError")
    .asks(0.5, "anthropic_messages")
    .answers(0.9, STREAMS["anthropic_messages"]),
    "a round of a tool": tool_round(),
    "a client that left": Story("openai_responses").asks(0.0).answers(0.1, STREAMS["openai_chat"][:3]).then(rec.Abort(3.0)),
    "a refusal": Story().then(rec.Refusal(at=0.0, by="ledger", code="insufficient_credits", message="No credits.")),
}


@pytest.mark.parametrize("tale", TALES.values(), ids=TALES)
def test_the_same_is_verified(tale: Story) -> None:
    assert replay(tale.heard(), verify=True).verified is True


SAID = {
    "a failure in the stream": (b"Hel", b"Hal"),
    "a retry": (b"Hel", b"Hal"),
    "a round of a tool": (b"It rains", b"It pains"),
    "a client that left": (b"Hel", b"Hal"),
    "one behind signs of life": (b"Hel", b"Hal"),
    "a whole response": (b"Hello", b"Hallo"),
}
"""Tales in which the client was told something, and what of it an upstream may have said otherwise."""


@pytest.mark.parametrize("name", SAID)
def test_a_changed_byte_is_found_whatever_else_happened(name: str) -> None:
    recording, (was, other) = TALES[name].heard(), SAID[name]
    places = [at for at, line in enumerate(recording.lines) if isinstance(line, rec.Bytes) and was in line.data.data]
    line = recording.lines[places[-1]]
    assert isinstance(line, rec.Bytes)
    different = changed(recording, places[-1], data=rec.Payload.of(line.data.data.replace(was, other, 1)))
    with pytest.raises(ReplayDiffers, match=r"first difference is at|the body"):
        replay(different, verify=True)


def test_any_changed_byte_of_the_answer_is_found() -> None:
    """Of the text that the client is told: every one."""
    recording = TALES["a stream"].heard()
    place = next(at for at, line in enumerate(recording.lines) if isinstance(line, rec.Bytes) and b"Hel" in line.data.data)
    line = recording.lines[place]
    assert isinstance(line, rec.Bytes)
    for letter in (b"Jel", b"Hal", b"Hex"):
        data = rec.Payload.of(line.data.data.replace(b"Hel", letter))
        with pytest.raises(ReplayDiffers) as caught:
            replay(changed(recording, place, data=data), verify=True)
        (difference,) = caught.value.differences
        assert f"text delta '{letter.decode()}'" in difference
        assert "at event 1 (message start up, text start" in difference or "at event 3" in difference


def test_a_secret_in_several_events_is_told_of() -> None:
    """The client's response had it in one piece, and was recorded without it; the upstream's events had only letters."""
    recording = TALES["a stream"].heard()
    with pytest.raises(ReplayDiffers, match="one that came in several events differs for that alone"):
        replay(changed(recording, -1, sha256="00", redacted=1), verify=True)


def test_a_byte_that_nobody_sees_changes_nothing() -> None:
    recording = TALES["a stream"].heard()
    place = next(at for at, line in enumerate(recording.lines) if isinstance(line, rec.Bytes))
    line = recording.lines[place]
    assert isinstance(line, rec.Bytes)
    data = rec.Payload.of(b": a comment\n\n" + line.data.data)
    assert replay(changed(recording, place, data=data), verify=True).verified


def test_the_first_event_that_differs_is_named_where_it_can_be() -> None:
    recording = TALES["a stream"].heard()
    cut = rec.Recording(recording.request, tuple(each for each in recording.lines if not isinstance(each, rec.Sent)))
    place = next(at for at, line in enumerate(cut.lines) if isinstance(line, rec.Bytes) and b"lo" in line.data.data)
    line = cut.lines[place]
    assert isinstance(line, rec.Bytes)
    different = changed(cut, place, data=rec.Payload.of(line.data.data.replace(b'"lo"', b'"ly"')))
    with pytest.raises(ReplayDiffers, match="has only their digest"):
        replay(different, verify=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": 201}, "the status is 200, and was 201"),
        ({"headers": (("x-request-id", "other"),)}, "the header x-request-id is 'abc123', and was 'other'"),
        ({"length": 3}, "and had 3"),
        ({"sha256": "00"}, "the same as far as it went"),
    ],
)
def test_everything_that_the_client_got_counts(change: dict[str, object], said: str) -> None:
    recording = TALES["a stream"].heard()
    with pytest.raises(ReplayDiffers, match=said):
        replay(changed(recording, len(recording.lines) - 1, **change), verify=True)


def test_a_secret_that_was_taken_out_of_a_whole_response_is_no_difference() -> None:
    """The client was sent it, and so more bytes; length and digest are of what is recorded."""
    recording = TALES["a whole response"].heard()
    end = recording.lines[-1]
    assert isinstance(end, rec.End)
    headers = tuple((name, "999" if name == "content-length" else value) for name, value in end.headers)
    assert replay(changed(recording, -1, headers=headers)).verified is False
    assert replay(changed(recording, -1, headers=headers, redacted=1)).verified is True


def test_an_attempt_that_was_not_made_then_ends_the_replay() -> None:
    story = Story().asks(0.0).answers(1.0, [b"busy"], status=503)
    played = replay(story.recording)
    assert played.departed is not None
    assert "is asked once more" in played.departed


def test_a_reply_that_ends_early_is_told_so() -> None:
    recording = TALES["a stream"].heard()
    pieces = [at for at, line in enumerate(recording.lines) if isinstance(line, rec.Bytes)]
    fewer = rec.Recording(recording.request, tuple(each for at, each in enumerate(recording.lines) if at not in pieces[3:]))
    made = replay(fewer)
    assert made.verified is False
    assert any("the body has" in each for each in made.differences)


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        (TALES["a stream"].recording, "does not say what the client was sent"),
        (rec.Recording(TALES["a stream"].request, TALES["a stream"].heard().lines, "it has no end"), "is not whole"),
        (changed(TALES["a stream"].heard(), -1, sha256=""), "no digest"),
    ],
    ids=["no end", "cut off", "no digest"],
)
def test_what_cannot_be_compared_is_no_success(recording: rec.Recording, why: str) -> None:
    assert replay(recording).verified is None
    with pytest.raises(ReplayError, match=why):
        replay(recording, verify=True)


def test_what_is_played_otherwise_is_not_compared() -> None:
    recording = TALES["a stream"].heard()
    assert replay(recording, chunks="whole").verified is None
    with pytest.raises(ReplayError, match="only what is played as it was recorded"):
        replay(recording, as_="messages", verify=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"as_": "chats"}, "as_ is one of None, 'chat', 'responses', 'messages', not 'chats'"),
        ({"chunks": "byte"}, "chunks is one of 'recorded', 'bytes', 'whole', not 'byte'"),
        ({"speed": "slow"}, "speed is one of 'real', 'fast', not 'slow'"),
    ],
)
def test_an_option_that_is_none_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replay(TALES["a stream"].heard(), **options)


@pytest.mark.parametrize("early", [0.0, 0.0004])
@pytest.mark.parametrize("signs", [0, 1, 2])
def test_what_came_beside_a_sign_of_life_is_on_its_side_again(early: float, signs: int) -> None:
    """A replay is a little ahead of what it replays. The first piece comes at the very instant of a sign of life, or just
    after the time at which a replay makes one; then it was before it, or behind it."""
    at = 10.0 * (signs + 1) + early
    story = Story("anthropic_messages").asks(0.0).answers(at, STREAMS["openai_chat"])
    made = story.heard()
    lines = [each for each in made.lines if not (isinstance(each, rec.Sent) and each.alive)]
    alive = [rec.Sent(10.0 * (number + 1) + early, 44, 0, alive=True) for number in range(signs)]
    head = next(place for place, each in enumerate(lines) if isinstance(each, rec.Head))
    recording = rec.Recording(made.request, (*lines[:head], *alive, *lines[head:]))
    kept = [each for each in replay(recording).told if type(each.what).__name__ == "KeepAlive"]
    assert len(kept) == signs


def test_nodes_of_the_operator_s_own_are_noted() -> None:
    recording = TALES["a stream"].heard()
    served = recording.request.served | {"nodes": ["redact", "acme:guard"]}
    played = replay(rec.Recording(msgspec.structs.replace(recording.request, served=served), recording.lines))
    assert played.notes == ("nodes of the operator's own, which are not played: redact, acme:guard",)


def test_another_version_of_the_request_is_noted() -> None:
    recording = TALES["a stream"].heard()
    asked = msgspec.structs.replace(recording.lines[0], body=rec.Payload.of(b"{}"))
    played = replay(rec.Recording(recording.request, (asked, *recording.lines[1:])))
    assert played.verified
    assert played.notes == ("attempt 1 asks openai_chat in other words than it did",)
