"""Functions that do the usual in one step, or give None where the general way is to be taken: watched, and switched off."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class ShortWays:
    """`taken`: how often one of them gave something."""

    def __init__(self) -> None:
        self.taken = 0
        self._off = False

    def watched(self, way: Callable[..., Any]) -> Callable[..., Any]:
        """The function, watched."""

        def watching(*args: Any) -> Any:
            found = None if self._off else way(*args)
            self.taken += found is not None
            return found

        return watching

    def agree(self, do: Callable[[], T], told: Callable[[T], object] = repr) -> T:
        """What `do` gives, which must be the same without a short way, if it took one."""
        before = self.taken
        short = do()
        if self.taken > before:
            self._off = True
            try:
                assert told(short) == told(do())
            finally:
                self._off = False
        return short


@contextmanager
def short_ways(places: Iterable[tuple[Any, str]]) -> Generator[ShortWays]:
    """Watches the functions of these (module, name)."""
    ways = ShortWays()
    with pytest.MonkeyPatch.context() as patch:
        for place, name in places:
            patch.setattr(place, name, ways.watched(getattr(place, name)))
        yield ways
