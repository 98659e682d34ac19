"""Tool call ids that are legal in each dialect, by a pure and injective mapping.

An id that is legal stays as it is. Another becomes a prefix and a hash, so that a call and its result get the same id
without any state, and two different ids never meet.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

_ANTHROPIC = re.compile(r"[a-zA-Z0-9_-]+")
_ALNUM9 = re.compile(r"[a-zA-Z0-9]{9}")
_RESPONSES_MAX = 64


def chat_call_id(call_id: str) -> str:
    """Chat takes any non-empty string."""
    return call_id


def responses_call_id(call_id: str) -> str:
    """Responses takes at most 64 characters (wire facts 3.1)."""
    return call_id if len(call_id) <= _RESPONSES_MAX else "call_" + _digest(call_id, 40)


def anthropic_call_id(call_id: str) -> str:
    """Messages takes `^[a-zA-Z0-9_-]+$` (wire facts 1.2)."""
    return call_id if _ANTHROPIC.fullmatch(call_id) else "toolu_" + _digest(call_id, 40)


def alnum9_call_id(call_id: str) -> str:
    """Mistral takes exactly nine letters and digits (fault F136)."""
    return call_id if _ALNUM9.fullmatch(call_id) else _digest(call_id, 9)


def max40_call_id(call_id: str) -> str:
    """OpenAI's Chat takes at most 40 characters."""
    return call_id if len(call_id) <= 40 else "call_" + _digest(call_id, 32)


class DistinctIds:
    """Ids of one conversation or reply, none of them twice. Servers that number calls anew in each answer repeat ids, and
    Messages refuses repeated ones."""

    __slots__ = ("_counts", "_given", "_legal")

    def __init__(self, legal: Callable[[str], str]) -> None:
        self._legal = legal
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}  # how far each id has been counted: a history may have thousands of one

    def give(self, call_id: str) -> str:
        """A legal id for one more call of this id: its own at first, made of it and a number from then on."""
        count = self._counts.get(call_id, 0)
        while True:
            count += 1
            given = self._legal(call_id if count == 1 else f"{call_id}#{count}")
            if given not in self._given:
                break
        self._counts[call_id] = count
        self._given.add(given)
        return given


def _digest(text: str, length: int) -> str:
    """Letters and digits only. 45 bits at length 9, 200 at 40."""
    raw = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    return raw[:length]
