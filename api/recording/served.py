"""What a request was served under, as data in its recording, and back: of the catalogue what it can reach, without secrets.

    {"models": {slug: {…, "routes": [{"provider": name, "model": …}]}}, "providers": {name: {…}}, "tools": {name: {…}},
     "limits": {…}, "pipeline": …, "key_models": null | [slug, …]}

The fields are those of `providers.catalogue`; what has its default value is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hyperinfer.providers.catalogue import Catalogue, Creator, Limits, Model, Pricing, Provider, Route, Tool
from hyperinfer.providers.client import SHORTEST_SECRET
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS, Quirks, overlay
from hyperinfer.providers.secret import Secret

PLACEHOLDER: Final = "[secret-not-recorded]"
"""Stands for each secret. Where it stands in an upstream's words too, a replay takes it out of them as the gateway does."""

_SHORT: Final = "[short]"
"""The same for a header's value that is too short to be a secret."""

_VARIANT: Final = ":"


class Served(NamedTuple):
    """`key_models`: slugs that the key may call; None: all."""

    catalogue: Catalogue
    key_models: frozenset[str] | None


def served_under(catalogue: Catalogue, names: Iterable[str], key_models: frozenset[str] | None) -> dict[str, Any]:
    """JSON. `names`: of models, as the request has them; those that the catalogue does not have are left out."""
    known = dict.fromkeys(each for name in names for each in (name, name.rpartition(_VARIANT)[0]))
    models = [model for name in known if (model := catalogue.model(name)) is not None]
    providers = {route.provider.name: route.provider for model in models for route in model.routes}
    return {
        "models": {model.slug: _model_data(model) for model in models},
        "providers": {name: _provider_data(provider) for name, provider in providers.items()},
        "tools": {name: _tool_data(tool) for name, tool in catalogue.tools.items()},
        "limits": _data(catalogue.limits),
        "pipeline": catalogue.pipeline,
        "key_models": None if key_models is None else sorted(key_models),
    }


def read_served(data: Mapping[str, Any]) -> Served:
    """Raises ValueError, which says what is wrong."""
    try:
        return _read(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"what it was served under cannot be read: {type(error).__name__}: {error}") from None


def _read(data: Mapping[str, Any]) -> Served:
    providers = {name: _provider(name, each) for name, each in data.get("providers", {}).items()}
    models = {slug: _model(slug, each, providers) for slug, each in data.get("models", {}).items()}
    key_models = data.get("key_models")
    catalogue = Catalogue(
        providers=providers,
        creators={model.creator.slug: model.creator for model in models.values()},
        models=models,
        tools={name: msgspec.convert(each, Tool, dec_hook=_secret) for name, each in data.get("tools", {}).items()},
        limits=msgspec.convert(data.get("limits", {}), Limits),
        pipeline=data.get("pipeline"),
    )
    return Served(catalogue, None if key_models is None else frozenset(key_models))


def _provider_data(provider: Provider) -> dict[str, Any]:
    address = urlsplit(provider.base_url)
    host = address.netloc.rpartition("@")[2]  # paths and queries may hold what nobody else is to know
    return {
        **_data(provider, "quirks", "headers", "base_url"),
        "base_url": f"{address.scheme}://{host}",
        "headers": [[name, _header(value)] for name, value in provider.headers],
        "quirks": _quirks_data(provider.quirks, PROTOCOL_QUIRKS[provider.protocol]),
    }


def _header(value: Secret) -> str:
    return _SHORT if len(value.reveal()) < SHORTEST_SECRET else PLACEHOLDER


def _provider(name: str, data: Mapping[str, Any]) -> Provider:
    base = PROTOCOL_QUIRKS[data["protocol"]]
    quirks = _data(overlay(base, data.get("quirks", {})))
    return msgspec.convert({**data, "name": name, "quirks": quirks}, Provider, dec_hook=_secret)


def _model_data(model: Model) -> dict[str, Any]:
    return {
        **_data(model, "routes", "benchmarks", "creator", "pricing", "description", "source"),
        "creator": model.creator.name,
        "pricing": msgspec.to_builtins(model.pricing),
        "routes": [_route_data(route) for route in model.routes],
    }


def _model(slug: str, data: Mapping[str, Any], providers: Mapping[str, Provider]) -> Model:
    creator = slug.partition("/")[0]
    return Model(
        slug=slug,
        name=data["name"],
        creator=Creator(creator, data.get("creator", creator)),
        context_length=data["context_length"],
        max_output_tokens=data["max_output_tokens"],
        pricing=msgspec.convert(data["pricing"], Pricing),
        routes=tuple(_route(each, providers) for each in data["routes"]),
        features=tuple(data.get("features", ())),
        route_by=data.get("route_by", "weight"),
    )


def _route_data(route: Route) -> dict[str, Any]:
    return {
        **_data(route, "provider", "pricing", "quirks", "source"),
        "provider": route.provider.name,
        "pricing": msgspec.to_builtins(route.pricing),
        "quirks": _quirks_data(route.quirks, route.provider.quirks),
    }


def _route(data: Mapping[str, Any], providers: Mapping[str, Provider]) -> Route:
    provider = providers[data["provider"]]
    return Route(
        provider=provider,
        model=data["model"],
        pricing=msgspec.convert(data["pricing"], Pricing),
        weight=data.get("weight", 1.0),
        quirks=overlay(provider.quirks, data.get("quirks", {})),
        native_tools=tuple(data.get("native_tools", ())),
    )


def _tool_data(tool: Tool) -> dict[str, Any]:
    return {**_data(tool, "base_url"), "base_url": "https://tool.invalid" if tool.base_url else ""}


def _quirks_data(quirks: Quirks, base: Quirks) -> dict[str, str]:
    return {each.name: value for each in fields(quirks) if (value := getattr(quirks, each.name)) != getattr(base, each.name)}


def _data(record: Any, *without: str) -> dict[str, Any]:
    """The fields of a dataclass that have no default, or another value."""
    found: dict[str, Any] = {}
    for each in fields(record):
        value = getattr(record, each.name)
        if each.name not in without and (each.default is MISSING or value != each.default):
            found[each.name] = msgspec.to_builtins(value, enc_hook=_masked)
    return found


def _masked(value: object) -> str:
    if isinstance(value, Secret):
        return PLACEHOLDER
    raise NotImplementedError(type(value))


def _secret(kind: type, value: object) -> object:
    if kind is Secret:
        return Secret(str(value))
    raise NotImplementedError(kind)
