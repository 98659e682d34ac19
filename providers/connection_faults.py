"""From the exceptions of the transport to the gateway's error taxonomy."""

import httpx2
import trio

from hyperinfer.formats.upstream_errors import SENTENCES, UpstreamFault, redact
from hyperinfer.providers.transport_errors import GarbledResponse


def fault_of_exception(error: Exception) -> UpstreamFault:
    """The fault behind an exception of `Transport`, of any other httpx2 transport, or of a deadline of ours.

    The text of the exception goes to the log only: it names hosts. Anything that is none of these is raised again, as
    it is a bug.
    """
    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            message = "No connection to the provider in time."
            return _fault("provider_timeout", message, error, retryable=True, deadline="connect")
        case httpx2.TimeoutException() | trio.TooSlowError():
            return _fault("provider_timeout", SENTENCES["provider_timeout"], error, retryable=False)
        case httpx2.ConnectError() | httpx2.ProxyError():
            return _fault("provider_unavailable", "The provider cannot be reached.", error, retryable=True)
        case GarbledResponse() | httpx2.DecodingError():
            message = "The provider's response cannot be understood."
            return _fault("provider_unavailable", message, error, retryable=False)
        case httpx2.RemoteProtocolError() | httpx2.NetworkError():
            message = "The provider closed the connection before the end of its response."
            return _fault("provider_unavailable", message, error, retryable=True)
        case httpx2.UnsupportedProtocol() | httpx2.LocalProtocolError() | httpx2.InvalidURL():
            # The catalogue's address or headers cannot be used: nothing the client could change.
            return _fault("provider_unavailable", SENTENCES["provider_unavailable"], error, retryable=False)
        case _:
            raise error


def _fault(code: str, message: str, error: Exception, *, retryable: bool, deadline: str | None = None) -> UpstreamFault:
    # What is wrong with the way to one provider need not be wrong with the way to another.
    failover = code == "provider_unavailable" or retryable
    detail = redact(f"{type(error).__name__}: {error}")
    return UpstreamFault(
        code=code, message=message, detail=detail, retryable=retryable, failover=failover, deadline=deadline
    )
