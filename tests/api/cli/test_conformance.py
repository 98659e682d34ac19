"""`hyperinfer conformance`, without a gateway: what it explains, writes and refuses."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli


def test_without_a_url_it_says_what_to_configure(cli: Cli) -> None:
    done = cli("conformance", "--listen", "127.0.0.1:1234")
    assert done.code == 0
    assert "model 'conformance/messages': Anthropic Messages at http://127.0.0.1:1234" in done.out
    assert json.loads(cli("conformance", "--json").out)["listen"] == "127.0.0.1:8765"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--only", "tols"), "there is no check 'tols'"),
        (("--models", "caht=x"), "caht: none of chat, responses, messages"),
        (("--models", "chat"), "not name=value"),
        (("--headers", '{"chat": 3}'), "neither text nor headers"),
        (("--headers", "x-a: b"), "no JSON"),
        (("--listen", "8765"), "not HOST:PORT"),
        (("http://127.0.0.1:1/v1",), "--key is missing"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(cli: Cli, words: tuple[str, ...], why: str) -> None:
    done = cli("conformance", *words)
    assert done.code == 2
    assert why in done.err


def test_the_catalogue_that_it_writes_is_one(cli: Cli) -> None:
    assert cli("conformance", "--write-config", "c.yaml").code == 0
    checked = cli("check", "--config", "c.yaml")
    assert (checked.code, checked.err) == (0, ""), checked.out


def test_a_gateway_that_is_not_there_is_waited_for_and_then_named(cli: Cli) -> None:
    done = cli("conformance", "http://127.0.0.1:9/v1", "--key", "k", "--listen", "127.0.0.1:0", "--patience", "1")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("error: nothing listens at http://127.0.0.1:9/v1; start the gateway first\n")


class _Refuses(BaseHTTPRequestHandler):
    """A gateway that does not know the key."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": {"message": "Unknown key.", "type": "x", "param": null, "code": null}}'
        self.send_response(401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """It is not for anybody's eyes."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that its end waits for them, and for their sockets


def test_a_gateway_that_refuses_before_it_asks_is_quoted(cli: Cli) -> None:
    with _Server(("127.0.0.1", 0), _Refuses) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        done = cli("conformance", url, "--key", "k", "--listen", "127.0.0.1:0", "--only", "text.equal", "--json")
        server.shutdown()
    assert done.code == 1
    assert json.loads(done.out)["counts"]["pass"] == 0
    assert "never asked the scripted upstream; it answered: 401: Unknown key.\\nThe gateway under test needs" in done.err


def test_a_port_that_is_taken_is_refused(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("conformance", "http://127.0.0.1:9/v1", "--key", "k", "--listen", f"127.0.0.1:{port}")
    assert done.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
