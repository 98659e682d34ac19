"""From the records of `formats` to the schemas of the description.

The records say what is read: `role: str`, `content: str | list[dict]`, because unknown words and unknown parts go on to an
upstream that knows them. What is published says more: the words and the parts that are known. A `Refinement` puts that
into the schema of one field, in the place of exactly what the record says there; when a record changes so that the place
is gone, the refinement raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from hyperinfer.formats.wire import is_array, is_object

Schema: TypeAlias = dict[str, Any]
Record: TypeAlias = type[msgspec.Struct]

_REF = "#/components/schemas/"
_STRING: Schema = {"type": "string"}


@dataclass(frozen=True)
class Refinement:
    """A change of one field's schema, and the records that the new schema refers to."""

    change: Callable[[Schema], Schema]
    records: tuple[Record, ...] = ()

    def __and__(self, other: Refinement) -> Refinement:
        """This one, then the other."""
        return Refinement(lambda schema: other.change(self.change(schema)), self.records + other.records)


def words(*known: str) -> Refinement:
    """A string of which these values are known; others are taken too."""
    return Refinement(_replacing(_STRING, [{"type": "string", "enum": list(known)}, _STRING]))


def only(*known: str) -> Refinement:
    """A string that has one of these values."""
    return Refinement(_replacing(_STRING, [{"type": "string", "enum": list(known)}]))


def always(value: str) -> Refinement:
    """A string that tells the record from its siblings."""
    return Refinement(_replacing(_STRING, [{"type": "string", "const": value}]))


def items(*kinds: Record) -> Refinement:
    """An array of these."""
    refs = [_ref(kind.__name__) for kind in kinds]
    union: Schema = {"anyOf": refs} if len(refs) > 1 else refs[0]
    return Refinement(_replacing_array({"type": "array", "items": union}), kinds)


def objects(*kinds: Record) -> Refinement:
    """An object that is one of these."""
    return Refinement(_replacing({"type": "object"}, [_ref(kind.__name__) for kind in kinds]), kinds)


def amount() -> Refinement:
    """A decimal number, written as one or as text."""
    return Refinement(_replacing({"type": "string", "format": "decimal"}, [{"type": "number"}, _STRING]))


def component(name: str) -> Refinement:
    """A string that is described elsewhere."""
    return Refinement(_replacing(_STRING, [_ref(name)]))


def about(text: str) -> Refinement:
    """A description."""
    return Refinement(lambda schema: {**schema, "description": text})


def default(value: object) -> Refinement:
    """What leaving the field out means."""
    return Refinement(lambda schema: {**schema, "default": value})


def never_null() -> Refinement:
    """A field that is left out of a reply where there is nothing to say."""
    return Refinement(_replacing({"type": "null"}, []))


Fields: TypeAlias = Mapping[Record, Mapping[str, Refinement]]


@dataclass(frozen=True)
class Family:
    """Records that are published together.

    `prefix` goes before the names of the components, where it is not there already; `names` has other names. In a
    `closed` family the objects of known fields say `additionalProperties: false` (as the contract does; nothing is
    refused for it), except the `open` ones.
    """

    records: tuple[Record, ...]
    prefix: str = ""
    names: Mapping[Record, str] = field(default_factory=lambda: {})
    fields: Fields = field(default_factory=lambda: {})
    closed: bool = False
    open: frozenset[Record] = frozenset()

    def schemas(self) -> dict[str, Schema]:
        """The components, by name."""
        used = (*self.records, *self.fields, *(kind for change in self._refinements() for kind in change.records))
        _, found = msgspec.json.schema_components(dict.fromkeys(used), ref_template=_REF + "{name}")
        records = {kind.__name__: kind for kind in _all_records(used)}
        made: dict[str, Schema] = {}
        renamed = {_REF + name: _REF + self._name(records[name]) for name in found}
        for name, schema in found.items():
            made[self._name(records[name])] = _with_refs(self._published(records[name], schema), renamed)
        return made

    def ref(self, record: Record) -> Schema:
        """A reference to one of them."""
        return _ref(self._name(record))

    def _name(self, record: Record) -> str:
        own = record.__name__
        return self.names.get(record) or (own if own.startswith(self.prefix) else self.prefix + own)

    def _refinements(self) -> Iterator[Refinement]:
        for changes in self.fields.values():
            yield from changes.values()

    def _published(self, record: Record, schema: Schema) -> Schema:
        properties = {name: _told(value) for name, value in schema["properties"].items()}
        for name, refinement in self.fields.get(record, {}).items():
            properties[name] = refinement.change(properties[name])
        published = {name: value for name, value in schema.items() if name != "title"} | {"properties": properties}
        if not published["required"]:
            del published["required"]
        if self.closed:
            published["additionalProperties"] = record in self.open
        return published


def _ref(name: str) -> Schema:
    return {"$ref": _REF + name}


def _told(schema: Any) -> Any:
    """msgspec's schema with the type of an enumeration said, and without defaults of null: null means absent anyway."""
    if is_array(schema):
        return [_told(item) for item in schema]
    if not is_object(schema):
        return schema
    told = {name: _told(value) for name, value in schema.items() if name != "default" or value is not None}
    if "enum" in told and "type" not in told:
        values: list[str] = told.pop("enum")
        told |= {"type": "string", "enum": values} if len(values) > 1 else {"type": "string", "const": values[0]}
    return told


def _replacing(old: Schema, new: Sequence[Schema]) -> Callable[[Schema], Schema]:
    """Replaces the branch `old` of a field's schema, which may be all of it, by the branches `new`."""

    def change(schema: Schema) -> Schema:
        around = {name: value for name, value in schema.items() if name in ("description", "default", "examples")}
        inner = {name: value for name, value in schema.items() if name not in around}
        branches: list[Schema] = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
        at = branches.index(old)
        replaced = [*branches[:at], *new, *branches[at + 1 :]]
        return ({"anyOf": replaced} if len(replaced) > 1 else replaced[0]) | around

    return change


def _replacing_array(new: Schema) -> Callable[[Schema], Schema]:
    """Replaces an array whose items the record leaves open."""

    def change(schema: Schema) -> Schema:
        branches: list[Schema] = schema.get("anyOf", [schema])
        old = next(branch for branch in branches if branch.get("type") == "array")
        if old.get("items", {}) not in ({}, {"type": "object"}):
            raise ValueError(f"the items are described already: {old}")
        kept = {name: value for name, value in old.items() if name in ("minItems", "maxItems")}
        return _replacing({k: v for k, v in old.items() if k not in ("description", "default")}, [new | kept])(schema)

    return change


def _with_refs(schema: Any, renamed: Mapping[str, str]) -> Any:
    if is_object(schema):
        return {
            name: renamed.get(value, value) if name == "$ref" else _with_refs(value, renamed)
            for name, value in schema.items()
        }
    if is_array(schema):
        return [_with_refs(item, renamed) for item in schema]
    return schema


def _all_records(roots: Sequence[Record]) -> Iterator[Record]:
    """The records and all that they hold."""
    seen: set[object] = set()
    waiting: list[msgspec.inspect.Type] = list(msgspec.inspect.multi_type_info(roots))
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.cls in seen:
                continue
            seen.add(kind.cls)
            yield kind.cls
            waiting.extend(field.type for field in kind.fields)
        elif isinstance(kind, msgspec.inspect.UnionType):
            waiting.extend(kind.types)
        elif isinstance(kind, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)):
            waiting.append(kind.item_type)
        elif isinstance(kind, msgspec.inspect.DictType):
            waiting.append(kind.value_type)
        elif isinstance(kind, msgspec.inspect.Metadata):
            waiting.append(kind.type)
