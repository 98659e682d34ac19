"""Sampling parameters of a Chat request, as far as the upstream takes them (quirks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.losses import caller_path
from hyperinfer.formats.stop_strings import place_stops

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope

_NEUTRAL = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
"""What a model does without the parameter: leaving it out then loses nothing."""
_REFUSED = "this model's API refuses the field"


def encode_sampling(body: dict[str, Any], scope: Scope) -> tuple[str, ...]:
    """Writes the parameters into the body. The stop strings that are returned are the gateway's to find."""
    sampling, quirks, dialect = scope.conversation.sampling, scope.quirks, scope.conversation.dialect
    if sampling.max_tokens is not None:
        field = quirks.max_tokens_field
        body[(sampling.max_tokens_field or "max_tokens") if field == "as_sent" else field] = sampling.max_tokens
    for name, neutral in _NEUTRAL.items():
        value = getattr(sampling, name)
        if value is None:
            continue
        if quirks.sampling == "send":
            body[name] = value
        elif value != neutral:
            scope.lose(name, _REFUSED)
    if sampling.top_k is not None:
        if scope.same and quirks.sampling == "send":
            body["top_k"] = sampling.top_k
        else:
            scope.lose("top_k", _REFUSED)
    stops = place_stops(sampling.stop, quirks.stop)
    if stops.upstream:
        body["stop"] = stops.upstream[0] if sampling.stop_alone and scope.same else list(stops.upstream)
    if stops.lost:
        scope.lose(caller_path(dialect, "stop"), stops.lost)
    if sampling.seed is not None:
        if quirks.seed_field == "none":
            scope.lose("seed", _REFUSED)
        else:
            body[quirks.seed_field] = sampling.seed
    if sampling.logit_bias is not None:
        if quirks.openai_only_fields == "send":
            body["logit_bias"] = sampling.logit_bias
        else:
            scope.lose("logit_bias", _REFUSED)
    for name in ("n", "logprobs", "top_logprobs"):
        if (value := getattr(sampling, name)) is not None:
            body[name] = value
    if sampling.top_logprobs is not None and not scope.same:
        body["logprobs"] = True  # Responses has no switch beside the number
    return stops.gateway
