"""The comparison itself: a small contract, and every way of falling short of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from hyperinfer.formats.wire import is_array, is_object
from tests.api.openapi.superset import missing

CONTRACT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "T", "version": "1", "description": "d"},
    "security": [{"key": []}],
    "tags": [{"name": "A", "description": "d"}],
    "paths": {
        "/x": {
            "post": {
                "tags": ["A"],
                "operationId": "makeX",
                "summary": "Make",
                "description": "d",
                "security": [],
                "x-internal": True,
                "parameters": [
                    {"name": "q", "in": "query", "required": True, "description": "d", "schema": {"type": "string"}}
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["a"],
                                "additionalProperties": True,
                                "properties": {
                                    "a": {"type": "string", "enum": ["one", "two"]},
                                    "b": {
                                        "anyOf": [
                                            {
                                                "type": "object",
                                                "properties": {"type": {"type": "string", "const": "t"}},
                                                "required": ["type"],
                                                "additionalProperties": False,
                                            },
                                            {"type": "null"},
                                        ]
                                    },
                                    "c": {"type": "integer", "exclusiveMinimum": 0},
                                    "d": {
                                        "type": "array",
                                        "items": {"type": "number", "minimum": 0, "maximum": 2},
                                        "minItems": 1,
                                    },
                                    "e": {"type": "object", "additionalProperties": {}},
                                    "f": {"type": "string", "default": "one"},
                                },
                            }
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "d",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/R"}},
                            "text/event-stream": {"schema": {"type": "string", "description": "d"}},
                        },
                    },
                    "default": {"description": "d"},
                },
            }
        }
    },
    "components": {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "d"}},
        "schemas": {
            "R": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "description": "d"},
                    "at": {"type": "string", "format": "date-time"},
                    "n": {"type": ["integer", "null"]},
                    "costs": {"type": "object", "additionalProperties": {"type": "string"}},
                    "kinds": {"type": "array", "items": {"type": "string", "enum": ["k"]}},
                },
            }
        },
    },
}
BODY = ("paths", "/x", "post", "requestBody", "content", "application/json", "schema")
REPLY = ("components", "schemas", "R")


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The contract with something put in one place."""
    document = copy.deepcopy(CONTRACT)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return document


def shortened(value: Any) -> Iterator[Any]:
    """Every way of leaving one thing out of a JSON value."""
    if is_object(value):
        for name, inner in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            for less in shortened(inner):
                yield {**value, name: less}
    elif is_array(value):
        for index, inner in enumerate(value):
            yield value[:index] + value[index + 1 :]
            for less in shortened(inner):
                yield [*value[:index], less, *value[index + 1 :]]


def test_a_description_covers_itself() -> None:
    assert missing(CONTRACT, CONTRACT) == []


WIDER = {
    ": required",
    ": required is []",
    ": additionalProperties",
    ".properties.b.anyOf[0]: required",
    ".properties.b.anyOf[0]: required is []",
    ".properties.c: exclusiveMinimum",
    ".properties.d.items: minimum",
    ".properties.d.items: maximum",
    ".properties.d: minItems",
    ".properties.e: additionalProperties",
}
"""What may be left out of the request's schema: it then takes more than before."""


def test_whatever_is_left_out_is_missed_unless_a_request_gets_wider() -> None:
    documents = list(shortened(CONTRACT))
    assert len(documents) > 100
    passed = {first_difference(CONTRACT, document) for document in documents if passes(document)}
    assert passed == {f".{'.'.join(map(str, BODY))}{place}" for place in WIDER}


def passes(document: dict[str, Any]) -> bool:
    try:
        return missing(CONTRACT, document) == []
    except KeyError:
        return False  # no OpenAPI at all


def first_difference(before: Any, after: Any, path: str = "") -> str:
    if is_object(before):
        for name in before:
            if name not in after:
                return f"{path}: {name}"
            if before[name] and not after[name]:
                return f"{path}: {name} is {after[name]}"
            if before[name] != after[name]:
                return first_difference(before[name], after[name], f"{path}.{name}")
    if is_array(before):
        if len(before) != len(after):
            return f"{path}: {after}"
        at = next(index for index, value in enumerate(before) if value != after[index])
        return first_difference(before[at], after[at], f"{path}[{at}]")
    return path


WORSE: list[tuple[tuple[str | int, ...], Any, str]] = [
    ((*BODY, "required"), ["a", "b"], "POST /x body.b: is required"),
    ((*BODY, "additionalProperties"), False, "POST /x body: additionalProperties is not True"),
    ((*BODY, "properties", "a", "minLength"), 1, ""),  # the values are listed all the same
    ((*BODY, "properties", "a", "type"), "integer", "POST /x body.a: cannot be string"),
    ((*BODY, "properties", "c", "exclusiveMinimum"), 1, "POST /x body.c: minimum differs"),
    ((*BODY, "properties", "c", "maximum"), 10, "POST /x body.c: maximum differs"),
    ((*BODY, "properties", "d", "minItems"), 2, "POST /x body.d: minItems differs"),
    ((*BODY, "properties", "d", "items", "maximum"), 1, "POST /x body.d[]: maximum differs"),
    ((*BODY, "properties", "d", "items", "exclusiveMinimum"), 0, "POST /x body.d[]: minimum differs"),
    ((*BODY, "properties", "d", "items", "type"), "integer", "POST /x body.d[]: cannot be number"),
    ((*BODY, "properties", "e", "additionalProperties"), {"type": "string"}, "POST /x body.e: other fields are limited"),
    ((*BODY, "properties", "f", "enum"), ["one"], "POST /x body.f: takes only ['one']"),
    ((*BODY, "properties", "f", "pattern"), "^o", "POST /x body.f: pattern differs"),
    ((*REPLY, "properties", "id", "type"), "integer", "R.id: cannot be string"),
    ((*REPLY, "properties", "id", "type"), ["string", "null"], "R.id: may be null, which it could not"),
    ((*REPLY, "properties", "n", "type"), ["number", "null"], "R.n: cannot be integer"),
    ((*REPLY, "properties", "costs", "additionalProperties"), {"type": "number"}, "R.costs.*: cannot be string"),
    ((*REPLY, "properties", "kinds", "items"), {"type": "string"}, "R.kinds[]: 'k' is not listed"),
    (("paths", "/x", "post", "security"), [{"key": []}], "POST /x: another security"),
    (("paths", "/x", "post", "parameters", 0, "in"), "header", "POST /x: parameter q missing or not equally required"),
    (("components", "securitySchemes", "key", "scheme"), "basic", "securitySchemes.key: missing or different"),
]


@pytest.mark.parametrize(("path", "value", "says"), WORSE)
def test_what_takes_less_or_gives_something_else_is_named(path: tuple[str | int, ...], value: Any, says: str) -> None:
    found = missing(CONTRACT, changed(path, value))
    assert (says in found) if says else (found == [])


BETTER: list[tuple[tuple[str | int, ...], Any]] = [
    ((*BODY, "properties", "a", "enum"), ["one", "two", "three"]),
    (
        (*BODY, "properties", "a"),
        {"anyOf": [{"type": "string", "enum": ["two", "one"]}, {"type": "string"}, {"type": "null"}]},
    ),
    ((*BODY, "properties", "b", "anyOf", 0, "properties", "more"), {"type": "string"}),
    ((*BODY, "properties", "b", "anyOf", 0, "properties", "type"), {"type": "string", "enum": ["t", "u"]}),
    ((*BODY, "properties", "c", "exclusiveMinimum"), -1),
    ((*BODY, "properties", "c"), {"type": "integer", "minimum": 0}),
    ((*BODY, "properties", "c", "type"), "number"),
    ((*BODY, "properties", "g"), {"type": "string"}),
    ((*REPLY, "required"), ["id", "at"]),
    ((*REPLY, "properties", "more"), {"type": "string"}),
    ((*REPLY, "properties", "kinds", "items", "enum"), ["k", "l"]),
    ((*REPLY, "properties", "id", "minLength"), 1),
    (("paths", "/x", "get"), {}),
    (("paths", "/x", "post", "responses", "404"), {"description": "d"}),
]


@pytest.mark.parametrize(("path", "value"), BETTER)
def test_what_takes_or_says_more_is_fine(path: tuple[str | int, ...], value: Any) -> None:
    assert missing(CONTRACT, changed(path, value)) == []


def test_another_type_in_a_response_is_fine_only_where_the_caller_says_so() -> None:
    document = changed((*REPLY, "properties", "n"), {"type": ["integer", "null", "object"]})
    assert missing(CONTRACT, document) == [
        "POST /x 200.n: may be object, which it could not",
        "R.n: may be object, which it could not",
    ]
    assert missing(CONTRACT, document, widened=frozenset({"POST /x 200.n", "R.n"})) == []


def test_a_keyword_that_is_not_compared_is_reported() -> None:
    contract = changed((*REPLY, "properties", "id", "contentEncoding"), "base64")
    assert "R.id: contentEncoding is not compared" in missing(contract, contract)
    contract = changed(("paths", "/x", "post", "callbacks"), {})
    assert "POST /x: callbacks is not compared" in missing(contract, contract)
