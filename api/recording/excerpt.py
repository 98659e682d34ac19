"""What of the catalogue a request was served under: enough to serve it again, without `providers.yaml` and without keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hyperinfer.api.recording.known_secrets import secrets_of
from hyperinfer.api.recording.redaction import REDACTED
from hyperinfer.formats.json_text import read_json
from hyperinfer.formats.wire import is_array, is_object
from hyperinfer.providers.catalogue_records import Breaker, Timeouts
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS, quirk_facts

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Catalogue, Model, Pricing, Provider, Route, Tool
    from hyperinfer.providers.quirks import Quirks
    from hyperinfer.providers.secret import Secret

_UNSET = "https://unset.invalid"


class Excerpt(NamedTuple):
    """`catalogue`: in the form of `providers.yaml`, with `REDACTED` for every key. `secrets`: what that stands for."""

    catalogue: dict[str, Any]
    secrets: tuple[Secret, ...]


class _Names(msgspec.Struct):
    model: Any = None
    models: Any = None


def models_named(body: bytes) -> tuple[str, ...]:
    """The models that a request may be served by, in the words of its body; none of one that cannot be read."""
    try:
        names = msgspec.json.decode(body, type=_Names)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        names = _named_anyhow(body)
    listed: list[object] = [names.model, *(names.models if is_array(names.models) else ())]
    return tuple(dict.fromkeys([name for name in listed if isinstance(name, str)]))


def _named_anyhow(body: bytes) -> _Names:
    """Of a body that is read as requests are; what cannot be so names nothing."""
    try:
        document = read_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Names()
    return _Names(document.get("model"), document.get("models")) if is_object(document) else _Names()


def excerpt(catalogue: Catalogue, names: Iterable[str]) -> Excerpt:
    """Of the models with these names, or with a variant's ending behind them (`:nitro`)."""
    known = {name: catalogue.model(name) or catalogue.model(name.rpartition(":")[0]) for name in names}
    models = {model.slug: model for model in known.values() if model is not None and not _built_in(model)}
    providers = {route.provider.name: route.provider for model in models.values() for route in model.routes}
    theirs = {name: each for name, each in providers.items() if each.transport == "network"}
    made = {
        "providers": {name: _provider(each) for name, each in theirs.items()},
        "models": [_model(each) for each in models.values()],
        "tools": {name: _tool(each) for name, each in catalogue.tools.items()},
        "limits": _stated(asdict(catalogue.limits)),
        "demo": catalogue.demo,
    }
    return Excerpt(made, tuple(secrets_of(theirs.values(), catalogue.tools.values())))


def _built_in(model: Model) -> bool:
    return all(route.provider.transport == "demo" for route in model.routes) and model.creator.slug == "demo"


def _stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", (), {})}


def _key(missing: tuple[str, ...], keys: tuple[Secret, ...]) -> str | None:
    """A key that is not set stays so."""
    return f"${{{missing[0]}}}" if missing else REDACTED if keys else None


def _provider(provider: Provider) -> dict[str, Any]:
    return _stated(
        {
            "protocol": provider.protocol,
            "base_url": provider.base_url or _UNSET,
            "api_key": _key(provider.missing, provider.keys),
            "auth": provider.auth,
            "headers": {name: REDACTED for name, _ in provider.headers},
            "vendor": provider.vendor,
            "locations": provider.locations,
            "data_collection": provider.data_collection,
            "timeouts": {} if provider.timeouts == Timeouts() else asdict(provider.timeouts),
            "breaker": {} if provider.breaker == Breaker() else asdict(provider.breaker),
            "quirks": _differing(provider.quirks, PROTOCOL_QUIRKS[provider.protocol]),
            "native_tools": provider.native_tools,
            "count_tokens": provider.count_tokens or None,
            "concurrency": provider.concurrency,
        }
    )


def _model(model: Model) -> dict[str, Any]:
    return {
        **_stated(
            {
                "slug": model.slug,
                "context_length": model.context_length,
                "max_output_tokens": model.max_output_tokens,
                "pricing": _pricing(model.pricing),
                "features": model.features,
                "route_by": model.route_by,
            }
        ),
        "source": "a recording",
        "routes": [_route(each) for each in model.routes],
    }


def _route(route: Route) -> dict[str, Any]:
    made = {
        "provider": route.provider.name,
        "model": route.model,
        "weight": route.weight,
        "pricing": _pricing(route.pricing),
        "quirks": _differing(route.quirks, route.provider.quirks),
    }
    return {**_stated(made), "native_tools": route.native_tools}


def _tool(tool: Tool) -> dict[str, Any]:
    return _stated(
        {
            "kind": tool.kind,
            "base_url": tool.base_url or (_UNSET if tool.kind else ""),
            "api_key": _key(tool.missing, tool.keys),
            "model": tool.model,
            "price": tool.price / 10**12 if tool.price else None,
        }
    )


def _pricing(pricing: Pricing) -> dict[str, float]:
    """USD for a million tokens. The shortest decimal of the float is the price, which has at most 13 digits."""
    return {name: pico / 10**6 for name, pico in asdict(pricing).items()}


def _differing(quirks: Quirks, usual: Quirks) -> dict[str, str]:
    names = [fact.name for fact in quirk_facts()]
    return {name: getattr(quirks, name) for name in names if getattr(quirks, name) != getattr(usual, name)}
