"""What `/openapi.json` says of the answers is true of the answers, model calls included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import trio

from tests.api.control_plane.kit import KEY, TOKEN

if TYPE_CHECKING:
    import httpx2

    from tests.api.control_plane.kit import Served

AUTHORIZED = {"authorization": f"Bearer {KEY}"}
CLOSED = {"unevaluatedProperties": False}


class Described:
    """The served description, and what it says of a response."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def check(self, response: httpx2.Response, template: str, *, complete: bool = True) -> None:
        """The status and the body are as described; `complete`: no field is there that is not described."""
        operation = self.document["paths"][template][response.request.method.lower()]
        described = operation["responses"].get(str(response.status_code)) or operation["responses"]["default"]
        schema = described["content"]["application/json"]["schema"]
        whole = {**schema, "components": self.document["components"], **(CLOSED if complete else {})}
        validator: Any = jsonschema.Draft202012Validator(whole)
        validator.validate(response.json())
        for name in described["headers"]:
            assert name in response.headers


@pytest.fixture
async def described(gateway: Served) -> Described:
    return Described((await gateway.client.get("/openapi.json")).json())


async def test_the_control_plane(gateway: Served, described: Described) -> None:
    client = gateway.client
    for path in ("/healthz", "/readyz", "/api/v1/models"):
        described.check(await client.get(path), path)
    for slug in gateway.gateway.catalogue.current().models:
        described.check(await client.get(f"/api/v1/models/{slug}"), "/api/v1/models/{slug}")
    described.check(await client.get("/api/v1/models/nope"), "/api/v1/models/{slug}")
    await gateway.settled()
    await gateway.settled("failed", status="failed", error_code="provider_timeout", finish_reason=None, first_token_ms=None)
    for query in ("?id=abc123", "?id=failed", "?id=nope", ""):
        response = await client.get(f"/api/v1/generation{query}", headers=AUTHORIZED)
        described.check(response, "/api/v1/generation")
    described.check(await client.get("/api/v1/generation"), "/api/v1/generation")
    for path in ("/api/v1/key", "/api/v1/credits"):
        described.check(await client.get(path, headers=AUTHORIZED), path)
        described.check(await client.get(path), path)
    route = "/api/v1/playground-keys"
    body = {"workspace_id": await gateway.workspace(), "user_id": "user"}
    described.check(await client.post(route, json=body, headers={"X-Internal-Token": TOKEN}), route)
    described.check(await client.post(route, json={}, headers={"X-Internal-Token": TOKEN}), route)
    described.check(await client.post(route, json={}), route)
    gateway.application.drain.begin(5)
    described.check(await client.get("/readyz"), "/readyz")


TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
USER = [{"role": "user", "content": "Hello"}]

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v1/chat/completions", {"messages": USER}),
    ("/api/v1/chat/completions", {"messages": USER, "reasoning_effort": "high"}),
    (
        "/api/v1/chat/completions",
        {"messages": USER, "tools": [{"type": "function", "function": {"name": "weather", "parameters": TOOL}}]},
    ),
    ("/api/v1/chat/completions", {"messages": []}),
    ("/api/v1/responses", {"input": "Hello"}),
    ("/api/v1/responses", {"input": "Hello", "reasoning": {"effort": "high", "summary": "auto"}}),
    ("/api/v1/responses", {"input": "Hello", "tools": [{"type": "function", "name": "weather", "parameters": TOOL}]}),
    ("/api/v1/responses", {"input": "Hello", "previous_response_id": "resp_1"}),
    ("/api/v1/messages", {"max_tokens": 4096, "messages": USER}),
    ("/api/v1/messages", {"max_tokens": 4096, "messages": USER, "thinking": {"type": "enabled", "budget_tokens": 1024}}),
    ("/api/v1/messages", {"max_tokens": 4096, "messages": USER, "tools": [{"name": "weather", "input_schema": TOOL}]}),
    ("/api/v1/messages", {"messages": USER}),
]


async def test_the_data_plane(gateway: Served, described: Described) -> None:
    async def call(path: str, body: dict[str, Any], model: str) -> None:
        response = await gateway.client.post(path, json={"model": model, **body}, headers=AUTHORIZED)
        # An upstream's own fields may be in the reply of the same format.
        described.check(response, path, complete=response.status_code != 200)
        if response.status_code == 200:
            query = {"id": response.json()["id"]}
            generation = await gateway.client.get("/api/v1/generation", params=query, headers=AUTHORIZED)
            described.check(generation, "/api/v1/generation")
            assert generation.status_code == 200

    async with trio.open_nursery() as nursery:
        for path, body in CALLS:
            described.check(await gateway.client.post(path, json=body), path)  # no key
            for model in ("demo/chat", "demo/responses", "demo/messages"):
                nursery.start_soon(call, path, body, model)
