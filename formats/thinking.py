"""What a wish about thinking comes to, in whatever dialect it was said (wire facts 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import ReasoningConfig

_LOW_BUDGET, _MEDIUM_BUDGET = 2_048, 8_192
"""Tokens up to which a budget means low and medium effort."""


def is_off(config: ReasoningConfig) -> bool:
    """Whether the model is not to think."""
    return config.mode == "disabled" or config.effort == "none"


def is_asked(config: ReasoningConfig) -> bool:
    """Whether thinking is asked for, not only how to show what there may be of it."""
    return not is_off(config) and (config.effort, config.budget_tokens, config.mode) != (None, None, None)


def effort_of(config: ReasoningConfig) -> str | None:
    """OpenAI's effort: the one that was asked for, or that of a budget."""
    if config.effort is not None:
        return config.effort
    if config.budget_tokens is None:
        return None
    if config.budget_tokens <= _LOW_BUDGET:
        return "low"
    return "medium" if config.budget_tokens <= _MEDIUM_BUDGET else "high"
