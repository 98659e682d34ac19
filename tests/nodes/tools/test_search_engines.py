"""The adapters of the search APIs: what goes out for a query, and what is read from answers of their documented shapes."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.server_tools import ToolSource
from hyperinfer.nodes.tools.search.engine import Place, SearchQuery, day_and_time, source
from hyperinfer.nodes.tools.web_search import ENGINES

NOW = 1_798_250_712.0
"""2026-12-26 02:05:12 UTC."""
PLAIN = SearchQuery(text="rust gc", count=6, excerpt=800, now=NOW)
FULL = SearchQuery(
    text="rust gc",
    count=3,
    excerpt=400,
    freshness="week",
    allowed=("docs.rs", "rust-lang.org"),
    blocked=("x.example",),
    place=Place(country="DE", region="Berlin", city="Berlin", timezone="Europe/Berlin"),
    now=NOW,
)
BLOCKING = SearchQuery(text="rust gc", count=6, excerpt=800, blocked=("x.example", "y.example"), now=NOW)

BRAVE = {
    "type": "search",
    "query": {"original": "rust gc", "more_results_available": True},
    "mixed": {"type": "mixed", "main": [{"type": "web", "index": 0, "all": False}]},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "The <strong>Rust</strong> Book &amp; more",
                "url": "https://doc.rust-lang.org/book/",
                "description": "Rust has no <strong>garbage</strong> collector: Vec&lt;T&gt; owns it.",
                "age": "2 days ago",
                "page_age": "2026-12-24T10:00:00",
                "meta_url": {"hostname": "doc.rust-lang.org"},
                "extra_snippets": ["Ownership is checked\nat compile time."],
            },
            {"title": "No date", "url": "https://docs.rs/gc"},
        ],
    },
}
TAVILY = {
    "query": "rust gc",
    "answer": None,
    "images": [],
    "results": [
        {"title": "Book", "url": "https://doc.rust-lang.org/book/", "content": "Rust has no GC.", "score": 0.9},
        {
            "title": "News",
            "url": "https://news.example/a",
            "content": "Rust at 12.",
            "score": 0.5,
            "published_date": "Thu, 24 Dec 2026 10:00:00 GMT",
        },
    ],
    "response_time": "1.09",
}
EXA = {
    "requestId": "abc",
    "resolvedSearchType": "neural",
    "results": [
        {
            "title": "Book",
            "url": "https://doc.rust-lang.org/book/",
            "publishedDate": "2026-12-24T10:00:00.000Z",
            "author": None,
            "id": "https://doc.rust-lang.org/book/",
            "highlights": ["Rust has no GC.", "It has owners."],
            "highlightScores": [0.9, 0.8],
        },
        {"title": None, "url": "https://docs.rs/gc", "id": "1", "publishedDate": None, "text": "A collector."},
    ],
    "costDollars": {"total": 0.007},
}
SEARXNG = {
    "query": "rust gc",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://doc.rust-lang.org/book/",
            "title": "Book",
            "content": "Rust has no GC.",
            "publishedDate": "2026-12-24T10:00:00",
            "engine": "brave",
            "score": 2.0,
        },
        {"url": "https://docs.rs/gc", "title": "gc", "content": "", "publishedDate": None},
    ],
    "answers": [],
    "unresponsive_engines": [["google", "CAPTCHA"]],
}
BOOK = ToolSource(
    url="https://doc.rust-lang.org/book/", title="Book", text="Rust has no GC.", published="2026-12-24T10:00:00"
)


def asked(kind: str, query: SearchQuery) -> dict[str, Any]:
    request = ENGINES[kind]().request(query)
    sent: dict[str, Any] = {"path": request.path, **dict(request.query), **dict(request.headers)}
    return sent | (request.body or {})


def test_what_brave_is_asked() -> None:
    base = {"path": "/web/search", "q": "rust gc", "text_decorations": "false", "result_filter": "web"}
    assert asked("brave", PLAIN) == base | {"count": "6"}
    assert asked("brave", FULL) == base | {
        "count": "3",
        "freshness": "pw",
        "country": "DE",
        "goggles": "$discard\n$site=docs.rs\n$site=rust-lang.org",
        "x-loc-country": "DE",
        "x-loc-state-name": "Berlin",
        "x-loc-city": "Berlin",
        "x-loc-timezone": "Europe/Berlin",
    }
    assert asked("brave", BLOCKING)["goggles"] == "$discard,site=x.example\n$discard,site=y.example"
    somewhere = SearchQuery(text="a " * 60, count=1, excerpt=1, place=Place(country="AQ"), now=NOW)
    assert "country" not in asked("brave", somewhere), "it refuses the countries that it has no index of"
    assert asked("brave", somewhere)["q"].split() == ["a"] * 50


def test_what_tavily_is_asked() -> None:
    base = {"path": "/search", "query": "rust gc", "search_depth": "basic"}
    assert asked("tavily", PLAIN) == base | {"max_results": 6}
    assert asked("tavily", FULL) == base | {
        "max_results": 3,
        "time_range": "week",
        "include_domains": ["docs.rs", "rust-lang.org"],
    }
    assert asked("tavily", BLOCKING)["exclude_domains"] == ["x.example", "y.example"]


def test_what_exa_is_asked() -> None:
    base = {"path": "/search", "query": "rust gc", "type": "auto"}
    assert asked("exa", PLAIN) == base | {"numResults": 6, "contents": {"highlights": {"maxCharacters": 800}}}
    assert asked("exa", FULL) == base | {
        "numResults": 3,
        "contents": {"highlights": {"maxCharacters": 400}},
        "startPublishedDate": "2026-12-19T02:05:12.000Z",
        "includeDomains": ["docs.rs", "rust-lang.org"],
        "userLocation": "DE",
    }
    assert asked("exa", BLOCKING)["excludeDomains"] == ["x.example", "y.example"]


def test_what_searxng_is_asked() -> None:
    base = {"path": "/search", "format": "json"}
    assert asked("searxng", PLAIN) == base | {"q": "rust gc"}
    assert asked("searxng", FULL) == base | {"q": "rust gc site:docs.rs OR site:rust-lang.org", "time_range": "week"}
    assert asked("searxng", BLOCKING)["q"] == "rust gc -site:x.example -site:y.example"
    many = SearchQuery(text="a", count=1, excerpt=1, allowed=tuple(f"{i}.example" for i in range(9)), now=NOW)
    assert asked("searxng", many)["q"] == "a"
    bangs = SearchQuery(text="!!g :de rust !images gc!", count=1, excerpt=1, now=NOW)
    assert asked("searxng", bangs)["q"] == "g de rust images gc!", "commands to the instance are not for models"


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        (
            "brave",
            BRAVE,
            [
                ToolSource(
                    url=BOOK.url,
                    title="The Rust Book & more",
                    text="Rust has no garbage collector: Vec<T> owns it.\nOwnership is checked at compile time.",
                    published="2026-12-24T10:00:00",
                ),
                ToolSource(url="https://docs.rs/gc", title="No date"),
            ],
        ),
        (
            "tavily",
            TAVILY,
            [
                ToolSource(url=BOOK.url, title="Book", text="Rust has no GC."),
                ToolSource(
                    url="https://news.example/a", title="News", text="Rust at 12.", published="2026-12-24T10:00:00+00:00"
                ),
            ],
        ),
        (
            "exa",
            EXA,
            [
                ToolSource(
                    url=BOOK.url, title="Book", text="Rust has no GC.\nIt has owners.", published="2026-12-24T10:00:00.000Z"
                ),
                ToolSource(url="https://docs.rs/gc", text="A collector."),
            ],
        ),
        ("searxng", SEARXNG, [BOOK, ToolSource(url="https://docs.rs/gc", title="gc")]),
    ],
)
def test_answers_as_the_apis_give_them(kind: str, answer: Any, expected: list[ToolSource]) -> None:
    assert ENGINES[kind]().results(answer) == expected


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("brave", {"type": "search", "query": {"original": "qqq"}}),
        ("brave", {"type": "search", "web": {"type": "search", "results": []}}),
        ("tavily", {"results": []}),
        ("exa", {"requestId": "a", "results": []}),
        ("searxng", {"query": "q", "results": [], "unresponsive_engines": []}),
    ],
)
def test_nothing_found_is_an_answer(kind: str, answer: Any) -> None:
    assert ENGINES[kind]().results(answer) == []


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize(
    "answer",
    [
        *(None, 5, "no", [], [[]], {}, {"results": None}, {"results": "x"}, {"results": {}}, {"web": []}),
        *({"web": {"results": 5}}, {"type": "search", "web": "x"}, {"error": {"code": "RATE_LIMITED"}}),
    ],
)
def test_what_is_no_answer_of_the_api(kind: str, answer: Any) -> None:
    assert ENGINES[kind]().results(answer) is None


def test_a_searxng_whose_engines_all_failed_has_not_found_nothing() -> None:
    assert ENGINES["searxng"]().results({"results": [], "unresponsive_engines": [["google", "timeout"]]}) is None


HOSTILE: list[Any] = [
    *(None, 5, "x", [], {}, {"url": None}, {"url": 5}, {"url": ["https://a"]}, {"url": ""}),
    *({"url": "javascript:alert(1)"}, {"url": "file:///etc/passwd"}, {"url": "//a.example"}, {"url": "https://a b"}),
    *({"url": "https://a.example/\n[x](https://evil)"}, {"url": "https://a.example/\u202e"}, {"url": 'https://a"'}),
    {"url": "https://a.example/" + "x" * 3000},
]
GOOD: dict[str, Any] = {
    **{"url": "https://a.example/", "title": 5, "description": ["x"], "content": None, "highlights": [5, None, {}]},
    **{"extra_snippets": "x", "page_age": 7, "published_date": {}, "publishedDate": [], "text": 1, "summary": False},
}


@pytest.mark.parametrize("kind", ENGINES)
def test_hostile_entries_are_left_out_and_fields_of_a_wrong_type_are_empty(kind: str) -> None:
    items = [*HOSTILE, GOOD]
    answer = {"type": "search", "results": items, "web": {"results": items}}
    assert ENGINES[kind]().results(answer) == [ToolSource(url="https://a.example/")]


def test_text_of_results_is_printable_and_on_one_line() -> None:
    found = source(url="https://a.example", title=" a\x00b\r\n c\u202e ", excerpts=["x\ud800\ty", "", "  ", "z"])
    assert found == ToolSource(url="https://a.example", title="a b c", text="x y\nz")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        *(("2026-12-24", "2026-12-24"), ("2026-12-24T10:00:00Z", "2026-12-24T10:00:00Z"), (" 3 days  ago ", "3 days ago")),
        ("Thu, 24 Dec 2026 10:00:00 +0100", "2026-12-24T10:00:00+01:00"),
        *(("", None), (None, None), (5, None), ("x" * 61, None)),
        *(
            ("Thu, 99 Dec 2026 10:00:00 GMT", "Thu, 99 Dec 2026 10:00:00 GMT"),
            ("Thu, 24 Dec 99999999 1:1:1", "Thu, 24 Dec 99999999 1:1:1"),
        ),
    ],
)
def test_dates(said: object, read: str | None) -> None:
    assert day_and_time(said) == read
