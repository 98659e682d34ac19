"""The whole document: its sections in order, the small one (`limits`), and the built-in demo models."""

from collections.abc import Mapping

from hyperinfer.providers import catalogue_values as values
from hyperinfer.providers.catalogue_demo import DEMO_CREATOR, DEMO_MODELS, DEMO_PROVIDERS
from hyperinfer.providers.catalogue_egress import read_egress
from hyperinfer.providers.catalogue_models import Known, read_creators, read_models
from hyperinfer.providers.catalogue_pipeline import read_pipeline
from hyperinfer.providers.catalogue_providers import Upstreams, read_providers
from hyperinfer.providers.catalogue_records import Catalogue, Creator, EgressRules, Limits, Model, Provider
from hyperinfer.providers.catalogue_tools import read_tools
from hyperinfer.providers.catalogue_yaml import Report, Value

SECTIONS = ("providers", "creators", "models", "tools", "egress", "limits", "pipeline", "demo")
_COUNTS: Mapping[str, tuple[int, int]] = {
    "rate_per_minute": (1, 1_000_000_000),
    "burst": (1, 1_000_000_000),
    "body_mb": (1, 4096),
    "bodies_mb": (1, 1_048_576),
    "json_depth": (1, 1000),
    "in_flight": (1, 10_000_000),
    "in_flight_per_key": (1, 10_000_000),
    "retries": (0, 20),
}
_SECONDS = ("grace", "write", "keepalive")
LIMIT_KEYS = (*_COUNTS, *_SECONDS)


def read_catalogue(root: Value, environ: Mapping[str, str], report: Report) -> Catalogue:
    """Every section of the document. What is wrong is in `report`; the catalogue is then not for use."""
    given = root.fields(SECTIONS)
    demo = given["demo"].flag() is not False if "demo" in given else True
    built_in: dict[str, Provider] = dict(DEMO_PROVIDERS) if demo else {}
    shown: dict[str, Model] = dict(DEMO_MODELS) if demo else {}
    creators: dict[str, Creator] = {DEMO_CREATOR.slug: DEMO_CREATOR} if demo else {}
    creators |= read_creators(given["creators"]) if "creators" in given else {}
    upstreams = Upstreams({}, frozenset())
    if "providers" in given:
        upstreams = read_providers(given["providers"], environ, built_in.keys())
    providers = {**upstreams.usable, **built_in}
    known = Known(providers, upstreams.declared | built_in.keys(), creators, frozenset(shown))
    return Catalogue(
        providers=providers,
        creators=creators,
        models={**shown, **(read_models(given["models"], known) if "models" in given else {})},
        tools=read_tools(given["tools"], environ) if "tools" in given else {},
        egress=read_egress(given["egress"]) if "egress" in given else EgressRules(),
        limits=_read_limits(given["limits"]) if "limits" in given else Limits(),
        pipeline=read_pipeline(given["pipeline"], environ) if "pipeline" in given else (),
        demo=demo,
        warnings=tuple(sorted(report.warnings, key=lambda problem: problem.line)),
    )


def _read_limits(section: Value) -> Limits:
    given = section.fields(LIMIT_KEYS)
    defaults = Limits()

    def count(name: str, default: int) -> int:
        number = given[name].integer(*_COUNTS[name]) if name in given else None
        return default if number is None else number

    def time(name: str, default: float) -> float:
        number = values.seconds(given[name]) if name in given else None
        return default if number is None else number

    return Limits(
        rate_per_minute=count("rate_per_minute", defaults.rate_per_minute),
        burst=count("burst", defaults.burst),
        body_mb=count("body_mb", defaults.body_mb),
        bodies_mb=count("bodies_mb", defaults.bodies_mb),
        json_depth=count("json_depth", defaults.json_depth),
        in_flight=count("in_flight", defaults.in_flight),
        in_flight_per_key=given["in_flight_per_key"].integer(*_COUNTS["in_flight_per_key"])
        if "in_flight_per_key" in given
        else None,
        grace=time("grace", defaults.grace),
        write=time("write", defaults.write),
        keepalive=time("keepalive", defaults.keepalive),
        retries=count("retries", defaults.retries),
    )
