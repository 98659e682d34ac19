"""Asks a gateway on this machine whether it is well, for health checks in images that hold no other client.

    python -m hyperinfer.api.probe             /healthz
    python -m hyperinfer.api.probe /readyz

It asks where `serve` listens by the environment: HYPERINFER_HOST, HYPERINFER_PORT and HYPERINFER_CERTFILE. Exit code 0 for
the answer 200, 1 for another or none, which it prints.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence

TIMEOUT = 4.0
"""Seconds for connecting, asking and hearing together: a server that says a byte now and then is not well."""
_LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """The exit code."""
    words = sys.argv[1:] if argv is None else argv
    environ = os.environ if environ is None else environ
    path = words[0] if words else "/healthz"
    try:
        answer = ask(path, environ)
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    if answer.split(" ")[1:2] == ["200"]:
        return 0
    print(f"{path}: {answer or 'no answer'}", file=sys.stderr)
    return 1


def ask(path: str, environ: Mapping[str, str]) -> str:
    """The status line of the answer. Raises OSError, ValueError for a port that is none."""
    host = environ.get("HYPERINFER_HOST", "").removeprefix("[").removesuffix("]")
    host, port = _LOCAL.get(host, host), int(environ.get("HYPERINFER_PORT") or 8080)
    tls = bool(environ.get("HYPERINFER_CERTFILE"))
    end = time.monotonic() + TIMEOUT
    with socket.create_connection((host, port), TIMEOUT) as plain, _secured(plain) if tls else plain as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = b""
        while b"\n" not in answer and len(answer) < 1024:
            if (left := end - time.monotonic()) <= 0:
                raise TimeoutError("timed out")
            peer.settimeout(left)
            if not (more := peer.recv(1024)):
                break
            answer += more
        return answer.partition(b"\n")[0].decode("latin-1").strip()


def _secured(plain: socket.socket) -> socket.socket:
    """Under TLS. The certificate is for another name than this machine's own address, and nothing secret is said."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


if __name__ == "__main__":
    sys.exit(main())
