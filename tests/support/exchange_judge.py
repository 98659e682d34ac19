"""What must hold for any answer of the gateway, whatever was asked: status and code, envelope, headers, event grammar.

It imports nothing of the gateway, and is used from other environments than the tests' own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.formats import CHAT, ROUTES, STATUS, Route, Told
from tests.support.judge import breaches_if_judged

if TYPE_CHECKING:
    from tests.support.rawclient import Answer

COUNTS = ("/api/v1/messages/count_tokens", "/api/v1/responses/input_tokens")
"""The routes that count tokens."""

BESIDE_THE_TABLE = (404, 405, 409)
"""The statuses that stand beside the contract's table, all with `invalid_request` (RULES: Errors)."""


@dataclass(frozen=True)
class Seen:
    """What an exchange was. `route`: the client format's name, or the path. `code`: of the error, in a stream too."""

    route: str
    streamed: bool
    status: int
    code: str | None


def judge(method: str, path: str, sent: bytes, answer: Answer, *, may_break_off: bool = False) -> Seen:
    """Raises AssertionError for an answer that is outside the contract. `path`: without its query.

    `may_break_off`: a stream of this model may end in an error.
    """
    assert answer.status != 500, answer
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch(r"[a-z0-9_-]{1,40}", request_id), request_id
    route = next((route for route in ROUTES if route.path == path), None)
    name = route.name if route else path
    if method == "HEAD" or answer.status == 304:
        assert answer.body == b""
        return Seen(name, streamed=False, status=answer.status, code=None)
    if answer.status >= 400 and not (answer.status == 503 and path == "/readyz"):
        told = told_of(path, answer)
        if answer.status == 405:
            assert answer.headers["allow"]
        return Seen(name, streamed=False, status=answer.status, code=told.code)
    if path in COUNTS and method == "POST":
        assert answer.status == 200
        assert answer.headers["x-hyperinfer-estimated"] in ("true", "false")
        assert answer.document["input_tokens"] > 0
    if route is None or method != "POST":
        return Seen(name, streamed=False, status=answer.status, code=None)
    assert answer.status == 200
    assert int(answer.headers["x-hyperinfer-loss"]) >= 0
    asked: Any = json.loads(sent)
    if asked.get("stream") is not True:
        assert answer.headers["content-type"] == "application/json"
        assert answer.document["id"].endswith(request_id)
        return Seen(name, streamed=False, status=200, code=None)
    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    failure = failure_in(route, answer.body, request_id)
    assert failure is None or may_break_off, failure
    assert breaches_if_judged(route.dialect, answer.body, failed=failure is not None) == []
    return Seen(name, streamed=True, status=200, code=failure)


def told_of(path: str, answer: Answer) -> Told:
    """The error, in the envelope of the format that the path belongs to: OpenAI's where it is none of the three."""
    owner = next((route for route in ROUTES if path == route.path or path.startswith(f"{route.path}/")), CHAT)
    told = owner.told(answer, answer.status if answer.status in BESIDE_THE_TABLE else None)
    assert answer.status not in BESIDE_THE_TABLE or told.code == "invalid_request", answer
    return told


def failure_in(route: Route, stream: bytes, request_id: str) -> str | None:
    """The code of the error that a stream ended in."""
    found: list[str] = []
    for line in stream.decode().split("\n"):
        if not line.startswith("data: {"):
            continue
        event: Any = json.loads(line.removeprefix("data: "))
        if route.name == "responses":
            if event["type"] == "response.failed":
                found.append(event["response"]["error"]["hi_code"])
        elif event.get("error"):
            found.append(route.told_in(event, request_id).code)
    assert len(found) <= 1, found
    assert all(code in STATUS for code in found), found
    return found[0] if found else None
