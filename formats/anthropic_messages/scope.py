"""What every part of the request encoder needs at hand: the target, and where losses go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss, Target
from hyperinfer.formats.losses import losses_of_extra, no_common_field
from hyperinfer.formats.wire import join

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import CacheMark, Conversation
    from hyperinfer.formats.events import Extra

DIALECT = "anthropic_messages"

_TRANSPORT = frozenset({"id", "status", "object", "index", "type", "logprobs"})
"""Fields of the OpenAI dialects that say nothing to a model."""
_EMPTY = frozenset({"annotations", "refusal", "audio", "tool_calls", "function_call", "caller"})
"""Fields that clients send back empty."""

_MARK_TTLS = ("5m", "1h")


class Scope:
    """One request being encoded. `same`: the caller speaks Messages too, so everything goes through as it came.

    `marks`: how many cache marks `cache` has given out.
    """

    __slots__ = ("conversation", "losses", "marks", "same", "target")

    def __init__(self, conversation: Conversation, target: Target) -> None:
        self.conversation = conversation
        self.target = target
        self.same = conversation.dialect == DIALECT
        self.losses: list[Loss] = []
        self.marks = 0

    def lose(self, path: str, reason: str) -> None:
        """Notes something of the request that does not reach the upstream."""
        self.losses.append(Loss(path, reason))

    def extra(self, extra: Extra, path: str) -> Mapping[str, Any]:
        """The unmodelled fields to write beside the known ones: all of them on a hop between equal formats, else none."""
        if not extra:
            return {}
        if self.same:
            return extra
        said = {name: value for name, value in extra.items() if name not in _TRANSPORT and (value or name not in _EMPTY)}
        self.losses += losses_of_extra(said, path, "Messages has no such field" if path else no_common_field("Messages"))
        return {}

    def cache(self, mark: CacheMark | None, path: str) -> dict[str, Any] | None:
        """The `cache_control` for a mark, by what the upstream takes (quirk `cache_control`)."""
        if mark is None:
            return None
        allowed = self.target.quirks.cache_control
        if allowed == "none":
            self.lose(join(path, mark.style), "the provider takes no cache marks")
            return None
        raw = mark.raw
        if not self.same:
            kind, ttl = raw.get("type"), raw.get("ttl")
            if mark.style == "cache_control" and kind != "ephemeral":
                self.lose(f"{join(path, mark.style)}.type", f"Messages has no cache mark of type {kind}")
                return None
            if ttl is not None and ttl not in _MARK_TTLS:
                self.lose(f"{join(path, mark.style)}.ttl", f"Messages has no lifetime {ttl}")
                raw = {name: value for name, value in raw.items() if name != "ttl"}
        if mark.style != "cache_control":
            raw = _ephemeral(mark)
        self.marks += 1
        if allowed == "no_ttl" and raw.keys() != {"type"}:
            self.lose(join(path, mark.style), "the provider takes no lifetime of cache marks")
            return {"type": "ephemeral"}
        return raw


def _ephemeral(mark: CacheMark) -> dict[str, Any]:
    return {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl in _MARK_TTLS else {"type": "ephemeral"}
