"""What every part of the request encoder needs at hand: the caller's request, the target, and where losses go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss, Target
from hyperinfer.formats.tool_names import Names, SameNames, ToolNames

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import CacheMark, Conversation


class Scope:
    """One request being encoded. `same`: the caller speaks Chat too, so everything goes through as it came."""

    __slots__ = ("conversation", "losses", "names", "quirks", "same", "target")

    def __init__(self, conversation: Conversation, target: Target) -> None:
        self.conversation = conversation
        self.target = target
        self.quirks = target.quirks
        self.same = conversation.dialect == "openai_chat"
        self.losses: list[Loss] = []
        self.names: Names = SameNames() if self.same else ToolNames(conversation.tools)

    def lose(self, path: str, reason: str) -> None:
        """Notes something of the request that does not reach the upstream."""
        self.losses.append(Loss(path, reason))

    def cache(self, mark: CacheMark, path: str) -> dict[str, Any]:
        """The field for a cache mark, by the quirk `cache_control`; no field where it must be left out."""
        rule = self.quirks.cache_control
        if rule == "as_sent" and self.same:
            return {mark.style: mark.raw}
        if rule not in ("full", "no_ttl"):
            self.lose(f"{path}.{mark.style}", "this model's API has no cache marks")
            return {}
        if mark.style == "cache_control" and (kind := mark.raw.get("type")) != "ephemeral" and not self.same:
            self.lose(f"{path}.{mark.style}.type", f"this model's API has no cache mark of type {kind}")
            return {}
        if mark.style == "cache_control" and rule == "full" and (self.same or mark.ttl in (None, "5m", "1h")):
            return {"cache_control": mark.raw}
        kept: dict[str, Any] = {"type": "ephemeral"}
        if mark.ttl in ("5m", "1h"):
            if rule == "full":
                kept["ttl"] = mark.ttl
            elif mark.ttl == "1h":
                self.lose(f"{path}.{mark.style}.ttl", "this model's API has no lifetime of cache marks")
        elif mark.ttl is not None:
            self.lose(f"{path}.{mark.style}.ttl", f"this model's API has no lifetime {mark.ttl}")
        return {"cache_control": kept}
