"""`serve`: what it refuses before anything starts, and the real program as an operator runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from hyperinfer.api.cli.serve import FACTORY, plan_of, take_folder
from hyperinfer.api.settings import Settings
from hyperinfer.api.store.errors import FolderInUse
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.worker import Order
from hyperinfer.providers.catalogue import Limits
from tests.api.cli.serving import PATIENCE, ROOM, Served, apart, served

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli

SHIPPED = Path(__file__).parents[3] / "providers.yaml"
CERTIFICATE = Path(__file__).parents[1] / "edge" / "localhost.pem"


# Refused before anything starts


@pytest.mark.parametrize(
    ("words", "environ", "message"),
    [
        ("--workers 2", {}, "2 workers need the shared mode"),
        ("", {"HYPERINFER_WORKERS": "2"}, "2 workers need the shared mode"),
        ("", {"HYPERINFER_POSTGRES_URL": "postgres://h"}, "HYPERINFER_POSTGRES_URL is set and HYPERINFER_REDIS_URL is not"),
        ("", {"HYPERINFER_REDIS_URL": "redis://h"}, "HYPERINFER_REDIS_URL is set and HYPERINFER_POSTGRES_URL is not"),
        ("--certfile x.pem", {}, "--certfile is given and --keyfile is not"),
        ("--certfile x.pem --keyfile y.pem", {}, "--certfile: there is no file x.pem"),
        ("", {"https_proxy": "ftp://me:hush@p"}, "https_proxy is not the address of a proxy: one of http://, https://"),
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
    with FolderLock.acquire(folder), socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder.control_socket))
        server.listen()
        began = time.monotonic()
        refused = cli("serve --port 0")
        assert time.monotonic() - began < 2
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"error: the data folder data is in use by process {os.getpid()}; stop that one")


def test_a_data_folder_that_cannot_be(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = cli("serve --port 0 --data file/data")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: cannot make the data folder file/data")


@pytest.mark.parametrize("left", [False, True], ids=["no socket", "the socket of a dead server"])
def test_a_server_that_is_just_ending_is_waited_for(tmp_path: Path, left: bool) -> None:
    folder = DataFolder(tmp_path)
    if left:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder.control_socket))
    lock = FolderLock.acquire(folder)
    threading.Timer(0.2, lock.release).start()
    with take_folder(tmp_path), pytest.raises(FolderInUse):
        FolderLock.acquire(folder)


def test_the_last_requests_of_a_killed_server_are_waited_for(tmp_path: Path) -> None:
    """Its worker has the lock then, and answers still."""
    with subprocess.Popen(["true"]) as killed:
        killed.wait()
    folder = DataFolder(tmp_path)
    with socket.socket(socket.AF_UNIX) as worker:
        worker.bind(str(folder.control_socket))
        worker.listen()
        lock = FolderLock.acquire(folder)
        with pytest.raises(FolderInUse):  # who took it lives
            take_folder(tmp_path)
        folder.lock.write_text(f"{killed.pid}\n")
        threading.Timer(0.2, lock.release).start()
        with take_folder(tmp_path), pytest.raises(FolderInUse):
            FolderLock.acquire(folder)


def test_the_plan_says_all_that_was_asked(tmp_path: Path) -> None:
    settings = Settings(host="::1", port=0, certfile=Path("c.pem"), keyfile=Path("k.pem"), outage="refuse")
    settings = replace(settings, log_format="json", log_level="error", metrics="off")
    with FolderLock.acquire(DataFolder(tmp_path)) as lock:
        plan = plan_of(settings, Limits(grace=7, write=9), config=Path("p.yaml"), data=tmp_path / "data", lock=lock)
        bare = plan_of(Settings(), Limits(), config=None, data=tmp_path, lock=lock, json=True)
    order = Order.from_json(plan.order())
    assert (plan.bind, plan.workers, order.factory) == ("[::1]:0", 1, FACTORY)
    said = {"log_format": "json", "log_level": "error", "metrics": "off"}
    paths = {"config": str(Path.cwd() / "p.yaml"), "data": str(tmp_path / "data")}
    asked = {"outage": "refuse", "console": True, "tls": True, "record": None, "json": False}
    assert order.app == {**paths, "lock": lock.descriptor, **asked, **said}
    assert plan.handed == (lock.descriptor,)
    assert (order.edge.grace, order.edge.write_deadline) == (7, 9)
    assert (order.edge.certfile, order.edge.keyfile) == ("c.pem", "k.pem")
    assert Order.from_json(bare.order()).app["config"] is None
    assert bare.app["json"] is True


# The real program


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
    busy_words = f"error: cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port\n"
    assert refused.stderr == busy_words


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
        assert again.err == (
            f"error: the data folder data is in use by process {server.process.pid};"
            " stop that one or choose another folder with --data\n"
        )

        code, said = server.end(signal.SIGTERM)
    requests, rest = apart(said)
    assert (code, rest) == (0, "stopped\n")
    assert [re.findall(r" http=(\d+) ", line) for line in requests] == [["200"], ["200"], ["401"], ["403"]]
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
        "HYPERINFER_PROT": "8081",
    }
    with served(tmp_path, "--json", **environ) as server:
        token, listening = (json.loads(line) for line in server.lines)
        assert re.fullmatch(r"hc-[\w-]{43}", token.pop("token"))
        assert (token, listening) == ({"event": "console_token"}, {"event": "listening", "url": server.url})
        assert ask(server, "hi-chosen").status_code == 200
        assert cli("workspaces show default --data elsewhere --json").document["balance"] == 3
        code, said = server.end(signal.SIGINT)
    requests, rest = apart(said)
    assert (code, len(requests)) == (0, 1)
    # The client has its answer a moment before the server has let go of the request: it may still be counted.
    notes = [json.loads(line)["note"] for line in rest.splitlines()]
    assert [note for note in notes if not note.startswith("draining 1 request, up to 1 s")] == [
        "warning: HYPERINFER_PROT is set and means nothing to serve; did you mean HYPERINFER_PORT?",
        "stopped",
    ]
    assert not (tmp_path / "data").exists()


def test_the_first_start_in_json(tmp_path: Path) -> None:
    with served(tmp_path, "--json") as server:
        first, token, listening = (json.loads(line) for line in server.lines)
        assert {"event": "first_start", "workspace": "default"}.items() <= first.items()
        assert (token["event"], listening) == ("console_token", {"event": "listening", "url": server.url})
        assert ask(server, first["key"]).status_code == 200
        session = httpx2.post(f"{server.url}/console/api/session", json={"token": token["token"]}, timeout=PATIENCE)
        assert session.status_code == 200


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")
def test_the_lock_outlives_the_worker(tmp_path: Path, cli: Cli) -> None:
    """While a killed worker is being replaced, nobody else gets in between."""
    with served(tmp_path) as server:
        (worker,) = children(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(FolderInUse, match=rf"in use by process {server.process.pid};"):
            FolderLock.acquire(DataFolder(tmp_path / "data"))
        # Waits in the backlog for the next worker.
        assert httpx2.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200
        assert cli("workspaces list").code == 0
        code, said = server.end(signal.SIGTERM)
        assert code == 0
        assert said.splitlines()[-1] == "stopped"
    FolderLock.acquire(DataFolder(tmp_path / "data")).release()


def test_a_later_start_counts_the_keys(tmp_path: Path, cli: Cli) -> None:
    hint = "(`hyperinfer keys create --workspace NAME` makes {})"
    cli("workspaces create acme")
    keys = [cli("keys create --workspace acme").out.strip() for _ in range(2)]
    cli(f"keys revoke {keys[0]}")
    with served(tmp_path, HYPERINFER_BOOTSTRAP_CREDITS="3") as server:
        assert not [line for line in server.lines if "hi-" in line]
        warning, counted, stopped = server.end(signal.SIGTERM)[1].splitlines()
    assert warning == "warning: HYPERINFER_BOOTSTRAP_CREDITS is ignored: the store has keys already"
    assert (counted, stopped) == ("active API keys: 1 " + hint.format("another"), "stopped")
    cli(f"keys revoke {keys[1]}")
    with served(tmp_path) as server:
        assert server.end(signal.SIGTERM)[1].splitlines()[0] == "active API keys: none " + hint.format("one")


def test_a_reload_says_what_came_of_it(tmp_path: Path) -> None:
    catalogue = tmp_path / "providers.yaml"
    catalogue.write_text("limits: {grace: 1}\n")
    with served(tmp_path) as server:
        assert server.process.stderr
        assert all(ROOM.match(server.process.stderr.readline()) for _ in range(3))

        def reloaded(text: bytes) -> list[str]:
            catalogue.write_bytes(text)
            server.process.send_signal(signal.SIGHUP)
            assert server.process.stderr
            return [server.process.stderr.readline().rstrip() for _ in range(2 if b"-" in text else 1)]

        assert reloaded(b"limits: {grace: 1}\ndemo: true\n") == [f"reloaded {catalogue}: 3 models"]
        # Of the servers of one's own in the shipped one not even the address is known.
        catalogue.write_bytes(SHIPPED.read_bytes().replace(b"grace: 30", b"grace: 1"))
        server.process.send_signal(signal.SIGHUP)
        assert server.process.stderr.readline().startswith(f"reloaded {catalogue}: ")
        refused = "not reloaded, the configuration stays as it was:"
        assert reloaded(b"dem-o: true\n") == [
            f"{refused} the catalogue has 1 problem:",
            f"{catalogue}:1: dem-o: unknown key; one of providers, creators, models, tools, egress, limits, pipeline, demo;"
            " did you mean 'demo'?",
        ]
        assert reloaded(b"\xff") == [f"{refused} {catalogue} is not UTF-8 text"]
        catalogue.unlink()
        server.process.send_signal(signal.SIGHUP)
        code, said = server.end(signal.SIGTERM)
        assert code == 0
        assert "Traceback" not in said


def children(parent: int) -> list[int]:
    """The processes that it started."""
    found = [task.read_text() for task in Path(f"/proc/{parent}/task").glob("*/children")]
    return [int(word) for word in " ".join(found).split()]
