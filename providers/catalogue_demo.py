"""The built-in models that answer offline, one for each upstream protocol."""

from collections.abc import Mapping

from hyperinfer.providers.catalogue_records import Creator, Model, Pricing, Provider, Route
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS, Protocol

DEMO_CREATOR = Creator("demo", "HyperInfer demo")

_FREE = Pricing(0, 0, 0, 0, 0)


def _provider(short: str, protocol: Protocol, vendor: str) -> Provider:
    return Provider(
        name=f"demo-{short}",
        protocol=protocol,
        base_url=f"demo://{short}",
        vendor=vendor,
        data_collection="deny",
        quirks=PROTOCOL_QUIRKS[protocol],
        transport="demo",
    )


def _model(short: str, title: str, provider: Provider) -> Model:
    return Model(
        slug=f"demo/{short}",
        name=f"Demo ({title})",
        creator=DEMO_CREATOR,
        context_length=128_000,
        max_output_tokens=16_384,
        pricing=_FREE,
        routes=(Route(provider, short, _FREE, quirks=provider.quirks),),
        description=f"Replays prepared answers, offline and free, through a provider that speaks {title}.",
        features=("tools", "json_mode", "reasoning", "streaming"),
    )


_CHAT = _provider("chat", "openai_chat", "openai")
_RESPONSES = _provider("responses", "openai_responses", "openai")
_MESSAGES = _provider("messages", "anthropic_messages", "anthropic")

DEMO_PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (_CHAT, _RESPONSES, _MESSAGES)}
"""By name. Their transport is `demo`: the client plays recorded exchanges instead of opening a socket."""

DEMO_MODELS: Mapping[str, Model] = {
    model.slug: model
    for model in (
        _model("chat", "OpenAI Chat Completions", _CHAT),
        _model("responses", "OpenAI Responses", _RESPONSES),
        _model("messages", "Anthropic Messages", _MESSAGES),
    )
}
"""By slug."""
