"""The three forms of node: what is read from annotations, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, assert_type, cast

import pytest

from hyperinfer.engine import Failure, Form, Machine, Node, Sink, Source, Stage, node, stage, step

if TYPE_CHECKING:
    from decimal import Decimal  # not there at run time, on purpose


@step
def double(item: int) -> int:
    return item * 2


@step
def letters(item: str) -> Iterator[str]:
    yield from item


@step
def generated(item: str) -> Generator[bytes]:
    yield item.encode()


class JoinPairs:
    def __init__(self) -> None:
        self._held: list[str] = []

    def push(self, item: str) -> Iterable[str]:
        self._held.append(item)
        return [self._held.pop(0) + self._held.pop(0)] if len(self._held) == 2 else []

    def end(self) -> Iterable[str]:
        return self._held


class Prefix(Stage[int, str]):
    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    async def receive(self, item: int, sink: Sink[str]) -> None:
        await sink.send(f"{self._prefix}{item}")


@node
async def first_two(source: Source[str], sink: Sink[str]) -> None:
    for _ in range(2):
        await sink.send(await source.receive())


nameless = eval("lambda item: item")


class Chatty(Stage[int | Failure, str]):
    async def receive(self, item: int | Failure, sink: Sink[str]) -> None:
        await sink.send(str(item))


def test_the_types_are_seen_by_type_checkers() -> None:
    assert_type(double, Node[int, int])
    assert_type(letters, Node[str, str])
    assert_type(generated, Node[str, bytes])
    assert_type(step(JoinPairs), Node[str, str])
    assert_type(first_two, Node[str, str])
    assert_type(stage(Prefix), Node[int, str])
    assert_type(stage(partial(Prefix, ">")), Node[int, str])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (double, ("double", Form.STEP, int, int)),
        (letters, ("letters", Form.STEP, str, str)),
        (generated, ("generated", Form.STEP, str, bytes)),
        (step(JoinPairs), ("join_pairs", Form.STEP, str, str)),
        (stage(Prefix), ("prefix", Form.STAGE, int, str)),
        (stage(partial(Prefix, ">")), ("prefix", Form.STAGE, int, str)),
        (stage(lambda: Prefix(">"), name="p", consumes=int, produces=str), ("p", Form.STAGE, int, str)),
        (first_two, ("first_two", Form.NODE, str, str)),
        (step(nameless, name="same", consumes=int, produces=int), ("same", Form.STEP, int, int)),
        (double.named("other"), ("other", Form.STEP, int, int)),
    ],
)
def test_name_and_ports_are_read_from_the_code(given: Node[Any, Any], expected: tuple[object, ...]) -> None:
    assert (given.name, given.form, given.consumes, given.produces) == expected


def test_a_factory_is_read_from_what_it_makes() -> None:
    def prefixes() -> Prefix:
        return Prefix(">")

    def machines() -> Machine[str, bytes]:
        raise NotImplementedError

    assert (stage(prefixes).consumes, stage(prefixes).produces) == (int, str)
    assert (step(machines).consumes, step(machines).produces) == (str, bytes)


def test_a_tuple_or_a_list_is_one_item() -> None:
    @step
    def burst(item: int) -> tuple[int, ...]:
        return (item, item)

    assert_type(burst, Node[int, tuple[int, ...]])
    assert burst.produces == tuple[int, ...]


def test_a_function_that_returns_an_iterator_gives_many_items() -> None:
    def pair(item: int) -> Iterator[int]:
        return iter((item, item))

    assert step(pair).produces is int
    assert step(pair).kind is letters.kind


def test_iterable_is_refused_because_it_says_neither_one_nor_many() -> None:
    def unclear(item: int) -> Iterable[int]:
        return [item]

    with pytest.raises(TypeError, match=r"^unclear: returns Iterable: say Iterator for many items, or the type of the"):
        step(unclear)


def test_whoever_names_failure_is_handed_failures() -> None:
    assert stage(Chatty).accepts_failures
    assert not double.accepts_failures
    assert step(lambda item: item, name="x", consumes=int, produces=int, accepts_failures=True).accepts_failures
    assert not stage(Chatty, accepts_failures=False).accepts_failures


def test_source_and_sink_need_not_be_importable_at_run_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def copy(source: Source[int], sink: Sink[int]) -> None: ...

    monkeypatch.delitem(globals(), "Source")
    monkeypatch.delitem(globals(), "Sink")
    assert node(copy).consumes is int


def unresolved(item: Decimal) -> int:
    return int(item)


def unannotated(item):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return item  # pyright: ignore[reportUnknownVariableType]


def half(item: int):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return item


async def bare_task(source: Source, sink: Sink) -> None: ...  # type: ignore[type-arg]  # pyright: ignore


class NoReceive:
    pass


no_receive = cast("Any", NoReceive)


def makes_what():  # type: ignore[no-untyped-def]  # noqa: ANN201
    return Prefix()


def adds_two(item: int, other: int) -> int:
    return item + other


class ReceivesNothing:
    async def receive(self, item: int) -> None:
        """No sink."""


async def waits(item: int) -> int:
    return item


async def waits_often(item: int) -> AsyncIterator[int]:
    yield item


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            partial(step, unresolved),
            "unresolved: the annotation 'Decimal' cannot be resolved here; give consumes= and produces=",
        ),
        (partial(step, unannotated), "unannotated: unknown what it consumes; annotate it or give consumes="),
        (partial(step, half), "half: unknown what it produces; annotate it or give produces="),
        (partial(node, bare_task), "bare_task: unknown what it consumes; annotate it or give consumes="),
        (partial(step, nameless), "a node made from a lambda or an object needs name="),
        (partial(stage, no_receive), "no_receive: a stage makes objects with receive(item, sink)"),
        (
            partial(step, no_receive),
            "no_receive: a step is a function of one item, or makes objects with push(item) and end()",
        ),
        (partial(step, waits), "waits: a step does not wait; make it a stage, or a node with a task of its own"),
        (partial(step, waits_often), "waits_often: a step does not wait; make it a stage, or a node with a task of its own"),
        (
            partial(step, cast("Any", adds_two)),
            "adds_two: a step takes one item, and this 2 arguments: item, other",
        ),
        (
            partial(node, cast("Any", half)),
            "half: a node is an async function of two: (source: Source[In], sink: Sink[Out]) -> None",
        ),
        (
            partial(stage, cast("Any", ReceivesNothing)),
            "receives_nothing: a stage has a method receive(self, item: In, sink: Sink[Out])",
        ),
        (
            partial(stage, makes_what),
            "makes_what: annotate what the factory returns, or give consumes= and produces=",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == message


def test_given_types_stand_in_for_annotations_that_cannot_be_resolved() -> None:
    assert step(unresolved, consumes=str, produces=int, name="n").consumes is str
