"""The published schemas hold what the contract promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.openai_responses.wire import SCHEMAS
from hyperinfer.formats.openai_responses.wire_response import ResponsesResponse
from hyperinfer.formats.usage import Usage
from tests.formats.openai_responses.harness import SHARED, reply, whole

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event


def components() -> dict[str, Any]:
    _, found = msgspec.json.schema_components([*SCHEMAS, ResponsesResponse], ref_template="#/components/schemas/{name}")
    return found


def contract() -> dict[str, Any]:
    path = SHARED / "contract" / "openapi.json"
    if not path.exists():
        pytest.skip("no ../shared/contract here")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_reference_is_a_schema() -> None:
    found = components()
    names = {part.split('"')[0] for part in json.dumps(found).split("#/components/schemas/")[1:]}
    assert names <= set(found)
    assert {"ResponsesRequest", "InputMessage", "FunctionCall", "ResponsesResponse"} <= set(found)


def test_the_request_has_every_field_of_the_contract() -> None:
    schema = contract()["paths"]["/api/v1/responses"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    ours = components()["ResponsesRequest"]
    assert set(schema["properties"]) <= set(ours["properties"])
    assert set(ours["required"]) == set(schema["required"])


def test_the_reply_has_every_field_of_the_contract() -> None:
    schema = contract()["components"]["schemas"]["ResponsesResponse"]
    ours = components()["ResponsesResponse"]
    assert set(schema["properties"]) <= set(ours["properties"])
    assert set(schema["required"]) <= set(ours["required"])
    assert set(schema["properties"]["status"]["enum"]) <= set(ours["properties"]["status"]["enum"])
    assert set(schema["properties"]["usage"]["properties"]) <= set(components()["ResponsesUsage"]["properties"])


def test_a_reply_is_valid_under_its_own_schema() -> None:
    events: list[Event] = [ev.MessageStart("openai_chat"), ev.UsageUpdate(Usage(1, 2, cost=3)), ev.MessageEnd("length")]
    found = whole(events, reply(source="openai_chat"))
    assert msgspec.convert(found, ResponsesResponse).usage.total_tokens == 3
