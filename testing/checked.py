"""What cannot be played is told where the script is written, not when it is played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal


def check_split(split: int | Sequence[int] | Literal["whole"] | None) -> None:
    """Raises ValueError where a piece would be empty."""
    sizes: Sequence[int] = ()
    if isinstance(split, int):
        sizes = (split,)
    elif split is not None and split != "whole":
        sizes = split
    if any(size < 1 for size in sizes):
        raise ValueError(f"split is a number of characters or bytes from 1 on, not {split!r}")


def check_seconds(what: str, seconds: float) -> None:
    """Raises ValueError for less than none, and for what is no number."""
    if not seconds >= 0:
        raise ValueError(f"{what}={seconds!r} is no number of seconds from 0 on")


def check_status(status: int) -> None:
    """Raises ValueError for what no answer can have."""
    if not 200 <= status <= 999:
        raise ValueError(f"{status!r} is no HTTP status of an answer")
