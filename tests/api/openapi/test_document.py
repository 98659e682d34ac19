"""The description that is served: a valid one, no less than the contract, and true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hyperinfer.api.openapi.document import document
from hyperinfer.formats.wire import is_array, is_object
from tests.api.openapi.superset import missing

LOGPROBS = frozenset({"POST /api/v1/chat/completions 200.choices[].logprobs", "ChatCompletionResponse.choices[].logprobs"})
"""The contract has null; they come where an upstream sent them."""


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    """As a client reads it."""
    found: dict[str, Any] = json.loads(json.dumps(document()))
    return found


def test_it_says_all_that_the_contract_says(served: dict[str, Any], shared: Path) -> None:
    contract = json.loads((shared / "contract" / "openapi.json").read_text())
    assert missing(contract, served, widened=LOGPROBS) == []


def inner(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every JSON value in a document, with where it is."""
    yield path, value
    if is_object(value):
        for name, child in value.items():
            yield from inner(child, f"{path}/{name}")
    elif is_array(value):
        for index, child in enumerate(value):
            yield from inner(child, f"{path}/{index}")


def test_every_schema_is_a_json_schema(served: dict[str, Any]) -> None:
    schemas = list(served["components"]["schemas"].values())
    schemas += [value["schema"] for _, value in inner(served["paths"]) if is_object(value) and "schema" in value]
    assert len(schemas) > 80
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(served: dict[str, Any]) -> None:
    targets: set[str] = {value["$ref"] for _, value in inner(served) if is_object(value) and "$ref" in value}
    for target in targets:
        assert target.startswith("#/components/")
        _, _, kind, name = target.split("/")
        assert name in served["components"][kind], target
    named = {f"#/components/schemas/{name}" for name in served["components"]["schemas"]}
    assert named - targets == set(), "schemas that nothing refers to"


def test_operations_are_complete_and_named_once(served: dict[str, Any]) -> None:
    operations = [operation for methods in served["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in served["tags"]}
    schemes = served["components"]["securitySchemes"]
    for operation in operations:
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert operation["description"]
        for alternative in operation.get("security", served["security"]):
            assert alternative.keys() <= schemes.keys()
        for response in operation["responses"].values():
            assert response["description"]
            assert "X-Request-Id" in response["headers"]


def test_parameters_of_a_path_are_declared(served: dict[str, Any]) -> None:
    for path, methods in served["paths"].items():
        wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for operation in methods.values():
            given = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert given == wanted
            assert all(each["required"] for each in operation.get("parameters", ()) if each["in"] == "path")


def test_it_is_the_same_each_time() -> None:
    assert json.dumps(document()) == json.dumps(document())
