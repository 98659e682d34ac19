"""The `providers` section: where the upstreams are, how to sign in, what is odd about them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import cast

from hyperinfer.providers import catalogue_values as values
from hyperinfer.providers.catalogue_records import Breaker, Provider, Timeouts
from hyperinfer.providers.catalogue_yaml import Value, did_you_mean
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS, Protocol, overlay, quirk_facts
from hyperinfer.providers.secret import Secret

PROVIDER_KEYS = (
    "protocol",
    "base_url",
    "api_key",
    "api_keys",
    "auth",
    "headers",
    "vendor",
    "locations",
    "data_collection",
    "timeouts",
    "quirks",
    "native_tools",
    "count_tokens",
    "http2",
    "concurrency",
    "breaker",
)
TIMEOUT_KEYS = ("connect", "first_token", "idle", "stream", "whole")
BREAKER_KEYS = ("faults", "window", "pause", "longest_pause")
_AUTH_DEFAULT: Mapping[str, str] = {"anthropic_messages": "x-api-key"}
_VENDOR_DEFAULT: Mapping[str, str] = {"anthropic_messages": "anthropic"}


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The usable providers, and the names of all that are declared: a broken one is complained of once, not again at
    each route to it."""

    usable: Mapping[str, Provider]
    declared: frozenset[str]


def read_providers(section: Value, environ: Mapping[str, str], taken: Collection[str]) -> Upstreams:
    """The providers by name; `taken` names belong to the built-in demo providers."""
    entries = section.entries()
    providers: dict[str, Provider] = {}
    for name, entry in entries.items():
        if name in taken:
            entry.error("the name of a built-in demo provider; demo: false frees it")
        provider = read_provider(name, entry, environ)
        if provider is not None:
            providers[name] = provider
    return Upstreams(providers, frozenset(entries))


def read_provider(name: str, value: Value, environ: Mapping[str, str]) -> Provider | None:
    """One provider, or None when its protocol or address is unusable (which was reported)."""
    given = value.fields(PROVIDER_KEYS)
    for key in ("protocol", "base_url"):
        if key not in given:
            value.error(f"missing {key}")
    protocol: Protocol | None = None
    if "protocol" in given:
        protocol = cast("Protocol | None", given["protocol"].choice("protocol", tuple(PROTOCOL_QUIRKS)))
    word = protocol or "openai_chat"
    url, missing = values.base_url(given["base_url"], environ) if "base_url" in given else ("", ())
    keys, missing_keys, unset_keys = _keys(given, environ)
    headers, missing_headers = _headers(given["headers"], environ) if "headers" in given else ((), ())
    timeouts = read_timeouts(given["timeouts"]) if "timeouts" in given else Timeouts()
    changes = read_quirks(given["quirks"]) if "quirks" in given else {}
    vendor = given["vendor"].text() if "vendor" in given else None
    concurrency = given["concurrency"].integer(1, 1_000_000) if "concurrency" in given else None
    auth = values.auth(given["auth"]) if "auth" in given else None
    collects = given["data_collection"].choice("word", ("allow", "deny")) if "data_collection" in given else None
    locations = read_texts(given["locations"]) if "locations" in given else ()
    native_tools = read_texts(given["native_tools"]) if "native_tools" in given else ()
    counts = bool(given["count_tokens"].flag()) if "count_tokens" in given else False
    if counts and protocol == "openai_chat":
        given["count_tokens"].error("Chat Completions has no route for counting")
    if protocol is None or "base_url" not in given:
        return None
    blocking = tuple(dict.fromkeys((*missing, *missing_keys, *missing_headers)))
    return Provider(
        name=name,
        protocol=protocol,
        base_url=url,
        keys=keys,
        auth=auth or _AUTH_DEFAULT.get(word, "bearer"),
        headers=headers,
        vendor=vendor or _VENDOR_DEFAULT.get(word, "openai"),
        locations=locations,
        data_collection="deny" if collects == "deny" else "allow",
        timeouts=timeouts,
        breaker=read_breaker(given["breaker"]) if "breaker" in given else Breaker(),
        quirks=overlay(PROTOCOL_QUIRKS[protocol], changes),
        native_tools=native_tools,
        count_tokens=counts,
        http2=bool(given["http2"].flag()) if "http2" in given else False,
        concurrency=concurrency,
        missing=blocking,
        unset=tuple(dict.fromkeys((*blocking, *unset_keys))),
    )


def _keys(
    given: Mapping[str, Value], environ: Mapping[str, str]
) -> tuple[tuple[Secret, ...], tuple[str, ...], tuple[str, ...]]:
    """The keys, the variables that block (no key is left without them), and all unset ones."""
    entries = [given["api_key"]] if "api_key" in given else []
    if "api_keys" in given:
        entries += given["api_keys"].items()
    found: list[Secret] = []
    unset: list[str] = []
    for entry in entries:
        key, names = values.secret(entry, environ)
        unset += names
        if key is not None and key not in found:
            found.append(key)
    return tuple(found), () if found else tuple(unset), tuple(unset)


def _headers(value: Value, environ: Mapping[str, str]) -> tuple[tuple[tuple[str, Secret], ...], tuple[str, ...]]:
    headers: dict[str, Secret] = {}
    missing: list[str] = []
    for name, entry in value.entries().items():
        lower = values.header_name(entry, name)
        text, names = values.secret(entry, environ)
        missing += names
        if lower is not None and lower in headers:
            entry.error("duplicate header: names differ only in case")
        elif lower is not None and text is not None:
            headers[lower] = text
    return tuple(headers.items()), tuple(missing)


def read_timeouts(value: Value) -> Timeouts:
    """Deadlines in seconds; what is not given keeps its default."""
    given = value.fields(TIMEOUT_KEYS)
    read = {name: values.seconds(entry) for name, entry in given.items()}
    return Timeouts(**{name: number for name, number in read.items() if number is not None})


def read_breaker(value: Value) -> Breaker:
    """When routes of a provider are left alone; what is not given keeps its default."""
    given, usual = value.fields(BREAKER_KEYS), Breaker()
    faults = given["faults"].integer(0, 1_000_000) if "faults" in given else None
    read = {name: values.seconds(given[name]) for name in BREAKER_KEYS[1:] if name in given}
    times = {name: number for name, number in read.items() if number is not None}
    breaker = Breaker(usual.faults if faults is None else faults, **times)
    if breaker.longest_pause < breaker.pause:
        if "longest_pause" in given:
            given["longest_pause"].error("expected no less than pause")
        else:
            breaker = replace(breaker, longest_pause=breaker.pause)
    return breaker


def read_quirks(value: Value) -> dict[str, str]:
    """The quirks that a provider or a route states, each checked against its closed set."""
    facts = {fact.name: fact for fact in quirk_facts()}
    changes: dict[str, str] = {}
    for name, entry in value.entries().items():
        if name not in facts:
            entry.error(f"unknown quirk; one of {', '.join(facts)}{did_you_mean(name, facts)}")
            continue
        chosen = entry.choice("value", facts[name].values)
        if chosen is not None:
            changes[name] = chosen
    return changes


def read_texts(value: Value) -> tuple[str, ...]:
    """A list of words, each once."""
    words: list[str] = []
    for item in value.items():
        text = item.text()
        if text in words:
            item.error(f"{text!r} is given twice")
        elif text:
            words.append(text)
    return tuple(words)
