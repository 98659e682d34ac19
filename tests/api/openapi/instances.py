"""Values that a JSON schema allows, as a Hypothesis strategy. For the keywords that the contract's requests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from hyperinfer.formats.wire import is_array

Json = Mapping[str, Any]

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | _TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)


def instances(schema: Json) -> st.SearchStrategy[Any]:
    """Values that are valid under the schema. Raises KeyError for a schema of an unknown kind."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([instances(branch) for branch in schema["anyOf"]])
    if "type" not in schema:
        return _ANYTHING
    kinds = schema["type"]
    return st.one_of([_KINDS[kind](schema) for kind in (kinds if is_array(kinds) else [kinds])])


def _integer(schema: Json) -> st.SearchStrategy[int]:
    low = schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else schema.get("minimum", -100)
    return st.integers(low, schema.get("maximum", 100_000))


def _number(schema: Json) -> st.SearchStrategy[float]:
    low, high = schema.get("minimum", -100), schema.get("maximum", 100)
    return st.integers(low, high) | st.floats(low, high)


def _array(schema: Json) -> st.SearchStrategy[list[Any]]:
    low = schema.get("minItems", 0)
    return st.lists(instances(schema.get("items", {})), min_size=low, max_size=low + 2)


def _object(schema: Json) -> st.SearchStrategy[dict[str, Any]]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    fields = st.fixed_dictionaries(
        {name: instances(properties[name]) for name in required},
        optional={name: instances(inner) for name, inner in properties.items() if name not in required},
    )
    if schema.get("additionalProperties", True) is False or properties:
        return fields  # fields that the schema does not name have tests of their own
    return st.dictionaries(_TEXT, _ANYTHING, max_size=2)


def _string(schema: Json) -> st.SearchStrategy[str]:
    assert not schema.keys() & {"minLength", "maxLength", "pattern", "format"}
    return _TEXT


def _boolean(schema: Json) -> st.SearchStrategy[bool]:
    return st.booleans()


def _null(schema: Json) -> st.SearchStrategy[None]:
    return st.none()


_KINDS: Mapping[str, Callable[[Json], st.SearchStrategy[Any]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
    "array": _array,
    "object": _object,
}
