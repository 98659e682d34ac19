"""Tavily Search.

https://docs.tavily.com/documentation/api-reference/endpoint/search (read 2026-11-26). Its `country` wants names of countries
and not codes, so the location of the user is not told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.nodes.tools.search.engine import SearchQuery, objects, source
from hyperinfer.providers.tool_api import ApiRequest

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolSource


class Tavily:
    """A basic search: one credit, an excerpt of each page."""

    header: str = "authorization"

    def request(self, query: SearchQuery) -> ApiRequest:
        body: dict[str, Any] = {"query": query.text, "search_depth": "basic", "max_results": query.count}
        if query.freshness:
            body["time_range"] = query.freshness
        if query.allowed:
            body["include_domains"] = list(query.allowed)
        elif query.blocked:
            body["exclude_domains"] = list(query.blocked)
        return ApiRequest(path="/search", body=body)

    def results(self, answer: Any) -> list[ToolSource] | None:
        found = objects(answer, "results")
        if found is None:
            return None
        made = (
            source(
                url=item.get("url"),
                title=item.get("title"),
                excerpts=[item.get("content")],
                published=item.get("published_date"),
            )
            for item in found
        )
        return list(filter(None, made))
