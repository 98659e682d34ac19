"""All checks, in the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance import checks_failures, checks_replies, checks_requests, checks_streams

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.check import Check

_GROUPS = ("text", "request", "stream", "whole", "stop", "tools", "reasoning", "usage", "errors", "cancel")
_ALL = (*checks_replies.CHECKS, *checks_requests.CHECKS, *checks_streams.CHECKS, *checks_failures.CHECKS)

CHECKS: Final[tuple[Check, ...]] = tuple(check for group in _GROUPS for check in _ALL if check.id.partition(".")[0] == group)
"""Each has an `id` (`group.name`), what it wants, and where that is written."""


def chosen(names: tuple[str, ...]) -> tuple[Check, ...]:
    """Those of these ids or groups, all without a name. Raises ValueError for a name of none."""
    for name in names:
        if not any(check.id == name or check.id.startswith(f"{name}.") for check in CHECKS):
            raise ValueError(f"there is no check {name!r}: groups are {', '.join(_GROUPS)}")
    return tuple(check for check in CHECKS if not names or any(f"{check.id}.".startswith(f"{name}.") for name in names))
