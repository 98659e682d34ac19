"""A recorded upstream sends what upstreams sent: the bytes, at their times, with their failures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
import trio

from hyperinfer.engine import recording as rec
from hyperinfer.engine.recording import Payload, Recording
from hyperinfer.engine.recording_file import write_recording
from hyperinfer.testing import Asked, RecordedUpstream, Reply, Text, on_virtual_time, render

if TYPE_CHECKING:
    from trio.testing import MockClock

pytestmark = pytest.mark.filterwarnings("ignore:Async generator .* was garbage collected:ResourceWarning")
MESSAGES: Any = [{"role": "user", "content": "hi"}]
REQUEST = rec.Request(
    version=rec.VERSION, id="a", unix=0.0, gateway="1", method="POST", path="/api/v1/messages", body=Payload.of(b"{}")
)


def attempt(number: int, at: float, *, streamed: bool = True) -> rec.Attempt:
    return rec.Attempt(
        number=number,
        at=at,
        provider="p",
        model="gpt",
        protocol="openai_chat",
        path="/chat/completions",
        streamed=streamed,
        body=Payload.of(b"{}"),
    )


def recording() -> Recording:
    """An attempt that is refused, one that is cut, one that goes well."""
    wire = render(Reply(Text("Hel", "lo"), every=0.5), "openai_chat", Asked(model="gpt", streamed=True, body={}, number=0))
    event_stream = (("content-type", "text/event-stream"), ("x-request-id", "req_recorded"))
    lines: list[rec.Line] = [
        attempt(0, 0.0),
        rec.Head(0, 0.25, 503, (("content-type", "application/json"), ("retry-after", "1"))),
        rec.Bytes(0, 0.25, Payload.of(b'{"error":{"message":"Busy"}}')),
        rec.Eof(0, 0.25),
        attempt(1, 1.0),
        rec.Head(1, 1.25, 200, event_stream),
        rec.Bytes(1, 1.5, Payload.of(wire.chunks[0].data)),
        rec.Fault(1, 2.0, "RemoteProtocolError", "closed"),
        attempt(2, 2.0),
        rec.Fault(2, 2.5, "ConnectError", "refused"),
        attempt(3, 3.0),
        rec.Head(3, 4.0, 200, event_stream),
    ]
    at = 4.0
    for chunk in wire.chunks:
        at += chunk.delay
        lines.append(rec.Bytes(3, at, Payload.of(chunk.data)))
    lines += [rec.Eof(3, at), rec.End(at=at, how="complete", status=200)]
    return Recording(REQUEST, tuple(lines))


async def test_attempts_are_played_at_their_times(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    write_recording(file, recording())
    with RecordedUpstream(file) as upstream:
        http = httpx2.AsyncClient(transport=upstream.transport())
        async with on_virtual_time(openai.AsyncOpenAI(api_key="k", http_client=http, max_retries=0)) as client:

            async def ask() -> str:
                async with await client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream:
                    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            with pytest.raises(openai.InternalServerError, match="Busy") as refused:
                await ask()
            assert refused.value.response.headers["retry-after"] == "1"
            assert trio.current_time() == 0.25
            with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
                await ask()
            assert trio.current_time() == 1.25
            with pytest.raises(openai.APIConnectionError) as unreached:
                await ask()
            assert type(unreached.value.__cause__) is httpx2.ConnectError
            assert trio.current_time() == 1.75
            assert await ask() == "Hello"
            assert trio.current_time() == 3.75
    assert [request.outcome for request in upstream.requests] == ["answered", "failed", "failed", "answered"]


@pytest.mark.parametrize("split", [None, 1, "whole"])
def test_a_port_sends_the_same_bytes(split: Any) -> None:
    with RecordedUpstream(recording(), split=split, pace=0.0) as upstream, httpx2.Client() as client:
        bodies: list[bytes] = []
        for _ in upstream.exchanges:
            try:
                reply = client.post(f"{upstream.openai_url}/chat/completions", json={"model": "m", "stream": True})
                bodies.append(reply.content)
            except httpx2.TransportError as error:
                bodies.append(type(error).__name__.encode())
        assert bodies == [b'{"error":{"message":"Busy"}}', b"RemoteProtocolError", b"ReadError", upstream.exchanges[3].data]


def test_what_does_not_fit_is_told() -> None:
    upstream = RecordedUpstream(recording())
    with httpx2.Client(transport=upstream.transport()) as client:
        reply = client.post("http://a.test/v1/messages", json={"model": "m", "stream": True})
    assert reply.status_code == 400
    assert (
        "attempt 0 of the recording was for a stream of openai_chat, this is for a stream of anthropic_messages"
        in reply.text
    )
    with pytest.raises(AssertionError, match="unexpected <request 0: POST /v1/messages, model 'm'>: attempt 0"):
        upstream.check()


def test_what_nobody_asked_for_fails_the_test_and_so_does_more() -> None:
    with pytest.raises(AssertionError, match=r"nobody asked for 4 attempts .* 'gpt' at /chat/completions"):  # noqa: SIM117
        with RecordedUpstream(recording()):
            pass
    upstream = RecordedUpstream(Recording(REQUEST, ()))
    with httpx2.Client(transport=upstream.transport()) as client:
        assert client.post("http://a.test/v1/messages", json={}).status_code == 400
    with pytest.raises(AssertionError, match="no provider was asked in the recording"):
        upstream.check()


def test_an_attempt_that_was_given_up_says_no_more() -> None:
    lines: tuple[rec.Line, ...] = (
        attempt(0, 0.0),
        rec.Head(0, 0.0, 200),
        rec.Bytes(0, 0.0, Payload.of(b"a")),
        rec.Close(0, 1.0),
    )
    upstream = RecordedUpstream(Recording(REQUEST, lines), pace=0.0)
    with httpx2.Client(transport=upstream.transport()) as client, pytest.raises(httpx2.ReadTimeout):
        client.post("http://a.test/v1/chat/completions", json={"stream": True})


def test_counts_of_tokens_are_apart() -> None:
    counting = rec.Attempt(
        number=0,
        at=0.0,
        provider="p",
        model="claude",
        protocol="anthropic_messages",
        path="/messages/count_tokens",
        streamed=False,
        body=Payload.of(b"{}"),
    )
    lines = (counting, rec.Head(0, 0.0, 200), rec.Bytes(0, 0.0, Payload.of(b'{"input_tokens":77}')), rec.Eof(0, 0.0))
    with RecordedUpstream(Recording(REQUEST, lines)) as upstream, httpx2.Client(transport=upstream.transport()) as client:
        counts = [client.post("http://a.test/v1/messages/count_tokens", content=b"x" * 40) for _ in range(2)]
    assert [count.json()["input_tokens"] for count in counts] == [77, 10]


def test_bodies_that_were_not_recorded_cannot_be_played() -> None:
    lines = (attempt(0, 0.0), rec.Head(0, 0.0, 200), rec.Bytes(0, 0.0, Payload(length=3)))
    with pytest.raises(rec.Withheld, match="3 bytes"):
        RecordedUpstream(Recording(REQUEST, lines))
