"""How the address of a listening socket is said."""

from __future__ import annotations

import socket


def url_of(sock: socket.socket, *, tls: bool) -> str:
    """`http://127.0.0.1:8080`, `https://[::1]:8443`, `unix:/run/hyperinfer.sock`."""
    address = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{address}"
    host = f"[{address[0]}]" if sock.family == socket.AF_INET6 else address[0]
    return f"{'https' if tls else 'http'}://{host}:{address[1]}"
