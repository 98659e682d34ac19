"""Exchanges that other programs recorded, as recordings of a gateway with one provider: the one that was asked."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from hyperinfer.api.replay.foreign import ENDINGS, Exchanged
from hyperinfer.engine import recording as rec
from hyperinfer.formats.wire import is_object
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS
from hyperinfer.providers.upstreams import shipped_catalogue

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.providers.catalogue import Catalogue, Pricing
    from hyperinfer.providers.quirks import Quirks

ID: Final = "imported"
"""Of each request: nobody knows another."""

UNIX: Final = 1_577_836_800.0
"""When it came, where nobody knows that either: the first second of 2020."""

_PATHS: Final[dict[Dialect, str]] = {dialect: f"/api/v1{ending}" for ending, dialect in ENDINGS.items()}
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*)*")
_UNNAMED: Final = "recorded"
_CLIENTS: Final = ("anthropic-version", "anthropic-beta")
_NO_REQUEST: Final = "no body of the request: the least one stands for it"


def imported(exchanged: Exchanged) -> tuple[rec.Recording, tuple[str, ...]]:
    """The recording, and what is not in it since the file does not say it."""
    body, model, missing = _request_body(exchanged)
    provider, served = _served(exchanged, model)
    request = rec.Request(
        version=rec.VERSION,
        id=ID,
        unix=exchanged.began if exchanged.began is not None else UNIX,
        gateway="",
        method="POST",
        path=_PATHS[exchanged.dialect],
        headers=(("content-type", "application/json"), *_passed_on(exchanged)),
        body=rec.Payload.of(body),
        served={"catalogue": served},
    )
    asked = rec.Attempt(
        number=0,
        at=0.0,
        provider=provider,
        model=model,
        protocol=exchanged.dialect,
        path=urlsplit(exchanged.url).path,
        streamed=_streamed(exchanged),
        body=rec.Payload(length=0),  # what the gateway would send is its own matter
    )
    headers = tuple((name.lower(), value) for name, value in exchanged.response_headers)
    lines: list[rec.Line] = [asked, rec.Head(0, exchanged.head, exchanged.status, headers)]
    if exchanged.response:
        lines.append(rec.Bytes(0, exchanged.head, rec.Payload.of(exchanged.response)))
    lines.append(rec.Eof(0, exchanged.end))
    return rec.Recording(request, tuple(lines)), (*exchanged.missing, *missing)


def _request_body(exchanged: Exchanged) -> tuple[bytes, str, tuple[str, ...]]:
    """The body, the model that it names, and what was missing of it."""
    if exchanged.body is None:
        return msgspec.json.encode(_least(exchanged)), _UNNAMED, (_NO_REQUEST,)
    try:
        document: object = msgspec.json.decode(exchanged.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return exchanged.body, _UNNAMED, ()  # a 400, then and now
    if not is_object(document):
        return exchanged.body, _UNNAMED, ()
    model = document.get("model")
    if isinstance(model, str) and _SLUG.fullmatch(model) and len(model) <= 200:
        return exchanged.body, model, ()
    return msgspec.json.encode({**document, "model": _UNNAMED}), _UNNAMED, ("no name of a model",)


def _least(exchanged: Exchanged) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": _UNNAMED, "stream": _streamed(exchanged)}
    if exchanged.dialect == "openai_responses":
        return asked | {"input": "(not recorded)"}
    said = {"messages": [{"role": "user", "content": "(not recorded)"}]}
    return asked | said | ({"max_tokens": 4096} if exchanged.dialect == "anthropic_messages" else {})


def _streamed(exchanged: Exchanged) -> bool:
    """Whether a stream came."""
    return exchanged.response.lstrip()[:1] not in (b"{", b"[", b"<", b"")


def _passed_on(exchanged: Exchanged) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in exchanged.headers if name.lower() in _CLIENTS)


def _served(exchanged: Exchanged, model: str) -> tuple[str, dict[str, Any]]:
    """The provider's name, and a catalogue that has it. Where the one in the package knows who that is, it says what is odd
    about it, and what the model costs."""
    host = urlsplit(exchanged.url).hostname or "unknown"
    known = [each for each in _shipped().providers.values() if urlsplit(each.base_url).hostname == host]
    name = known[0].name if known else host
    provider: dict[str, Any] = {"protocol": exchanged.dialect, "base_url": f"https://{host}"}
    for each in known:
        provider["vendor"] = each.vendor
        if each.protocol == exchanged.dialect:
            provider["quirks"] = _differing(each.quirks, PROTOCOL_QUIRKS[each.protocol])
    pricing = _pricing({each.name for each in known}, model)
    made: dict[str, Any] = {
        "slug": model,
        "context_length": 1_000_000,
        "max_output_tokens": 1_000_000,
        "pricing": {"prompt": 0, "completion": 0} if pricing is None else _usd(pricing),
        "source": "the catalogue in the package",
        "routes": [{"provider": name, "model": model}],
    }
    # One attempt was recorded, so one is made.
    return name, {"providers": {name: provider}, "models": [made], "limits": {"retries": 0}, "demo": False}


@cache
def _shipped() -> Catalogue:
    return shipped_catalogue()


def _pricing(providers: Set[str], model: str) -> Pricing | None:
    routes = [route for each in _shipped().models.values() for route in each.routes]
    return next((each.pricing for each in routes if each.provider.name in providers and each.model == model), None)


def _usd(pricing: Pricing) -> dict[str, float]:
    return {name: pico / 10**6 for name, pico in msgspec.to_builtins(pricing).items()}


def _differing(quirks: Quirks, usual: Quirks) -> dict[str, str]:
    told: dict[str, str] = msgspec.to_builtins(quirks)
    return {name: value for name, value in told.items() if value != getattr(usual, name)}
