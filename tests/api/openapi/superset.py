"""Whether one OpenAPI description promises at least what another does.

`missing(contract, served)` names everything that the contract says and the served description does not. A request may be
described more widely: more fields, fewer required ones, looser limits, more branches. A response may say more fields and
more values of an enumeration, and must keep types and required fields. An enumeration may get a branch for other strings
beside it, but each value of the contract has to be listed. Where the contract has a description, an own one is enough.

A keyword of the contract that this module does not know is reported too: nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hyperinfer.formats.wire import is_array, is_object

Json = Mapping[str, Any]
Direction = Literal["request", "response"]

# fmt: off
_KNOWN = frozenset({
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const", "default", "format",
    "description", "$ref", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "minLength",
    "maxLength", "pattern",
})
_OPERATION = frozenset({
    "tags", "operationId", "summary", "description", "security", "parameters", "requestBody", "responses", "x-internal",
})
# fmt: on
_ANY_TYPE = "any"


def missing(contract: Json, served: Json, *, widened: frozenset[str] = frozenset()) -> list[str]:
    """What `contract` says and `served` does not. `widened`: places in responses that may have another type beside the
    contract's, as they are named here."""
    return list(_Comparison(contract, served, widened).all())


@dataclass(frozen=True)
class _Comparison:
    contract: Json
    served: Json
    widened: frozenset[str]

    def all(self) -> Iterator[str]:
        contract, served = self.contract, self.served
        if contract["openapi"].split(".")[:2] != served.get("openapi", "").split(".")[:2]:
            yield "openapi: another version"
        for name in ("title", "version"):
            if contract["info"][name] != served.get("info", {}).get(name):
                yield f"info.{name}: not {contract['info'][name]!r}"
        for name in ("description", "contact"):
            if name in contract["info"] and not served.get("info", {}).get(name):
                yield f"info.{name}: missing"
        yield from self.tags()
        for alternative in contract.get("security", ()):
            if alternative not in served.get("security", ()):
                yield f"security: {alternative} missing"
        for path, methods in contract["paths"].items():
            for method, operation in methods.items():
                where = f"{method.upper()} {path}"
                found = served.get("paths", {}).get(path, {}).get(method)
                if found is None:
                    yield f"{where}: missing"
                else:
                    yield from self.operation(where, operation, found)
        yield from self.components()

    def tags(self) -> Iterator[str]:
        described = {tag["name"]: tag.get("description") for tag in self.served.get("tags", ())}
        for tag in self.contract.get("tags", ()):
            if not described.get(tag["name"]):
                yield f"tags: {tag['name']} missing or without description"

    def components(self) -> Iterator[str]:
        found = self.served.get("components", {})
        for name, scheme in self.contract["components"]["securitySchemes"].items():
            served = found.get("securitySchemes", {}).get(name)
            if served is None or {**scheme, "description": ""} != {**served, "description": ""}:
                yield f"securitySchemes.{name}: missing or different"
            elif not served.get("description"):
                yield f"securitySchemes.{name}: no description"
        for name, schema in self.contract["components"]["schemas"].items():
            served = found.get("schemas", {}).get(name)
            if served is None:
                yield f"schemas.{name}: missing"
            else:
                yield from self.schema(name, schema, served, "response")

    def operation(self, where: str, contract: Json, served: Json) -> Iterator[str]:
        yield from (f"{where}: {name} is not compared" for name in contract.keys() - _OPERATION)
        for name in ("operationId", "summary", "x-internal"):
            if name in contract and contract[name] != served.get(name):
                yield f"{where}: {name} is not {contract[name]!r}"
        if not set(contract.get("tags", ())) <= set(served.get("tags", ())):
            yield f"{where}: tags missing"
        if contract.get("description") and not served.get("description"):
            yield f"{where}: no description"
        if contract.get("security") != served.get("security"):
            yield f"{where}: another security"
        parameters = {(given["in"], given["name"]): given for given in served.get("parameters", ())}
        for given in contract.get("parameters", ()):
            found = parameters.get((given["in"], given["name"]))
            if found is None or found.get("required", False) != given.get("required", False):
                yield f"{where}: parameter {given['name']} missing or not equally required"
            else:
                if given.get("description") and not found.get("description"):
                    yield f"{where}: parameter {given['name']} has no description"
                yield from self.schema(f"{where} {given['name']}", given["schema"], found["schema"], "request")
        if "requestBody" in contract:
            body = served.get("requestBody", {})
            if contract["requestBody"].get("required", False) != body.get("required", False):
                yield f"{where}: the body is not equally required"
            yield from self.content(f"{where} body", contract["requestBody"], body, "request")
        for status, response in contract["responses"].items():
            found = served.get("responses", {}).get(status)
            if found is None:
                yield f"{where} {status}: missing"
                continue
            if not found.get("description"):
                yield f"{where} {status}: no description"
            yield from self.content(f"{where} {status}", response, found, "response")

    def content(self, where: str, contract: Json, served: Json, direction: Direction) -> Iterator[str]:
        for media_type, content in contract.get("content", {}).items():
            found = served.get("content", {}).get(media_type)
            if found is None:
                yield f"{where}: {media_type} missing"
            else:
                yield from self.schema(where, content["schema"], found.get("schema", {}), direction)

    # Schemas ####################################################################################

    def schema(self, where: str, contract: Json, served: Json, direction: Direction) -> Iterator[str]:
        wanted, offered = _branches(contract, self.contract), _branches(served, self.served)
        for name in ("default", "format"):
            if name in contract and contract[name] != served.get(name):
                yield f"{where}: {name} is not {contract[name]!r}"
        if contract.get("description") and not any(
            schema.get("description") for schema in (served, _resolved(served, self.served), *offered)
        ):
            yield f"{where}: no description"
        for branch in wanted:
            yield from (f"{where}: {name} is not compared" for name in branch.keys() - _KNOWN)
            yield from self.branch(where, branch, offered, direction)
        if direction == "response" and where not in self.widened:
            types = {branch.get("type", _ANY_TYPE) for branch in wanted}
            for branch in offered:
                if not types & _as_wide_as(branch.get("type", _ANY_TYPE)):
                    yield f"{where}: may be {branch.get('type', _ANY_TYPE)}, which it could not"

    def branch(self, where: str, wanted: Json, offered: list[Json], direction: Direction) -> Iterator[str]:
        """The differences to the offered branch that has the fewest."""
        kind = wanted.get("type", _ANY_TYPE)
        if direction == "request":
            candidates = [branch for branch in offered if branch.get("type", _ANY_TYPE) in _as_wide_as(kind)]
        else:
            candidates = [branch for branch in offered if kind in _as_wide_as(branch.get("type", _ANY_TYPE))]
        if not candidates:
            yield f"{where}: cannot be {kind}"
            return
        listed = [value for branch in candidates for value in _values(branch)]
        if values := _values(wanted):
            yield from (f"{where}: {value!r} is not listed" for value in values if value not in listed)
            return
        if direction == "request" and (open_to_all := [branch for branch in candidates if not _values(branch)]):
            candidates = open_to_all
        elif direction == "request":
            yield f"{where}: takes only {listed}"
            return
        yield from min((list(self.same_type(where, wanted, found, direction)) for found in candidates), key=len)

    def same_type(self, where: str, wanted: Json, found: Json, direction: Direction) -> Iterator[str]:
        yield from _limits(where, wanted, found, direction)
        if wanted.get("type") == "array" and "items" in wanted:
            yield from self.schema(f"{where}[]", wanted["items"], found.get("items", {}), direction)
        if wanted.get("type") != "object":
            return
        for name, schema in wanted.get("properties", {}).items():
            if name not in found.get("properties", {}):
                yield f"{where}.{name}: missing"
            else:
                yield from self.schema(f"{where}.{name}", schema, found["properties"][name], direction)
        required, kept = set(wanted.get("required", ())), set(found.get("required", ()))
        if direction == "request":
            yield from (f"{where}.{name}: is required" for name in sorted(kept - required))
        else:
            yield from (f"{where}.{name}: is not required" for name in sorted(required - kept))
        yield from self.other_fields(where, wanted, found, direction)

    def other_fields(self, where: str, wanted: Json, found: Json, direction: Direction) -> Iterator[str]:
        rule, other = wanted.get("additionalProperties", True), found.get("additionalProperties", True)
        if rule is False or other is False:
            if rule is not other:
                yield f"{where}: additionalProperties is not {rule}"
        elif is_object(rule) and rule:
            yield from self.schema(f"{where}.*", rule, {} if other is True else other, direction)
        elif other not in (True, {}):
            yield f"{where}: other fields are limited"


def _resolved(schema: Json, document: Json) -> Json:
    """The schema behind a reference, with what stands beside the reference."""
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
    return schema


def _branches(schema: Json, document: Json) -> list[Json]:
    """The alternatives of a schema, each of at most one type, references resolved."""
    schema = _resolved(schema, document)
    if "anyOf" in schema:
        return [branch for inner in schema["anyOf"] for branch in _branches(inner, document)]
    types = schema.get("type")
    return [{**schema, "type": kind} for kind in types] if is_array(types) else [schema]


def _values(schema: Json) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _as_wide_as(kind: str) -> frozenset[str]:
    """The types that take every value of this one. `any` is not among them: what the contract names has to be named."""
    return frozenset({kind, "number"} if kind == "integer" else {kind})


def _limits(where: str, wanted: Json, found: Json, direction: Direction) -> Iterator[str]:
    """A request may be limited less, a response more."""
    outer, inner = (found, wanted) if direction == "request" else (wanted, found)
    for low, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        sign = 1 if low == "minimum" else -1
        limit, reached = _edge(outer, low, exclusive, sign), _edge(inner, low, exclusive, sign)
        if limit is not None and (reached is None or reached < limit):
            yield f"{where}: {low} differs"
    for name, sign in (("minItems", 1), ("minLength", 1), ("maxItems", -1), ("maxLength", -1)):
        if name in outer and (name not in inner or sign * inner[name] < sign * outer[name]):
            yield f"{where}: {name} differs"
    if outer.get("pattern", inner.get("pattern")) != inner.get("pattern"):
        yield f"{where}: pattern differs"


def _edge(schema: Json, name: str, exclusive: str, sign: int) -> tuple[float, bool] | None:
    """A limit that can be compared: the higher, the stricter."""
    edges = [(sign * schema[key], key == exclusive) for key in (name, exclusive) if key in schema]
    return max(edges) if edges else None
