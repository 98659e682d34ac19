"""What goes wrong between us and an upstream, beyond what httpx2 already has a name for.

Everything the transport raises is an `httpx2.TransportError`: `ConnectError`, `ConnectTimeout`, `ReadError`,
`ReadTimeout`, `WriteError`, `WriteTimeout`, `LocalProtocolError` (our request was not sendable), or one of these two.
"""

import httpx2


class Disconnected(httpx2.RemoteProtocolError):
    """The upstream closed the connection before its response was complete. Sending the request again may help."""


class GarbledResponse(httpx2.RemoteProtocolError):
    """What the upstream sent is not an HTTP/1.1 response, or goes over our limits. Asking again would not help."""
