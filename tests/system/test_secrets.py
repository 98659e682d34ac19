"""Canaries: every secret that a gateway has is one of a kind here, and after many sorts of failures it is looked for
wherever it could have got: logs, errors, answers, rows, journals, Redis, command lines and what upstreams were sent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hyperinfer.engine.recording import Fault
from hyperinfer.engine.recording_file import read_recording
from tests.support.served import ROOT
from tests.system.canaries import (
    CLIENT,
    CONSOLE,
    HEADER_OF,
    KEY_OF,
    METRICS,
    POSTGRES,
    PROXY,
    REDIS,
    TOKEN,
    TOOL_KEY,
    WRONG,
    Run,
    administration,
    bad_requests,
    catalogue,
    console,
    death,
    files_of,
    outage,
    reloads,
    requests,
    scrape,
    serving,
    tools,
)
from tests.system.telling_upstream import WAYS, telling_upstream

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


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
        "HYPERINFER_CONSOLE_TOKEN": CONSOLE,
        "HYPERINFER_METRICS_TOKEN": METRICS,
        "HYPERINFER_LOG_FORMAT": "json",  # it has what text has, and more
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
            for step in (requests, bad_requests, tools, administration, console, reloads):
                step(run)
            outage(run, postgres)
            scrape(run)
            death(run)
        yield run


def found(secrets: list[str], where: bytes) -> list[str]:
    return [secret for secret in secrets if secret.encode() in where]


def test_not_in_the_log(run: Run) -> None:
    log, out = (run.folder / "log").read_bytes(), (run.folder / "out").read_bytes()
    assert log.count(b"hyperinfer.upstream") > 50, "failures are logged"
    assert found(run.secrets, log) == []
    assert found(run.secrets, out) == []


def test_not_in_metrics(run: Run) -> None:
    assert run.metrics.count("\nhyperinfer_requests_total{") > 100
    assert run.metrics.count("\nhyperinfer_upstream_attempts_total{") > 20
    assert found(run.secrets, run.metrics.encode()) == []
    # Nor whose it was, nor where it went.
    assert [word for word in ("default", "127.0.0.1", "localhost", "Hello") if word in run.metrics] == []


def test_each_line_of_the_log_is_json(run: Run) -> None:
    lines = [json.loads(line) for line in (run.folder / "log").read_text().splitlines()]
    about = [line for line in lines if line["logger"] in ("hyperinfer.upstream", "hyperinfer.requests", "hyperinfer.tools")]
    assert len(about) > 100
    assert [line for line in about if "request_id" not in line] == []


def test_not_in_what_clients_are_told(run: Run) -> None:
    assert len(run.answers) > 200
    told = b"\n".join(run.answers)
    # What a client writes into a path or a body is its own to hear again.
    assert found([each for each in run.secrets if each not in (CLIENT, WRONG)], told) == []
    for answer in run.answers:
        assert CLIENT.encode() not in answer or b"not in this gateway" in answer, answer


def test_made_keys_are_there_at_all(run: Run) -> None:
    assert len(run.made) == 5


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
    data = journals + b"".join(each.read_bytes() for each in files_of(run.folder / "data"))
    assert found(run.secrets, data) == []


def test_not_in_recordings(run: Run) -> None:
    files = [each for each in files_of(run.folder / "recordings") if each.suffix == ".jsonl"]
    assert len(files) > 100
    recordings = [read_recording(each) for each in files]
    told = b"".join(each.read_bytes() for each in files)
    assert found(run.secrets, told) == []
    assert sum(each.end.redacted for each in recordings if each.end) > 100, "what the upstreams told"
    assert not list((run.folder / "recordings").glob("*.part")), "also of the worker that was killed"
    assert {line.error for each in recordings for line in each.lines if isinstance(line, Fault)}


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
        secrets = [CLIENT, *KEY_OF.values(), POSTGRES, REDIS, TOKEN, CONSOLE, PROXY]
        assert found(secrets, said) == [], words
    nobody.close()
