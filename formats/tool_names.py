"""Names of tools that are legal upstream and say where they came from (wire facts 1.2, 4.4).

Characters that no dialect takes become `_`; a tool of a namespace, where the upstream has none, becomes
`<namespace>__<name>`; what is too long or meets another name gets a hash. One `ToolNames` serves one request, so a call in
the history gets the name of its tool.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.formats.codec import ToolAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.conversation import Tool

MADE_UP_LIMIT = 64
"""The longest name that is made here: what every upstream takes."""
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_DIGITS = 8


class ToolNames:
    """The caller's (namespace, name) to the upstream's name. `longest`: of a plain name that may stay as it is.

    `aliases`: what must be put back in the reply: changed names, and custom tools, which may have gone out as functions.
    """

    __slots__ = ("_given", "_longest", "_taken", "aliases")

    def __init__(self, tools: Iterable[Tool], *, longest: int = MADE_UP_LIMIT) -> None:
        self._longest = longest
        self._given: dict[tuple[str | None, str], str] = {}
        self._taken: set[str] = set()
        self.aliases: dict[str, ToolAlias] = {}
        # Names that stay as they are come first, so that a made-up one never takes the place of a declared one.
        for tool in sorted(tools, key=self._changes):
            name = self.of(tool.name, tool.namespace)
            if tool.kind == "native" and tool.parameters is None:
                continue  # no caller's tool, so nobody waits for its calls; its name is taken all the same
            if tool.kind == "custom" or name != tool.name:
                self.aliases[name] = ToolAlias(tool.name, "custom" if tool.kind == "custom" else "function", tool.namespace)

    def of(self, name: str, namespace: str | None = None) -> str:
        """The upstream name, the same one each time."""
        key = (namespace, name)
        given = self._given.get(key)
        if given is None:
            given = self._given[key] = self._free(name, namespace)
            self._taken.add(given)
        return given

    def _changes(self, tool: Tool) -> bool:
        return tool.namespace is not None or len(tool.name) > self._longest or _ILLEGAL.search(tool.name) is not None

    def _free(self, name: str, namespace: str | None) -> str:
        legal = _ILLEGAL.sub("_", name if namespace is None else f"{namespace}__{name}")
        limit = self._longest if namespace is None else MADE_UP_LIMIT
        if legal and len(legal) <= limit and legal not in self._taken:
            return legal
        digest = hashlib.sha256(f"{namespace or ''}\x00{name}".encode()).hexdigest()[:_DIGITS]
        return f"{legal[: MADE_UP_LIMIT - _DIGITS - 1]}_{digest}"


class SameNames:
    """On a hop between equal formats every name stays as it is, and nothing has to be put back."""

    __slots__ = ("aliases",)

    def __init__(self) -> None:
        self.aliases: dict[str, ToolAlias] = {}

    def of(self, name: str, namespace: str | None = None) -> str:
        """The name."""
        return name


Names: TypeAlias = ToolNames | SameNames
"""The names of one request."""
