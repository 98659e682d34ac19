"""Structured output (wire facts 4.5): `output_config.format`, or an instruction where there is none.

Messages has no `json_object`: the model is told instead, which is also what OpenAI demands of its callers. Schemas must say
`additionalProperties: false` on every object; it is added where a translated schema leaves it open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope
    from hyperinfer.formats.conversation import ResponseFormat

_ANY_OBJECT = "Answer with a single JSON object and nothing else: no prose and no code fence around it."
_SCHEMA = "Answer with JSON that is valid under this JSON schema and nothing else: no prose and no code fence around it.\n"
_HOLDERS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLES = ("items", "not")


def encode_format(scope: Scope) -> tuple[dict[str, Any] | None, str | None]:
    """(`output_config.format`, instruction to append to `system`)."""
    wanted = scope.conversation.response_format
    if wanted is None or wanted.type == "text":
        return None, None
    path = {"openai_responses": "text.format", "openai_chat": "response_format"}.get(
        scope.conversation.dialect, "output_config.format"
    )
    extra = scope.extra(wanted.extra, path)
    if scope.same:
        schema = {} if wanted.schema is None else {"schema": wanted.schema}
        return {"type": wanted.type, **schema, **extra}, None
    if wanted.schema is None:
        return None, _ANY_OBJECT
    if wanted.description:
        scope.lose(f"{path}.description", "Messages has no description of a schema")
    if scope.target.quirks.json_schema != "send":
        scope.lose(path, "the schema is told to the model, not enforced")
        return None, _SCHEMA + msgspec.json.encode(wanted.schema).decode()
    return {"type": "json_schema", "schema": _closed_root(scope, wanted, path)}, None


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
