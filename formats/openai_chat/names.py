"""Names of tools that are legal in Chat and say where they came from (wire facts 1.2, 4.4).

A namespaced tool becomes `<namespace>__<name>`; characters that Chat does not take become `_`; what is too long or meets
another name gets a hash. One `ToolNames` serves one request, so a call in the history gets the name of its tool.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from hyperinfer.formats.codec import ToolAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.conversation import Tool

LIMIT = 64
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_DIGITS = 8


class ToolNames:
    """Upstream names of one request's tools. `keep`: the caller speaks Chat, so every name stays as it is.

    `aliases`: what must be put back in the reply: changed names, and custom tools that go out as functions.
    """

    __slots__ = ("_given", "_keep", "aliases")

    def __init__(self, tools: Iterable[Tool], *, keep: bool) -> None:
        self._keep = keep
        self._given: dict[tuple[str | None, str], str] = {}
        self.aliases: dict[str, ToolAlias] = {}
        if keep:
            return
        # Plain names come first, so that a made-up one never takes the place of a declared one.
        for tool in sorted(tools, key=lambda tool: tool.namespace is not None):
            if tool.kind == "native" and tool.parameters is None:
                continue
            name = self.of(tool.name, tool.namespace)
            if tool.kind == "custom" or name != tool.name:
                self.aliases[name] = ToolAlias(tool.name, "custom" if tool.kind == "custom" else "function", tool.namespace)

    def of(self, name: str, namespace: str | None = None) -> str:
        """The upstream name, the same one each time."""
        if self._keep:
            return name
        key = (namespace, name)
        given = self._given.get(key)
        if given is None:
            given = self._given[key] = self._free(name if namespace is None else f"{namespace}__{name}", key)
        return given

    def _free(self, wanted: str, key: tuple[str | None, str]) -> str:
        legal = _ILLEGAL.sub("_", wanted)
        if legal and len(legal) <= LIMIT and legal not in self._given.values():
            return legal
        digest = hashlib.sha256("\x00".join((key[0] or "", key[1])).encode()).hexdigest()[:_DIGITS]
        return f"{legal[: LIMIT - _DIGITS - 1]}_{digest}"
