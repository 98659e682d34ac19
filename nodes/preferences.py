"""Which routes a caller's preferences leave, and which preference left out the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.formats.routing import Routing
    from hyperinfer.providers.catalogue import Provider, Route


def is_named(provider: Provider, name: str) -> bool:
    """Whether a preference means this provider by `name`, in lower case: `azure` is also `azure/eu`, not the other way."""
    own = provider.name.lower()
    return own == name or own.startswith(f"{name}/")


def barred_by(route: Route, routing: Routing) -> str | None:
    """The first preference that leaves this route out, as a path in the request; None where it may serve."""
    provider = route.provider
    if routing.only and not any(is_named(provider, name) for name in routing.only):
        return "provider.only"
    if any(is_named(provider, name) for name in routing.ignore):
        return "provider.ignore"
    if not routing.allow_fallbacks and routing.order and not any(is_named(provider, name) for name in routing.order):
        return "provider.allow_fallbacks"
    if routing.data_collection == "deny" and provider.data_collection != "deny":
        return "provider.data_collection"
    if routing.locations and not _is_within(provider, routing.locations):
        return "provider.locations"
    if routing.max_prompt is not None and route.pricing.prompt > routing.max_prompt:
        return "provider.max_price.prompt"
    if routing.max_completion is not None and route.pricing.completion > routing.max_completion:
        return "provider.max_price.completion"
    return None


def _is_within(provider: Provider, places: Sequence[str]) -> bool:
    """Where a provider's machines are in several places, any of them may serve; where nobody says, none is promised."""
    return bool(provider.locations) and all(place.upper() in places for place in provider.locations)


def none_left(routes: Sequence[Route], routing: Routing) -> tuple[str, str]:
    """Of routes that are all left out: the preference at fault (`provider`, where there are several), and in words how many
    each leaves out."""
    counts = Counter(path for route in routes if (path := barred_by(route, routing)) is not None)
    said = ", ".join(f"{path} {count}" for path, count in counts.items())
    path = next(iter(counts)) if len(counts) == 1 else "provider"
    return path, said


def by_name(routes: Sequence[Route], names: Sequence[str]) -> list[Route]:
    """The routes at the named providers, in the order of the names, then the others as they were."""

    def place(route: Route) -> int:
        return next((place for place, name in enumerate(names) if is_named(route.provider, name)), len(names))

    return sorted(routes, key=place)
