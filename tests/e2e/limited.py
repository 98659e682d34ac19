"""A gateway with small limits, for input that is refused: how tests reach it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.support.formats import AUTHORIZED, Route
from tests.support.rawclient import Answer, ask

if TYPE_CHECKING:
    from tests.support.served import Running

LIMITS = "limits: {body_mb: 1, rate_per_minute: 1000000, burst: 1000000}\n"
MODELS = ("test/chat", "test/responses", "test/messages")


def post(server: Running, route: Route, body: bytes, headers: Mapping[str, str] = AUTHORIZED) -> Answer:
    """One request to a route."""
    return ask(server.url, "POST", route.path, headers, body)


def post_json(server: Running, route: Route, body: Any, headers: Mapping[str, str] = AUTHORIZED) -> Answer:
    """The same with a body that is data."""
    return post(server, route, json.dumps(body).encode(), headers)


def last_upstream(upstream: Running) -> Any:
    """What the scripted upstream was last asked: `{path, query, headers: [[name, value]], body}`."""
    return ask(upstream.url, "GET", "/__last", {}).document
