"""Scripts that cannot be played, and requests of a program that is wrong: both are told where they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import nan
from typing import Any

import httpx2
import pytest

from hyperinfer.testing import (
    Asked,
    ErrorEvent,
    HttpError,
    Pause,
    RawReply,
    Reasoning,
    Reply,
    ScriptedUpstream,
    Text,
    ToolCall,
    render,
)
from tests.support.bench import DIALECTS

ODD: dict[str, tuple[Callable[[], object], str]] = {
    "no character a piece": (lambda: Text("Hello", split=0), "split is a number of characters or bytes from 1 on"),
    "fewer than none": (lambda: Reasoning("Hello", split=-1), "split is a number of characters or bytes from 1 on"),
    "in arguments": (lambda: ToolCall("f", {}, split=0), "split is a number of characters or bytes from 1 on"),
    "no byte a piece": (lambda: Reply("Hi", split=0), "split is a number of characters or bytes from 1 on"),
    "no byte in one of them": (lambda: Reply("Hi", split=(1, 0)), "split is a number of characters or bytes from 1 on"),
    "back in time": (lambda: Pause(-1), "seconds=-1 is no number of seconds"),
    "no time": (lambda: Pause(nan), "seconds=nan is no number of seconds"),
    "a wait": (lambda: Reply(wait=-1), "wait=-1 is no number of seconds"),
    "between deltas": (lambda: Reply(every=nan), "every=nan is no number of seconds"),
    "an error's wait": (lambda: HttpError(429, wait=-1), "wait=-1 is no number of seconds"),
    "a raw reply's": (lambda: RawReply(b"", every=-1), "every=-1 is no number of seconds"),
    "a status": (lambda: HttpError(99), "99 is no HTTP status"),
    "of a raw reply": (lambda: RawReply(b"", 1000), "1000 is no HTTP status"),
    "of an event": (lambda: ErrorEvent(0), "0 is no HTTP status"),
    "a reason to stop": (lambda: Reply(stop="over"), "stop is one of end, length"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
}


@pytest.mark.parametrize(("make", "why"), ODD.values(), ids=ODD)
def test_what_cannot_be_played_is_told_where_it_is_written(make: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_half_of_a_surrogate_pair_is_escaped_as_vendors_do(dialect: Any, streamed: bool) -> None:
    reply = Reply(Text("a\ud83d", "\ude00"), ToolCall("f", {"x": "\udc00"}, id="c"), stop_sequence="\ud800")
    body = render(reply, dialect, Asked(model="m", streamed=streamed, body={})).body.decode()
    assert "a\\ud83d" in body
    documents = [line[6:] for line in body.splitlines() if line.startswith("data: {")] if streamed else [body]
    assert all(isinstance(json.loads(document), dict) for document in documents)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"stream_options": 5}),
        ("/v1/responses", {"stream_options": [1], "include": 5}),
        ("/v1/messages", {"tools": [{"function": 5, "name": "f"}, 7]}),
    ],
)
def test_a_request_with_the_wrong_types_is_answered(path: str, body: dict[str, Any]) -> None:
    with ScriptedUpstream("Hello") as upstream, httpx2.Client(transport=upstream.transport()) as client:
        response = client.post(f"http://x{path}", json={"model": "m", "stream": True, **body})
        assert (response.status_code, b"Hello" in response.content) == (200, True)
        assert upstream.requests[0].tool_names == (["f"] if "tools" in body else [])
