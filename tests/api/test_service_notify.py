"""What systemd is told: to a real socket, by a real `serve`."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperinfer.api.service_notify import READY, RELOADING, STOPPING, nobody, service_manager
from tests.support.served import gateway


@pytest.fixture
def manager() -> Iterator[tuple[socket.socket, str]]:
    """systemd's end, and its address: short, as that of a socket has to be."""
    with tempfile.TemporaryDirectory(prefix="hi-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        address = f"{folder}/notify"
        heard.bind(address)
        heard.settimeout(30)
        yield heard, address


def test_without_a_manager_nobody_is_told() -> None:
    assert service_manager({}) is nobody
    assert service_manager({"NOTIFY_SOCKET": "vsock:2:1234"}) is nobody
    nobody(READY)


def test_each_state_is_a_datagram(manager: tuple[socket.socket, str]) -> None:
    heard, address = manager
    notify = service_manager({"NOTIFY_SOCKET": address}, lambda: 5_000_999)
    for state in (READY, RELOADING, STOPPING):
        notify(state)
    mine = f"MAINPID={os.getpid()}\n"
    assert heard.recv(512).decode() == f"READY=1\n{mine}"
    assert heard.recv(512).decode() == f"RELOADING=1\nMONOTONIC_USEC=5000\n{mine}"
    assert heard.recv(512).decode() == f"STOPPING=1\n{mine}"


def test_an_abstract_socket_is_found_and_one_that_is_gone_does_no_harm() -> None:
    name = f"hi-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + name)
        service_manager({"NOTIFY_SOCKET": f"@{name}"})(READY)
        assert heard.recv(512).startswith(b"READY=1\n")
    service_manager({"NOTIFY_SOCKET": f"@{name}"})(READY)
    service_manager({"NOTIFY_SOCKET": "/nowhere/" + "x" * 200})(READY)


def test_serve_tells_when_it_is_ready_reloads_and_stops(manager: tuple[socket.socket, str], tmp_path: Path) -> None:
    heard, address = manager

    def told() -> str:
        return heard.recv(512).decode().partition("\n")[0]

    with gateway(tmp_path, "demo: true\n", {"NOTIFY_SOCKET": address}) as server:
        assert told() == READY
        for text in ("models: [\n", "demo: false\n"):
            # One that is refused and one that is taken: a reload that never ended would have systemd wait for it.
            (tmp_path / "new.yaml").write_text(text)
            (tmp_path / "new.yaml").rename(tmp_path / "providers.yaml")
            server.process.send_signal(signal.SIGHUP)
            states = [told()]
            while states[-1] != RELOADING:  # the change may have been seen before the signal came
                states.append(told())
            assert set(states) <= {READY, RELOADING}
            assert told() == READY
        server.process.send_signal(signal.SIGTERM)
        while (state := told()) == READY:
            pass
        assert state == STOPPING
