"""Sampling parameters of a Chat request, as far as the upstream takes them (quirks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.losses import caller_path, says_default
from hyperinfer.formats.output_limit import output_limit
from hyperinfer.formats.stop_strings import place_stops

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope

_LOGPROBS = "message.output_text.logprobs"  # what a Responses caller includes
_LEAST_OUTPUT = 1  # servers of Chat refuse 0, which on Messages only warms the cache
_REFUSED = "this model's API refuses the field"


def encode_sampling(body: dict[str, Any], scope: Scope) -> tuple[str, ...]:
    """Writes the parameters into the body. The stop strings that are returned are the gateway's to find."""
    sampling, quirks, dialect = scope.conversation.sampling, scope.quirks, scope.conversation.dialect
    limit = output_limit(scope.conversation, scope.target, scope.lose, least=_LEAST_OUTPUT)
    if limit is not None:
        field = quirks.max_tokens_field
        body[(sampling.max_tokens_field or "max_tokens") if field == "as_sent" else field] = limit
    for name, value in (
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ):
        if value is None:
            continue
        if quirks.sampling == "send":
            body[name] = value
        elif not says_default(name, value):
            scope.lose(name, _REFUSED)
    if sampling.top_k is not None:
        if scope.same and quirks.sampling == "send":
            body["top_k"] = sampling.top_k
        elif not says_default("top_k", sampling.top_k):
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
        elif sampling.logit_bias:
            scope.lose("logit_bias", _REFUSED)
    if sampling.n is not None:
        body["n"] = sampling.n
    _logprobs(body, scope)
    return stops.gateway


def _logprobs(body: dict[str, Any], scope: Scope) -> None:
    """Responses has no switch beside the number: it includes them in the answer. A number of 0 asks for nothing."""
    sampling = scope.conversation.sampling
    asked = bool(sampling.top_logprobs) or _LOGPROBS in scope.conversation.include
    logprobs = sampling.logprobs if scope.same else asked or None
    if logprobs is not None:
        body["logprobs"] = logprobs
    if sampling.top_logprobs is not None and (scope.same or sampling.top_logprobs):
        body["top_logprobs"] = sampling.top_logprobs
