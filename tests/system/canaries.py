"""A gateway whose secrets are one of a kind, and everything that goes wrong with it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.load import children, until_served, workers_of
from tests.e2e.slow import PROTOCOLS
from tests.support.formats import ROUTES
from tests.support.rawclient import Answer, ask, connected, head
from tests.support.served import ROOT, Running
from tests.system.telling_upstream import WAYS, Telling

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

CLIENT = "hi-canary1client7f3a9c51d2e84b60"
WRONG = "hi-canary2wrong7f3a9c51d2e84b60"
KEY_OF = {name: f"sk-canary3{name}7f3a9c51d2e84b60" for name in PROTOCOLS}
HEADER_OF = {name: f"canary4{name}7f3a9c51d2e84b60" for name in PROTOCOLS}
TOOL_KEY = "canary5tool7f3a9c51d2e84b60"
POSTGRES = "canary6postgres7f3a9c51d2e84b60"
REDIS = "canary7redis7f3a9c51d2e84b60"
TOKEN = "canary8token7f3a9c51d2e84b60"
BAD_TOKEN = "canary9badtoken7f3a9c51d2e84b60"
CONSOLE = "canary1console7f3a9c51d2e84b60"
METRICS = "canary2metrics7f3a9c51d2e84b60"
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
    """A gateway and all that can be seen of it from outside. `answers`: whole ones, as bytes. `made`: keys that it made.
    `metrics`: what it tells Prometheus."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    telling: Telling
    answers: list[bytes] = field(default_factory=list[bytes])
    made: list[str] = field(default_factory=list[str])
    commands: list[bytes] = field(default_factory=list[bytes])
    metrics: str = ""

    @property
    def secrets(self) -> list[str]:
        """Every one there is."""
        providers = (*KEY_OF.values(), *HEADER_OF.values())
        return [CLIENT, WRONG, *providers, TOOL_KEY, POSTGRES, REDIS, TOKEN, BAD_TOKEN, CONSOLE, METRICS, PROXY, *self.made]

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer | None:
        """One request; what came of it is kept. None where there was no answer."""
        try:
            answer = ask(self.url, method, path, headers, body)
        except (OSError, HTTPException):
            return None
        self.answers.append(json.dumps(dict(answer.headers)).encode() + answer.body)
        return answer


@contextlib.contextmanager
def serving(folder: Path, environ: dict[str, str], telling: Telling) -> Generator[Run]:
    command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", "data", "--config", "providers.yaml"]
    command += ["--record", "recordings"]
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


def scrape(run: Run) -> None:
    """What Prometheus is told of all that, and who has no right to it."""
    run.ask("GET", "/metrics", authorized(CLIENT))
    answer = run.ask("GET", "/metrics", {"authorization": f"Bearer {METRICS}"})
    assert answer is not None
    run.metrics = answer.body.decode()


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


def console(run: Run) -> None:
    """Somebody signs in and makes a key; others guess, and send what they have to the wrong place."""
    path, json_of = "/console/api/session", {"content-type": "application/json"}
    for wrong in (WRONG, BAD_TOKEN, f"{CONSOLE} "):
        run.ask("POST", path, json_of, json.dumps({"token": wrong}).encode())
    for body in (b'{"token": "%s' % CONSOLE.encode(), b'{"token": ["%s"]}' % CONSOLE.encode()):
        run.ask("POST", path, json_of, body)
    run.ask("GET", "/console/api/keys", {"authorization": f"Bearer {CONSOLE}", "cookie": CONSOLE, "x-csrf-token": CONSOLE})
    signed_in = ask(run.url, "POST", path, json_of, json.dumps({"token": CONSOLE}).encode())
    cookie, csrf = signed_in.headers["set-cookie"].partition(";")[0], signed_in.document["csrf"]
    headers = {**json_of, "cookie": cookie, "x-csrf-token": csrf}
    made = ask(run.url, "POST", "/console/api/keys", headers, b'{"workspace": "default", "name": "console"}')
    assert (signed_in.status, made.status) == (200, 201)
    run.made += [cookie.partition("=")[2], csrf, made.document["key"]]
    for method, where, body in (
        ("GET", "keys", b""),
        ("GET", "workspaces", b""),
        ("POST", f"keys/{made.document['id']}/disable", b"{}"),
        ("POST", "workspaces/default/lock", b""),
        ("POST", "workspaces/default/unlock", b""),
    ):
        assert run.ask(method, f"/console/api/{where}", headers, body) is not None
    broken = {**headers, "cookie": cookie[:-1] + "x", "x-csrf-token": csrf[:-1]}
    run.ask("DELETE", path, broken)
    assert run.ask("DELETE", path, headers) is not None
    run.ask("GET", path, headers)


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
        (run.folder / "journals").write_bytes(b"".join(each.read_bytes() for each in files_of(run.folder / "data")))
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


def files_of(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and not each.is_socket()]
