"""`python -m hyperinfer.api.probe`: what health checks of images run."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hyperinfer.api import probe
from tests.support.tls import tls_contexts


@contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Generator[tuple[int, list[bytes]]]:
    """A server that answers the first connection; its port, and what it was asked."""
    heard: list[bytes] = []

    def answer_once() -> None:
        with suppress(OSError):
            plain, _ = listener.accept()
            with plain if context is None else context.wrap_socket(plain, server_side=True) as peer:
                heard.append(peer.recv(4096))
                peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("host", ["", "127.0.0.1", "0.0.0.0"])
def test_the_answer_200_is_well(host: str) -> None:
    with answering(b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n") as (port, heard):
        assert probe.main([], {"HYPERINFER_HOST": host, "HYPERINFER_PORT": str(port)}) == 0
    assert heard[0].startswith(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "/readyz: HTTP/1.1 503 Service Unavailable"),
        (b"", "/readyz: no answer"),
        (b"220 mail.example 200\r\n", "/readyz: 220 mail.example 200"),
    ],
)
def test_any_other_is_not(answer: bytes, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(answer) as (port, heard):
        assert probe.main(["/readyz"], {"HYPERINFER_PORT": str(port)}) == 1
    assert heard[0].startswith(b"GET /readyz ")
    assert capsys.readouterr().err.strip() == said


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert probe.main([], {"HYPERINFER_PORT": str(port)}) == 1
    assert "refused" in capsys.readouterr().err
    assert probe.main([], {"HYPERINFER_PORT": "many"}) == 1


def test_one_that_says_a_byte_now_and_then_is_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "TIMEOUT", 0.4)
    over = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                while not over.wait(0.1):
                    peer.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        watch = threading.Timer(20, over.set)  # else it would go on for as many bytes as a line may have
        watch.start()
        try:
            assert probe.main([], {"HYPERINFER_PORT": str(listener.getsockname()[1])}) == 1
            assert not over.is_set()
        finally:
            watch.cancel()
            over.set()
            thread.join()
    assert capsys.readouterr().err.strip() == "/healthz: timed out"


def test_under_tls(tmp_path: Path) -> None:
    context, _ = tls_contexts(tmp_path)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", context) as (port, heard):
        assert probe.main([], {"HYPERINFER_PORT": str(port), "HYPERINFER_CERTFILE": "/a/chain.pem"}) == 0
    assert heard[0].startswith(b"GET /healthz ")
