"""A SearXNG instance of one's own, whose settings list `json` among the formats.

https://docs.searxng.org/dev/search_api.html (read 2026-11-26).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hyperinfer.nodes.tools.search.engine import SearchQuery, objects, source
from hyperinfer.providers.tool_api import ApiRequest

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolSource

_MOST_OPERATORS: Final = 8
"""Domains that are put into the query: engines cut long ones."""


class Searxng:
    """Domains are operators within the query, which most of the engines behind it understand. No location. A key goes as a
    bearer token, for a proxy in front of it."""

    header: str = "authorization"

    def request(self, query: SearchQuery) -> ApiRequest:
        parameters = [("q", _with_domains(query)), ("format", "json")]
        if query.freshness:
            parameters.append(("time_range", query.freshness))
        return ApiRequest(path="/search", query=tuple(parameters))

    def results(self, answer: Any) -> list[ToolSource] | None:
        found = objects(answer, "results")
        if found is None or (not found and answer.get("unresponsive_engines")):
            return None
        made = (
            source(
                url=item.get("url"),
                title=item.get("title"),
                excerpts=[item.get("content")],
                published=item.get("publishedDate"),
            )
            for item in found
        )
        return list(filter(None, made))


def _with_domains(query: SearchQuery) -> str:
    # A word with `!` or `:` before it chooses engines or languages, and `!!` answers with a redirect.
    text = " ".join(word.lstrip("!:") for word in query.text.split(" "))
    if query.allowed:
        operators = [f"site:{host}" for host in query.allowed]
        joined = " OR ".join(operators)
        return f"{text} {joined}" if len(operators) <= _MOST_OPERATORS else text
    return " ".join([text, *(f"-site:{host}" for host in query.blocked[:_MOST_OPERATORS])])
