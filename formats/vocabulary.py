"""The words that enum fields of a request hold, and what becomes of others.

A known field may hold a word that nobody here knows: a newer API's, or a slip. Decoders keep it. On a hop between equal
formats it goes through as it came; towards another format it says nothing, so the field is left out and a Loss (RULES: How
the contract is read). One pass over the conversation does that for all encoders. Types of parts, tools and tool choices are
no words of a field but carry fields of their own: those are kept whole, as native ones, and lost as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.conversation import (
    Conversation,
    ImagePart,
    Part,
    ReasoningConfig,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.losses import caller_path

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Extra

EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
SUMMARIES = frozenset({"auto", "concise", "detailed", "none"})
MODES = frozenset({"enabled", "disabled", "adaptive", "between_tools"})
DISPLAYS = frozenset({"summarized", "omitted"})
VERBOSITIES = frozenset({"low", "medium", "high"})
DETAILS = frozenset({"auto", "low", "high", "original"})
_OPENAI_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})
TIERS: Mapping[Dialect, frozenset[str]] = {
    "openai_chat": _OPENAI_TIERS,
    "openai_responses": _OPENAI_TIERS,
    "anthropic_messages": frozenset({"auto", "standard_only"}),
}
"""The tiers that another format may know. Those of one format alone (Chat's `fast`) are lost elsewhere, as unknown ones."""

Lose = Callable[[str, str], None]


def unknown_role(turn: Turn) -> str | None:
    """The role of a turn whose role nobody knows, which is then the user's: it stands in `extra`."""
    role = turn.extra.get("role") if turn.extra and turn.role == "user" else None
    return role if isinstance(role, str) else None


def in_known_words(conversation: Conversation) -> tuple[Conversation, list[Loss]]:
    """The conversation for a target of another dialect, without words that nobody knows, and what was lost with them."""
    losses: list[Loss] = []
    if not _has_words(conversation):
        return conversation, losses

    def lose(path: str, word: str) -> None:
        losses.append(Loss(path, f"'{word}' is unknown to the API of this model"))

    dialect = conversation.dialect
    reasoning = conversation.reasoning
    known = msgspec.structs.replace(
        conversation,
        turns=tuple(_turn(turn, lose) for turn in conversation.turns),
        reasoning=_reasoning(reasoning, dialect, lose) if reasoning is not None else None,
        service_tier=_known(conversation.service_tier, TIERS[dialect], "service_tier", lose),
        verbosity=_known(conversation.verbosity, VERBOSITIES, caller_path(dialect, "verbosity"), lose),
    )
    return (known, losses) if losses else (conversation, losses)


def _has_words(conversation: Conversation) -> bool:
    """Whether the conversation has any field of the kind, as most have none."""
    c = conversation
    if c.reasoning is not None or c.service_tier is not None or c.verbosity is not None:
        return True
    return any([turn.extra is not None or _holds_words(turn) for turn in c.turns])


def _known(word: str | None, words: frozenset[str], path: str, lose: Lose) -> str | None:
    if word is None or word in words:
        return word
    lose(path, word)
    return None


def _reasoning(config: ReasoningConfig, dialect: Dialect, lose: Lose) -> ReasoningConfig:
    effort = "reasoning.effort"
    if dialect == "anthropic_messages":
        effort = "output_config.effort"
    elif dialect == "openai_chat" and "reasoning" not in (config.extra or {}):
        effort = "reasoning_effort"
    return msgspec.structs.replace(
        config,
        effort=_known(config.effort, EFFORTS, effort, lose),
        summary=_known(config.summary, SUMMARIES, "reasoning.summary", lose),
        mode=_known(config.mode, MODES, "thinking.type", lose),
        display=_known(config.display, DISPLAYS, "thinking.display", lose),
    )


_WORDY = frozenset((ImagePart, ToolCallPart, ToolResultPart))


def _holds_words(turn: Turn) -> bool:
    return not _WORDY.isdisjoint(map(type, turn.parts)) and any(map(_may_hold_words, turn.parts))


def _may_hold_words(part: Part) -> bool:
    if type(part) is ToolCallPart:
        return part.extra is not None
    if type(part) is ToolResultPart:
        return ImagePart in map(type, part.content)
    return type(part) is ImagePart


def _turn(turn: Turn, lose: Lose) -> Turn:
    if turn.role == "user" and (role := unknown_role(turn)) is not None:
        lose(f"{turn.path}.role", role)
        turn = msgspec.structs.replace(turn, extra=_without("role", turn.extra))
    if not _holds_words(turn):
        return turn
    calls = 0
    parts: list[Part] = []
    for index, part in enumerate(turn.parts):
        known = part
        if isinstance(part, ImagePart):
            known = _image(part, f"{turn.path}.content[{index}]", lose)
        elif isinstance(part, ToolResultPart):
            known = _result(part, turn.path, lose)
        elif isinstance(part, ToolCallPart):
            known = _call(part, f"{turn.path}.tool_calls[{calls}]", lose)
            calls += 1
        parts.append(known)
    if all(known is part for known, part in zip(parts, turn.parts, strict=True)):
        return turn
    return msgspec.structs.replace(turn, parts=tuple(parts))


def _image(part: ImagePart, path: str, lose: Lose) -> ImagePart:
    if part.detail is None or part.detail in DETAILS:
        return part
    lose(f"{path}.detail", part.detail)
    return msgspec.structs.replace(part, detail=None)


def _result(part: ToolResultPart, path: str, lose: Lose) -> ToolResultPart:
    place = "output" if path.startswith("input") else "content"
    content = tuple(
        _image(inner, f"{path}.{place}[{index}]", lose) if isinstance(inner, ImagePart) else inner
        for index, inner in enumerate(part.content)
    )
    if all(known is inner for known, inner in zip(content, part.content, strict=True)):
        return part
    return msgspec.structs.replace(part, content=content)


def _call(part: ToolCallPart, path: str, lose: Lose) -> ToolCallPart:
    kind = (part.extra or {}).get("type")
    if not isinstance(kind, str):
        return part
    lose(f"{path}.type", kind)
    return msgspec.structs.replace(part, extra=_without("type", part.extra))


def _without(name: str, extra: Extra) -> Extra:
    return {key: value for key, value in (extra or {}).items() if key != name} or None
