"""The event that a decoder yields for an upstream's error."""

from typing import Any

from hyperinfer.formats.events import UpstreamError
from hyperinfer.formats.upstream_errors.fault import UpstreamFault
from hyperinfer.formats.upstream_errors.meaning import fault_of_error


def upstream_error(body: Any, status: int | None = None, retry_after: float | None = None) -> UpstreamError:
    """The event for a decoded error in whatever shape. Never raises.

    `status`: of the HTTP response; None inside a stream and under a 200. `retry_after`: seconds.
    """
    return error_event(fault_of_error(body, status), raw=body, retry_after=retry_after)


def error_event(fault: UpstreamFault, *, raw: Any = None, retry_after: float | None = None) -> UpstreamError:
    """A fault as the end of a stream. `retry_after` (seconds) stands in where the fault has none."""
    return UpstreamError(
        code=fault.code,
        message=fault.message,
        retry_after=retry_after if fault.retry_after is None else fault.retry_after,
        retryable=fault.retryable,
        failover=fault.failover,
        param=fault.param,
        raw=raw,
    )
