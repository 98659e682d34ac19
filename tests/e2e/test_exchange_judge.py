"""The judge of any answer: it lets real ones pass, and sees each wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.exchange_judge import Seen, judge
from tests.support.formats import AUTHORIZED, STATUS, Route
from tests.support.rawclient import Answer, ask

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.served import Running


def exchange(server: Running, route: Route, model: str, *, stream: bool = False) -> tuple[bytes, Answer]:
    sent = json.dumps(route.body(model, stream=stream)).encode()
    return sent, ask(server.url, "POST", route.path, AUTHORIZED, sent)


def test_real_answers_pass(served: Running, route: Route) -> None:
    for stream in (False, True):
        sent, answer = exchange(served, route, "test/chat", stream=stream)
        assert judge("POST", route.path, sent, answer) == Seen(route.name, streamed=stream, status=200, code=None)
    sent, answer = exchange(served, route, "test/locked_out", stream=True)
    assert judge("POST", route.path, sent, answer) == Seen(route.name, streamed=False, status=502, code="provider_auth")
    for method, status in (("GET", 405), ("HEAD", 405)):
        assert judge(method, route.path, b"", ask(served.url, method, route.path, AUTHORIZED)).status == status
    lost = ask(served.url, "GET", f"{route.path}/nowhere", AUTHORIZED)
    assert judge("GET", f"{route.path}/nowhere", b"", lost).code == "invalid_request"


def with_error(answer: Answer, **fields: Any) -> Answer:
    document = answer.document
    return Answer(answer.status, answer.headers, json.dumps(document | {"error": document["error"] | fields}).encode())


def without(answer: Answer, name: str) -> Answer:
    return Answer(answer.status, {key: value for key, value in answer.headers.items() if key != name}, answer.body)


WRONG_ERRORS: dict[str, Callable[[Answer], Answer]] = {
    "an error of ours": lambda answer: Answer(500, answer.headers, with_error(answer, code="internal_error").body),
    "another status": lambda answer: Answer(503, answer.headers, answer.body),
    "another code": lambda answer: with_error(answer, code="provider_timeout"),
    "no code of the table": lambda answer: with_error(answer, code="overloaded"),
    "another type": lambda answer: with_error(answer, type="teapot_error"),
    "no message": lambda answer: with_error(answer, message=""),
    "no request id": lambda answer: without(answer, "x-request-id"),
    "another envelope": lambda answer: Answer(answer.status, answer.headers, b'{"detail": "no"}'),
    "a page": lambda answer: Answer(answer.status, {**answer.headers, "content-type": "text/html"}, answer.body),
}


@pytest.mark.parametrize("wrong", WRONG_ERRORS)
def test_wrong_errors_are_seen(served: Running, route: Route, wrong: str) -> None:
    sent, answer = exchange(served, route, "test/locked_out")
    with pytest.raises((AssertionError, KeyError)):
        judge("POST", route.path, sent, WRONG_ERRORS[wrong](answer))


def test_the_envelope_of_another_format_is_seen(served: Running, route: Route) -> None:
    others = {"chat": "/api/v1/messages", "responses": "/api/v1/messages", "messages": "/api/v1/chat/completions"}
    sent, answer = exchange(served, route, "test/locked_out")
    with pytest.raises((AssertionError, KeyError)):
        judge("POST", others[route.name], sent, answer)


@pytest.mark.usefixtures("shared")
def test_broken_streams_are_seen(served: Running, route: Route) -> None:
    sent, answer = exchange(served, route, "test/chat", stream=True)
    frames = answer.body.split(b"\n\n")
    for body in (b"\n\n".join([*frames[:-2], b""]), answer.body + answer.body, answer.body[:-1], b""):
        with pytest.raises(AssertionError):
            judge("POST", route.path, sent, Answer(200, answer.headers, body))


def test_an_answer_in_another_way_is_seen(served: Running, route: Route) -> None:
    streamed, stream = exchange(served, route, "test/chat", stream=True)
    asked, whole = exchange(served, route, "test/chat")
    for sent, answer in ((asked, stream), (streamed, whole), (asked, without(whole, "x-hyperinfer-loss"))):
        with pytest.raises((AssertionError, KeyError)):
            judge("POST", route.path, sent, answer)


def test_an_error_in_a_stream_must_be_expected(served: Running, route: Route) -> None:
    sent, answer = exchange(served, route, "test/chat", stream=True)
    request_id = answer.headers["x-request-id"]
    told: dict[str, Any] = {"message": "no", "type": "server_error", "code": "provider_overloaded", "param": None}
    frames: dict[str, list[dict[str, Any]]] = {
        "chat": [{"error": told | {"request_id": request_id}}],
        "responses": [{"type": "response.failed", "response": {"error": {"hi_code": "provider_overloaded"}}}],
        "messages": [{"type": "error", "error": told, "request_id": request_id}],
    }
    body = b"".join(b"data: %s\n\n" % json.dumps(frame).encode() for frame in frames[route.name])
    with pytest.raises(AssertionError, match="provider_overloaded"):
        judge("POST", route.path, sent, Answer(200, answer.headers, body))


def test_the_table_is_the_contract(shared: Path) -> None:
    contract = json.loads((shared / "contract" / "openapi.json").read_text())
    described = contract["components"]["schemas"]["ErrorCode"]
    for code in described["enum"]:
        assert f"{code}={STATUS[code]}" in described["description"]
    assert described["enum"] == list(STATUS)
