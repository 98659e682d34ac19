"""`serve`: what it refuses before anything starts, and the real program as an operator runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from hyperinfer.api.cli.serve import FACTORY, plan_of, wait_for_folder
from hyperinfer.api.settings import Settings
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.worker import Order
from hyperinfer.providers.catalogue import Limits

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli

CERTIFICATE = Path(__file__).parents[1] / "edge" / "localhost.pem"
PATIENCE = 30.0


# Refused before anything starts


@pytest.mark.parametrize(
    ("words", "environ", "message"),
    [
        ("--workers 2", {}, "2 workers need the shared mode"),
        ("", {"HYPERINFER_WORKERS": "2"}, "2 workers need the shared mode"),
        ("", {"HYPERINFER_POSTGRES_URL": "postgres://h"}, "HYPERINFER_POSTGRES_URL is set and HYPERINFER_REDIS_URL is not"),
        ("", {"HYPERINFER_REDIS_URL": "redis://h"}, "HYPERINFER_REDIS_URL is set and HYPERINFER_POSTGRES_URL is not"),
        (
            "",
            {"HYPERINFER_POSTGRES_URL": "postgres://h", "HYPERINFER_REDIS_URL": "redis://h"},
            "this version has no shared mode yet",
        ),
        ("--certfile x.pem", {}, "--certfile is given and --keyfile is not"),
        ("--certfile x.pem --keyfile y.pem", {}, "--certfile: there is no file x.pem"),
    ],
)
def test_impossible_settings_are_refused(
    cli: Cli, tmp_path: Path, words: str, environ: dict[str, str], message: str
) -> None:
    refused = cli(f"serve {words}", environ=environ)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"error: {message}")
    assert refused.err.count("\n") == 1
    assert cli(f"serve --json {words}", environ=environ).error["code"] == "settings"
    checked = cli(f"check {words}", environ=environ)
    assert checked.code == 1
    assert f"problem: {message}" in checked.out
    assert not list(tmp_path.iterdir())


def test_a_certificate_that_is_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    refused = cli("serve --certfile x.pem --keyfile x.pem")
    assert refused.code == 1
    assert refused.err.startswith("error: x.pem and x.pem are not a certificate with its key")
    assert cli(f"check --certfile {CERTIFICATE} --keyfile {CERTIFICATE}").code == 0


def test_a_data_folder_that_is_served_already(cli: Cli, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with FolderLock.acquire(folder):
        folder.control_socket.touch()
        refused = cli("serve --port 0")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"error: the data folder data is in use by process {os.getpid()}; stop that one")


def test_a_data_folder_that_cannot_be(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = cli("serve --port 0 --data file/data")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: cannot make the data folder file/data")


def test_a_server_that_is_just_ending_is_waited_for(tmp_path: Path) -> None:
    lock = FolderLock.acquire(DataFolder(tmp_path))
    threading.Timer(0.2, lock.release).start()
    wait_for_folder(tmp_path)
    FolderLock.acquire(DataFolder(tmp_path)).release()


def test_the_plan_says_all_that_was_asked(tmp_path: Path) -> None:
    settings = Settings(host="::1", port=0, certfile=Path("c.pem"), keyfile=Path("k.pem"))
    plan = plan_of(settings, Limits(grace=7, write=9), config=Path("p.yaml"), data=tmp_path / "data")
    order = Order.from_json(plan.order())
    assert (plan.bind, plan.workers, order.factory) == ("[::1]:0", 1, FACTORY)
    assert order.app == {"config": str(Path.cwd() / "p.yaml"), "data": str(tmp_path / "data")}
    assert (order.edge.grace, order.edge.write_deadline) == (7, 9)
    assert (order.edge.certfile, order.edge.keyfile) == ("c.pem", "k.pem")
    assert Order.from_json(plan_of(Settings(), Limits(), config=None, data=tmp_path).order()).app["config"] is None


# The real program


@dataclass
class Served:
    """A server in a process of its own. `lines`: its standard output so far."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str] = field(default_factory=list[str])

    def end(self, number: int) -> tuple[int, str]:
        """Its exit code after this signal, and what it said on standard error."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode, said


@contextmanager
def served(folder: Path, *words: str, **environ: str) -> Generator[Served]:
    """`hyperinfer serve --port 0` in that folder, once it says that it listens."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HYPERINFER_")}
    with subprocess.Popen(
        [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", *words],
        cwd=folder,
        env=inherited | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            assert process.stdout
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if listening := re.search(r"(?:listening |\"url\":\")(https?://[^\s\"]+)", line):
                    yield Served(process, listening[1], lines)
                    break
            else:
                assert process.stderr
                pytest.fail(f"it never listened: {lines} {process.stderr.read()}")
        finally:
            watchdog.cancel()
            process.kill()


def hyperinfer(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hyperinfer", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def ask(server: Served, key: str) -> httpx2.Response:
    return httpx2.post(
        f"{server.url}/api/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "demo/chat", "messages": [{"role": "user", "content": "Hello!"}]},
        timeout=PATIENCE,
    )


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        refused = hyperinfer(tmp_path, "serve", "--port", port)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_served_from_the_first_start_to_the_last_signal(tmp_path: Path, cli: Cli) -> None:
    with served(tmp_path) as server:
        announced = next(line for line in server.lines if line.startswith("API key of workspace 'default'"))
        first = announced.split()[-1]
        assert ask(server, first).status_code == 200

        # Through the running server, effective on the next request.
        made = hyperinfer(tmp_path, "keys", "create", "--workspace", "default", "--name", "second")
        assert re.fullmatch(r"hi-[\w-]{43}\n", made.stdout)
        second = made.stdout.strip()
        assert ask(server, second).status_code == 200
        assert cli(f"keys revoke {second}").code == 0
        assert ask(server, second).status_code == 401
        assert cli("workspaces lock default").code == 0
        assert ask(server, first).status_code == 403
        assert cli("workspaces unlock default").code == 0
        assert cli("usage").out.splitlines()[1].split()[:2] == ["demo/chat", "2"]

        again = cli("serve --port 0")
        assert again.code == 1
        assert again.err.startswith("error: the data folder data is in use by process ")

        assert server.end(signal.SIGTERM) == (0, "")
    assert cli("ledger verify").out.startswith("all agrees: ")


def test_served_by_environment_with_json_and_ctrl_c(tmp_path: Path, cli: Cli) -> None:
    catalogue = tmp_path / "mine.yaml"
    catalogue.write_text("limits: {grace: 1}")
    environ = {
        "HYPERINFER_CONFIG": "mine.yaml",
        "HYPERINFER_DATA": "elsewhere",
        "HYPERINFER_HOST": "localhost",
        "HYPERINFER_BOOTSTRAP_KEY": "hi-chosen",
        "HYPERINFER_BOOTSTRAP_CREDITS": "3",
    }
    with served(tmp_path, "--json", **environ) as server:
        assert server.lines == [f'{{"event":"listening","url":"{server.url}"}}\n']
        assert ask(server, "hi-chosen").status_code == 200
        assert cli("workspaces show default --data elsewhere --json").document["balance"] == 3
        assert server.end(signal.SIGINT) == (0, "")
    assert not (tmp_path / "data").exists()


def test_ctrl_c_while_waiting_for_the_folder(tmp_path: Path) -> None:
    with (
        FolderLock.acquire(DataFolder(tmp_path / "data")),
        subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "hyperinfer", "keys", "list"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting,
    ):
        assert waiting.stderr
        # The last module that it loads: from here on it waits.
        for line in waiting.stderr:
            if "hyperinfer.api.store.open" in line:
                break
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=PATIENCE)
    said = [line for line in err.splitlines() if not line.startswith("import time:")]
    assert (waiting.returncode, out, said) == (130, "", ["error: interrupted"])
