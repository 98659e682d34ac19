"""Domains, the options of a request, and the arguments of a model's search."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.nodes.tools.search.arguments import BadArguments, SearchArguments, search_arguments
from hyperinfer.nodes.tools.search.domains import Domain, belongs, domain
from hyperinfer.nodes.tools.search.engine import Place
from hyperinfer.nodes.tools.search.options import SearchOptions, search_options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", Domain("example.com")),
        (" https://Example.COM/ ", Domain("example.com")),
        ("*.example.com", Domain("example.com")),
        ("example.com/blog/*", Domain("example.com", "/blog")),
        ("http://example.com/blog/", Domain("example.com", "/blog")),
        ("example.com.", Domain("example.com")),
        ("münchen.example", Domain("xn--mnchen-3ya.example")),
        ("localhost", Domain("localhost")),
        *((bad, None) for bad in ("", " ", "/", "https://", "a b.com", "-a.com", "a-.com", "a..com", "exa$mple.com")),
        *((bad, None) for bad in ("a.com,site=b.com", "a.com\n$boost", "user@a.com", "a.com:80", "*.*.com", "a.com/*/b")),
        *((bad, None) for bad in ("x" * 64 + ".com", "a." * 130 + "com", "a.com/" + "x" * 500, "ü" * 70, "[::1]")),
    ],
)
def test_domains_are_read_or_refused(text: str, expected: Domain | None) -> None:
    assert domain(text) == expected


@pytest.mark.parametrize(
    ("url", "allowed", "blocked", "shown"),
    [
        ("https://example.com/a", [], [], True),
        ("https://example.com/a", ["example.com"], [], True),
        ("https://EXAMPLE.com:443/a", ["example.com"], [], True),
        ("https://docs.example.com", ["example.com"], [], True),
        ("https://notexample.com", ["example.com"], [], False),
        ("https://example.com.evil.net", ["example.com"], [], False),
        ("https://example.com@evil.net/", ["example.com"], [], False),
        ("https://example.com", ["docs.example.com"], [], False),
        ("https://example.com/blog", ["example.com/blog"], [], True),
        ("https://example.com/blog/a?b", ["example.com/blog"], [], True),
        ("https://example.com/blogger", ["example.com/blog"], [], False),
        ("https://example.com/a", ["example.com"], ["example.com/a"], False),
        ("https://a.example.com/", [], ["example.com"], False),
        ("https://b.net/", ["a.net", "b.net"], [], True),
        ("https://xn--mnchen-3ya.example/", ["münchen.example"], [], True),
        ("https://münchen.example/", ["münchen.example"], [], True),
        ("https://[::1", [], [], False),
    ],
)
def test_which_pages_belong(url: str, allowed: list[str], blocked: list[str], shown: bool) -> None:
    def read(texts: list[str]) -> list[Domain]:
        return [each for each in map(domain, texts) if each]

    assert belongs(url, read(allowed), read(blocked)) is shown


def test_options_by_every_name() -> None:
    assert search_options({}) == SearchOptions(results=6, most=20, excerpt=800)
    openai = {
        "filters": {"allowed_domains": ["a.com", "https://b.com/"], "blocked_domains": ["c.a.com"]},
        "search_context_size": "low",
        "user_location": {"type": "approximate", "country": "de", "region": "Bayern", "city": "München", "timezone": "UTC"},
        "external_web_access": False,
    }
    assert search_options(openai) == SearchOptions(
        results=3,
        most=20,
        excerpt=400,
        allowed=(Domain("a.com"), Domain("b.com")),
        blocked=(Domain("c.a.com"),),
        place=Place(country="DE", region="Bayern", timezone="UTC"),
    )
    anthropic = {"max_uses": 3, "allowed_domains": ["a.com"], "blocked_domains": None, "user_location": {"country": "USA"}}
    assert search_options(anthropic) == SearchOptions(results=6, most=20, excerpt=800, allowed=(Domain("a.com"),))
    others = {"max_results": 4, "include_domains": ["a.com"], "exclude_domains": ["b.com"], "search_context_size": None}
    assert search_options(others) == SearchOptions(
        results=4, most=4, excerpt=800, allowed=(Domain("a.com"),), blocked=(Domain("b.com"),)
    )
    assert search_options({"max_results": 2, "search_context_size": "high"}) == SearchOptions(
        results=2, most=2, excerpt=1600
    )
    assert search_options({"max_results": 15, "search_context_size": "low"}) == SearchOptions(
        results=3, most=15, excerpt=400
    )
    assert search_options({"max_results": 500}).most == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_results": 0}, "max_results: expected a whole number from 1 to 20"),
        ({"max_results": True}, "max_results: expected a whole number from 1 to 20"),
        ({"max_results": "5"}, "max_results: expected a whole number from 1 to 20"),
        ({"search_context_size": "huge"}, "search_context_size: expected one of low, medium, high"),
        ({"search_context_size": ["low"]}, "search_context_size: expected one of low, medium, high"),
        ({"filters": []}, "filters: expected an object"),
        ({"allowed_domains": "a.com"}, "allowed_domains: expected a list of domains, such as example.com"),
        ({"blocked_domains": ["a.com", 5]}, "blocked_domains: expected a list of domains, such as example.com"),
        (
            {"filters": {"allowed_domains": ["a.com", "b c"]}},
            "filters.allowed_domains[1]: expected a domain, such as example.com",
        ),
        ({"allowed_domains": ["a.com"] * 101}, "allowed_domains: expected at most 100 domains"),
        ({"user_location": "Berlin"}, "user_location: expected an object"),
        ({"user_location": {"city": 5}}, "user_location.city: expected text"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        search_options(options)
    assert str(caught.value) == message


def test_what_cannot_go_into_a_header_is_left_out() -> None:
    place = {"country": "D\r\n", "region": "a\r\nx-evil: 1", "city": "x" * 101, "timezone": " Europe/Berlin "}
    assert search_options({"user_location": place}).place == Place(timezone="Europe/Berlin")


PLAIN = search_options({})
WITHIN = search_options({"allowed_domains": ["a.com", "docs.b.com", "c.com/x"], "max_results": 5})


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        ({"query": " a\n b "}, PLAIN, SearchArguments(query="a b", count=6)),
        ({"query": "a", "count": "3", "freshness": "day"}, PLAIN, SearchArguments(query="a", count=3, freshness="day")),
        ({"query": "a", "count": 3.0, "freshness": ""}, PLAIN, SearchArguments(query="a", count=3)),
        ({"query": "a", "count": 50, "freshness": None, "domains": None}, WITHIN, SearchArguments(query="a", count=5)),
        ({"query": "a", "domains": "x.com"}, PLAIN, SearchArguments(query="a", count=6, domains=(Domain("x.com"),))),
        (
            {"query": "a", "domains": ["d.a.com", "b.com", "c.com"]},
            WITHIN,
            SearchArguments(query="a", count=5, domains=(Domain("d.a.com"), Domain("docs.b.com"), Domain("c.com", "/x"))),
        ),
        (
            {"query": "a", "domains": ["a.com", "evil.com"]},
            WITHIN,
            SearchArguments(query="a", count=5, domains=(Domain("a.com"),)),
        ),
        ({"query": "ab " * 200}, PLAIN, SearchArguments(query=("ab " * 133).strip(), count=6)),
        ({"query": "x" * 500}, PLAIN, SearchArguments(query="x" * 400, count=6)),
        ({"query": "a\ud800b"}, PLAIN, SearchArguments(query="a b", count=6)),
    ],
)
def test_arguments_are_read_as_they_are_meant(
    arguments: dict[str, Any], options: SearchOptions, expected: SearchArguments
) -> None:
    assert search_arguments(arguments, options) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(({"query": bad}, "query has to be text") for bad in (None, "", " \n", 5, ["a"])),
        ({}, "query has to be text"),
        *(({"query": "a", "count": bad}, "count has to be") for bad in (0, -1, 1.5, True, "many", "9" * 5000, ["1"])),
        *(
            ({"query": "a", "freshness": bad}, "freshness has to be one of day, week")
            for bad in ("hour", 5, True, ["day"], {"a": 1})
        ),
        *(({"query": "a", "domains": bad}, "domains has to be a list") for bad in (5, {"a": 1}, ["a.com"] * 101)),
        *(({"query": "a", "domains": [bad]}, "Each of domains has to be a site") for bad in ("a b", 5, None, "")),
        ({"query": "a", "domains": ["evil.com"]}, "Only these sites may be searched: a.com, docs.b.com, c.com/x."),
    ],
)
def test_arguments_that_cannot_be_meant(arguments: dict[str, Any], said: str) -> None:
    refused = search_arguments(arguments, WITHIN)
    assert isinstance(refused, BadArguments)
    assert said in refused.message
