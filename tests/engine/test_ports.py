"""Which type fits into which port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Never, NewType, Protocol, TypedDict, TypeVar, runtime_checkable

import pytest

from hyperinfer.engine import Failure
from hyperinfer.engine.ports import fits
from hyperinfer.engine.type_names import type_name


class Animal: ...


class Dog(Animal): ...


class Point(NamedTuple):
    x: int


class Plain(Protocol):
    def bark(self) -> None: ...


@runtime_checkable
class Sized(Protocol):
    def __len__(self) -> int: ...


class Movie(TypedDict):
    title: str


UserId = NewType("UserId", int)
T = TypeVar("T")
B = TypeVar("B", bound=Animal)


@pytest.mark.parametrize(
    ("give", "take", "fit"),
    [
        (int, int, True),
        (int, str, False),
        (Dog, Animal, True),
        (Animal, Dog, False),
        (bool, int, True),
        (Any, int, True),
        (int, Any, True),
        (int, object, True),
        (object, int, False),
        (Never, int, True),
        (None, None, True),
        (None, int, False),
        (int, int | None, True),
        (int | None, int, False),
        (int | str, str | int | bytes, True),
        (Dog | int, Animal | int, True),
        (int | Failure, int, False),
        (list[int], list[int], True),
        (list[int], list[str], False),
        (list[Dog], list[Animal], True),
        (list, list[int], True),
        (list[int], list, True),
        (list[int], Sequence[int], True),
        (list[int], Sequence[str], False),
        (list[int], Mapping[str, int], False),
        (dict[str, Dog], Mapping[str, Animal], True),
        (dict[str, Dog], Mapping[int, Animal], False),
        (tuple[int, ...], tuple[int, ...], True),
        (tuple[int, ...], tuple[str, ...], False),
        (tuple[int, int], tuple[int, ...], True),
        (tuple[int, ...], tuple[int, int], False),
        (tuple[int, str], tuple[int, str], True),
        (tuple[int, str], tuple[int, int], False),
        (tuple[int, str], tuple[int], False),
        (tuple[int, ...], Sequence[int], True),
        (tuple[int, str], Sequence[int], False),
        (tuple[int, str], Iterable[int | str], True),
        (Iterator[int], Iterable[int], True),
        (list[list[int]], list[Sequence[int]], True),
        (Literal["a", "b"], str, True),
        (Literal["a", 1], str, False),
        (Annotated[int, "unit"], int, True),
        (int, Annotated[int, "unit"], True),
        (UserId, UserId, True),
        (UserId, int, True),
        (int, UserId, False),
        (T, int, True),
        (B, Animal, True),
        (B, int, False),
        (Point, tuple, True),
        (Dog, Plain, True),  # cannot be told at run time
        (str, Sized, True),
        (int, Sized, False),
        (Movie, dict, True),
        (Movie, Movie, True),
        (int, Movie, False),
    ],
)
def test_fits(give: Any, take: Any, fit: bool) -> None:
    assert fits(give, take) is fit


def test_failures_beside_the_items_do_not_count() -> None:
    assert fits(int | Failure, int, beside=Failure)
    assert fits(Failure, int, beside=Failure)
    assert not fits(str | Failure, int, beside=Failure)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        (int, "int"),
        (None, "None"),
        (Dog, "Dog"),
        (int | None, "int | None"),
        (tuple[Dog, ...], "tuple[Dog, ...]"),
        (Mapping[str, list[int]], "Mapping[str, list[int]]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Annotated[int, "unit"], "int"),
        (Any, "Any"),
        (UserId, "UserId"),
    ],
)
def test_types_are_named_as_people_write_them(expression: Any, name: str) -> None:
    assert type_name(expression) == name
