"""Demanded schemas as parameters of a function."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.answer_schema import MEMBER, parameters_of


def wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """What became of it, and of its definitions."""
    found = parameters_of(schema)
    assert found.wrapped
    assert (found.schema["type"], found.schema["required"]) == ("object", [MEMBER])
    assert found.schema["additionalProperties"] is False
    return found.schema


def test_an_object_stays_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#"}}, "$defs": {}}
    found = parameters_of(schema)
    assert (found.schema, found.wrapped) == (schema, False)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer"}},
        {"type": ["object", "null"]},
        {"enum": ["a", "b"]},
        {"anyOf": [{"type": "object"}, {"type": "string"}]},
        {"properties": {"a": {}}},
        {},
    ],
)
def test_anything_else_is_the_one_member_of_an_object(schema: dict[str, Any]) -> None:
    assert wrapped(schema)["properties"] == {MEMBER: schema}


def test_references_lead_where_they_led() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "$ref": {"$ref": "#"}}}},
        "allOf": [{"$ref": "#/anyOf/0"}, {"$ref": "#here"}, {"const": {"$ref": "#"}}, {"default": {"$ref": "#"}}],
    }
    before = repr(schema)
    found = wrapped(schema)
    assert list(found)[-2:] == ["$schema", "$defs"]
    answer = found["properties"][MEMBER]
    assert answer["$ref"] == "#/$defs/Node"
    assert found["$defs"]["Node"]["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert found["$defs"]["Node"]["properties"]["$ref"] == {"$ref": f"#/properties/{MEMBER}"}
    assert answer["allOf"] == [
        {"$ref": f"#/properties/{MEMBER}/anyOf/0"}, {"$ref": "#here"}, {"const": {"$ref": "#"}}, {"default": {"$ref": "#"}},
    ]  # fmt: skip
    assert repr(schema) == before  # the caller's own is left alone


def test_a_document_of_its_own_is_held_whole() -> None:
    schema = {"$id": "https://x/y", "$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}
    assert wrapped(schema)["properties"] == {MEMBER: schema}


def test_a_schema_as_deep_as_a_request_may_be() -> None:
    schema: dict[str, Any] = {"$ref": "#"}
    for _ in range(450):
        schema = {"items": schema}
    found = wrapped({"type": "array", **schema})["properties"][MEMBER]
    for _ in range(450):
        found = found["items"]
    assert found == {"$ref": f"#/properties/{MEMBER}"}
