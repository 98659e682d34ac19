"""The scripts that Redis runs: each admits, keeps, drops or counts in one step. See `redis/prelude.lua` for the keys."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ScriptName = Literal[
    "operations",
    "load",
    "count",
    "count_on",
    "expired",
    "epoch",
    "onetime_mint",
    "onetime_look",
    "onetime_take",
    "onetime_give",
    "key_put",
    "key_get",
    "breakers",
]

_FOLDER: Final = Path(__file__).with_name("redis")


class Script(NamedTuple):
    """A script's text and the SHA-1 by which Redis knows it."""

    text: str
    sha1: str


@cache
def script(name: ScriptName) -> Script:
    """One of them, its beginning put in front."""
    text = "\n".join((_FOLDER / f"{part}.lua").read_text(encoding="utf-8") for part in ("prelude", name))
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Command(NamedTuple):
    """A script with its keys and arguments."""

    name: ScriptName
    keys: tuple[str, ...]
    arguments: tuple[str | bytes | int | float, ...]


def workspace_keys(workspace: str) -> tuple[str, ...]:
    """KEYS[1] to KEYS[5]."""
    tag = f"hi:{{{workspace}}}:"
    return tuple(tag + name for name in ("account", "holds", "leases", "gone", "balance"))


def bucket_key(workspace: str, key: str) -> str:
    """The rate of a key."""
    return f"hi:{{{workspace}}}:bucket:{key}"


def counters_key(workspace: str, key: str) -> str:
    """What a key has spent."""
    return f"hi:{{{workspace}}}:counters:{key}"


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """An answer of alternating items."""
    return list(zip(flat[::2], flat[1::2], strict=True))
