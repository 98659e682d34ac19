"""What spans say of requests and attempts, in the words of OpenTelemetry's conventions (GenAI: as of 1.41, in development).
Names that these do not have begin with `hyperinfer.`. Nothing of it is what people ask or are answered (`contents`)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hyperinfer.api.tracing.spans import LONGEST_TEXT

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.api.tracing.spans import Value
    from hyperinfer.formats.conversation import Conversation
    from hyperinfer.formats.usage import Usage
    from hyperinfer.nodes.items import Answering
    from hyperinfer.providers.catalogue import Provider, Route

_PROVIDERS: Final = {
    "azure-openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Vendors of the catalogue that the conventions call by another name."""

_SAMPLING: Final = (
    ("max_tokens", "gen_ai.request.max_tokens"),
    ("temperature", "gen_ai.request.temperature"),
    ("top_p", "gen_ai.request.top_p"),
    ("top_k", "gen_ai.request.top_k"),
    ("seed", "gen_ai.request.seed"),
    ("frequency_penalty", "gen_ai.request.frequency_penalty"),
    ("presence_penalty", "gen_ai.request.presence_penalty"),
)
_DOUBLES: Final = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty"})

_OUTPUT: Final = {"json_object": "json", "json_schema": "json", "text": "text"}


def of_exchange(exchange: Exchange) -> dict[str, Value]:
    """The server's span, as the request has come."""
    found: dict[str, Value] = {
        "http.request.method": exchange.method,
        "http.route": exchange.path,  # there are no others than those of a fixed text
        "url.path": exchange.path,
    }
    for name, value in exchange.headers:
        if name == b"user-agent":
            found["user_agent.original"] = value.decode("latin-1")[:LONGEST_TEXT]
    return found


def of_attempt(answering: Answering) -> dict[str, Value]:
    """An attempt, as it begins."""
    found = {**_of_route(answering.route, answering.slug, "chat"), **_asked(answering.asked or answering.conversation)}
    if answering.round:
        found["hyperinfer.round"] = answering.round
    if answering.by is not None:
        found["hyperinfer.chosen_by"] = answering.by
    return found


def of_counting(route: Route, slug: str) -> dict[str, Value]:
    """An attempt to have tokens counted."""
    return _of_route(route, slug, "count_tokens")


def _of_route(route: Route, slug: str, operation: str) -> dict[str, Value]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _PROVIDERS.get(route.provider.vendor, route.provider.vendor),
        "gen_ai.request.model": route.model,
        "hyperinfer.model": slug,
        "hyperinfer.provider": route.provider.name,
        "hyperinfer.protocol": route.provider.protocol,
        **_address(route.provider),
    }


def _asked(conversation: Conversation) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, attribute in _SAMPLING:
        value = getattr(conversation.sampling, name)
        if value is not None:
            found[attribute] = float(value) if name in _DOUBLES else value
    if conversation.sampling.n not in (None, 1):
        found["gen_ai.request.choice.count"] = conversation.sampling.n
    if conversation.streamed:
        found["gen_ai.request.stream"] = True
    if conversation.response_format is not None:
        found["gen_ai.output.type"] = _OUTPUT[conversation.response_format.type]
    if conversation.reasoning is not None and conversation.reasoning.effort is not None:
        found["gen_ai.request.reasoning.level"] = conversation.reasoning.effort
    return found


def _address(provider: Provider) -> dict[str, Value]:
    return {} if provider.transport == "demo" else _address_in(provider.base_url)


@lru_cache(maxsize=256)
def _address_in(base_url: str) -> dict[str, Value]:
    url = urlsplit(base_url)
    return {"server.address": url.hostname or "", "server.port": url.port or (80 if url.scheme == "http" else 443)}


def of_usage(usage: Usage) -> dict[str, Value]:
    """What the provider has counted; inclusive totals here as there."""
    found: dict[str, Value] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cache_read:
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read
    if usage.cache_write:
        found["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write
    if usage.reasoning:
        found["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning
    return found
