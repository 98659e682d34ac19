"""The variables of OpenTelemetry's specification, and what is said of those that cannot be used."""

from __future__ import annotations

import pytest

from hyperinfer.api.tracing.sampling import Sampler
from hyperinfer.api.tracing.settings import CONTENTS, MOST_BYTES, TracingSettingError, TracingSettings, tracing_settings

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
OTLP = "OTEL_EXPORTER_OTLP"


def read(**environ: str) -> TracingSettings:
    found = tracing_settings({ENDPOINT: "http://c:4318", **environ})
    assert found is not None
    return found


@pytest.mark.parametrize(
    "environ",
    [{}, {ENDPOINT: ""}, {ENDPOINT: "http://c", "OTEL_SDK_DISABLED": "TRUE"},
     {ENDPOINT: "http://c", "OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SERVICE_NAME": "x", f"{OTLP}_PROTOCOL": "grpc"}],
)  # fmt: skip
def test_off(environ: dict[str, str]) -> None:
    assert tracing_settings(environ) is None


@pytest.mark.parametrize(
    ("environ", "url"),
    [({ENDPOINT: "http://c:4318"}, "http://c:4318/v1/traces"), ({ENDPOINT: "https://c/a/"}, "https://c/a/v1/traces"),
     ({ENDPOINT: "https://c/a?k=1"}, "https://c/a/v1/traces?k=1"),
     ({ENDPOINT: "http://c", f"{OTLP}_TRACES_ENDPOINT": "http://d:1/x"}, "http://d:1/x"),
     ({f"{OTLP}_TRACES_ENDPOINT": "http://d:1"}, "http://d:1/"), ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces"),
     ({ENDPOINT: "http://[::1]:4318"}, "http://[::1]:4318/v1/traces")],
)  # fmt: skip
def test_where_traces_go(environ: dict[str, str], url: str) -> None:
    found = tracing_settings(environ)
    assert found is not None
    assert found.url == url


def test_the_defaults_are_those_of_the_specification() -> None:
    found = read()
    assert (found.timeout, found.delay, found.patience) == (10.0, 5.0, 30.0)
    assert (found.most_waiting, found.most_at_once, found.compressed) == (2048, 512, False)
    assert (found.sampler, found.resource, found.headers) == (Sampler(True, 1.0), (("service.name", "hyperinfer"),), ())


def test_what_can_be_set() -> None:
    found = read(
        OTEL_EXPORTER_OTLP_HEADERS="other=1",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="Authorization=Bearer%20s3cret, x-tenant = a ,",
        OTEL_EXPORTER_OTLP_TIMEOUT="1500",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_RESOURCE_ATTRIBUTES="service.name=other,deployment.environment.name=a%20b",
        OTEL_SERVICE_NAME="mine",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.25",
        OTEL_BSP_SCHEDULE_DELAY="100",
        OTEL_BSP_MAX_QUEUE_SIZE="10",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="5",
        OTEL_BSP_EXPORT_TIMEOUT="200",
    )
    assert {name: value.reveal() for name, value in found.headers} == {"authorization": "Bearer s3cret", "x-tenant": "a"}
    assert "s3cret" not in repr(found)
    assert dict(found.resource) == {"service.name": "mine", "deployment.environment.name": "a b"}
    assert (found.timeout, found.delay, found.patience, found.compressed) == (1.5, 0.1, 0.2, True)
    assert (found.most_waiting, found.most_at_once, found.sampler) == (10, 5, Sampler(True, 0.25))


@pytest.mark.parametrize(
    ("name", "value"),
    [(ENDPOINT, "localhost:4318"), (ENDPOINT, "grpc://c:4317"), (ENDPOINT, "http://"), (ENDPOINT, "http://c:99999"),
     (ENDPOINT, "http://c/#a"), (ENDPOINT, "http://a b"), (ENDPOINT, "http://user:s3cret@c"),
     (f"{OTLP}_TRACES_ENDPOINT", "nothing"), (f"{OTLP}_PROTOCOL", "grpc"), (f"{OTLP}_TRACES_PROTOCOL", "http/json"),
     (f"{OTLP}_CERTIFICATE", "/x"), (f"{OTLP}_TRACES_CLIENT_KEY", "/x"), (f"{OTLP}_COMPRESSION", "zstd"),
     (f"{OTLP}_TIMEOUT", "0"), (f"{OTLP}_TIMEOUT", "10s"), (f"{OTLP}_HEADERS", "s3cret"), (f"{OTLP}_HEADERS", "a b=s3cret"),
     (f"{OTLP}_HEADERS", "a=s3cret%0Ax"), ("OTEL_RESOURCE_ATTRIBUTES", "=1"), ("OTEL_TRACES_EXPORTER", "zipkin"),
     ("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"), ("OTEL_BSP_SCHEDULE_DELAY", "x"),
     (CONTENTS, "yes"), (CONTENTS, "1"), ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
     ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x")],
)  # fmt: skip
def test_what_cannot_be_used_is_named_without_secrets(name: str, value: str) -> None:
    with pytest.raises(TracingSettingError) as refusal:
        read(**{name: value})
    assert str(refusal.value).startswith(f"{name}: ")
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "captures"),
    [("", False), ("false", False), ("NO_CONTENT", False), ("true", True), ("True", True),
     ("SPAN_ONLY", True), ("span_only", True)],
)  # fmt: skip
def test_contents_are_captured_on_demand(value: str, captures: bool) -> None:
    assert read(**{CONTENTS: value}).contents == (MOST_BYTES if captures else None)
    limit = {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "200", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "300"}
    assert read(**{CONTENTS: value}, **limit).contents == (200 if captures else None)
    assert read().contents is None


@pytest.mark.parametrize("value", ["EVENT_ONLY", "SPAN_AND_EVENT"])
def test_contents_do_not_go_out_as_events(value: str) -> None:
    with pytest.raises(TracingSettingError, match="as no events are sent"):
        read(**{CONTENTS: value})


@pytest.mark.parametrize("share", ["", "x", "1.1", "-1", "nan"])
def test_a_share_that_is_none(share: str) -> None:
    environ = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}
    if not share:
        assert read(**environ).sampler == Sampler(False, 1.0)
        return
    with pytest.raises(TracingSettingError, match="OTEL_TRACES_SAMPLER_ARG"):
        read(**environ)
