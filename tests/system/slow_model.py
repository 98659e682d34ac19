"""A provider whose model takes its time: seven tokens in, and a word each tenth of a second until its caller leaves."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CATALOGUE = """
providers:
  slow: {{protocol: openai_chat, base_url: "{url}/v1"}}
models:
  - slug: slow/chat
    name: Slow chat
    description: Takes its time.
    context_length: 100000
    max_output_tokens: 1000
    pricing: {{prompt: 1.25, completion: 10.000001}}
    features: [streaming]
    source: made up for tests
    routes: [{{provider: slow, model: chat}}]
demo: true
"""
"""Of a gateway that has it, and the demo models."""

COUNTED = 20
"""The completion tokens of a whole answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("stream"):
            self._stream()
            return
        usage = {"prompt_tokens": 7, "completion_tokens": COUNTED, "total_tokens": 7 + COUNTED}
        message = {"role": "assistant", "content": "tick"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps(
            {"id": "c", "object": "chat.completion", "model": "chat", "created": 1, "choices": [choice], "usage": usage}
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        stopping = threading.Event()
        with contextlib.suppress(OSError):
            for _ in range(600):
                choice = {"index": 0, "delta": {"content": "tick "}, "finish_reason": None}
                chunk = {"id": "c", "object": "chat.completion.chunk", "model": "chat", "created": 1, "choices": [choice]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                stopping.wait(0.1)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def slow_model() -> Generator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
