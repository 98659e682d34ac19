"""Canaries: every secret that a gateway has is one of a kind here, and after many sorts of failures it is looked for
wherever it could have got: logs, errors, answers, rows, journals, Redis, command lines and what upstreams were sent."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.load import children, until_served, workers_of
from tests.e2e.slow import PROTOCOLS
from tests.support.formats import ROUTES
from tests.support.rawclient import Answer, ask, connected, head
from tests.support.served import ROOT, Running
from tests.system.telling_upstream import WAYS, Telling, telling_upstream

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

CLIENT = "hi-canary1client7f3a9c51d2e84b60"
WRONG = "hi-canary2wrong7f3a9c51d2e84b60"
KEY_OF = {name: f"sk-canary3{name}7f3a9c51d2e84b60" for name in PROTOCOLS}
HEADER_OF = {name: f"canary4{name}7f3a9c51d2e84b60" for name in PROTOCOLS}
TOOL_KEY = "canary5tool7f3a9c51d2e84b60"
POSTGRES = "canary6postgres7f3a9c51d2e84b60"
REDIS = "canary7redis7f3a9c51d2e84b60"
TOKEN = "canary8token7f3a9c51d2e84b60"
BAD_TOKEN = "canary9badtoken7f3a9c51d2e84b60"
PROXY = "canary0proxy7f3a9c51d2e84b60"


def catalogue(url: str) -> str:
    providers = {
        f"{way}-{name}": {
            "protocol": protocol,
            "base_url": f"{url}/{way}/v1",
            "api_key": f"${{CANARY_{name.upper()}}}",
            "headers": {"x-canary": HEADER_OF[name]},
            "timeouts": {"first_token": 0.1, "idle": 0.1, "stream": 1, "whole": 0.1},
        }
        for way in WAYS
        for name, protocol in PROTOCOLS.items()
    }
    models = [
        {
            "slug": f"telling/{name}",
            "name": name,
            "description": "Tells.",
            "context_length": 1000,
            "pricing": {"prompt": 1, "completion": 2},
            "source": "made up for the tests, 2026-11-26",
            "routes": [{"provider": name, "model": "upstream"}],
        }
        for name in providers
    ]
    tools = {"web_search": {"kind": "brave", "base_url": f"{url}/tool", "api_key": "${CANARY_TOOL}", "price": 0.001}}
    limits = {"rate_per_minute": 1_000_000, "burst": 1_000_000, "grace": 1}
    creators = {"telling": {"name": "Telling"}}
    return json.dumps({"providers": providers, "creators": creators, "models": models, "tools": tools, "limits": limits})


@dataclass
class Run:
    """A gateway and all that can be seen of it from outside. `answers`: whole ones, as bytes. `made`: keys that it made."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    telling: Telling
    answers: list[bytes] = field(default_factory=list[bytes])
    made: list[str] = field(default_factory=list[str])
    commands: list[bytes] = field(default_factory=list[bytes])

    @property
    def secrets(self) -> list[str]:
        """Every one there is."""
        providers = (*KEY_OF.values(), *HEADER_OF.values())
        return [CLIENT, WRONG, *providers, TOOL_KEY, POSTGRES, REDIS, TOKEN, BAD_TOKEN, PROXY, *self.made]

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer | None:
        """One request; what came of it is kept. None where there was no answer."""
        try:
            answer = ask(self.url, method, path, headers, body)
        except (OSError, HTTPException):
            return None
        self.answers.append(json.dumps(dict(answer.headers)).encode() + answer.body)
        return answer


@pytest.fixture(scope="module")
def environ(postgres: PostgresServer, valkey: ValkeyServer) -> Iterator[dict[str, str]]:
    """Both stores, by addresses with passwords."""
    valkey.run("FLUSHALL")
    valkey.run("ACL", "SETUSER", "canary", "on", f">{REDIS}", "~*", "&*", "+@all")
    url = postgres.url(postgres.new_database())
    yield {
        **os.environ,
        "HYPERINFER_POSTGRES_URL": url.replace("postgres@", f"postgres:{POSTGRES}@"),
        "HYPERINFER_REDIS_URL": f"unix://canary:{REDIS}@{valkey.socket}",
        "HYPERINFER_INTERNAL_TOKEN": TOKEN,
        "HYPERINFER_BOOTSTRAP_KEY": CLIENT,
        "CANARY_TOOL": TOOL_KEY,
        **{f"CANARY_{name.upper()}": key for name, key in KEY_OF.items()},
        "HTTPS_PROXY": f"http://user:{PROXY}@127.0.0.1:9",
    }
    valkey.run("ACL", "DELUSER", "canary")


@pytest.fixture(scope="module")
def run(environ: dict[str, str], postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """After everything went wrong that can be made to from outside."""
    folder = tmp_path_factory.mktemp("secrets")
    with telling_upstream() as telling:
        (folder / "providers.yaml").write_text(catalogue(telling.url))
        with serving(folder, environ, telling) as run:
            for step in (requests, bad_requests, tools, administration, reloads):
                step(run)
            outage(run, postgres)
            death(run)
        yield run


@contextlib.contextmanager
def serving(folder: Path, environ: dict[str, str], telling: Telling) -> Generator[Run]:
    command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", "data", "--config", "providers.yaml"]
    with (folder / "log").open("wb") as log, (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env={**environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(rb"listening (http://\S+)", (folder / "out").read_bytes())):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        yield Run(folder, found[1].decode(), process, telling)
    finally:
        process.terminate()
        process.wait(timeout=40)


def authorized(key: str = CLIENT) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json"}


def requests(run: Run) -> None:
    """Every way of the upstream, by every format, streamed and whole."""
    for route in ROUTES:
        for way in WAYS:
            for name in PROTOCOLS:
                for stream in (True, False):
                    body = route.body(f"telling/{way}-{name}", "Hello", stream=stream)
                    assert run.ask("POST", route.path, authorized(), json.dumps(body).encode()) is not None


def bad_requests(run: Run) -> None:
    """Keys that are wrong, in the wrong place, and in requests that are none."""
    for route in ROUTES:
        body = json.dumps(route.body("telling/good-chat")).encode()
        for headers in (authorized(WRONG), {"x-api-key": WRONG}, {"authorization": WRONG}, {"cookie": CLIENT}, {}):
            run.ask("POST", route.path, {"content-type": "application/json", **headers}, body)
        for key in (CLIENT, WRONG):
            run.ask("POST", f"{route.path}?key={key}", {"content-type": "application/json"}, body)
            run.ask("GET", f"/{key}", authorized(key))
            run.ask("GET", f"/api/v1/generation?id={key}", authorized())
        run.ask("POST", route.path, authorized(), b'{"model": 7')
        run.ask("POST", route.path, authorized(), json.dumps(route.body("telling/none")).encode())
        run.ask("POST", route.path, {**authorized(), "content-type": "text/plain"}, body)
        run.ask("PUT", route.path, authorized(), body)
        for line in (
            f"Authorization : Bearer {CLIENT}",
            f"authorization: Bearer {CLIENT}\r\ncontent-length: x",
            f"bad{CLIENT}",
        ):
            with connected(run.url) as connection:
                connection.send(f"POST {route.path} HTTP/1.1\r\nhost: h\r\n{line}\r\n\r\n".encode())
                run.answers.append(connection.until_closed())


def tools(run: Run) -> None:
    """The API of a tool tells its key in an error. The model is asked for a call by the demo."""
    for route in ROUTES:
        more: dict[str, Any] = {"plugins": [{"id": "web_search"}]}
        if route.name == "responses":
            more = {"tools": [{"type": "web_search"}]}
        for model in ("demo/chat", "telling/good-chat"):
            run.ask("POST", route.path, authorized(), json.dumps(route.body(model, "search: x", **more)).encode())


def administration(run: Run) -> None:
    """Keys are made, used and revoked; the token is wrong."""
    for token in (TOKEN, BAD_TOKEN):
        headers = {"x-internal-token": token, "content-type": "application/json"}
        listed = run.ask("GET", "/api/v1/admin/workspaces", headers)
        workspace = re.search(rb'"(ws_\w+)"', listed.body) if listed is not None else None
        minting = json.dumps({"workspace_id": workspace[1].decode() if workspace else "", "user_id": "u"}).encode()
        made = run.ask("POST", "/api/v1/admin/keys", headers, b'{"workspace": "default", "name": "made"}')
        run.ask("GET", "/api/v1/admin/keys", headers)
        run.ask("POST", "/api/v1/admin/keys", headers, b"{")
        minted = run.ask("POST", "/api/v1/playground-keys", headers, minting)
        for answer in (made, minted):
            if answer is not None and answer.status < 300:
                told = re.search(rb'"key": ?"(hi-[^"]+)"', answer.body)
                if told is not None:
                    run.made.append(told[1].decode())
                    run.answers.pop(next(i for i, each in enumerate(run.answers) if told[1] in each))  # told this once
    for key in run.made:
        for _ in range(2):
            body = json.dumps(ROUTES[1].body("telling/broken-chat")).encode()
            run.ask("POST", ROUTES[1].path, authorized(key), body)


def reloads(run: Run) -> None:
    """A catalogue with keys written out, and mistakes on their lines."""
    config = run.folder / "providers.yaml"
    good = config.read_text()
    for bad in (
        f"providers: {{x: {{protocol: no, base_url: 7, api_key: {KEY_OF['chat']}, headers: {{a: [{HEADER_OF['chat']}]}}}}}}",
        f"providers: {{x: {{api_key: '{KEY_OF['chat']}",
        f"providers:\n  x: {KEY_OF['chat']}\n",
    ):
        before = (run.folder / "log").read_bytes().count(b"not reloaded")
        config.write_text(bad)
        run.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while (run.folder / "log").read_bytes().count(b"not reloaded") == before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    config.write_text(good)
    run.process.send_signal(signal.SIGHUP)


def outage(run: Run, postgres: PostgresServer) -> None:
    """Postgres is away: requests are journaled, and errors of its driver are logged."""
    postgres.stop()
    try:
        for route in ROUTES:
            for way in ("good", "refused"):
                body = json.dumps(route.body(f"telling/{way}-chat", stream=True)).encode()
                run.ask("POST", route.path, authorized(), body)
                run.ask("POST", route.path, authorized(WRONG), body)
        run.ask("GET", "/readyz", {})
        run.commands += [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _processes(run)]
        (run.folder / "journals").write_bytes(b"".join(each.read_bytes() for each in _files(run.folder / "data")))
    finally:
        postgres.start()
    until_served(run.url)


def death(run: Run) -> None:
    """A worker is killed within a stream."""
    route = ROUTES[1]
    body = json.dumps(route.body("telling/silent-chat", stream=True)).encode()
    with connected(run.url) as connection:
        connection.send(head("POST", route.path, {**authorized(), "content-length": str(len(body))}) + body)
        os.kill(workers_of(_running(run))[0], signal.SIGKILL)
        with contextlib.suppress(OSError):
            connection.until_closed()
    until_served(run.url)
    assert run.ask("POST", route.path, authorized(), json.dumps(route.body("telling/good-chat")).encode()) is not None


def _running(run: Run) -> Any:
    return Running(run.url, run.process)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def _processes(run: Run) -> list[int]:
    workers = workers_of(_running(run))
    return [run.process.pid, *workers, *(child for worker in workers for child in children(worker))]


def _files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and not each.is_socket()]


def found(secrets: list[str], where: bytes) -> list[str]:
    return [secret for secret in secrets if secret.encode() in where]


def test_not_in_the_log(run: Run) -> None:
    log, out = (run.folder / "log").read_bytes(), (run.folder / "out").read_bytes()
    assert log.count(b"hyperinfer.upstream") > 50, "failures are logged"
    assert found(run.secrets, log) == []
    assert found(run.secrets, out) == []


def test_not_in_what_clients_are_told(run: Run) -> None:
    assert len(run.answers) > 200
    told = b"\n".join(run.answers)
    # What a client writes into a path or a body is its own to hear again.
    assert found([each for each in run.secrets if each not in (CLIENT, WRONG)], told) == []
    for answer in run.answers:
        assert CLIENT.encode() not in answer or b"not in this gateway" in answer, answer


def test_made_keys_are_there_at_all(run: Run) -> None:
    assert len(run.made) == 2


def test_not_in_the_database(run: Run, environ: dict[str, str], postgres: PostgresServer) -> None:
    database = environ["HYPERINFER_POSTGRES_URL"].partition("@/")[2].partition("?")[0]
    tables = postgres.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database).splitlines()
    rows = {name: postgres.run(f"SELECT json_agg(t) FROM {name} t", database) for name in tables}
    assert "telling/good-chat" in rows["generation"]
    assert found(run.secrets, json.dumps(rows).encode()) == []


def test_not_in_redis(run: Run, valkey: ValkeyServer) -> None:
    keys: list[bytes] = valkey.run("KEYS", "*")
    reading = {
        b"string": ("GET",),
        b"hash": ("HGETALL",),
        b"set": ("SMEMBERS",),
        b"zset": ("ZRANGE", 0, -1),
        b"list": ("LRANGE", 0, -1),
    }
    assert keys
    for key in keys:
        command, *rest = reading[valkey.run("TYPE", key)]
        value = valkey.run(str(command), key, *rest)
        assert found(run.secrets, key + repr(value).encode()) == [], key


def test_not_in_the_data_folder(run: Run) -> None:
    journals = (run.folder / "journals").read_bytes()
    assert b"telling/good-chat" in journals, "what was journaled"
    data = journals + b"".join(each.read_bytes() for each in _files(run.folder / "data"))
    assert found(run.secrets, data) == []


def test_not_on_a_command_line(run: Run) -> None:
    assert len(run.commands) >= 2
    assert found(run.secrets, b"".join(run.commands)) == []


def test_upstreams_get_their_own_and_nothing_else(run: Run) -> None:
    paths = {path.split("/")[1] for path, _ in run.telling.seen}
    assert {*WAYS, "tool"} <= paths
    ends = {"completions": "chat", "responses": "responses", "messages": "messages"}
    for path, sent in run.telling.seen:
        name = ends.get(path.partition("?")[0].rpartition("/")[2])
        own = [TOOL_KEY] if name is None else [KEY_OF[name], HEADER_OF[name]]
        assert found(run.secrets, sent) == own, path


@pytest.mark.parametrize("wrong", ["postgres", "both", "proxy", "bootstrap"])
def test_not_in_the_errors_of_a_start_or_a_command(wrong: str, environ: dict[str, str], tmp_path: Path) -> None:
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
    changed = dict(environ)
    if wrong in ("postgres", "both"):
        changed["HYPERINFER_POSTGRES_URL"] = f"postgresql://u:{POSTGRES}@127.0.0.1:{port}/d"
    if wrong in ("redis", "both"):
        changed["HYPERINFER_REDIS_URL"] = f"redis://u:{REDIS}@127.0.0.1:{port}"
    if wrong == "proxy":
        changed["HTTPS_PROXY"] = f"gopher://u:{PROXY}@127.0.0.1"
    if wrong == "bootstrap":
        changed["HYPERINFER_BOOTSTRAP_KEY"] = f"{TOKEN} x"
    for words in (["serve", "--port", "0"], ["check"], ["keys", "list"], ["ledger", "verify"]):
        command = [sys.executable, "-m", "hyperinfer", *words, "--data", "data"]
        env = {**changed, "PYTHONPATH": str(ROOT)}
        try:
            done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=8, check=False)
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired as late:  # it serves, or waits for a server
            said = (late.stdout or b"") + (late.stderr or b"")
        secrets = [CLIENT, *KEY_OF.values(), POSTGRES, REDIS, TOKEN, PROXY]
        assert found(secrets, said) == [], words
    nobody.close()
