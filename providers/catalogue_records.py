"""The records of the catalogue. Prices are integers of pico-USD (1e-12 USD) per token, times are seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from hyperinfer.providers.quirks import PROTOCOL_QUIRKS, Protocol, Quirks
from hyperinfer.providers.secret import Secret

Feature = Literal["tools", "vision", "json_mode", "reasoning", "streaming", "prompt_caching"]
"""What a model can do, in the words of the published contract."""

RouteBy = Literal["weight", "order", "price", "latency", "throughput"]
"""What decides which route of a model is tried first: shares by weight, the order of the file, or the least or most of
something."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines towards one provider, in seconds: to `connect`, to the `first_token` of output, of silence (`idle`), of a
    whole `stream`, of a `whole` response that is not streamed."""

    connect: float = 10.0
    first_token: float = 300.0
    idle: float = 120.0
    stream: float = 3600.0
    whole: float = 600.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a route of a provider is left alone, and for how long, in seconds.

    It opens when the faults of the last `window` outnumber the successes by `faults` (0: never), at first for `pause`; twice
    as long after each probe that fails, at most `longest_pause`.
    """

    faults: int = 5
    window: float = 30.0
    pause: float = 10.0
    longest_pause: float = 120.0


@dataclass(frozen=True, slots=True)
class Pricing:
    """Pico-USD per token of each bucket: `prompt` read anew, `cached_prompt` read from the provider's cache, `cache_write`
    (for five minutes) and `cache_write_1h` put into it, `completion` written, with reasoning. One USD per million tokens is
    1,000,000."""

    prompt: int
    completion: int
    cached_prompt: int
    cache_write: int
    cache_write_1h: int

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything."""
        return not (self.prompt or self.completion or self.cached_prompt or self.cache_write or self.cache_write_1h)

    def at_most(self, prompt_tokens: int, completion_tokens: int) -> int:
        """The most that so many tokens can cost, in pico-USD, whichever bucket the prompt falls into."""
        dearest = max(self.prompt, self.cached_prompt, self.cache_write, self.cache_write_1h)
        return dearest * prompt_tokens + self.completion * completion_tokens

    @property
    def for_sorting(self) -> int:
        """Pico-USD of three tokens read and one written, the mixture by which prices are compared."""
        return 3 * self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream account: where it is, what it speaks, how to sign in, and what is odd about it.

    `auth`: `bearer`, `x-api-key` or `header:NAME`; `headers` are sent beside it. `vendor`: whose opaque blobs it
    understands. `locations`, `data_collection`: where it computes and whether it keeps prompts, for requests that mind.
    `native_tools`: wire types of the tools that it runs itself. `concurrency`: requests at a time, None for any number.
    `base_url` has the version path and no trailing slash. `keys` is empty for an open provider. `missing` names the unset
    environment variables without which it cannot be called; `unset` also those it can do without (one of several keys).
    `count_tokens`: it has its protocol's route for counting. `http2`: HTTP/2 where it offers that. `transport` is `demo` for
    the built-in offline providers, whose `base_url` is `demo://<protocol>`."""

    name: str
    protocol: Protocol
    base_url: str
    keys: tuple[Secret, ...] = ()
    auth: str = "bearer"
    headers: tuple[tuple[str, Secret], ...] = ()
    vendor: str = "openai"
    locations: tuple[str, ...] = ()
    data_collection: Literal["allow", "deny"] = "allow"
    timeouts: Timeouts = Timeouts()
    breaker: Breaker = Breaker()
    quirks: Quirks = PROTOCOL_QUIRKS["openai_chat"]
    native_tools: tuple[str, ...] = ()
    count_tokens: bool = False
    http2: bool = False
    concurrency: int | None = None
    missing: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    transport: Literal["network", "demo"] = "network"

    @property
    def available(self) -> bool:
        """Whether it can be called with the environment that the catalogue was loaded with."""
        return not self.missing

    def sign(self, key: Secret) -> tuple[str, Secret]:
        """The one header (lower-case name, value) that carries `key` the way this provider wants it."""
        if self.auth == "bearer":
            return "authorization", Secret(f"Bearer {key.reveal()}")
        return self.auth.removeprefix("header:").lower(), key


@dataclass(frozen=True, slots=True)
class Creator:
    """Who made a model: its `slug` in the file, and its `name` as shown to people. `brand_color` is `#RRGGBB` or empty."""

    slug: str
    name: str
    brand_color: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A published score: its exact name, the number as published, and where."""

    label: str
    score: Decimal
    source_url: str
    tier: Literal["primary", "extra"]
    unit: Literal["%", "elo", "pass@1"] | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a model. `model` is the upstream's name for it; pricing, quirks and native tools are already merged from
    model, provider and route. `weight` is its share among the routes (0: only after the others). `source`: where its own
    price was read."""

    provider: Provider
    model: str
    pricing: Pricing
    weight: float = 1.0
    quirks: Quirks = PROTOCOL_QUIRKS["openai_chat"]
    native_tools: tuple[str, ...] = ()
    source: str = ""

    @property
    def available(self) -> bool:
        """Whether its provider can be called."""
        return self.provider.available


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue: `slug` is what callers name (`creator/model`). `context_length`, `max_output_tokens`:
    tokens; a length of 0 is not known. `pricing`: what is shown; each of `routes` has its own. `release_date` is
    `YYYY-MM-DD` or empty; `source` says where and when its price was read; benchmarks are in file order. `route_by`: which
    of its routes a new conversation is given."""

    slug: str
    name: str
    creator: Creator
    context_length: int
    max_output_tokens: int
    pricing: Pricing
    routes: tuple[Route, ...]
    description: str = ""
    release_date: str = ""
    features: tuple[Feature, ...] = ()
    hugging_face_id: str = ""
    benchmarks: tuple[Benchmark, ...] = ()
    source: str = ""
    route_by: RouteBy = "weight"

    @property
    def available(self) -> bool:
        """Whether any route can be called with the environment that the catalogue was loaded with."""
        return any(route.available for route in self.routes)


@dataclass(frozen=True, slots=True)
class Tool:
    """A server tool of ours. `kind`, `base_url`: who does it, and where (`catalogue_tools.KINDS`); empty for what the
    gateway does itself. `model`: of those that have several; empty: the server's own choice. `price`: pico-USD a call."""

    name: str
    kind: str = ""
    base_url: str = ""
    keys: tuple[Secret, ...] = ()
    model: str = ""
    price: int = 0
    missing: tuple[str, ...] = ()

    @property
    def available(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class EgressRules:
    """What may be fetched for callers beside public addresses: the networks in `allow`."""

    allow: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the gateway. `in_flight`, `in_flight_per_key` (None: any number): of one worker. `grace`, `write` and
    `keepalive` in seconds; `body_mb` and `bodies_mb` in MiB."""

    rate_per_minute: int = 60
    burst: int = 120
    body_mb: int = 50
    bodies_mb: int = 512
    json_depth: int = 128
    in_flight: int = 10_000
    in_flight_per_key: int | None = None
    grace: float = 30.0
    write: float = 60.0
    keepalive: float = 10.0
    retries: int = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the file: its line (from 1), the dotted path, what was expected. Never a secret's value."""

    source_name: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.source_name}:{self.line}: {where}{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomNode:
    """An item of the section `pipeline`: where the code of a node is, and where the node stands. Nothing is known of either
    here but what is written.

    `node`: `module:attribute`, or the name of an entry point. `name`: in place of the node's own. `side`, `neighbour`: the
    node that it stands before or after. `buffer`: items that may wait for it. `deadline`: seconds for one item; None where
    nothing is said. `options`: what its factory is given, with variables filled in; `secrets`: what came of those.
    `complete`: nothing was wrong with how it is written. `lines`: of each key, and of each option as `options.NAME`.
    """

    node: str
    name: str = ""
    side: Literal["before", "after", ""] = ""
    neighbour: str = ""
    buffer: int = 0
    deadline: float | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    complete: bool = True
    source_name: str = field(default="providers.yaml", compare=False)
    path: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    lines: Mapping[str, int] = field(default_factory=dict[str, int], repr=False, compare=False)

    def problem(self, key: str, message: str) -> Problem:
        """What is wrong with one key of it, or with all of it (an empty key)."""
        for secret in self.secrets:
            message = message.replace(secret, "…")
        path = f"{self.path}.{key}" if key else self.path
        return Problem(self.source_name, self.lines.get(key, self.line), path, message)


class CatalogueErrors(Exception):
    """The file cannot be used. `problems` holds every one of them, in the order of the file. `pipeline`: those of its nodes
    that could be read all the same."""

    def __init__(self, problems: Sequence[Problem], pipeline: Sequence[CustomNode] = ()) -> None:
        self.problems, self.pipeline = tuple(problems), tuple(pipeline)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that `providers.yaml` says, checked. A pure function of its text and the environment.

    `providers`, `creators`, `models` and `tools` are by name (models by slug). `egress`: what may be fetched for callers.
    `pipeline`: nodes of the user's own, in the order of the file. `demo`: the demo models are served. `warnings` are
    problems that a gateway can run with."""

    providers: Mapping[str, Provider]
    creators: Mapping[str, Creator]
    models: Mapping[str, Model]
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    egress: EgressRules = EgressRules()
    limits: Limits = Limits()
    pipeline: tuple[CustomNode, ...] = ()
    demo: bool = True
    warnings: tuple[Problem, ...] = ()
    _routes: Mapping[str, tuple[Route, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_routes", {slug: _callable(model) for slug, model in self.models.items()})

    def model(self, slug: str) -> Model | None:
        """The model of that slug, or None."""
        return self.models.get(slug)

    def routes_for(self, slug: str) -> tuple[Route, ...]:
        """The routes to a model that can be called, in file order, or cheapest first where the model is routed by price;
        empty for an unknown model."""
        return self._routes.get(slug, ())

    def dearest_route(self, slug: str, prompt_tokens: int, completion_tokens: int) -> Route | None:
        """The callable route on which so many tokens can cost most (the first of equals): what a hold is taken on."""
        routes = self.routes_for(slug)
        return max(routes, key=lambda route: route.pricing.at_most(prompt_tokens, completion_tokens), default=None)

    def hold(self, slug: str, prompt_tokens: int, completion_tokens: int) -> int:
        """The most that a request of so many tokens can cost on any callable route, in pico-USD; 0 without a route."""
        route = self.dearest_route(slug, prompt_tokens, completion_tokens)
        return route.pricing.at_most(prompt_tokens, completion_tokens) if route else 0


def _callable(model: Model) -> tuple[Route, ...]:
    routes = [route for route in model.routes if route.available]
    if model.route_by == "price":
        routes.sort(key=lambda route: route.pricing.for_sorting)  # stable: the order of the file among equals
    return tuple(routes)
