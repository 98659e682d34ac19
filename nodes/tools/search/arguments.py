"""What a model wrote as the arguments of its web search: read as it is meant, as far as that is clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hyperinfer.formats.wire import is_array
from hyperinfer.nodes.tools.search.domains import MOST_DOMAINS, Domain, domain
from hyperinfer.nodes.tools.search.engine import DAYS, Freshness, line

if TYPE_CHECKING:
    from hyperinfer.nodes.tools.search.options import SearchOptions

LONGEST_QUERY: Final = 400
"""Characters, as Brave and Tavily have it. What is longer is cut at a word."""


class BadArguments(msgspec.Struct, frozen=True):
    """Why nothing is searched for. `message`: for the model."""

    message: str


class SearchArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`query`: printable, one line. `domains`: within those that the request allows; empty: all of them."""

    query: str
    count: int
    freshness: Freshness | None = None
    domains: tuple[Domain, ...] = ()


def search_arguments(arguments: Mapping[str, Any], options: SearchOptions) -> SearchArguments | BadArguments:
    """Missing, null and empty are the same; numbers may be text; more results than there may be are as many as may be."""
    query = _shortened(line(arguments.get("query")))
    if not query:
        return BadArguments("query has to be text: what to search for, in a few words.")
    count = arguments.get("count")
    if isinstance(count, str) and count.strip().isdecimal() and len(count) < 10:
        count = int(count)
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if count is None:
        count = options.results
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        return BadArguments(f"count has to be a whole number from 1 to {options.most}.")
    freshness = arguments.get("freshness") or None
    if freshness is not None and freshness not in list(DAYS):
        return BadArguments(f"freshness has to be one of {', '.join(DAYS)}, or left out.")
    domains = _domains(arguments.get("domains"), options)
    if isinstance(domains, BadArguments):
        return domains
    return SearchArguments(query=query, count=min(count, options.most), freshness=freshness, domains=domains)


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_QUERY:
        return text
    cut = text[: LONGEST_QUERY + 1]
    return (cut.rpartition(" ")[0] or cut[:LONGEST_QUERY]).rstrip()


def _domains(value: Any, options: SearchOptions) -> tuple[Domain, ...] | BadArguments:
    texts: Any = [value] if isinstance(value, str) else value or []
    if not is_array(texts) or len(texts) > MOST_DOMAINS:
        return BadArguments(f"domains has to be a list of at most {MOST_DOMAINS} sites, such as example.com.")
    found: dict[Domain, None] = {}
    for text in texts:
        read = domain(text) if isinstance(text, str) else None
        if read is None:
            return BadArguments("Each of domains has to be a site, such as example.com.")
        # A site above an allowed one means those parts of it that are allowed.
        if not options.allowed or any(map(read.within, options.allowed)):
            found[read] = None
        found |= {each: None for each in options.allowed if each.within(read)}
    if texts and not found:
        names = ", ".join(each.host + each.path for each in options.allowed)
        return BadArguments(f"Only these sites may be searched: {names}.")
    return tuple(found)
