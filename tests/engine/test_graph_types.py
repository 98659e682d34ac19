"""What type checkers see of a graph that does not fit, and what it says itself: the same.

The comments that tell a checker to be silent are the test of it: mypy complains of each that silences nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from hyperinfer.engine import Failure, Graph, GraphError, Sink, Stage, each, gather, race, stage, step, tee, within
from hyperinfer.engine.testing import ListSink
from hyperinfer.nodes import decode, encode, meter


@step
def size(item: str) -> int:
    return len(item)


@step
def perhaps(item: int) -> int | None:
    return item or None


@step
def refusing(item: int) -> int | Failure:
    return item or Failure("zero", "")


@step
def digits(item: int) -> str:
    return str(item)


@step
def told(item: int | Failure) -> str:
    return str(item)


class Total:
    def push(self, item: int) -> Iterable[str]:
        return ()

    def end(self) -> Iterable[str]:
        return ()


class Doubled(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(2 * item)


def test_machines_and_stages_are_made_where_they_stand() -> None:
    Graph.linear(size, refusing, step(Total))
    Graph.linear(size, refusing, stage(Doubled), step(Total), size.named("again"))
    Graph.linear(size, refusing, race(stage(Doubled), stage(Doubled)), within(stage(Doubled), item=1), each(step(Total)))
    Graph.linear(size, refusing, gather(step(Total), step(Total)))
    with pytest.raises(GraphError, match=r"^total\.in expects int, digits\.out gives str; "):
        Graph.linear(digits, step(Total))  # type: ignore[misc]  # pyright: ignore[reportArgumentType]


def test_what_fits_is_let_through_by_both() -> None:
    Graph.linear(size, refusing, digits, size.named("again"))
    Graph.linear(size, refusing, told)
    Graph.linear(size, tee(ListSink[int](), slow="drop"), digits)
    Graph.linear(size, race(refusing, refusing), within(digits, item=1), size.named("again"))
    Graph.linear(size, each(refusing), within(Graph.linear(digits), item=1), size.named("again"))


def test_what_does_not_fit_is_refused_by_both() -> None:
    with pytest.raises(GraphError, match=r"^size\.in expects str, other\.out gives int; "):
        Graph.linear(size.named("other"), size)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        GraphError, match=r"^digits\.in expects int, perhaps\.out gives int \| None, and None does not fit; "
    ):
        Graph.linear(size, perhaps, digits)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    with pytest.raises(GraphError, match=r"^size\.in expects str, refusing\.out gives int \| Failure; "):
        Graph.linear(digits, size.named("one"), refusing, size)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    with pytest.raises(GraphError, match=r"^digits\.in expects int, gather\.out gives tuple\[tuple\[int \| Failure, "):
        Graph.linear(size, gather(refusing), digits)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]


def test_long_types_are_said_by_their_names() -> None:
    with pytest.raises(GraphError) as caught:
        Graph.linear(decode(), meter(), encode())  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    assert caught.value.problems == (
        "meter.in expects Reply | Failure, decode.out gives Asked | Failure;"
        " between them fits a node that takes Asked and gives Reply | Failure",
    )
