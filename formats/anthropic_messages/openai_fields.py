"""Fields of the OpenAI dialects that Messages has nothing for: refused, lost or harmless (RULES; wire facts 4.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.refusals import refuse_untranslatable

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope

_SILENT: dict[str, Callable[[Any], bool]] = {
    "safety_identifier": lambda value: isinstance(value, str),  # goes out as metadata.user_id
    "max_tool_calls": lambda value: not value,
}
"""Unmodelled fields that are no loss here, beside those of `losses`."""


def check_openai_fields(scope: Scope) -> None:
    """Raises `RequestError` for what is always refused, and notes the losses among the modelled fields."""
    conversation = scope.conversation
    refuse_untranslatable(conversation)
    sampling = conversation.sampling
    for name, said in (
        ("seed", sampling.seed is not None),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
        ("logit_bias", sampling.logit_bias),
        ("logprobs", sampling.logprobs),
        ("top_logprobs", sampling.top_logprobs),
    ):
        if said:
            scope.lose(name, f"Messages has no {name}")
    if conversation.metadata:
        scope.lose("metadata", "Messages has only metadata.user_id")
    if conversation.verbosity not in (None, "medium"):
        name = "text.verbosity" if conversation.dialect == "openai_responses" else "verbosity"
        scope.lose(name, "Messages has no verbosity")
    if conversation.store:
        scope.lose("store", "this gateway stores nothing")


def harmless(name: str, value: Any) -> bool:
    """Whether leaving out an unmodelled top-level field changes nothing."""
    silent = _SILENT.get(name)
    return silent is not None and silent(value)
