"""Ids of tool calls: the shape that an upstream takes, and calls of the deprecated `function_call` that have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hyperinfer.formats.ids import alnum9_call_id, chat_call_id, max40_call_id

CALL_IDS: Mapping[str, Callable[[str], str]] = {"any": chat_call_id, "alnum9": alnum9_call_id, "max40": max40_call_id}
"""By the quirk `tool_id`."""

_LEGACY = "call_function_"


def legacy_id(name: str, ordinal: int) -> str:
    """An id for the `ordinal`-th call in a history that has only the name of its function."""
    return f"{_LEGACY}{ordinal}_{name}"


def is_legacy(call_id: str) -> bool:
    """Whether `legacy_id` made it."""
    return call_id.startswith(_LEGACY)
