"""JSON values that are valid under a JSON schema, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hyperinfer.formats.wire import is_array

_ANY = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
_TEXT = st.sampled_from(["", " ", "a", "b", "x y", "ä", '{"q": 1}', "https://example.org/a.png"]) | st.text(max_size=5)
_LONGEST = 3


def valid_under(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema allows. It knows what the published contract uses: no references, no patterns."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([valid_under(option) for option in schema["anyOf"]])
    kind = schema.get("type")
    if is_array(kind):
        return st.one_of([valid_under({**schema, "type": one}) for one in kind])
    return _of_type(str(kind), schema)


def _of_type(kind: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    match kind:
        case "object":
            return _object(schema)
        case "array":
            return st.lists(valid_under(schema["items"]), min_size=schema.get("minItems", 0), max_size=_LONGEST)
        case "string":
            return _TEXT
        case "integer":
            return st.integers(schema.get("exclusiveMinimum", -1) + 1, 100_000)
        case "number":
            return st.floats(schema.get("minimum", 0), schema.get("maximum", 9)) | st.just(schema.get("maximum", 9))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case _:
            return _ANY


def _object(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: valid_under(inner) for name, inner in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    if not fields:
        return st.dictionaries(st.sampled_from(["type", "a", "b"]), _ANY, max_size=2)
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name in required},
        optional={name: value for name, value in fields.items() if name not in required},
    )
