"""Exa Search, with highlights: the passages of each page that fit the query.

https://exa.ai/docs/reference/search (read 2026-11-26).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.wire import is_array
from hyperinfer.nodes.tools.search.engine import DAYS, SearchQuery, objects, source
from hyperinfer.providers.tool_api import ApiRequest

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolSource


class Exa:
    """Freshness is a day from which on a page was published. Of the location it takes the country."""

    header: str = "x-api-key"

    def request(self, query: SearchQuery) -> ApiRequest:
        body: dict[str, Any] = {
            "query": query.text,
            "type": "auto",
            "numResults": query.count,
            "contents": {"highlights": {"maxCharacters": query.excerpt}},
        }
        if query.freshness:
            since = datetime.fromtimestamp(query.now, UTC) - timedelta(days=DAYS[query.freshness])
            body["startPublishedDate"] = f"{since:%Y-%m-%dT%H:%M:%S}.000Z"
        if query.allowed:
            body["includeDomains"] = list(query.allowed)
        elif query.blocked:
            body["excludeDomains"] = list(query.blocked)
        if query.place.country:
            body["userLocation"] = query.place.country
        return ApiRequest(path="/search", body=body)

    def results(self, answer: Any) -> list[ToolSource] | None:
        found = objects(answer, "results")
        return None if found is None else list(filter(None, map(_result, found)))


def _result(item: dict[str, Any]) -> ToolSource | None:
    highlights = item.get("highlights")
    excerpts = highlights if is_array(highlights) and highlights else [item.get("summary") or item.get("text")]
    return source(url=item.get("url"), title=item.get("title"), excerpts=excerpts, published=item.get("publishedDate"))
