"""What a request may say of its web search, under the names that OpenAI, Anthropic and OpenRouter have for it.

| option | what it does |
|---|---|
| `max_results` | most results of one search, 1 to 20 |
| `search_context_size` | `low`, `medium`, `high`: how many results, and how much of each |
| `allowed_domains`, `filters.allowed_domains`, `include_domains` | only pages of these |
| `blocked_domains`, `filters.blocked_domains`, `exclude_domains` | no pages of these |
| `user_location` | `country`, `region`, `city`, `timezone`, for the engines that take them |

Whatever else stands there does nothing here (`max_uses`, `external_web_access`, `cache_control`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from hyperinfer.formats.wire import is_array, is_object
from hyperinfer.nodes.tools.search.domains import MOST_DOMAINS, Domain, domain
from hyperinfer.nodes.tools.search.engine import Place

MOST_RESULTS: Final = 20
_SIZES: Final[Mapping[str, tuple[int, int]]] = {"low": (3, 400), "medium": (6, 800), "high": (12, 1600)}
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}\Z")
_LONGEST_PLACE: Final = 100


class SearchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`results`: of a search of which the model does not say. `most`: the most that it may ask for. `excerpt`: characters of
    each."""

    results: int
    most: int
    excerpt: int
    allowed: tuple[Domain, ...] = ()
    blocked: tuple[Domain, ...] = ()
    place: Place = Place()


def search_options(options: Mapping[str, Any]) -> SearchOptions:
    """Raises `ValueError`, which says what is expected, for an option of a wrong kind."""
    size = options.get("search_context_size")
    if size is not None and size not in list(_SIZES):
        raise ValueError(f"search_context_size: expected one of {', '.join(_SIZES)}")
    results, excerpt = _SIZES[size or "medium"]
    most = options.get("max_results")
    if most is None:
        most = MOST_RESULTS
    elif not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ValueError(f"max_results: expected a whole number from 1 to {MOST_RESULTS}")
    else:
        most = min(most, MOST_RESULTS)
        results = most if size is None else min(results, most)
    filters: object = {} if options.get("filters") is None else options["filters"]
    if not is_object(filters):
        raise ValueError("filters: expected an object")
    return SearchOptions(
        results=min(results, most),
        most=most,
        excerpt=excerpt,
        allowed=_domains(options, filters, "allowed_domains", "include_domains"),
        blocked=_domains(options, filters, "blocked_domains", "exclude_domains"),
        place=_place(options.get("user_location")),
    )


def _domains(options: Mapping[str, Any], filters: Mapping[str, Any], name: str, other: str) -> tuple[Domain, ...]:
    given = [(name, options.get(name)), (other, options.get(other)), (f"filters.{name}", filters.get(name))]
    return tuple(dict.fromkeys(each for where, value in given for each in _read(value, where)))


def _read(value: Any, where: str) -> Iterator[Domain]:
    if value is None:
        return
    if not is_array(value) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{where}: expected a list of domains, such as example.com")
    if len(value) > MOST_DOMAINS:
        raise ValueError(f"{where}: expected at most {MOST_DOMAINS} domains")
    for index, text in enumerate(value):
        found = domain(text)
        if found is None:
            raise ValueError(f"{where}[{index}]: expected a domain, such as example.com")
        yield found


def _place(value: Any) -> Place:
    if value is None:
        return Place()
    if not is_object(value):
        raise ValueError("user_location: expected an object")
    said = {name: value.get(name) for name in ("country", "region", "city", "timezone")}
    for name, text in said.items():
        if text is not None and not isinstance(text, str):
            raise ValueError(f"user_location.{name}: expected text")
    # They go into headers. What has no place there, such as München, is left out.
    kept: dict[str, str] = {
        name: text.strip()
        for name, text in said.items()
        if text and len(text) <= _LONGEST_PLACE and text.isascii() and text.isprintable()
    }
    country = kept.get("country", "")
    kept["country"] = country.upper() if _COUNTRY.match(country) else ""
    return Place(**kept)
