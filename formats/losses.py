"""What is not a Loss (RULES: How the contract is read), so that every dialect agrees."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.wire import join

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import NativePart
    from hyperinfer.formats.events import Dialect

NEUTRAL = frozenset(
    {
        "include",
        "stream_options",
        "prompt_cache_key",
        "client_metadata",
        "user",
        "obfuscation",
        "stream",
    }
)
"""Top-level fields whose absence upstream is never a Loss."""

_AS_ANYWAY: Mapping[str, tuple[Any, ...]] = {
    "background": (False,),
    "content.detail": ("auto",),  # of a file
    "context_management": ({"edits": []},),
    "frequency_penalty": (0,),
    "function_call": ("auto", "none"),
    "include_reasoning": (True,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "metadata": ({},),
    "min_p": (0,),
    "modalities": (["text"], "text"),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "prompt_cache_retention": ("in_memory", "in-memory"),
    "reasoning.context": ("auto",),
    "reasoning.exclude": (False,),
    "reasoning.mode": ("standard",),
    "repetition_penalty": (1,),
    "service_tier": ("auto", "default", "standard_only"),
    "speed": ("standard",),
    "store": (False,),
    "temperature": (1,),
    "tools.allowed_callers": (["direct"],),
    "tools.defer_loading": (False,),
    "tools.eager_input_streaming": (False, True),  # arguments come as the provider streams them, in either case
    "top_a": (0,),
    "top_k": (0, -1),
    "top_logprobs": (0,),
    "top_p": (1,),
    "truncation": ("disabled",),
    "usage": ({"include": True},),  # OpenRouter's: usage is always told here
    "verbosity": ("medium",),
}
"""What a provider does without the field (the APIs' own defaults): saying that is no loss where it cannot be said. Fields of
tools and of `reasoning` by both names."""
_SAY_SO_WHEN_EMPTY = frozenset({"web_search_options"})


def says_default(field: str, value: Any) -> bool:
    """Whether a value says what happens anyway, so that leaving it out changes nothing."""
    return value in _AS_ANYWAY.get(field, ())


def losses_of_extra(extra: Mapping[str, Any] | None, path: str, reason: str) -> list[Loss]:
    """A Loss for each field that says something: nulls and empty containers do not, nor does what happens anyway, nor do
    fields of the request itself (`path` is empty) that are neutral."""
    if not extra:
        return []
    parent = f"{path.rpartition('.')[2].partition('[')[0]}." if path else ""
    return [
        Loss(join(path, name), reason)
        for name, value in extra.items()
        if value is not None
        and ((value != [] and value != {}) or name in _SAY_SO_WHEN_EMPTY)
        and (path or name not in NEUTRAL)
        and not says_default(parent + name, value)
    ]


def no_common_field(target: str) -> str:
    """Why a field of a request is lost that its format does not have either, or has alone: Chat's `stop` in a request of
    Responses is no wish that could be read there, though Chat has it."""
    return f"the caller's format and {target} have no such field in common"


def losses_of_words(part: NativePart, path: str) -> list[Loss]:
    """What the words that stand for a part leave out."""
    return [Loss(join(path, name), f"the words for the {part.type} leave it out") for name in part.unsaid]


def lose_once(losses: list[Loss], loss: Loss) -> None:
    """Notes a loss of a reply that may meet the same many times."""
    known: Container[Loss] = losses
    if loss not in known:
        losses.append(loss)


_CALLER_PATHS: Mapping[tuple[Dialect, str], str] = {
    ("openai_chat", "reasoning"): "reasoning_effort",
    ("openai_responses", "response_format"): "text.format",
    ("openai_responses", "verbosity"): "text.verbosity",
    ("openai_responses", "max_tokens"): "max_output_tokens",
    ("anthropic_messages", "response_format"): "output_config.format",
    ("anthropic_messages", "reasoning"): "thinking",
    ("anthropic_messages", "stop"): "stop_sequences",
    ("anthropic_messages", "parallel_tool_calls"): "tool_choice.disable_parallel_tool_use",
}


def citations_field(dialect: Dialect) -> str:
    """What the caller's dialect calls the citations of a text."""
    return "citations" if dialect == "anthropic_messages" else "annotations"


def caller_path(dialect: Dialect, field: str) -> str:
    """What the caller's dialect calls a top-level field: `stop` is `stop_sequences` on Messages."""
    return _CALLER_PATHS.get((dialect, field), field)
