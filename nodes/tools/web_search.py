"""The tool `web_search`: asks the search API of the operator's choice, and gives the model numbered results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hyperinfer.formats.server_tools import ToolName, ToolOutcome, ToolSource
from hyperinfer.nodes.tools.port import Declaration
from hyperinfer.nodes.tools.search.arguments import LONGEST_QUERY, BadArguments, SearchArguments, search_arguments
from hyperinfer.nodes.tools.search.brave import Brave
from hyperinfer.nodes.tools.search.domains import belongs
from hyperinfer.nodes.tools.search.engine import DAYS, SearchEngine, SearchQuery
from hyperinfer.nodes.tools.search.exa import Exa
from hyperinfer.nodes.tools.search.options import SearchOptions, search_options
from hyperinfer.nodes.tools.search.searxng import Searxng
from hyperinfer.nodes.tools.search.tavily import Tavily
from hyperinfer.providers.tool_api import ApiFault, ToolApi

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.providers.catalogue_records import Tool

ENGINES: Final[Mapping[str, Callable[[], SearchEngine]]] = {
    "brave": Brave,
    "tavily": Tavily,
    "exa": Exa,
    "searxng": Searxng,
}
"""By the `kind` in `providers.yaml`."""

ANSWER_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of an API's answer."""

_FAULTS: Final[Mapping[str, str]] = {
    "timeout": "The web search did not answer in time. Try once more, with other words, or answer without it and say so.",
    "bad_arguments": "The web search refused this query. Try a shorter one, in plain words.",
}
_UNAVAILABLE: Final = (
    "The web search is not available at the moment. Answer without it, and tell the user that you could not search."
)


class WebSearchTool:
    """`web_search(query, [count], [freshness], [domains])`. Its options: `search.options`.

    That results are of the domains that were asked for is seen to here, whatever the API can do. `now`: Unix seconds.
    """

    name: ToolName = "web_search"
    seconds: float = 30.0

    def __init__(self, tool: Tool, transport: httpx2.AsyncBaseTransport, *, now: Callable[[], float]) -> None:
        self.price = tool.price
        self._engine = ENGINES[tool.kind]()
        self._now = now
        # Its own deadline is a second shorter than the tool's, which is told in other words.
        self._api = ToolApi(
            tool, transport, header=self._engine.header, seconds=self.seconds - 1, limit=ANSWER_LIMIT, now=now
        )

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """Raises `ValueError` for options that make no sense."""
        chosen = search_options(options)
        return Declaration(
            description="Searches the web. Gives titles, addresses, dates and excerpts of pages. Use it for what is recent, "
            "or what you do not know for certain, and cite the pages that you use as Markdown links.",
            parameters={
                "type": "object",
                "properties": {
                    "query": {
                        "type": "string",
                        "description": f"What to search for, in a few words; at most {LONGEST_QUERY} characters.",
                    },
                    "count": {
                        "type": "integer",
                        "description": f"How many results; {chosen.results} when left out.",
                        "minimum": 1,
                        "maximum": chosen.most,
                    },
                    "freshness": {
                        "type": "string",
                        "enum": list(DAYS),
                        "description": "Only pages published within the last day, week, month or year.",
                    },
                    "domains": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Only pages of these sites, such as example.com." + _choice(chosen),
                    },
                },
                "required": ["query"],
                "additionalProperties": False,
            },
        )

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """The results as text and as sources; none is an outcome, too."""
        chosen = search_options(options)
        asked = search_arguments(arguments, chosen)
        if isinstance(asked, BadArguments):
            return ToolOutcome(text=asked.message, summary=asked.message, error="bad_arguments", calls=0)
        answer = await self._api.ask(self._engine.request(self._query(asked, chosen)))
        if isinstance(answer, ApiFault):
            return _failed(answer.error)
        found = self._engine.results(answer.value)
        return _failed(self._api.misunderstood().error) if found is None else _outcome(found, asked, chosen)

    def _query(self, asked: SearchArguments, chosen: SearchOptions) -> SearchQuery:
        return SearchQuery(
            text=asked.query,
            count=asked.count,
            excerpt=chosen.excerpt,
            freshness=asked.freshness,
            allowed=tuple(dict.fromkeys(each.host for each in asked.domains or chosen.allowed)),
            # A host of which only a part is blocked is not.
            blocked=tuple(dict.fromkeys(each.host for each in chosen.blocked if not each.path)),
            place=chosen.place,
            now=self._now(),
        )


def _choice(chosen: SearchOptions) -> str:
    return f" There are: {', '.join(each.host + each.path for each in chosen.allowed)}." if chosen.allowed else ""


def _outcome(found: list[ToolSource], asked: SearchArguments, chosen: SearchOptions) -> ToolOutcome:
    unique: dict[str, ToolSource] = {}
    for each in found:
        if belongs(each.url, asked.domains or chosen.allowed, chosen.blocked):
            unique.setdefault(each.url, each)
    sources = tuple(_shortened(each, chosen.excerpt) for each in islice(unique.values(), asked.count))
    if not sources:
        text = f'No results for "{asked.query}". Try other or fewer words, or fewer restrictions.'
        return ToolOutcome(text=text, summary=f'No results for "{asked.query}"')
    several = "1 result" if len(sources) == 1 else f"{len(sources)} results"
    parts = [f'{several} of the web search for "{asked.query}":']
    parts += [_told(number, each) for number, each in enumerate(sources, 1)]
    parts.append("Cite the pages that you use as Markdown links to their addresses: [title](address).")
    return ToolOutcome(text="\n\n".join(parts), summary=f'{several} for "{asked.query}"', sources=sources)


def _shortened(source: ToolSource, longest: int) -> ToolSource:
    if len(source.text) <= longest:
        return source
    cut = source.text[: longest - 1]
    return msgspec.structs.replace(source, text=(cut.rpartition(" ")[0] or cut).rstrip() + "…")


def _told(number: int, source: ToolSource) -> str:
    dated = f"\nPublished: {source.published}" if source.published else ""
    return f"[{number}] {source.title or source.url}\nAddress: {source.url}{dated}" + (
        f"\n{source.text}" if source.text else ""
    )


def _failed(error: str) -> ToolOutcome:
    kept = error if error in _FAULTS else "unavailable"
    return ToolOutcome(text=_FAULTS.get(kept, _UNAVAILABLE), summary=f"The web search failed ({kept})", error=kept, calls=0)
