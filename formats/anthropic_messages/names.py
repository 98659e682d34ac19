"""Names of tools that are legal in Messages and say where they came from (wire facts 1.2, 4.4).

A namespaced tool becomes `<namespace>__<name>`; characters that Messages does not take become `_`; what is too long or
meets another name gets a hash. One `ToolNames` serves one request, so a call in the history gets the name of its tool.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from hyperinfer.formats.codec import ToolAlias

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Tool

MAX_NAME = 64
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 128  # what Messages takes; names that need no change may be as long


class ToolNames:
    """Caller's (namespace, name) to upstream name, both ways."""

    __slots__ = ("_given", "aliases")

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self._given: dict[tuple[str | None, str], str] = {}
        self.aliases: dict[str, ToolAlias] = {}
        # Names that stay as they are come first, so that a made-up one never takes the place of a declared one.
        for tool in sorted(tools, key=lambda tool: tool.namespace is not None):
            name = self.of(tool.name, tool.namespace)
            if tool.kind == "custom" or name != tool.name:
                self.aliases[name] = ToolAlias(tool.name, "custom" if tool.kind == "custom" else "function", tool.namespace)

    def of(self, name: str, namespace: str | None = None) -> str:
        """The upstream name, the same one each time."""
        key = (namespace, name)
        given = self._given.get(key)
        if given is None:
            given = self._given[key] = self._free(name if namespace is None else f"{namespace}__{name}", key)
        return given

    def _free(self, wanted: str, key: tuple[str | None, str]) -> str:
        taken = self._given.values()
        limit = _LONGEST if key[0] is None else MAX_NAME
        legal = _ILLEGAL.sub("_", wanted)
        if legal and len(legal) <= limit and legal not in taken:
            return legal
        digest = hashlib.sha256("\x00".join((key[0] or "", key[1])).encode()).hexdigest()[:8]
        return f"{legal[: MAX_NAME - 9]}_{digest}"
