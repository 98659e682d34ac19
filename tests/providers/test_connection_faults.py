"""What the exceptions of a transport mean."""

import httpx2
import pytest
import trio

from hyperinfer.providers.connection_faults import fault_of_exception
from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse


@pytest.mark.parametrize(
    ("error", "code", "retryable", "failover"),
    [
        (httpx2.ConnectError("refused by 10.0.0.1:80"), "provider_unavailable", True, True),
        (httpx2.ConnectTimeout("10.0.0.1:80"), "provider_timeout", True, True),
        (httpx2.ReadTimeout("late"), "provider_timeout", False, False),
        (trio.TooSlowError(), "provider_timeout", False, False),
        (httpx2.ReadError("reset"), "provider_unavailable", True, True),
        (httpx2.WriteError("reset"), "provider_unavailable", True, True),
        (Disconnected("eof"), "provider_unavailable", True, True),
        (httpx2.RemoteProtocolError("eof"), "provider_unavailable", True, True),
        (GarbledResponse("garbage"), "provider_unavailable", False, True),
        (httpx2.DecodingError("gzip"), "provider_unavailable", False, True),
        (httpx2.UnsupportedProtocol("ftp"), "provider_unavailable", False, True),
    ],
)
def test_faults(error: Exception, code: str, retryable: bool, failover: bool) -> None:
    fault = fault_of_exception(error)
    assert (fault.code, fault.retryable, fault.failover) == (code, retryable, failover)
    assert "10.0.0.1" not in fault.message + fault.detail
    assert type(error).__name__ in fault.detail


def test_anything_else_is_a_bug_and_stays_one() -> None:
    with pytest.raises(ZeroDivisionError):
        fault_of_exception(ZeroDivisionError())
