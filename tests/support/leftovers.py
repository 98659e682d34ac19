"""What gateways and what is around them leave behind: after each test there may be nothing of it (`nothing_left`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_found: list[str] = []


def left(*things: str) -> None:
    """For the kits that run gateways: what one has left, to be told of the test that ran it."""
    _found.extend(things)


def taken() -> list[str]:
    """All that was left since this was asked last."""
    found = _found.copy()
    _found.clear()
    return found


def sockets() -> set[str]:
    """The sockets of this process, and what waits for sockets, each by its number in the kernel. Empty where there is no
    `/proc`."""
    found: set[str] = set()
    if sys.platform == "linux":
        for descriptor in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # what lists them is among them
                kind = os.readlink(f"/proc/self/fd/{descriptor}")
                if kind.startswith("socket:") or kind == "anon_inode:[eventpoll]":
                    found.add(kind if kind.startswith("socket:") else f"{kind} {descriptor}")
    return found


def holds(data: Path) -> Iterable[str]:
    """What the journals of a data folder say is under way, where its gateway has ended by itself. Those that a later gateway
    has adopted are kept for a while, under names of their own."""
    folder = data / "admitted"
    files = folder.iterdir() if folder.is_dir() else ()
    return [f"requests under way in {file.name}" for file in files if file.suffix != ".done"]
