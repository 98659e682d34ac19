"""A port and a transport say the same of the same answer: status, headers, bytes, and how it fails."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from hyperinfer.testing import (
    Answer,
    Cut,
    EndEarly,
    ErrorEvent,
    HttpError,
    Pause,
    RawBytes,
    RawReply,
    Reply,
    Reset,
    ScriptedUpstream,
    Stall,
    ToolCall,
)

ANSWERS: dict[str, Answer] = {
    "reply": Reply("Hel", ToolCall("f"), "lo"),
    "headers": Reply("a", headers={"X-One": "1", "X-Request-Id": "mine"}),
    "error": HttpError(429, retry_after=2),
    "odd status": HttpError(418, "I am a teapot", headers={"x-tea": "pot"}),
    "error within": Reply("Hel", ErrorEvent(529)),
    "malformed": Reply("Hel", RawBytes(b"data: {oops\n\n"), "lo"),
    "end early": Reply("Hel", EndEarly()),
    "cut": Reply("Hel", Cut()),
    "cut at once": Reply(Cut()),
    "no answer": Cut(),
    "reset": Reply("Hel", Reset()),
    "reset at once": Reset(),
    "page": RawReply(b"<html>", status=502, headers={"content-type": "text/html"}),
    "own stream": RawReply([b"a", b"", b"b"], headers={"content-type": "text/event-stream"}),
}


def exchange(client: httpx2.Client, url: str, *, streamed: bool) -> dict[str, Any]:
    """What a client hears."""
    heard: dict[str, Any] = {"body": b"", "error": None}
    body: dict[str, Any] = {"model": "m", "messages": [], "stream": streamed}
    try:
        with client.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
            heard["status"], heard["headers"] = response.status_code, sorted(response.headers.items())
            for piece in response.iter_raw():
                heard["body"] += piece
    except httpx2.TransportError as error:
        heard["error"] = type(error).__name__
    return heard


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("name", ANSWERS)
def test_both_say_the_same(name: str, streamed: bool) -> None:
    answer = ANSWERS[name]
    with (
        ScriptedUpstream(answer, answer, answer) as upstream,
        httpx2.Client(timeout=30.0) as client,
        httpx2.Client(timeout=30.0, transport=upstream.transport()) as without_port,
    ):
        over_port = exchange(client, upstream.url, streamed=streamed)
        upstream.requests[0].wait_ended()
        over_transport = exchange(without_port, "http://upstream.test", streamed=streamed)
        # Nothing of the number of the request is in the answer but its ids.
        again = exchange(without_port, "http://upstream.test", streamed=streamed)
    for heard in (over_port, over_transport, again):
        heard["body"] = len(heard["body"])
        heard["headers"] = [(key, value) for key, value in heard.get("headers", ()) if key != "x-request-id"]
    if over_port["error"] == "ReadError":
        # What has come before a reset is the kernel's to keep or to drop.
        over_port["body"] = over_transport["body"]
    assert over_port == over_transport == again
    outcomes = [request.outcome for request in upstream.requests]
    assert len(set(outcomes)) == 1, outcomes


def test_a_connection_is_kept_for_the_next_request() -> None:
    with ScriptedUpstream("a", "b") as upstream, httpx2.Client() as client:
        for _ in range(2):
            exchange(client, upstream.url, streamed=True)
        ports = {request.headers["host"] for request in upstream.requests}
    assert len(ports) == 1


def test_what_is_no_post_is_read_too_and_a_body_in_chunks() -> None:
    with ScriptedUpstream("Hello", models=["m"]) as upstream:
        url = urlsplit(upstream.url)
        assert url.port is not None
        with socket.create_connection(("127.0.0.1", url.port)) as connection, connection.makefile("rb") as file:
            connection.sendall(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            while file.readline() != b"\r\n":
                pass
            body = b'{"model":"m","messages":[]}'
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n")
            connection.sendall(b"expect: 100-continue\r\n\r\n")
            assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert file.readline() == b"\r\n"
            for part in (body[:5], body[5:], b""):
                connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        assert upstream.requests[0].json == json.loads(body)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("part", [Pause(60.0), Stall()])
def test_who_leaves_is_seen_to_leave(part: Any, streamed: bool) -> None:
    with ScriptedUpstream(Reply("a", part)) as upstream:
        url = urlsplit(upstream.url)
        assert url.port is not None
        with socket.create_connection(("127.0.0.1", url.port)) as connection:
            body = b'{"stream":true}' if streamed else b'{"extra":false}'
            connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 15\r\n\r\n" + body)
            if streamed:
                assert connection.recv(1)
            (request,) = upstream.wait_requests()
        assert request.wait_ended() == "left"


def test_who_has_heard_enough_is_seen_to_leave() -> None:
    with ScriptedUpstream(Reply("a", Pause(60.0), "b")) as upstream, httpx2.Client() as client:
        with client.stream("POST", f"{upstream.url}/v1/messages", json={"model": "m", "stream": True}) as response:
            next(response.iter_raw())
        assert upstream.requests[0].wait_ended() == "left"


def test_the_end_of_the_block_ends_what_is_open() -> None:
    upstream = ScriptedUpstream(Stall(), Reply("a", Pause(60.0)))
    url = urlsplit(upstream.url)
    assert url.port is not None
    connections = [socket.create_connection(("127.0.0.1", url.port)) for _ in range(3)]
    for number, connection in enumerate(connections[:2]):
        connection.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
        upstream.wait_requests(number + 1)
    upstream.close()
    for connection in connections:
        with connection, suppress(ConnectionResetError):  # one that nobody had accepted yet is reset
            while connection.recv(1000):
                pass
    assert [request.outcome for request in upstream.requests] == ["failed", "left"]


def test_a_client_that_does_not_read_holds_up_nothing() -> None:
    with ScriptedUpstream(RawReply([b"x" * 1_000_000] * 50)) as upstream:
        url = urlsplit(upstream.url)
        assert url.port is not None
        connection = socket.create_connection(("127.0.0.1", url.port))
        with connection:
            connection.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
            connection.recv(1)
            upstream.close()
    assert upstream.requests[0].outcome == "left"


def test_paces_and_patience_of_a_synchronous_client() -> None:
    slow = Reply("a", Pause(30.0), "b", wait=20.0)
    with ScriptedUpstream(slow, slow, pace=0.0) as upstream:
        with httpx2.Client(transport=upstream.transport(), timeout=40.0) as patient:
            assert exchange(patient, "http://upstream.test", streamed=True)["error"] is None
        with httpx2.Client(transport=upstream.transport(), timeout=25.0) as hurried:
            heard = exchange(hurried, "http://upstream.test", streamed=True)
    assert (heard["status"], heard["error"]) == (200, "ReadTimeout")
    assert [request.outcome for request in upstream.requests] == ["answered", "left"]
