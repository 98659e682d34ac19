"""A demanded schema as the parameters of a function, which must describe an object.

A schema of anything else becomes the one member of an object, `MEMBER`; the answer is then that member's value
(`json_member.MemberReader`). References keep their meaning: `$defs` and `definitions` stay at the root, where validators of
the vendors look for them, and a reference to any other place of the schema is led to where that place is now.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hyperinfer.formats.wire import is_array, is_object

MEMBER: Final = "answer"
"""The member that holds an answer which is no object."""
_DEFINITIONS = ("$defs", "definitions")
_NEW_ROOT = f"#/properties/{MEMBER}"
_DATA = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose values are data and no schemas."""
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", *_DEFINITIONS})
"""Keywords whose members have names of the caller's."""


class Parameters(msgspec.Struct, frozen=True):
    """`schema`: of an object. `wrapped`: whether the answer is its member `MEMBER`, else the object itself."""

    schema: dict[str, Any]
    wrapped: bool


def parameters_of(schema: dict[str, Any]) -> Parameters:
    """The parameters of a function whose arguments are an answer under `schema`."""
    if schema.get("type") == "object":
        return Parameters(schema, wrapped=False)
    if "$id" in schema:  # a document of its own, also within another: its references begin at itself
        return Parameters(_holding(schema), wrapped=True)
    inner: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    hoisted = {name: inner.pop(name) for name in ("$schema", *_DEFINITIONS) if name in inner}
    held = {**_holding(inner), **hoisted}
    _lead_references(held)
    return Parameters(held, wrapped=True)


def _holding(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {MEMBER: schema},
        "required": [MEMBER],
        "additionalProperties": False,
    }


def _lead_references(root: dict[str, Any]) -> None:
    """Changes the references in place. No recursion: a schema may be as deep as a request."""
    waiting: list[Any] = [root]
    while waiting:
        schema = waiting.pop()
        if is_array(schema):
            waiting.extend(schema)
        if not is_object(schema):
            continue
        for name, value in schema.items():
            if name == "$ref" and isinstance(value, str) and value.startswith("#") and not _stays(value):
                schema[name] = _NEW_ROOT + value[1:]
            elif name in _BY_NAME and is_object(value):
                waiting.extend(value.values())
            elif name not in _DATA:
                waiting.append(value)


def _stays(reference: str) -> bool:
    """Whether it leads to a definition, or to an anchor (`#name`), which is found wherever it stands."""
    return reference.startswith(tuple(f"#/{name}/" for name in _DEFINITIONS)) or (len(reference) > 1 and reference[1] != "/")
