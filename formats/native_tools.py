"""Tools that a provider runs itself, by the names that a route lists in `native_tools`.

A route lists wire types. Messages versions its own (`web_search_20250305`); the plain name means the version that every
model with the tool has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Tool

_VERSION = re.compile(r"(_preview)?(_\d{4}_\d{2}_\d{2}|_\d{8})?$")
_MESSAGES = {"web_search": "web_search_20250305", "web_fetch": "web_fetch_20250910"}


def unversioned(kind: str) -> str:
    """`web_search_preview_2025_03_11` and `web_search_20250305` are both `web_search`."""
    return _VERSION.sub("", kind)


def is_native(listed: Iterable[str], kind: str) -> bool:
    """Whether a route that lists these names runs the tool `kind`, in whatever version."""
    wanted = unversioned(kind)
    return any(unversioned(name) == wanted for name in listed)


def messages_type(listed: Iterable[str], kind: str) -> str | None:
    """The wire type of the tool in Messages: the newest version that is listed. None where it is not run, or has none."""
    wanted = unversioned(kind)
    names = [name for name in listed if unversioned(name) == wanted]
    versions = [name for name in names if name != wanted]
    return max(versions) if versions else _MESSAGES.get(wanted) if names else None


def options_of_typed(tool: Tool) -> dict[str, Any]:
    """What a typed tool is told beside what it is, such as the size of a screen: a function has no place for it."""
    known = ("type", "name", "description", "input_schema", "strict", "cache_control")
    return {name: value for name, value in (tool.raw or {}).items() if name not in known}
