"""Tool names that are legal upstream (wire facts 1.2): letters, digits, `_` and `-`, at most 64."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from hyperinfer.formats.codec import ToolAlias

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Tool

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


class ToolNames:
    """Upstream names of one request's tools. `aliases`: those that had to change, for the way back."""

    def __init__(self, tools: tuple[Tool, ...], *, keep: bool) -> None:
        self._keep = keep
        self.aliases: dict[str, ToolAlias] = {}
        for tool in tools:
            name = self.of(tool.name)
            if name != tool.name and (tool.kind != "native" or tool.parameters is not None):
                self.aliases[name] = ToolAlias(tool.name, "custom" if tool.kind == "custom" else "function", tool.namespace)

    def of(self, name: str) -> str:
        """The upstream name: the same where it is legal or the caller speaks Responses."""
        if self._keep or _LEGAL.fullmatch(name):
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        return f"{_ILLEGAL.sub('_', name)[:51]}_{digest}"
