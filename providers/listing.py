"""What `GET /api/v1/models` answers. The same Structs make the schema in `/openapi.json`."""

from calendar import timegm
from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from hyperinfer.providers.catalogue_records import Benchmark, Catalogue, Creator, Feature, Model, Pricing

_PICO_PER_TOKEN = 1_000_000  # pico-USD per token of one USD per million tokens


class PublicCreator(msgspec.Struct, frozen=True, omit_defaults=True):
    """Creator branding."""

    slug: str
    name: str
    brand_color: str | msgspec.UnsetType = msgspec.UNSET


class PublicPricing(msgspec.Struct, frozen=True):
    """USD per 1M tokens."""

    # Floats only here, at the very edge: a price has at most 15 significant digits, so its shortest float text is the
    # price itself. Money is never computed from these.
    prompt: float
    completion: float
    cached_prompt: float


class PublicBenchmark(msgspec.Struct, frozen=True, omit_defaults=True):
    """A published score."""

    label: str
    score: float
    source_url: str
    tier: Literal["primary", "extra"]
    unit: Literal["%", "elo", "pass@1"] | msgspec.UnsetType = msgspec.UNSET
    mode: str | msgspec.UnsetType = msgspec.UNSET


class PublicModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model: the published contract's fields, then what the OpenAI and Anthropic SDKs expect of a model."""

    slug: str
    name: str
    provider: PublicCreator
    description: str
    release_date: str
    context_length: int
    max_output_tokens: int
    pricing: PublicPricing
    features: tuple[Feature, ...]
    datacenter_locations: tuple[str, ...]
    benchmarks: tuple[PublicBenchmark, ...]
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    display_name: str
    type: Literal["model"]
    created_at: str
    available: bool
    hugging_face_id: str | msgspec.UnsetType = msgspec.UNSET
    weekly_token_volume: int | msgspec.UnsetType = msgspec.UNSET


class PublicMeta(msgspec.Struct, frozen=True):
    """Deployment capabilities (not per-model)."""

    image_generation_configured: bool


class PublicModels(msgspec.Struct, frozen=True):
    """The whole list, on one page."""

    data: tuple[PublicModel, ...]
    meta: PublicMeta
    object: Literal["list"]
    has_more: bool
    first_id: str | None
    last_id: str | None


def public_models(catalogue: Catalogue, weekly_tokens: Mapping[str, int] | None = None) -> PublicModels:
    """Every model of the catalogue in its order, those without a callable route included (`available: false`).
    weekly_tokens: tokens of the last seven days by slug, of models that have any."""
    data = tuple(public_model(model, (weekly_tokens or {}).get(model.slug)) for model in catalogue.models.values())
    image = catalogue.tools.get("image")
    return PublicModels(
        data=data,
        meta=PublicMeta(image_generation_configured=image is not None and image.available),
        object="list",
        has_more=False,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
    )


def public_model(model: Model, weekly_tokens: int | None = None) -> PublicModel:
    """One model as the public sees it: of its routes only the locations and whether one can be called."""
    return PublicModel(
        slug=model.slug,
        name=model.name,
        provider=_creator(model.creator),
        description=model.description,
        release_date=model.release_date,
        context_length=model.context_length,
        max_output_tokens=model.max_output_tokens,
        pricing=_pricing(model.pricing),
        features=model.features,
        datacenter_locations=tuple(sorted({place for route in model.routes for place in route.provider.locations})),
        benchmarks=tuple(map(_benchmark, sorted(model.benchmarks, key=lambda item: item.tier != "primary"))),
        id=model.slug,
        object="model",
        created=_unix(model.release_date),
        owned_by=model.creator.slug,
        display_name=model.name,
        type="model",
        created_at=f"{model.release_date or '1970-01-01'}T00:00:00Z",
        available=model.available,
        hugging_face_id=model.hugging_face_id or msgspec.UNSET,
        weekly_token_volume=weekly_tokens or msgspec.UNSET,
    )


def _creator(creator: Creator) -> PublicCreator:
    return PublicCreator(creator.slug, creator.name, creator.brand_color or msgspec.UNSET)


def _pricing(pricing: Pricing) -> PublicPricing:
    return PublicPricing(
        prompt=pricing.prompt / _PICO_PER_TOKEN,
        completion=pricing.completion / _PICO_PER_TOKEN,
        cached_prompt=pricing.cached_prompt / _PICO_PER_TOKEN,
    )


def _benchmark(benchmark: Benchmark) -> PublicBenchmark:
    return PublicBenchmark(
        label=benchmark.label,
        score=float(benchmark.score),
        source_url=benchmark.source_url,
        tier=benchmark.tier,
        unit=benchmark.unit or msgspec.UNSET,
        mode=benchmark.mode or msgspec.UNSET,
    )


def _unix(day: str) -> int:
    """Midnight UTC of that day in Unix seconds; 0 when it is not known."""
    return timegm(date.fromisoformat(day).timetuple()) if day else 0
