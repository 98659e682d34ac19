"""The `creators` and `models` sections."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from hyperinfer.providers import catalogue_values as values
from hyperinfer.providers.answer_shaping import shaped_by_features
from hyperinfer.providers.catalogue_providers import read_quirks, read_texts
from hyperinfer.providers.catalogue_records import Benchmark, Creator, Feature, Model, Pricing, Provider, Route, RouteBy
from hyperinfer.providers.catalogue_yaml import Value, did_you_mean
from hyperinfer.providers.quirks import overlay

MODEL_KEYS = (
    "slug",
    "name",
    "description",
    "release_date",
    "context_length",
    "max_output_tokens",
    "pricing",
    "features",
    "hugging_face_id",
    "benchmarks",
    "source",
    "route_by",
    "routes",
)
ROUTE_KEYS = ("provider", "model", "weight", "pricing", "quirks", "native_tools", "source")
CREATOR_KEYS = ("name", "brand_color")
BENCHMARK_KEYS = ("label", "score", "unit", "mode", "source_url", "tier")
ASSUMED_CONTEXT = 128_000
"""Context length of a model that does not state one; loading it warns."""
ASSUMED_OUTPUT = 16_384
"""Most output tokens of a model that does not state them (or its context length, when that is less)."""
MOST_TOKENS = 1_000_000_000

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*)*\Z")
_UNPRICED = Pricing(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Known:
    """What the sections before the models declared. `declared` also names providers that could not be used; `taken`
    slugs belong to the built-in demo models."""

    providers: Mapping[str, Provider]
    declared: frozenset[str]
    creators: Mapping[str, Creator]
    taken: frozenset[str]


def read_creators(section: Value) -> dict[str, Creator]:
    """The creators by slug."""
    creators: dict[str, Creator] = {}
    for slug, entry in section.entries().items():
        given = entry.fields(CREATOR_KEYS)
        name = given["name"].text() if "name" in given else None
        colour = values.colour(given["brand_color"]) if "brand_color" in given else ""
        creators[slug] = Creator(slug, name or slug, colour)
    return creators


def read_models(section: Value, known: Known) -> dict[str, Model]:
    """The models by slug, in file order. A slug given twice is reported at its second place."""
    models: dict[str, Model] = {}
    lines: dict[str, int] = {}
    for entry in section.items():
        given = entry.fields(MODEL_KEYS)
        slug = read_slug(entry, given)
        model = _read_model(slug or "unnamed", entry, given, known)
        if slug is None:
            continue
        if slug in known.taken:
            given["slug"].error(f"{slug!r} is a built-in demo model; demo: false frees the slug")
        elif slug in lines:
            given["slug"].error(f"duplicate slug {slug!r}; first given on line {lines[slug]}")
        else:
            lines[slug] = given["slug"].line
            models[slug] = model
    return models


def read_slug(entry: Value, given: Mapping[str, Value]) -> str | None:
    """The slug of a model entry, such as `creator/model`."""
    if "slug" not in given:
        if not entry.is_null():
            entry.error("missing slug")
        else:
            entry.expected("a model")
        return None
    slug = given["slug"].text()
    if slug is not None and (len(slug) > 200 or not _SLUG.match(slug)):
        given["slug"].error("expected a slug such as creator/model: letters, digits and . _ : @ -, parts joined by /")
        return None
    return slug


def _read_model(slug: str, entry: Value, given: Mapping[str, Value], known: Known) -> Model:
    pricing = _pricing(entry, given)
    source = _text(given, "source")
    if not source and pricing is not None and not pricing.is_free:
        given["pricing"].warn("a price without a source: say in `source` where it was read and on which day")
    context, output = _token_limits(entry, given)
    features = _features(given["features"]) if "features" in given else ()
    route_by = given["route_by"].choice("way", get_args(RouteBy)) if "route_by" in given else None
    return Model(
        slug=slug,
        name=_text(given, "name") or slug,
        creator=known.creators.get(slug.partition("/")[0]) or Creator(slug.partition("/")[0], slug.partition("/")[0]),
        context_length=context,
        max_output_tokens=output,
        pricing=pricing or _UNPRICED,
        routes=_routes(entry, given, pricing or _UNPRICED, features, known),
        description=_text(given, "description"),
        release_date=values.day(given["release_date"]) if "release_date" in given else "",
        features=features,
        hugging_face_id=_text(given, "hugging_face_id"),
        benchmarks=tuple(_benchmarks(given["benchmarks"])) if "benchmarks" in given else (),
        source=source,
        route_by=cast("RouteBy", route_by or "weight"),
    )


def _pricing(entry: Value, given: Mapping[str, Value]) -> Pricing | None:
    if "pricing" not in given:
        entry.error("missing pricing: {prompt, completion} in USD for a million tokens; 0 for a free model")
        return None
    return values.pricing(given["pricing"], None)


def _token_limits(entry: Value, given: Mapping[str, Value]) -> tuple[int, int]:
    context = given["context_length"].integer(1, MOST_TOKENS) if "context_length" in given else None
    output = given["max_output_tokens"].integer(1, MOST_TOKENS) if "max_output_tokens" in given else None
    if "context_length" not in given:
        entry.warn(f"context_length is not given; {ASSUMED_CONTEXT} is assumed")
    if context is not None and output is not None and output > context:
        given["max_output_tokens"].error(f"expected at most the context_length, {context}, got {output}")
    context = context or max(ASSUMED_CONTEXT, output or 0)
    return context, output or min(ASSUMED_OUTPUT, context)


def _text(given: Mapping[str, Value], name: str) -> str:
    return (given[name].text() or "") if name in given else ""


def _features(value: Value) -> tuple[Feature, ...]:
    chosen = [item.choice("feature", get_args(Feature)) for item in value.items()]
    return cast("tuple[Feature, ...]", tuple(dict.fromkeys(feature for feature in chosen if feature)))


def _benchmarks(value: Value) -> list[Benchmark]:
    found: list[Benchmark] = []
    for item in value.items():
        given = item.fields(BENCHMARK_KEYS)
        for name in ("label", "score", "source_url"):
            if name not in given:
                item.error(f"missing {name}")
        label = _text(given, "label")
        score = given["score"].decimal() if "score" in given else None
        unit = given["unit"].choice("unit", ("%", "elo", "pass@1")) if "unit" in given else None
        tier = given["tier"].choice("tier", ("primary", "extra")) if "tier" in given else "extra"
        link = values.web_address(given["source_url"]) if "source_url" in given else None
        mode = _text(given, "mode") or None
        if label and score is not None and link and tier:
            found.append(
                Benchmark(
                    label,
                    score,
                    link,
                    cast("Literal['primary', 'extra']", tier),
                    cast("Literal['%', 'elo', 'pass@1'] | None", unit),
                    mode,
                )
            )
    return found


def _routes(
    entry: Value, given: Mapping[str, Value], pricing: Pricing, features: tuple[Feature, ...], known: Known
) -> tuple[Route, ...]:
    items = given["routes"].items() if "routes" in given else []
    if "routes" not in given or given["routes"].is_empty():
        entry.error("missing routes: at least one {provider, model}")
    routes: list[Route] = []
    for item in items:
        route = _route(item, pricing, features, known)
        if route is None:
            continue
        if any((route.provider.name, route.model) == (other.provider.name, other.model) for other in routes):
            item.error(f"duplicate route to {route.model!r} at {route.provider.name!r}")
        else:
            routes.append(route)
    return tuple(routes)


def _route(item: Value, model_pricing: Pricing, features: tuple[Feature, ...], known: Known) -> Route | None:
    given = item.fields(ROUTE_KEYS)
    for key in ("provider", "model"):
        if key not in given:
            item.error(f"missing {key}")
    name = _text(given, "provider")
    model = _text(given, "model")
    weight = given["weight"].decimal() if "weight" in given else None
    if weight is not None and not 0 <= weight <= 1_000_000:
        given["weight"].error("expected a weight from 0 to 1000000")
    pricing = values.pricing(given["pricing"], model_pricing) if "pricing" in given else model_pricing
    changes = read_quirks(given["quirks"]) if "quirks" in given else {}
    native_tools = read_texts(given["native_tools"]) if "native_tools" in given else None
    source = _text(given, "source")
    if name and name not in known.declared:
        given["provider"].error(f"unknown provider {name[:80]!r}{did_you_mean(name, known.declared)}")
    provider = known.providers.get(name)
    if provider is None or not model or pricing is None:
        return None
    return Route(
        provider=provider,
        model=model,
        pricing=pricing,
        weight=1.0 if weight is None else float(weight),
        quirks=shaped_by_features(overlay(provider.quirks, changes), features),
        native_tools=provider.native_tools if native_tools is None else native_tools,
        source=source,
    )
