"""The fixture that looks for leftovers finds them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.support import leftovers
from tests.support.bench import bench

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def looked() -> Iterator[None]:
    """What the test leaves on purpose is taken before the fixture of all tests looks."""
    yield
    leftovers.taken()


def test_a_socket_that_is_left_is_found() -> None:
    before = leftovers.sockets()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert len(leftovers.sockets() - before) == 2
    assert leftovers.sockets() - before == set()


async def test_a_task_that_a_gateway_leaves_is_found(looked: None, autojump_clock: object) -> None:
    async with trio.open_nursery() as nursery:
        async with bench():
            nursery.start_soon(trio.sleep_forever)
        assert leftovers.taken() == ["the task trio.sleep_forever"]
        async with bench():
            pass
        assert leftovers.taken() == []
        nursery.cancel_scope.cancel()


def test_a_journal_that_says_of_requests_under_way_is_found(tmp_path: Path) -> None:
    assert list(leftovers.holds(tmp_path)) == []
    (tmp_path / "admitted").mkdir()
    assert list(leftovers.holds(tmp_path)) == []
    (tmp_path / "admitted" / "one").touch()
    assert list(leftovers.holds(tmp_path)) == ["requests under way in one"]


def test_each_test_is_held_to_it() -> None:
    """The fixture itself, as pytest calls it."""
    from tests import conftest

    fixture: Any = conftest.nothing_left
    function: Any = getattr(fixture, "__wrapped__", None) or fixture.__pytest_wrapped__.obj

    class Request:
        path = Path(__file__)

    looking: Iterator[None] = function(Request())
    next(looking)
    pair = socket.socketpair()
    with pytest.raises(AssertionError, match="socket:"):
        next(looking)
    for one in pair:
        one.close()
    looking = function(Request())
    next(looking)
    leftovers.left("1 hold")
    with pytest.raises(AssertionError, match="1 hold"):
        next(looking)
    looking = function(Request())
    next(looking)
    with pytest.raises(StopIteration):
        next(looking)
