"""Brave Search, the Web Search API.

https://api-dashboard.search.brave.com/api-reference/web/search/get (parameters, read 2026-11-26) and
https://github.com/brave/brave-search-skills, skills/web-search/SKILL.md (answers, goggles, headers of the location).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.formats.wire import is_array, is_object
from hyperinfer.nodes.tools.search.engine import SearchQuery, objects, source
from hyperinfer.providers.tool_api import ApiRequest

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolSource

_MOST_WORDS: Final = 50
_MARK: Final = re.compile(r"</?(?:strong|b|em)>")
_FRESHNESS: Final = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}
_COUNTRIES: Final = (
    "AR AU AT BE BR CA CL DK FI FR DE GR HK IN ID IT JP KR MY MX NL NZ NO CN PL PT PH RU SA ZA ES SE CH TW TR GB US"
)
"""The values that `country` may have: any other is refused with 422."""


class Brave:
    """Domains by a goggle, the language in which it takes rules for its results. The location as its headers."""

    header: str = "x-subscription-token"

    def request(self, query: SearchQuery) -> ApiRequest:
        parameters = [
            ("q", " ".join(query.text.split(" ")[:_MOST_WORDS])),
            ("count", str(query.count)),
            ("text_decorations", "false"),
            ("result_filter", "web"),
        ]
        if query.freshness:
            parameters.append(("freshness", _FRESHNESS[query.freshness]))
        if query.place.country in _COUNTRIES.split():
            parameters.append(("country", query.place.country))
        if rules := "\n".join(_rules(query)):
            parameters.append(("goggles", rules))
        located = (
            ("x-loc-country", query.place.country),
            ("x-loc-state-name", query.place.region),
            ("x-loc-city", query.place.city),
            ("x-loc-timezone", query.place.timezone),
        )
        return ApiRequest(path="/web/search", query=tuple(parameters), headers=tuple(each for each in located if each[1]))

    def results(self, answer: Any) -> list[ToolSource] | None:
        found = objects(answer, "web", "results")
        if found is None:
            # Where nothing was found there is no `web`.
            return [] if is_object(answer) and answer.get("type") == "search" and not answer.get("web") else None
        return list(filter(None, map(_result, found)))


def _rules(query: SearchQuery) -> Iterator[str]:
    if query.allowed:
        yield "$discard"
        yield from (f"$site={host}" for host in query.allowed)
    else:
        yield from (f"$discard,site={host}" for host in query.blocked)


def _result(item: dict[str, Any]) -> ToolSource | None:
    more = item.get("extra_snippets")
    excerpts = [item.get("description"), *(more if is_array(more) else ())]
    return source(
        url=item.get("url"),
        title=_plain(item.get("title")),
        excerpts=map(_plain, excerpts),
        published=item.get("page_age"),
    )


def _plain(text: Any) -> Any:
    """Titles and descriptions are HTML of a few marks and entities."""
    return html.unescape(_MARK.sub("", text)) if isinstance(text, str) else None
