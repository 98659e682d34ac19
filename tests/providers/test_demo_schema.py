"""Values that fit a schema."""

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.providers.demo.schema_instance import Unsatisfiable, instance

TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["children"]}

EXACT: list[tuple[object, Any]] = [
    (True, "demo"),
    ({}, "demo"),
    ({"type": "string"}, "demo"),
    ({"type": "string", "minLength": 6}, "demo.."),
    ({"type": "string", "maxLength": 2}, "de"),
    ({"type": "string", "format": "date"}, "2026-01-01"),
    ({"type": "integer"}, 1),
    ({"type": "integer", "minimum": 5}, 5),
    ({"type": "integer", "exclusiveMinimum": 5}, 6),
    ({"type": "integer", "maximum": -3}, -3),
    ({"type": "integer", "exclusiveMaximum": 0}, -1),
    ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
    ({"type": "integer", "maximum": 1, "multipleOf": 2}, 0),
    ({"type": "integer", "multipleOf": 1.5}, 3),
    ({"type": "number", "minimum": 0, "maximum": 0.5}, 0),
    ({"type": "number", "minimum": 0.25, "maximum": 0.75}, 0.5),
    ({"type": "boolean"}, True),
    ({"type": "null"}, None),
    ({"type": ["null", "integer"]}, 1),
    ({"enum": ["celsius", "fahrenheit"]}, "celsius"),
    ({"const": None}, None),
    ({"type": "object"}, {}),
    ({"type": "object", "properties": {}}, {}),
    ({"properties": {"a": {"type": "integer"}, "b": {}}}, {"a": 1}),
    ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b", "c"]}, {"b": "demo", "c": "demo"}),
    ({"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}}, {"demo 1": 1, "demo 2": 2}),
    ({"type": "array"}, ["demo"]),
    ({"type": "array", "maxItems": 0}, []),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}, [1, 2, 3]),
    ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True}, ["a", "b"]),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]}, [1, True]),
    ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
    ({"anyOf": [{"type": "null"}]}, None),
    ({"oneOf": [False, {"type": "boolean"}]}, True),
    ({"type": "object", "required": ["a"], "anyOf": [{"required": ["b"]}, {"required": ["c"]}]}, {"a": "demo", "b": "demo"}),
    ({"allOf": [{"type": "object", "required": ["a"]}, {"required": ["b"]}]}, {"a": "demo", "b": "demo"}),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}}, 1),
    ({"$ref": "#/definitions/x", "definitions": {"x": {"$ref": "#/definitions/y"}, "y": {"const": 4}}}, 4),
    (TREE, {"children": []}),
    (
        {"$ref": "#/$defs/x", "$defs": {"x": {"anyOf": [{"items": {"$ref": "#/$defs/x"}, "minItems": 1}, {"const": 2}]}}},
        2,
    ),
]


@pytest.mark.parametrize(("schema", "value"), EXACT)
def test_the_value(schema: object, value: Any) -> None:
    made = instance(schema, "demo")
    assert made == value
    assert type(made) is type(value)
    jsonschema.validate(made, schema)  # type: ignore[arg-type]  # a schema may be a boolean


IMPOSSIBLE: list[object] = [
    False,
    {"$ref": "#"},
    {"$ref": "#/$defs/missing"},
    {"anyOf": []},
    {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]},
    {"type": "array", "items": False, "minItems": 1},
    {"type": "integer", "minimum": 3, "maximum": 2},
    {"type": "object", "properties": 3},
    {"type": "object", "required": 3},
    {"enum": 3},
    {"type": "number", "multipleOf": "x"},
    {"allOf": 3},
    {"$ref": 3},
    {"type": "string", "minLength": 1_000_000_000},
    {"type": "array", "minItems": 1_000_000_000},
    {"type": "object", "minProperties": 1_000_000_000},
    {"type": "integer", "minimum": 1e300},
]


@pytest.mark.parametrize("schema", IMPOSSIBLE)
def test_no_value(schema: object) -> None:
    with pytest.raises(Unsatisfiable):
        instance(schema, "demo")


@pytest.mark.parametrize(("key", "last"), [("anyOf", False), ("allOf", {})])
def test_a_schema_that_multiplies_ends(key: str, last: object) -> None:
    """Each definition has two ways into the next, and the last has none: more ways than can be tried."""
    definitions: dict[str, Any] = {
        f"d{n}": {key: [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(60)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": definitions | {"d60": last}}
    start = time.process_time()
    with pytest.raises(Unsatisfiable):
        instance(schema, "demo")
    assert time.process_time() - start < 1


Schema = dict[str, Any]


def _rules(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Schema]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


SMALL = st.integers(-9, 9)
NAMES = st.sampled_from(["a", "b", "c"])
LEAVES: st.SearchStrategy[Schema] = st.one_of(
    st.just(Schema()),
    _rules("string", minLength=st.integers(0, 5), maxLength=st.integers(5, 9)),
    _rules("integer", minimum=st.integers(-9, 2), maximum=st.integers(2, 9)),
    _rules("integer", maximum=SMALL, multipleOf=st.integers(1, 5)),
    _rules("number", exclusiveMinimum=SMALL),
    st.fixed_dictionaries({"enum": st.lists(SMALL, min_size=1, max_size=3)}),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["null", "string"]}, {"$ref": "#/$defs/leaf"}]),
)


def _around(schemas: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.one_of(
        _rules(
            "object",
            properties=st.dictionaries(NAMES, schemas, max_size=3),
            required=st.lists(NAMES, unique=True, max_size=3),
        ),
        _rules("array", items=schemas, minItems=st.integers(0, 3)),
        st.fixed_dictionaries({"anyOf": st.lists(schemas, min_size=1, max_size=3)}),
    )


@given(st.recursive(LEAVES, _around, max_leaves=12))
def test_the_value_fits(schema: Schema) -> None:
    schema = {**schema, "$defs": {"leaf": {"const": 5}}}
    jsonschema.validate(instance(schema, "demo"), schema)
