"""What a node consumes and produces, read from annotations; and whether one type fits into another."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import re
import types
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _name(work: Any) -> str:
    """`CallModel` -> `call_model`; a factory made with `partial` is named after what it makes."""
    given = getattr(_unwrap(work), "__name__", "<unnamed>")
    if given in ("<lambda>", "<unnamed>"):
        raise TypeError("a node made from a lambda or an object needs name=")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", given).lower().strip("_")


def _unwrap(work: Any) -> Any:
    while isinstance(work, functools.partial):
        work = work.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return work


#: Names that annotations may use although a linter moved their import out of the running program. Of `Source` and
#: `Sink` only the argument is read, so any generic stands for them.
_FAMILIAR: dict[str, Any] = {
    "Any": Any,
    "Generator": collections.abc.Generator,
    "Iterable": collections.abc.Iterable,
    "Iterator": collections.abc.Iterator,
    "Sink": collections.abc.Iterable,
    "Source": collections.abc.Iterable,
}


def _hints(function: Any, where: str) -> dict[str, Any]:
    try:
        known = _FAMILIAR | getattr(function, "__globals__", {})
        return typing.get_type_hints(function, globalns=known, include_extras=False)
    except NameError as error:
        raise TypeError(
            f"{where}: the annotation {error.name!r} cannot be resolved here; give consumes= and produces="
        ) from None


def _parameters(function: Any) -> list[str]:
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]


def _missing(where: str, what: str) -> TypeError:
    return TypeError(f"{where}: unknown what it {what}; annotate it or give {what}=")


def _argument(hints: dict[str, Any], parameter: str, where: str, what: str) -> Any:
    """The type of one parameter."""
    if parameter not in hints:
        raise _missing(where, what)
    return hints[parameter]


def _element(hints: dict[str, Any], parameter: str, where: str, what: str) -> Any:
    """The element type of a `Source[T]`, `Sink[T]` or `Iterable[T]`."""
    arguments = typing.get_args(hints.get(parameter))
    if not arguments:
        raise _missing(where, what)
    return arguments[0]


def function_ports(work: Any) -> tuple[Callable[[Any], tuple[str, Any, Any]] | None, bool]:
    """How to read the ports of a step made from a function, and whether it gives many items; None for a factory."""
    plain = _unwrap(work)
    if inspect.isclass(plain) or not _parameters(work):
        return None, False
    function = plain if inspect.isroutine(plain) else type(plain).__call__
    returns = _returns(function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{_name(work)}: a step does not wait; make it a stage, or a node with a task of its own")
    if len(taken := _parameters(work)) > 1:
        raise TypeError(f"{_name(work)}: a step takes one item, and this {len(taken)} arguments: {', '.join(taken)}")
    many = inspect.isgeneratorfunction(function) or returns in ("Iterator", "Generator")
    if returns == "Iterable" and not many:
        raise TypeError(f"{_name(work)}: returns Iterable: say Iterator for many items, or the type of the one item")

    def ports(work: Any) -> tuple[str, Any, Any]:
        where = _name(work)
        hints = _hints(function, where)
        consumes = _argument(hints, _parameters(work)[0], where, "consumes")
        produces = _element(hints, "return", where, "produces") if many else _argument(hints, "return", where, "produces")
        return where, consumes, produces

    return ports, many


def _returns(function: Any) -> str:
    """The outermost name of the return annotation, also where the annotation cannot be resolved (yet)."""
    try:
        returned = getattr(function, "__annotations__", {}).get("return")
    except NameError:  # Python 3.14 resolves here
        return ""
    if isinstance(returned, str):
        return returned.partition("[")[0].rpartition(".")[2]
    return getattr(typing.get_origin(returned) or returned, "__name__", "")


def makes(function: Any, what: str) -> bool:
    """Whether a function is annotated to return a class of this name."""
    return _returns(function) == what


def _made_by(work: Any, where: str) -> Any:
    """The class whose objects a factory makes."""
    plain = _unwrap(work)
    if inspect.isclass(plain):
        return plain
    made = _hints(plain, where).get("return")
    if made is None:
        raise TypeError(f"{where}: annotate what the factory returns, or give consumes= and produces=")
    return made


def _declared(made: Any, method: str) -> tuple[Any, Any] | None:
    """In and Out as written in `Stage[In, Out]` or `Machine[In, Out]`, itself or as a base of the class."""
    for base in (made, *getattr(made, "__orig_bases__", ())):
        arguments = typing.get_args(base)
        if len(arguments) == 2 and hasattr(typing.get_origin(base), method):
            return arguments[0], arguments[1]
    return None


def machine_ports(work: Any) -> tuple[str, Any, Any]:
    """Name and ports of a step with state, from its base or `push(self, item: In) -> Iterable[Out]`."""
    where = _name(work)
    made = _made_by(work, where)
    if arguments := _declared(made, "push"):
        return where, *arguments
    if not hasattr(made, "push"):
        raise TypeError(f"{where}: a step is a function of one item, or makes objects with push(item) and end()")
    hints = _hints(made.push, where)
    return (
        where,
        _argument(hints, _parameters(made.push)[1], where, "consumes"),
        _element(hints, "return", where, "produces"),
    )


def stage_ports(work: Any) -> tuple[str, Any, Any]:
    """Name and ports of a stage, from its base or `receive(self, item: In, sink: Sink[Out])`."""
    where = _name(work)
    made = _made_by(work, where)
    if arguments := _declared(made, "receive"):
        return where, *arguments
    if not hasattr(made, "receive"):
        raise TypeError(f"{where}: a stage makes objects with receive(item, sink)")
    hints = _hints(made.receive, where)
    if len(taken := _parameters(made.receive)) != 3:
        raise TypeError(f"{where}: a stage has a method receive(self, item: In, sink: Sink[Out])")
    _, item, sink = taken
    return where, _argument(hints, item, where, "consumes"), _element(hints, sink, where, "produces")


def task_ports(work: Any) -> tuple[str, Any, Any]:
    """Name and ports of a node with its own task, from `(source: Source[In], sink: Sink[Out])`."""
    where = _name(work)
    plain = _unwrap(work)
    hints = _hints(plain if inspect.isroutine(plain) else type(plain).__call__, where)
    if len(taken := _parameters(work)) != 2:
        raise TypeError(f"{where}: a node is an async function of two: (source: Source[In], sink: Sink[Out]) -> None")
    source, sink = taken
    return where, _element(hints, source, where, "consumes"), _element(hints, sink, where, "produces")


@typing.final
class Same:
    """In place of a type: what the node consumes, since it hands on just that."""


# ---- types ----------------------------------------------------------------------------------------------------------


def members(expression: Any) -> tuple[Any, ...]:
    """The members of a union (one for anything else), with aliases and wrappers taken off."""
    while True:
        if hasattr(expression, "__value__"):  # `type X = …` of Python 3.12
            expression = expression.__value__
        elif typing.get_origin(expression) is typing.Annotated:
            expression = typing.get_args(expression)[0]
        else:
            break
    if expression is None:
        return (types.NoneType,)
    if typing.get_origin(expression) in (typing.Union, types.UnionType):
        return tuple(member for part in typing.get_args(expression) for member in members(part))
    if typing.get_origin(expression) is typing.Literal:
        return tuple({type(value): None for value in typing.get_args(expression)})
    if isinstance(expression, typing.TypeVar):
        bound = expression.__bound__
        return (Any,) if bound is None else members(bound)
    return (expression,)


def union(expressions: Iterable[Any]) -> Any:
    """One type for all of these; `Any` where nothing can be told of one of them."""
    different = tuple(dict.fromkeys(expressions))
    if len(different) == 1:
        return different[0]
    if Any in different or Same in different or not different:
        return Any
    return typing.Union[different]  # noqa: UP007 - built from data


def accepts(expression: Any, member: type) -> bool:
    """Whether a type names this class (itself, or as a member of a union)."""
    return member in members(expression)


def fits(produced: Any, expected: Any, *, beside: type | None = None) -> bool:
    """Whether every item of type `produced` may go where `expected` is consumed.

    Covariant in type arguments, as items are only handed on. What cannot be told at run time (a protocol without
    `runtime_checkable`, a missing type argument) is let through. Members of class `beside` are left out of `produced`.
    """
    return not misfits(produced, expected, beside=beside)


def misfits(produced: Any, expected: Any, *, beside: type | None = None) -> tuple[Any, ...]:
    """Those members of `produced` that do not fit."""
    gives = [member for member in members(produced) if beside is None or member is not beside]
    return tuple(give for give in gives if not any(_fits_one(give, take) for take in members(expected)))


def _fits_one(give: Any, take: Any) -> bool:
    if take in (Any, object) or give in (Any, typing.Never, typing.NoReturn) or give == take:
        return True
    give_class, take_class = typing.get_origin(give) or give, typing.get_origin(take) or take
    if isinstance(give, typing.NewType):
        return fits(give.__supertype__, take)
    try:
        if not issubclass(give_class, take_class):
            return False
    except TypeError:  # neither is a class that can be asked: a plain protocol is let through, the rest is not
        return getattr(take_class, "_is_protocol", False) is True
    return _arguments_fit(give_class, typing.get_args(give), take_class, typing.get_args(take))


def _arguments_fit(give_class: Any, gives: tuple[Any, ...], take_class: Any, takes: tuple[Any, ...]) -> bool:
    if not gives or not takes:
        return True
    if give_class is tuple and take_class is tuple:
        return _tuples_fit(gives, takes)
    if give_class is tuple:  # tuple[A, B] as Sequence[T]: every element
        gives = (typing.Union[tuple(part for part in gives if part is not ...)],)  # noqa: UP007 - built from data
    if len(gives) != len(takes):  # Generator as Iterator, a class with parameters of its own: nothing to compare
        return True
    return all(fits(give, take) for give, take in zip(gives, takes, strict=True) if not isinstance(give, list | tuple))


def _tuples_fit(gives: tuple[Any, ...], takes: tuple[Any, ...]) -> bool:
    if takes[-1] is ...:
        return all(fits(give, takes[0]) for give in gives if give is not ...)
    if gives[-1] is ... or len(gives) != len(takes):
        return False
    return all(fits(give, take) for give, take in zip(gives, takes, strict=True))
