"""The event that a decoder yields for an upstream's error, and the fault that it means for the attempt."""

from collections.abc import Iterable
from typing import Any

from hyperinfer.formats.events import UpstreamError
from hyperinfer.formats.upstream_errors.fault import UpstreamFault
from hyperinfer.formats.upstream_errors.fields import error_fields
from hyperinfer.formats.upstream_errors.meaning import fault_of_error
from hyperinfer.formats.upstream_errors.redaction import redact


def upstream_error(body: Any, status: int | None = None, retry_after: float | None = None) -> UpstreamError:
    """The event for a decoded error in whatever shape. Never raises.

    `status`: of the HTTP response; None inside a stream and under a 200. `retry_after`: seconds.
    """
    fault = fault_of_error(body, status)
    return UpstreamError(
        code=fault.code,
        message=fault.message,
        retry_after=retry_after,
        retryable=fault.retryable,
        failover=fault.failover,
        param=fault.param,
        raw=body,
    )


def fault_of_event(event: UpstreamError, *, private: Iterable[str] = ()) -> UpstreamFault:
    """The fault of an attempt whose reply ended with this event.

    `private` are texts that no message may hold: a decoder knows neither the keys in use nor the upstream's host.
    """
    private = tuple(private)
    said = error_fields(event.raw).message
    detail = redact(said, private)
    # From the words as they came: what went by its shape may have taken a part of what is known by its value.
    message = detail if event.message == redact(said) else redact(event.message, private)
    return UpstreamFault(
        code=event.code,
        message=message,
        detail=detail or message,
        retry_after=event.retry_after,
        retryable=event.retryable,
        failover=event.failover,
        param=event.param,
    )
