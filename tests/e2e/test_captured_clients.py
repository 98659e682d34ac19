"""What real clients send, as it was captured, through each client format to a model behind each of the three protocols.

The captured requests lie in the folder shared beside the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.e2e.limited import last_upstream
from tests.support.formats import AUTHORIZED, ROUTES
from tests.support.judge import FILE, breaches
from tests.support.rawclient import Answer, ask
from tests.support.scripted_upstream import COUNT as UPSTREAMS_COUNT
from tests.support.served import KEY, Running

CAPTURED = FILE.parent / "captured"
CLIENTS = ("anthropic", "claude_code", "codex", "langchain", "node_aisdk", "openai_chat", "openai_responses", "pydanticai")
TARGETS = ("chat", "responses", "messages")

COUNT = "/api/v1/messages/count_tokens"

STRUCTURE = ("type", "role", "id", "status", "model", "stream")
"""Names of fields that say the shape of something, or name it: each format has its own."""

OTHER_FORM_WHOLE = {"thinking": "an effort", "tool_choice": "its words in the other format"}
"""Top-level fields that reach another protocol in another form."""

OTHER_FORM = {
    "max_tokens": "at most what the model can write",
    "arguments": "JSON text becomes an object",
    "is_error": "said in the text of the result",
    "parallel_tool_calls": "disable_parallel_tool_use",
    "strict": "Messages is always strict with a schema, and never with a tool",
    "summary": "Messages shows summaries anyway",
    "json_schema.name": "a schema has no name on Messages",
    "format.name": "the same",
}
"""Fields that may reach another protocol under another value."""

NO_LOSS = ("store", "include", "stream_options", "prompt_cache_key", "client_metadata", "user")
"""What may stay behind without a word (RULES: How the contract is read)."""

IN_THE_GATEWAY = ("stop", "stop_sequences")
"""What the gateway does itself where the upstream cannot."""

OWN = {"store", "include[0]"}
"""What the gateway adds to a Responses request: nothing is stored, and reasoning comes back in a form that travels."""


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a document that holds no other, with its path."""
    if isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[object]", value)):
            yield from leaves(inner, f"{path}[{place}]")
    else:
        yield path, value


def whole(value: object) -> Any:
    """A captured body without the notes on what was left out of it."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [whole(item) for item in items if "_left_out" not in dict(leaves(item))]
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in cast("dict[str, object]", value).items()}
    return value


def requests_of(client: str) -> list[dict[str, Any]]:
    file = CAPTURED / f"{client}.json"
    if not file.exists():
        pytest.skip(f"{file} is not on this machine")
    found: list[dict[str, Any]] = json.loads(file.read_text())["requests"]
    return found


def send(server: Running, request: dict[str, Any], body: Any) -> Answer:
    """With the client's own headers, but for the key."""
    replaced = {"authorization": f"Bearer {KEY}", "x-api-key": KEY}
    captured: dict[str, str] = request["headers"]
    kept = captured.keys() - {"content-length", "host", "connection"}
    headers = {name: replaced.get(name, captured[name]) for name in sorted(kept)}
    return ask(server.url, request["method"], request["path"], headers, b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("client", CLIENTS)
def test_captured(server: Running, upstream: Running, client: str, target: str) -> None:
    lost: set[str] = set()
    for number, request in enumerate(requests_of(client)):
        path = request["path"].partition("?")[0]
        if path == COUNT:
            continue  # below
        body = whole(request["body"])
        if body and "model" in body:
            body["model"] = f"test/{target}"
        answer = send(server, request, body)
        where = f"{client} #{number} to {target}"
        assert answer.status == request.get("expect", 200), (where, answer)
        route = next((route for route in ROUTES if route.path == path), None)
        if route is None or "expect" in request:
            continue
        if body.get("stream"):
            assert breaches(route.dialect, answer.body) == [], where
        check_headers(last_upstream(upstream), request["headers"], both_messages=route.name == target == "messages")
        sent = json.loads(last_upstream(upstream)["body"])
        losses = losses_of(server, answer)
        assert int(answer.headers["x-hyperinfer-loss"]) == len(losses), where
        if route.name == target:
            assert losses == [], where
            check_same(body, sent, where)
        else:
            lost |= set(unaccounted(body, sent, losses))
    assert lost == set()


def losses_of(server: Running, answer: Answer) -> list[str]:
    path = f"/api/v1/generation?id={answer.headers['x-request-id']}"
    return [loss["path"] for loss in ask(server.url, "GET", path, AUTHORIZED).document["data"]["losses"]]


def check_headers(seen: Any, asked: dict[str, str], *, both_messages: bool) -> None:
    """Of a client's headers only two, and only from Messages to Messages, reach the upstream."""
    headers: dict[str, str] = dict(seen["headers"])
    assert KEY not in str(headers)
    ours = {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "authorization",
        "x-api-key",
    }
    assert headers.keys() <= ours | {"anthropic-version", "anthropic-beta"}
    assert headers["user-agent"].startswith("hyperinfer/")
    if both_messages:
        assert headers.get("anthropic-beta") == asked.get("anthropic-beta")
        assert headers["anthropic-version"] == asked["anthropic-version"]


def check_same(body: Any, sent: Any, where: str) -> None:
    """Every field as it came; what is null may be left out."""
    before, after = dict(leaves(body)), dict(leaves(sent))
    for path, value in before.items():
        if path in ("model", "stream") or path.startswith("stream_options"):
            continue
        assert after.get(path) == value, (where, path)
    added = {path for path in after.keys() - before.keys() if path not in ("model", "stream")}
    assert {path for path in added if not path.startswith("stream_options")} <= OWN, where


def unaccounted(body: Any, sent: Any, losses: list[str]) -> Iterator[str]:
    """Paths whose value neither reached the upstream in some place nor is among the losses."""
    arrived = json.dumps(sent, ensure_ascii=False)
    texts = [value for _, value in leaves(sent)]
    for path, value in leaves(body):
        names = path.replace("]", "").replace("[", ".").split(".")
        if value in (None, "") or names[0] in (*NO_LOSS, *IN_THE_GATEWAY) or names[-1] in STRUCTURE:
            continue
        if value in texts or (isinstance(value, str) and json.dumps(value, ensure_ascii=False)[1:-1] in arrived):
            continue
        if any(path == loss or path.startswith((f"{loss}.", f"{loss}[")) for loss in losses):
            continue
        if names[0] in OTHER_FORM_WHOLE or f".{path}".endswith(tuple(f".{name}" for name in OTHER_FORM)):
            continue
        yield path


@pytest.mark.parametrize("target", TARGETS)
def test_counting_tokens(server: Running, upstream: Running, target: str) -> None:
    request = next(request for request in requests_of("anthropic") if request["path"] == COUNT)
    answer = send(server, request, {**request["body"], "model": f"test/{target}"})
    assert answer.status == 200
    if target == "chat":  # which has no route for it
        assert answer.headers["x-hyperinfer-estimated"] == "true"
        assert 50 < answer.document["input_tokens"] < 150
        return
    assert (answer.headers["x-hyperinfer-estimated"], answer.document) == ("false", {"input_tokens": UPSTREAMS_COUNT})
    seen = last_upstream(upstream)
    check_headers(seen, request["headers"], both_messages=target == "messages")
    if target == "messages":
        assert {**json.loads(seen["body"]), "model": ""} == {**request["body"], "model": ""}
