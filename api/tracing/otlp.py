"""Traces as the messages of OTLP (https://opentelemetry.io/docs/specs/otlp/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Written

    from hyperinfer.api.tracing.spans import Span, Trace, Value

SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"

_AT_ONCE: Final = 32
"""Spans that are written before others have their turn: a fifth of a millisecond."""

_SAMPLED, _KNOWS_REMOTE, _IS_REMOTE = 0x1, 0x100, 0x200


class Writer:
    """Writes batches. `resource`: who we are. `version`: ours."""

    def __init__(self, resource: Mapping[str, Value], version: str) -> None:
        self._resource = Resource()
        _write(self._resource.attributes, resource)
        self._scope = InstrumentationScope(name="hyperinfer", version=version)

    async def batch(self, traces: Sequence[Trace]) -> bytes:
        """The body of one request to a collector."""
        request = ExportTraceServiceRequest()
        of_resource = request.resource_spans.add()
        of_resource.resource.CopyFrom(self._resource)
        of_scope = of_resource.scope_spans.add()
        of_scope.scope.CopyFrom(self._scope)
        of_scope.schema_url = SCHEMA
        written = 0
        for trace in traces:
            for span in trace.spans:
                _write_span(of_scope.spans.add(), span, trace)
                written += 1
                if not written % _AT_ONCE:
                    await trio.lowlevel.checkpoint()
        body: bytes = request.SerializeToString()
        return body


def rejected(body: bytes) -> tuple[int, str]:
    """How many spans a collector did not want, and its words; of whatever it has answered."""
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except Exception:  # protobuf's own; what is no message says nothing
        return 0, ""
    return partial.rejected_spans, partial.error_message


def _write_span(to: Written, span: Span, trace: Trace) -> None:
    to.trace_id, to.span_id, to.parent_span_id = trace.trace_id, span.span_id, span.parent
    to.trace_state = trace.state
    to.flags = _SAMPLED | _KNOWS_REMOTE | (_IS_REMOTE if span is trace.spans[0] and trace.parent else 0)
    to.name, to.kind = _text(span.name), span.kind  # type: ignore[assignment]
    to.start_time_unix_nano = trace.unix_ns(span.start)
    to.end_time_unix_nano = trace.unix_ns(span.start if span.end is None else span.end)
    _write(to.attributes, span.attributes)
    if span.error is not None:
        to.status.code = Status.STATUS_CODE_ERROR
        _write(to.attributes, {"error.type": span.error})
    for time, name in span.events:
        event = to.events.add()
        event.time_unix_nano, event.name = trace.unix_ns(time), name


def _write(to: Any, attributes: Mapping[str, Value]) -> None:
    """`to`: a repeated field."""
    for name, value in attributes.items():
        pair: KeyValue = to.add()
        pair.key = name
        if isinstance(value, str):
            pair.value.string_value = _text(value)
        elif isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = max(-(2**63), min(2**63 - 1, value))  # clients may ask for any seed
        elif isinstance(value, float):
            pair.value.double_value = value
        else:
            for each in value:
                pair.value.array_value.values.add().string_value = _text(each)


def _text(text: str) -> str:
    """What JSON may hold and UTF-8 may not is replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
