"""An upstream that tells whatever it was sent: in the bodies and headers of its errors, in pages, in streams. As a provider
that is badly made, or means ill, does with the key that it is given."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.support.wire_replies import REPLIES, Reply

WAYS: Final = ("good", "refused", "page", "broken", "within", "reset", "garbage", "moved", "limited", "silent")
"""What it does, by the first part of the path."""

_NONE: Final[Mapping[str, str]] = {}
_PROTOCOLS = {"completions": "chat", "responses": "responses", "messages": "messages"}


@dataclass
class Telling:
    """`seen`: path, and all that came, head and body, of each request."""

    url: str
    seen: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    telling: Telling

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        """Any request."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        head = f"{self.command} {self.path}\n{self.headers}".encode()
        with self.telling.lock:
            self.telling.seen.append((self.path, head + body))
        told = " ".join(f"{name}: {value}" for name, value in self.headers.items())
        protocol = _PROTOCOLS.get(self.path.rpartition("/")[2])
        if protocol is None:  # the API of a tool
            self._say(500, json.dumps({"error": {"message": told}}))
            return
        self._answer(self.path.split("/")[1], told, REPLIES[protocol], streamed=bool(json.loads(body).get("stream")))

    do_GET = do_POST

    def _answer(self, way: str, told: str, reply: Reply, *, streamed: bool) -> None:
        good, media = (reply.stream, "text/event-stream") if streamed else (reply.whole, "application/json")
        error = json.dumps({"type": "error", "error": {"type": "x", "message": f"You said {told}", "code": told[:40]}})
        match way:
            case "refused":
                self._say(401, error)
            case "page":
                self._say(500, f"<html><title>{told}</title>{told}</html>", media="text/html")
            case "broken":
                self._say(500, error, headers={"x-told": told, "set-cookie": f"told={told[:100]}", "server": told})
            case "limited":
                self._say(429, error, headers={"retry-after": told, "anthropic-ratelimit-requests-limit": told})
            case "moved":
                self._say(307, error, headers={"location": f"http://127.0.0.1:9/{told.replace(' ', '/')}"})
            case "garbage":
                self._say(200, f"data: {{{told}\n\n", media=media)
            case "within" if streamed:
                opening = b"".join((*reply.opening, *reply.output)).decode()
                self._say(200, f"{opening}event: error\ndata: {error}\n\n", media=media)
            case "within":
                self._say(200, error)
            case "reset":
                self._say(200, good.decode()[: len(good) // 2], length=len(good), media=media)
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
            case "silent":
                with contextlib.suppress(OSError):
                    self.connection.recv(1)
                self.close_connection = True
            case _:
                self._say(
                    200,
                    good.decode(),
                    media=media,
                    headers={"x-told": told, "set-cookie": told, "openai-organization": told},
                )

    def _say(
        self,
        status: int,
        body: str,
        *,
        media: str = "application/json",
        length: int | None = None,
        headers: Mapping[str, str] = _NONE,
    ) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in {"content-type": media, **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def telling_upstream() -> Generator[Telling]:
    """It, for as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        telling = Telling(f"http://127.0.0.1:{server.server_address[1]}")
        _Handler.telling = telling
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield telling
        finally:
            server.shutdown()
            thread.join()
