"""What is written on the wire is what OpenTelemetry's own messages read, for whatever spans."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from hyperinfer.api.tracing.otlp import Writer, rejected
from hyperinfer.api.tracing.spans import CLIENT, INTERNAL, Trace
from tests.support.collector import values

if TYPE_CHECKING:
    from hyperinfer.api.tracing.spans import Value

text = st.text(max_size=200)
value = text | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.lists(text, max_size=3)
attributes = st.dictionaries(st.text("abc.", min_size=1), value, max_size=4)


def written(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def read(found: Value) -> Any:
    return (
        written(found) if isinstance(found, str) else [written(each) for each in found] if isinstance(found, list) else found
    )


@given(
    st.lists(st.tuples(text, attributes, st.none() | st.just("a_code"), st.floats(0, 10**6)), min_size=1, max_size=5),
    st.binary(min_size=8, max_size=8),
    st.sampled_from(["", "a=1"]),
)
@settings(max_examples=60, deadline=None)
def test_they_are_read_as_they_were(
    made: list[tuple[str, dict[str, Value], str | None, float]], base: bytes, state: str
) -> None:
    trace = Trace(b"t" * 16, base, unix=1e9, started=5.0, parent=b"p" * 8 if state else b"", state=state)
    for name, about, error, seconds in made:
        span = trace.open(name, CLIENT if error else INTERNAL, 5.0, trace.spans[0] if trace.spans else None)
        span.attributes, span.error, span.end = about, error, 5.0 + seconds
        span.events.append((5.0 + seconds / 2, "event"))
    body = trio.run(Writer({"service.name": "é" * 200, "count": 3}, "1.2").batch, [trace, trace])
    message = ExportTraceServiceRequest.FromString(body)
    (of_resource,) = message.resource_spans
    (of_scope,) = of_resource.scope_spans
    assert values(of_resource.resource.attributes) == {"service.name": "é" * 200, "count": 3}
    assert (of_scope.scope.name, of_scope.scope.version) == ("hyperinfer", "1.2")
    assert len(of_scope.spans) == 2 * len(made)
    assert list(of_scope.spans[: len(made)]) == list(of_scope.spans[len(made) :])
    ids = {span.span_id for span in of_scope.spans}
    assert len(ids) == len(made)
    assert bytes(8) not in ids
    for place, (span, (name, about, error, seconds)) in enumerate(zip(of_scope.spans, made, strict=False)):
        assert (span.name, span.kind, span.trace_id, span.trace_state) == (
            written(name), CLIENT if error else INTERNAL, b"t" * 16, state,
        )  # fmt: skip
        assert span.parent_span_id == (trace.spans[0].span_id if place else trace.parent)
        assert span.flags == (0x301 if state and not place else 0x101)
        assert span.start_time_unix_nano == 10**18
        assert math.isclose(span.end_time_unix_nano - 10**18, seconds * 1e9, rel_tol=1e-6, abs_tol=2)
        assert span.start_time_unix_nano <= span.events[0].time_unix_nano <= span.end_time_unix_nano
        assert values(span.attributes) == {
            **{key: read(found) for key, found in about.items()},
            **({"error.type": error} if error else {}),
        }
        assert span.status.code == (2 if error else 0)


@given(st.integers(0, 2**63 - 1), text)
def test_what_a_collector_did_not_want(count: int, why: str) -> None:
    said = written(why)
    partial = ExportTracePartialSuccess(rejected_spans=count, error_message=said)
    assert rejected(ExportTraceServiceResponse(partial_success=partial).SerializeToString()) == (count, said)
    assert rejected(ExportTraceServiceResponse().SerializeToString()) == (0, "")


@given(st.binary(max_size=40))
def test_whatever_a_collector_answers(body: bytes) -> None:
    rejected(body)


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05a", b"\x80" * 20, b"\x08\x01", b"<html>", b"{}", b"\x0a\x02\x08\x80"])
def test_an_answer_that_is_none_says_nothing(body: bytes) -> None:
    assert rejected(body) == (0, "")


async def test_an_attribute_whose_name_is_no_text_is_written_all_the_same() -> None:
    """As OTEL_RESOURCE_ATTRIBUTES may have them: the bytes of a variable need not be UTF-8."""
    body = await Writer({"\udcff": "x"}, "1").batch([])
    (about,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].resource.attributes
    assert (about.key, about.value.string_value) == ("?", "x")
