"""What the doctor is shown: small servers that answer as they are told, and what it said of them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import ssl

    from tests.api.cli.kit import Ran

JSON = "application/json"


@dataclass(frozen=True)
class Said:
    """How a server answers a path."""

    status: int = 200
    body: str = '{"data": []}'
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that its end waits for them, and for their sockets
    answers: Mapping[str, Said]
    heard: list[tuple[str, Mapping[str, str]]]


class _Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self) -> None:
        self._answer()

    def do_CONNECT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server = cast("_Server", self.server)
        server.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        path = self.path.partition("?")[0]
        said = server.answers.get(path) or server.answers.get("*") or Said(404, "{}")
        body = said.body.encode()
        self.send_response_only(said.status)
        for name, value in {"content-type": JSON, "connection": "close", **said.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@dataclass(frozen=True)
class Heard:
    """A server: its address, and the requests that came, as path and headers."""

    url: str
    requests: list[tuple[str, Mapping[str, str]]]


@contextmanager
def server(answers: Mapping[str, Said], tls: ssl.SSLContext | None = None) -> Generator[Heard]:
    """A real HTTP server for as long as the block runs. `answers` by path; `*` for all else."""
    listening = _Server(("127.0.0.1", 0), _Handler)
    listening.answers, listening.heard = answers, []
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield Heard(f"{scheme}://127.0.0.1:{listening.server_address[1]}", listening.heard)
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def told(ran: Ran, area: str) -> dict[str, dict[str, Any]]:
    """The findings of an area by their names; of several of one name the last."""
    return {each["name"]: each for each in ran.document["checks"] if each["area"] == area}


def states(ran: Ran, area: str) -> dict[str, str]:
    """The same, only how each stands."""
    return {name: each["state"] for name, each in told(ran, area).items()}
