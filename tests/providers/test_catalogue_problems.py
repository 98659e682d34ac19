"""Every mistake is reported, all at once, with its line, its path, what was expected, and no secret."""

import pytest

from hyperinfer.providers.catalogue import CatalogueErrors, Problem, load

MANY = """\
providers:
  openai: {protocol: openai-chat, base_url: "https://x.example/v1", api_key: "${KEY}", auth: barer}
  openai: {protocol: openai_chat}
  azure:
    protocol: openai_chat
    base_url: ftp://x.example
    quirks: {tool_ids: alnum9, stop: max3}
    headers: {X-A: "${", Host: x}
    timeouts: {conect: 1, idle: 0, whole: fast}
    data_collection: maybe
    concurrency: 0
    locations: [US, US]
creators:
  openai: {name: OpenAI, brand_color: #412991
  }
  other: {name: 12, brand_color: red}
models:
  - slug: openai/a
    pricing: {prompt: 0.1234567, completion: -1, cached: 2}
    context_length: 10
    max_output_tokens: 11
    release_date: 2026-02-30
    features: [tool]
    benchmarks: [{label: B, score: high, tier: first, source_url: ftp://x}]
    routes: [{provider: opnai, model: x}, {provider: azure, model: 3.5}, {provider: azure}]
  - slug: openai/a
    context_length: 1
    pricing: {prompt: 1, completion: 2}
    route_by: cheapest
    routes: []
  - name: nameless
tools: {web_serach: {}, image: {price: 1.0000000000001}}
limits: {grace: 0, body_mb: 1.5, retries: 99}
demo: perhaps
modles: []
"""

EXPECTED = """\
2: providers.openai.protocol: unknown protocol 'openai-chat'; one of openai_chat, openai_responses, \
anthropic_messages; did you mean 'openai_chat'?
2: providers.openai.auth: unknown auth 'barer'; one of bearer, x-api-key, header:NAME
3: providers.openai: duplicate key; first given on line 2
6: providers.azure.base_url: expected an http:// or https:// address with the version path, such as https://host/v1
7: providers.azure.quirks.tool_ids: unknown quirk; one of …; did you mean 'tool_id'?
7: providers.azure.quirks.stop: unknown value 'max3'; one of max4, max5, max16, unlimited, none; did you mean 'max5'?
8: providers.azure.headers.X-A: expected ${NAME} with a name of letters, digits and _
8: providers.azure.headers.Host: the header host is set by the connection itself
9: providers.azure.timeouts.conect: unknown key; one of connect, first_token, idle, stream, whole; \
did you mean 'connect'?
9: providers.azure.timeouts.idle: expected seconds above 0, at most 86400
9: providers.azure.timeouts.whole: expected a number, got text
10: providers.azure.data_collection: unknown word 'maybe'; one of allow, deny
11: providers.azure.concurrency: expected a whole number from 1 to 1000000, got 0
12: providers.azure.locations[1]: 'US' is given twice
14: creators.openai.brand_color: expected a colour such as '#4D6BFE', in quotes: an unquoted # begins a comment
16: creators.other.name: expected text, got a number; put it in quotes
16: creators.other.brand_color: expected a colour such as '#4D6BFE', got 'red'
19: models[0].pricing.cached: unknown key; one of prompt, completion, cached_prompt, cache_write, cache_write_1h; \
did you mean 'cached_prompt'?
19: models[0].pricing.prompt: expected at most 6 decimals: a price must be exact in pico-USD
19: models[0].pricing.completion: expected a price of 0 or more
21: models[0].max_output_tokens: expected at most the context_length, 10, got 11
22: models[0].release_date: expected a day as YYYY-MM-DD, got '2026-02-30'
23: models[0].features[0]: unknown feature 'tool'; one of tools, vision, json_mode, reasoning, streaming, \
prompt_caching; did you mean 'tools'?
24: models[0].benchmarks[0].score: expected a number, got text
24: models[0].benchmarks[0].tier: unknown tier 'first'; one of primary, extra
24: models[0].benchmarks[0].source_url: expected a link that begins with https://
25: models[0].routes[0].provider: unknown provider 'opnai'; did you mean 'openai'?
25: models[0].routes[1].model: expected text, got a number; put it in quotes
25: models[0].routes[2]: missing model
26: models[1].slug: duplicate slug 'openai/a'; first given on line 18
29: models[1].route_by: unknown way 'cheapest'; one of weight, order, price, latency, throughput
26: models[1]: missing routes: at least one {provider, model}
31: models[2]: missing slug
31: models[2]: missing pricing: {prompt, completion} in USD for a million tokens; 0 for a free model
31: models[2]: missing routes: at least one {provider, model}
32: tools.web_serach: unknown key; one of web_search, web_fetch, pdf, datetime, image; did you mean 'web_search'?
32: tools.image.price: expected at most 12 decimals: a price must be exact in pico-USD
32: tools.image: missing api_key: openai wants one
33: limits.body_mb: expected a whole number from 1 to 4096, got a number
33: limits.retries: expected a whole number from 0 to 20, got 99
33: limits.grace: expected seconds above 0, at most 86400
34: demo: expected true or false, got text
35: modles: unknown key; one of providers, creators, models, tools, egress, limits, pipeline, demo; did you mean 'models'?
"""


def problems(text: str, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(CatalogueErrors) as caught:
        load(text, environ or {})
    return caught.value.problems


def shown(problem: Problem) -> str:
    text = str(problem).removeprefix("providers.yaml:")
    head, quirks, tail = text.partition("unknown quirk; one of ")
    return head + quirks + ("…; did you" + tail.partition("; did you")[2] if quirks else tail)


def test_all_mistakes_of_a_file_at_once() -> None:
    assert sorted(shown(problem) for problem in problems(MANY)) == sorted(EXPECTED.splitlines())


def test_problems_are_in_the_order_of_the_file() -> None:
    lines = [problem.line for problem in problems(MANY)]
    assert lines == sorted(lines)


def test_the_error_prints_every_problem() -> None:
    with pytest.raises(CatalogueErrors) as caught:
        load(MANY, {}, "conf/p.yaml")
    text = str(caught.value)
    assert text.count("\n") + 1 == len(caught.value.problems)
    assert text.startswith("conf/p.yaml:2: providers.openai.protocol: unknown protocol")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("base_url: https://${H}/v1", "expected an http:// or https:// address"),
        ("base_url: https://user:${H}@x.example/v1", "expected an address without user"),
        ("base_url: 'https://x.example/v1?key=${H}'", "without ${NAME} in its query"),
        ("base_url: https://x.example/v1\n    api_key: ${H}", "expected printable ASCII text"),
        ("base_url: https://x.example/v1\n    headers: {A: '${H}'}", "expected printable ASCII text"),
    ],
)
def test_no_message_shows_what_a_variable_holds(line: str, message: str) -> None:
    secret = "s3cret word\x07" if "ASCII" in message or "http://" in message else "s3cret"
    found = problems(f"providers:\n  p:\n    protocol: openai_chat\n    {line}", {"H": secret})
    assert [message in str(problem) for problem in found] == [True]
    assert "s3cret" not in str(found[0])


@pytest.mark.parametrize(
    ("value", "guess"),
    [
        ("$MINE_KEY", "; did you mean ${MINE_KEY}?"),
        ("' $MINE_KEY '", "; did you mean ${MINE_KEY}?"),
        ("'${MINE_KEY'", "; did you mean ${MINE_KEY}?"),
        ("$(MINE_KEY)", "; did you mean ${MINE_KEY}?"),
        ("Bearer $MINE_KEY", "; did you mean ${MINE_KEY}?"),
        ("$mine_key", ""),
        ("'${mine-key}'", ""),
        ("'${}'", ""),
    ],
)
def test_a_variable_without_its_braces(value: str, guess: str) -> None:
    line = f"providers: {{p: {{protocol: openai_chat, base_url: 'https://x/v1', api_key: {value}}}}}"
    expected = f"providers.yaml:1: providers.p.api_key: expected ${{NAME}} with a name of letters, digits and _{guess}"
    assert [str(problem) for problem in problems(line, {"MINE_KEY": "k", "mine_key": "k"})] == [expected]
    address = "providers: {p: {protocol: openai_chat, base_url: 'https://$HOST/v1'}}"
    assert str(problems(address)[0]).endswith("did you mean ${HOST}?")


@pytest.mark.parametrize("key", ["sk-a$B$C", "pa$$WORD", "$ecret-$1", "a$", "$2b$10$x", "x$ABC"])
def test_a_key_may_have_a_dollar_sign(key: str) -> None:
    catalogue = load(f"providers: {{p: {{protocol: openai_chat, base_url: 'https://x/v1', api_key: '{key}'}}}}", {})
    assert [secret.reveal() for secret in catalogue.providers["p"].keys] == [key]


def test_a_wrong_type_at_a_key_does_not_show_the_value() -> None:
    found = problems("providers:\n  p: {protocol: openai_chat, base_url: 'https://x/v1', api_key: [sk-123]}")
    assert [str(problem) for problem in found] == [
        "providers.yaml:2: providers.p.api_key: expected text, got a list",
    ]


def test_an_api_key_left_blank_does_not_make_an_open_provider() -> None:
    found = problems("providers:\n  p:\n    protocol: openai_chat\n    base_url: https://x/v1\n    api_key:\n")
    assert [str(problem) for problem in found] == ["providers.yaml:5: providers.p.api_key: expected text, got nothing"]


def test_routes_to_a_broken_provider_are_not_reported_again() -> None:
    text = """
providers: {p: {protocol: nope, base_url: "https://x/v1"}}
models: [{slug: a, context_length: 1, max_output_tokens: 1, pricing: {prompt: 0, completion: 0},
          routes: [{provider: p, model: m}]}]
"""
    assert [problem.path for problem in problems(text)] == ["providers.p.protocol"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("providers: [", 1, "not YAML: "),
        ("a: 1\nb: {\n  c: sk-secret\n", 4, "not YAML: "),
        ("a: 'sk-secret\n", 2, "not YAML: "),
        ("a: *nowhere", 1, "undefined alias"),
        ("demo: true\n---\ndemo: true\n", 2, "single document"),
        ("demo: \x00", 1, "a character that is not allowed"),
        ("- a\n- b", 1, "expected a mapping, got a list"),
        ("just text", 1, "expected a mapping, got text"),
        ("demo: !!python/object/apply:os.system [true]", 1, "expected true or false"),
        ("limits: !custom {burst: 1}", 1, "expected a mapping"),
        ("? [a]\n: b", 1, "a key must be text"),
        ("x: &x {burst: 1}\nlimits: {<<: *x}", 2, "merge keys are not supported"),
    ],
)
def test_what_is_not_a_catalogue_at_all(text: str, line: int, message: str) -> None:
    found = problems(text)
    assert [p for p in found if p.line == line and message in p.message], [str(p) for p in found]
    assert not [p for p in found if "sk-secret" in str(p)]


def test_bounds_hold() -> None:
    assert "nested deeper than 32" in problems("pipeline: " + "[" * 5000)[0].message
    assert "nested deeper than 32" in problems("pipeline:\n" + "- " * 5000 + "a")[0].message
    assert "nested deeper than 32" in problems("pipeline: [{node: a, before: b, options: &a {a: *a}}]")[0].message
    bomb = "pipeline:\n  - node: x\n    before: y\n    options:\n      a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"      a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert "more than 200000 values" in problems(bomb)[0].message
    assert "longer than 4000000 characters" in problems("#" * 4_000_001)[0].message


def test_an_alias_is_used_like_what_it_stands_for() -> None:
    text = """
providers:
  a: {protocol: openai_chat, base_url: "https://x/v1", timeouts: &slow {idle: 600}}
  b: {protocol: openai_chat, base_url: "https://y/v1", timeouts: *slow}
"""
    assert load(text, {}).providers["b"].timeouts.idle == 600


@pytest.mark.parametrize("with_libyaml", [True, False])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limits:\n  grace:\n\n\n  write: x", "2: limits.grace: "),
        ("creators: {a: {brand_color: #412991\n  }\n}\n", "1: creators.a.brand_color: "),
        ("models: [\n", "not YAML: "),
        ("models: \ud800", "not YAML: "),
        ("? limits", None),
        ("%UNKNOWN\n---\nlimits: {}", None),
    ],
)
def test_both_parsers_say_the_same(
    text: str, problem: str | None, with_libyaml: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yaml.__with_libyaml__", with_libyaml)
    if problem is None:
        load(text, {})
    else:
        with pytest.raises(CatalogueErrors) as refused:
            load(text, {})
        assert problem in str(refused.value)


def test_a_breaker_is_read_strictly() -> None:
    text = """\
providers:
  a: {protocol: openai_chat, base_url: "https://x.example/v1", breaker: {faults: -1, window: 0, puase: 3}}
  b: {protocol: openai_chat, base_url: "https://x.example/v1", breaker: {pause: 20, longest_pause: 10}}
  c: {protocol: openai_chat, base_url: "https://x.example/v1", breaker: off}
"""
    with pytest.raises(CatalogueErrors) as raised:
        load(text, {})
    assert [(problem.line, problem.path) for problem in raised.value.problems] == [
        (2, "providers.a.breaker.puase"),
        (2, "providers.a.breaker.faults"),
        (2, "providers.a.breaker.window"),
        (3, "providers.b.breaker.longest_pause"),
        (4, "providers.c.breaker"),
    ]
    long = load(
        text.split("  a:")[0] + text[text.index("  b:") : text.index("  c:")].replace(", longest_pause: 10", "0"), {}
    )
    assert (long.providers["b"].breaker.pause, long.providers["b"].breaker.longest_pause) == (200.0, 200.0)
