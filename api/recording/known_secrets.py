"""The secrets that a request has to do with: what nothing that is kept of it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.providers.client import SHORTEST_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.providers.catalogue import Provider, Tool
    from hyperinfer.providers.secret import Secret


def secrets_of(providers: Iterable[Provider], tools: Iterable[Tool]) -> list[Secret]:
    """Of these providers and tools: their keys, and what stands in the headers of providers."""
    asked = list(providers)
    secrets = [key for provider in asked for key in provider.keys]
    secrets += [value for each in asked for _, value in each.headers if len(value.reveal()) >= SHORTEST_SECRET]
    secrets += [key for tool in tools for key in tool.keys]
    return secrets


def keys_of(exchange: Exchange) -> list[str]:
    """What the client signs in with, and whatever else it has sent where keys and cookies are."""
    found: list[str] = []
    for name, value in exchange.headers:
        if name in (b"authorization", b"proxy-authorization", b"x-api-key", b"cookie"):
            text = value.decode("latin-1").strip()
            found.append(text)
            if name == b"cookie":
                values = [each.partition("=")[2].strip() for each in text.split(";")]
                found += [each for each in values if len(each) >= SHORTEST_SECRET]  # shorter ones are words
            else:
                found += text.split()[1:]
    return found
