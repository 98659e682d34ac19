"""From what `pipeline` says of a node to the node: entry points, modules, factories. Everything that can be wrong with code
of somebody else's is a problem of the file, told with its line."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
import traceback
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from hyperinfer.api.values import did_you_mean
from hyperinfer.engine import Node, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperinfer.providers.catalogue import CustomNode, Problem

GROUP: Final = "hyperinfer.nodes"
"""The entry points that packages name their nodes by."""

_REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z")
_BUGS = (Exception, SystemExit)
_CALLED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class NotLoaded(Exception):
    """A node that cannot be had. `problems`: why, each with its line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load_node(custom: CustomNode) -> tuple[Node[Any, Any], str | None]:
    """The node of an item, and the package that named it by an entry point. Raises NotLoaded."""
    found, origin = _found(custom)
    if _is_node(found):
        if custom.options:
            raise _wrong(custom, f"{custom.node} is a node and takes no options; name a function that makes one", "options")
        return found, origin
    of_stages = _is_stage_class(found)
    if of_stages or not callable(found):
        what = "a class of stages" if of_stages else f"of type {type(found).__name__}"
        raise _wrong(custom, f"{custom.node} is {what}, no node and no function that makes one{_HOW}")
    if not custom.complete:
        raise NotLoaded(())  # what is wrong was told; without all options it would be told of what follows from that
    _check_options(custom, found)
    try:
        made: object = found(**custom.options)
    except _BUGS as error:
        raise _wrong(custom, f"{_name(found)}() raised {told(error)}") from None
    if not _is_node(made):
        raise _wrong(custom, f"{_name(found)}() gave {type(made).__name__} and no node{_HOW}")
    return made, origin


def _is_node(thing: object) -> TypeGuard[Node[Any, Any]]:
    return isinstance(thing, Node)


def _is_stage_class(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Stage)


_HOW = "; nodes are made with step, stage, timed or node of hyperinfer.engine"


def told(error: BaseException) -> str:
    """An exception of somebody else's code in one line, with where it was raised."""
    text = " ".join(str(error).split())[:300]
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):
        return said  # which says where itself
    frames = traceback.extract_tb(error.__traceback__)
    return f"{said} ({frames[-1].filename}:{frames[-1].lineno})" if frames else said


def _wrong(custom: CustomNode, message: str, key: str = "node") -> NotLoaded:
    return NotLoaded([custom.problem(key, message)])


def _name(found: object) -> str:
    return getattr(found, "__name__", type(found).__name__)


def _found(custom: CustomNode) -> tuple[object, str | None]:
    if ":" not in custom.node:
        entry = _entry_point(custom)
        dist = entry.dist
        return _imported(custom, entry.value), f"{dist.name} {dist.version}" if dist is not None else None
    return _imported(custom, custom.node), None


def _entry_point(custom: CustomNode) -> importlib.metadata.EntryPoint:
    importlib.invalidate_caches()
    every = importlib.metadata.entry_points(group=GROUP)
    named = every.select(name=custom.node)
    values = sorted({entry.value for entry in named})
    if len(values) == 1:
        return next(iter(named))
    if values:
        raise _wrong(custom, f"several packages have a node {custom.node!r}: write one of {', '.join(values)}")
    known = sorted({entry.name for entry in every})
    there = f"those that there are: {', '.join(known)}{did_you_mean(custom.node, known)}" if known else "none has any"
    raise _wrong(
        custom,
        f"no installed package has an entry point {custom.node[:80]!r} in the group {GROUP} ({there});"
        " install the package, or write module:attribute",
    )


def _imported(custom: CustomNode, reference: str) -> object:
    reference = reference.partition("[")[0].strip()  # an entry point may name extras
    if not _REFERENCE.match(reference):
        raise _wrong(custom, f"expected module:attribute, or the name of an entry point, got {reference[:80]!r}")
    module_name, _, attribute = reference.partition(":")
    importlib.invalidate_caches()
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise _wrong(
                custom,
                f"there is no module {error.name}; install the package that has it into the gateway's Python, or name its"
                " folder in PYTHONPATH",
            ) from None
        raise _wrong(custom, f"importing {module_name} raised {told(error)}") from None
    except _BUGS as error:
        raise _wrong(custom, f"importing {module_name} raised {told(error)}") from None
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            public = [name for name in dir(found) if not name.startswith("_")]
            raise _wrong(custom, f"{module_name} has no {attribute!r}{did_you_mean(part, public)}") from None
    return found


def _check_options(custom: CustomNode, make: Callable[..., object]) -> None:
    """Raises NotLoaded with every option that is too much or too few."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return  # of something built in: calling it will tell
    taken = [each.name for each in parameters if each.kind in _CALLED]
    any_name = any(each.kind is each.VAR_KEYWORD for each in parameters)
    name = _name(make)
    problems: list[Problem] = []
    for option in () if any_name else custom.options:
        if option not in taken:
            those = f"; it takes {', '.join(taken)}" if taken else ""
            problems.append(
                custom.problem(f"options.{option}", f"{name}() takes no such option{those}{did_you_mean(option, taken)}")
            )
    missing = [
        each.name
        for each in parameters
        if each.default is each.empty
        and each.name not in custom.options
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    if missing:
        hint = "" if custom.options else "; or is it the work of a node? Then make a node of it, as with the decorator step"
        problems.append(custom.problem("options", f"missing {', '.join(missing)}, which {name}() needs{hint}"))
    if problems:
        raise NotLoaded(problems)
