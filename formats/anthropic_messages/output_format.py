"""Structured output (wire facts 4.5): `output_config.format`.

Schemas must say `additionalProperties: false` on every object; it is added where a translated schema leaves it open. What
has no form here does not come this far (`answer_request`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.losses import caller_path
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope
    from hyperinfer.formats.conversation import ResponseFormat

_HOLDERS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLES = ("items", "not")


def encode_format(scope: Scope) -> dict[str, Any] | None:
    """`output_config.format`; None to leave it out."""
    wanted = scope.conversation.response_format
    if wanted is None or wanted.type == "text" or wanted.field is not None:
        return None  # where it was read from a field that is not modelled, it goes out as such
    path = caller_path(scope.conversation.dialect, "response_format")
    extra = scope.extra(wanted.extra, path)
    if scope.same:
        schema = {} if wanted.schema is None else {"schema": wanted.schema}
        return {"type": wanted.type, **schema, **extra}
    if wanted.description:
        scope.lose(f"{path}.description", "Messages has no description of a schema")
    return {"type": "json_schema", "schema": _closed_root(scope, wanted, path)}


def _closed_root(scope: Scope, wanted: ResponseFormat, path: str) -> Any:
    opened: list[str] = []
    schema = _closed(wanted.schema, path, opened)
    for where in opened:
        scope.lose(f"{where}.additionalProperties", "Messages takes closed objects only")
    return schema


def _closed(schema: Any, path: str, opened: list[str]) -> Any:
    """The schema with every object closed; itself where nothing had to change. `opened`: where an object was open."""
    if not is_object(schema):
        return schema
    result = dict(schema)
    for name in _HOLDERS:
        if is_object(held := schema.get(name)):
            result[name] = {key: _closed(value, f"{path}.{name}.{key}", opened) for key, value in held.items()}
    for name in _LISTS:
        if is_array(held := schema.get(name)):
            result[name] = [_closed(value, f"{path}.{name}[{n}]", opened) for n, value in enumerate(held)]
    for name in _SINGLES:
        if name in schema:
            result[name] = _closed(schema[name], f"{path}.{name}", opened)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema or (is_array(kind) and "object" in kind):
        if schema.get("additionalProperties") not in (None, False):
            opened.append(path)
        result["additionalProperties"] = False
    return result if result != schema else schema
