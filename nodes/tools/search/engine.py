"""What a search API is to the tool `web_search`, and how the fields of its answers are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import msgspec

from hyperinfer.formats.server_tools import ToolSource
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.providers.tool_api import ApiRequest

Freshness: TypeAlias = Literal["day", "week", "month", "year"]
DAYS: Final[Mapping[Freshness, int]] = {"day": 1, "week": 7, "month": 31, "year": 365}

_LONGEST_URL: Final = 2048
_LONGEST_TITLE: Final = 300
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """About where the user is. `country`: two capital letters; the others as the client wrote them, printable ASCII. Empty:
    not said."""

    country: str = ""
    region: str = ""
    city: str = ""
    timezone: str = ""


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One search. `text`: printable, 400 characters at most. `count`: results, 1 to 20. `excerpt`: characters of each.
    `allowed`, `blocked`: host names, with their subdomains; both may be given. `now`: Unix seconds."""

    text: str
    count: int
    excerpt: int
    freshness: Freshness | None = None
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    place: Place = Place()
    now: float


class SearchEngine(Protocol):
    """One kind of API."""

    @property
    def header(self) -> str:
        """Which header takes the key; `authorization` takes it as a bearer token."""
        ...

    def request(self, query: SearchQuery) -> ApiRequest:
        """How the API is asked. Domains and freshness as far as it can: what it cannot is left to the caller, or undone."""
        ...

    def results(self, answer: Any) -> list[ToolSource] | None:
        """What an answer holds, without the entries that are none. None for one that is not of this API, or of a search that
        failed."""
        ...


def objects(value: Any, *path: str) -> list[dict[str, Any]] | None:
    """The objects of the list at `path` within an answer; None where there is no list."""
    for name in path:
        value = value.get(name) if is_object(value) else None
    return [each for each in value if is_object(each)] if is_array(value) else None


def source(*, url: Any, title: Any, excerpts: Iterable[Any], published: Any = None) -> ToolSource | None:
    """A result from the fields of an API, whatever they hold. None without an http(s) address."""
    if not isinstance(url, str) or len(url) > _LONGEST_URL or not url.lower().startswith(("http://", "https://")):
        return None
    if not url.isprintable() or any(character in url for character in ' "<>\\^`{|}'):
        return None
    text = "\n".join(filter(None, map(line, excerpts)))
    return ToolSource(url=url, title=line(title)[:_LONGEST_TITLE], text=text, published=day_and_time(published))


def line(value: Any) -> str:
    """Text on one line, without what is not printable; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def day_and_time(value: Any) -> str | None:
    """When a page was published: the dates of mail and news in ISO 8601, any other short text as it is."""
    text = line(value)
    if not text or len(text) > 60:
        return None
    if _ISO.match(text):
        return text
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, OverflowError):
        return text
