"""Recordings, played again: what a client is told, when, and what it comes to."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from hyperinfer.api.replay import KeepAlive, Replay, ReplayError, Told, replay, replay_scene, scene_of
from hyperinfer.engine import recording as rec
from hyperinfer.formats import events as ev
from tests.api.replay.kit import Story, tool_round
from tests.support.bench import DIALECTS
from tests.support.replies import ERROR_FRAMES, STREAMS, WHOLES

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

EVERY = 0.5


def hello(client: Dialect = "openai_chat", asked: Dialect = "openai_chat") -> Story:
    """A stream of small pieces."""
    return Story(client, asked).asks(0.01, asked).answers(0.2, STREAMS[asked], every=EVERY)


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("asked", DIALECTS)
def test_a_stream_comes_as_it_came(client: Dialect, asked: Dialect) -> None:
    story = hello(client, asked)
    played = replay(story.recording)
    assert (played.status, played.text, played.departed) == (200, "Hello", None)
    came = {line.at for line in story.lines if isinstance(line, rec.Bytes)}
    assert set(played.times) <= came
    assert list(played.times) == sorted(played.times)
    assert played.usage is not None
    assert (played.usage.input_tokens, played.usage.output_tokens) == (10, 5)
    assert played.cost == 6 * 3_000_000 + 4 * 300_000 + 5 * 15_000_000
    assert [each.provider for each in played.attempts] == [asked]
    assert dict(played.headers)["x-request-id"] == "abc123"
    assert played.verified is None


def test_the_same_comes_each_time() -> None:
    story = hello("anthropic_messages", "openai_responses")
    first, second = replay(story.recording), replay(story.recording)
    assert first.writes == second.writes
    assert first.told == second.told


@pytest.mark.parametrize("asked", DIALECTS)
@pytest.mark.parametrize("chunks", ["bytes", "whole"])
def test_the_events_do_not_depend_on_the_pieces(asked: Dialect, chunks: Literal["bytes", "whole"]) -> None:
    recording = hello("openai_responses", asked).recording
    as_recorded, otherwise = replay(recording), replay(recording, chunks=chunks)
    assert otherwise.events == as_recorded.events
    assert otherwise.body == as_recorded.body
    assert (len(otherwise.writes) == 1) == (chunks == "whole")


@pytest.mark.parametrize(("as_", "dialect"), [("chat", DIALECTS[0]), ("responses", DIALECTS[1]), ("messages", DIALECTS[2])])
def test_another_client_is_told_the_same_in_its_own_format(
    as_: Literal["chat", "responses", "messages"], dialect: Dialect
) -> None:
    recording = hello("openai_chat", "anthropic_messages").recording
    played = replay(recording, as_=as_)
    assert played.events == replay(recording).events
    assert played.body == replay(hello(dialect, "anthropic_messages").recording).body


def test_signs_of_life_fill_the_silence() -> None:
    story = Story(limits={"keepalive": 10}).asks(0.0).answers(25.0, STREAMS["openai_chat"], every=0.0)
    played = replay(story.recording)
    assert [round(each.at, 6) for each in played.told if isinstance(each.what, KeepAlive)] == [10.0, 20.0]
    assert played.times[0] == 25.0


def test_a_failure_before_output_is_tried_again_after_the_pause_that_was_drawn() -> None:
    story = Story().asks(0.0).answers(0.1, [b"busy"], status=503)
    story.then(rec.Draw(0.1, "jitter", 0.5)).asks(0.3).answers(0.9, STREAMS["openai_chat"])
    played = replay(story.recording)
    assert played.text == "Hello"
    assert [each.code for each in played.attempts] == ["provider_overloaded", None]
    assert played.times[0] == pytest.approx(0.9)


def test_the_routes_are_asked_in_the_order_in_which_they_were() -> None:
    """The second first, as if a breaker had been open, and then the other."""
    story = Story(model="two").asks(0.0, "anthropic_messages").fails(0.2, "ConnectError")
    story.asks(0.2, "openai_chat").answers(0.5, STREAMS["openai_chat"])
    played = replay(story.recording)
    assert [(each.provider, each.status) for each in played.attempts] == [("anthropic_messages", None), ("openai_chat", 200)]
    assert played.text == "Hello"


def test_an_error_in_the_stream_is_the_reply_s_end() -> None:
    frames = [*STREAMS["anthropic_messages"][:3], ERROR_FRAMES["anthropic_messages"]]
    story = Story("openai_responses", "anthropic_messages").asks(0.0, "anthropic_messages").answers(0.1, frames)
    played = replay(story.recording)
    assert played.status == 200
    assert played.error is not None
    assert played.error.code == "provider_overloaded"
    assert b"response.failed" in played.body


def test_a_stream_that_breaks_off_says_so() -> None:
    story = Story().asks(0.0).answers(0.1, STREAMS["openai_chat"][:3], eof=False).fails(0.4, "Disconnected")
    played = replay(story.recording)
    assert played.error is not None
    assert (played.error.code, played.told[-1].at) == ("provider_unavailable", 0.4)


def test_an_upstream_that_falls_silent_runs_into_the_deadline() -> None:
    story = Story(limits={"retries": 0}).asks(0.0).answers(0.1, STREAMS["openai_chat"][:3], eof=False)
    played = replay(story.recording)
    assert played.error is not None
    assert played.error.code == "provider_timeout"
    assert played.seconds == pytest.approx(120.1)


def test_a_tool_comes_to_what_it_came_to() -> None:
    played = replay(tool_round().recording)
    assert played.departed is None
    assert played.text == "It rains."
    ends = [(each.at, each.what.outcome.summary) for each in played.told if isinstance(each.what, ev.ToolRunEnd)]
    assert ends == [(3.0, "it rains")]


def test_a_client_that_left_leaves_again_when_it_did() -> None:
    story = hello().then(rec.Abort(1.5))
    story.lines.sort(key=lambda line: line.at)
    played = replay(story.recording)
    assert (played.status, played.text) == (200, "Hel")
    assert played.seconds == 1.5
    assert played.row is not None
    assert played.row.status == "cancelled"


def test_a_client_that_left_takes_no_byte_more_than_it_took() -> None:
    """The gateway had not come to write what was there when its client left."""
    whole = hello().heard()
    sent = [line for line in whole.lines if isinstance(line, rec.Sent)]
    end = whole.end
    assert end is not None
    left = msgspec.structs.replace(end, how="client_left", length=sent[0].size)
    recording = rec.Recording(whole.request, (*whole.lines[:-1], rec.Abort(whole.lines[-2].at), left))
    assert len(replay(recording).body) == sent[0].size


def test_a_refusal_by_what_others_did_is_told_again() -> None:
    refusal = rec.Refusal(at=0.0, by="ledger", code="rate_limit_exceeded", message="Too fast.", retry_after=7.0)
    played = replay(Story().then(refusal).recording)
    assert played.status == 429
    assert dict(played.headers)["retry-after"] == "7"


def test_a_gateway_that_ended_ends_its_stream_again() -> None:
    story = Story().asks(0.0).answers(0.1, STREAMS["openai_chat"][:3], eof=False)
    played = replay(story.then(rec.Drain(4.0, "hard_end")).recording)
    assert played.error is not None
    assert "shutting down" in played.error.message
    assert played.seconds == 4.0


@pytest.mark.parametrize("client", DIALECTS)
def test_a_whole_response(client: Dialect) -> None:
    story = Story(client, "openai_chat", stream=False).asks(0.0).answers(2.0, [WHOLES["openai_chat"]])
    played = replay(story.recording)
    assert (played.status, played.text, len(played.writes)) == (200, "Hello", 1)
    assert set(played.times) == {2.0}


def test_a_request_that_was_wrong_is_wrong_again() -> None:
    played = replay(Story(model="unknown").recording)
    assert played.status == 400
    assert played.error is not None
    assert played.error.param == "model"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"body": rec.Payload(length=9), "bodies": False}, "without bodies"),
        ({"body": rec.Payload(length=9)}, "without the request's body, which was too large for it"),
        ({"served": {}}, "under which catalogue"),
        ({"served": {"catalogue": {"models": [{"slug": 1}]}}}, "cannot use the catalogue"),
        ({"served": {"catalogue": {}, "key_models": 7}}, "`key_models` of the recording's `served` is no list of names"),
        ({"served": {"catalogue": {}, "nodes": [1]}}, "`nodes` of the recording's `served` is no list of names"),
        ({"path": "/api/v1/models"}, "no path at which a model is asked"),
    ],
)
def test_what_cannot_be_replayed_says_why(change: dict[str, object], why: str) -> None:
    recording = hello().recording
    with pytest.raises(ReplayError, match=why):
        replay(rec.Recording(msgspec.structs.replace(recording.request, **change), recording.lines))


async def test_inside_of_a_run_of_trio_it_works_too() -> None:
    assert replay(hello().recording).text == "Hello"


def test_inside_of_a_loop_of_asyncio_it_works_too() -> None:
    async def main() -> str:
        return replay(hello().recording).text

    assert asyncio.run(main()) == "Hello"


def test_as_slowly_as_it_was() -> None:
    story = Story(limits={"keepalive": 0.05}).asks(0.0).answers(0.12, STREAMS["openai_chat"])
    came: list[tuple[float, str]] = []
    began = time.monotonic()

    def hear(told: Told) -> None:
        came.append((time.monotonic() - began, type(told.what).__name__))

    scene = scene_of(story.heard())
    played = replay_scene(scene, speed="real", hear=hear)
    assert played.verified
    assert [name for _, name in came].count("KeepAlive") == 2
    assert came[0][0] >= 0.05
    assert came[-1][0] >= 0.12
    assert (played.body, played.told) == (replay_scene(scene).body, replay_scene(scene).told)


def test_it_shows_itself_in_a_line() -> None:
    played = replay(hello().recording)
    assert isinstance(played, Replay)
    assert repr(played).startswith("Replay(status=200, events=")
