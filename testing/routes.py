"""The paths of the three protocols, and what the vendors answer on those that ask no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.testing.wire.frames import Chunk, Wire, compact, mint

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.testing.received import Received

_ENDPOINTS: Final[dict[str, Dialect]] = {
    "/chat/completions": "openai_chat",
    "/responses": "openai_responses",
    "/messages": "anthropic_messages",
}
COUNTING: Final = ("/messages/count_tokens", "/responses/input_tokens")
"""The ends of the paths that count the tokens of a request."""


def dialect_of(method: str, path: str) -> Dialect | None:
    """The protocol of a request for a model, whatever stands before its path."""
    if method != "POST":
        return None
    return next((dialect for end, dialect in _ENDPOINTS.items() if path.endswith(end)), None)


def side_answer(request: Received, models: Iterable[str], tokens: int | None, created: int) -> Wire | None:
    """The answer to what asks no model: the list of models, one of them, the tokens of a request. None for anything else.

    `tokens`: what a count says; None counts four characters a token.
    """
    path = request.path.rstrip("/")
    if request.method == "POST" and path.endswith(COUNTING):
        count = max(1, len(request.body) // 4) if tokens is None else tokens
        kind = {} if path.endswith("/count_tokens") else {"object": "response.input_tokens"}
        return _json(200, {**kind, "input_tokens": count}, request)
    if request.method == "HEAD" or (request.method == "GET" and not path):
        return Wire(200, (("content-type", "application/json"),))
    if request.method != "GET" or "/models" not in path:
        return None
    _, _, name = path.rpartition("/models")
    if name:
        known = {f"/{model}" for model in models}
        return _json(200, _model(name[1:], request.headers, created), request) if name in known else None
    listed = [_model(model, request.headers, created) for model in models]
    if "anthropic-version" not in request.headers:
        return _json(200, {"object": "list", "data": listed}, request)
    ends = {"first_id": listed[0]["id"], "last_id": listed[-1]["id"]} if listed else {"first_id": None, "last_id": None}
    return _json(200, {"data": listed, "has_more": False, **ends}, request)


def _model(name: str, headers: Mapping[str, str], created: int) -> dict[str, Any]:
    if "anthropic-version" in headers:
        return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
    return {"id": name, "object": "model", "created": created, "owned_by": "system"}


def _json(status: int, value: object, request: Received) -> Wire:
    name, kind = ("request-id", "request") if "anthropic-version" in request.headers else ("x-request-id", "req")
    headers = (("content-type", "application/json"), (name, mint(kind, request.number)))
    return Wire(status, headers, (Chunk(0.0, compact(value).encode()),))
