"""Types as a person writes them, for drawings and for errors."""

from __future__ import annotations

import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from hyperinfer.engine.ports import members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def type_name(expression: Any, aliases: Mapping[str, Any] | None = None) -> str:
    """A type as a person writes it: `Burst`, `int | None`, `tuple[Event, ...]`.

    `aliases`: names for types that have none of their own at run time. A union that has all members of one of these says
    its name in their place, before the rest.
    """
    left, names = members(expression) if aliases else (), list[str]()
    for name, meaning in (aliases or {}).items():
        named = members(meaning)
        if all(member in left for member in named):
            names.append(name)
            left = tuple(member for member in left if member not in named)
    if names:
        return " | ".join([*names, *(type_name(member, aliases) for member in left)])
    if expression is ...:
        return "..."
    if expression is None or expression is types.NoneType:
        return "None"
    origin, arguments = typing.get_origin(expression), typing.get_args(expression)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_name(argument, aliases) for argument in arguments)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is typing.Annotated:
        return type_name(arguments[0], aliases)
    if origin is not None:
        return f"{type_name(origin)}[{', '.join(type_name(argument, aliases) for argument in arguments)}]"
    name = getattr(expression, "__qualname__", None) or getattr(expression, "__name__", None) or str(expression)
    return str(name).rpartition("<locals>.")[2]


def known_name(expression: Any) -> str:
    """`type_name` with the aliases that the modules of its classes have: `Reply | Failure`, not thirty names."""
    found = dict[str, Any]()
    for module in dict.fromkeys(each.__module__ for each in _classes(expression)):
        for name, meaning in vars(sys.modules.get(module, types)).items():
            if typing.get_origin(meaning) is not None and not name.startswith("_"):
                found.setdefault(name, meaning)
    longest_first = sorted(found.items(), key=lambda each: -len(members(each[1])))
    return type_name(expression, dict(longest_first))


def _classes(expression: Any) -> Iterator[type]:
    """All classes of users in a type."""
    for member in members(expression):
        if isinstance(member, type) and member.__module__ != "builtins" and typing.get_origin(member) is None:
            yield member
        for argument in typing.get_args(member):
            yield from _classes(argument)
