"""Namespaces of tools (Responses) for dialects without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Tool


def described(tools: Iterable[Tool]) -> Iterator[Tool]:
    """The tools, the first of each namespace with the namespace's description before its own: a model reads all tools,
    so once is enough."""
    seen: set[str] = set()
    for tool in tools:
        if tool.namespace and tool.namespace_description and tool.namespace not in seen:
            seen.add(tool.namespace)
            words = f"{tool.namespace_description}\n\n{tool.description or ''}".strip()
            yield msgspec.structs.replace(tool, description=words)
        else:
            yield tool
