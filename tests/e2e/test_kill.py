"""Processes that are killed, stopped and told to reload while they serve. Nothing that a client has seen may be lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.load import PATIENCE, UPSTREAM_OF, Load, children, post, until_served, wire, workers_of
from tests.e2e.slow import SLOW, slow_catalogue
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.formats import CHAT, ROUTES, Route
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import ask, connected
from tests.support.served import KEY, ROOT, Running, command_line, gateway, generations


@dataclass(frozen=True)
class Setting:
    """A gateway with a folder of its own, and its upstream."""

    server: Running
    folder: Path
    upstream: FaultyUpstream

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with faulty_upstream(SLOW) as upstream:
        config = slow_catalogue(upstream.url, "endless", "lasting", "plain", "never", grace=1)
        with gateway(tmp_path, config) as server:
            yield Setting(server, tmp_path, upstream)


def worker_of(server: Running) -> int:
    """The process that serves; waited for."""
    return workers_of(server)[0]


def check_books(folder: Path, seen: dict[str, Any] | None = None) -> None:
    """Every balance is the sum of its ledger, each row is paid for once, and whoever saw an end finds its row."""
    report = command_line(folder, "ledger", "verify")
    assert report["ok"], report
    rows = {row["id"]: row for row in generations(folder)}
    spent = sum(row["cost"] for row in rows.values())
    balance = command_line(folder, "workspaces", "show", "default")["balance_micro_usd"]
    assert int(balance) * 10**6 == 100 * 10**12 - spent
    for request_id in seen or {}:
        assert rows[request_id]["status"] == "completed", rows.get(request_id)
        assert rows[request_id]["cost"] == 10 * 100 * 10**6 + 4 * 1000 * 10**6


def test_a_killed_worker_in_mid_stream(setting: Setting) -> None:
    complete = post(setting.url, CHAT, "slow/plain-chat", "complete").headers["x-request-id"]
    with connected(setting.url) as connection:
        connection.send(wire(CHAT, "slow/endless-chat", "killed"))
        connection.until(b"Hello")
        os.kill(worker_of(setting.server), signal.SIGKILL)
        # Nobody is left to say anything; but the end cannot be taken for a good one.
        rest = connection.until_closed()
        assert b"[DONE]" not in rest
        assert not rest.endswith(b"0\r\n\r\n")
    assert setting.upstream.gone("endless", "killed").wait(PATIENCE)
    until_served(setting.url)
    again = post(setting.url, CHAT, "slow/plain-chat", "again")
    assert again.status == 200
    check_books(setting.folder, {complete: CHAT, again.headers["x-request-id"]: CHAT})


def test_workers_killed_under_load(setting: Setting) -> None:
    load = Load(setting.url)
    with load.running():
        for _ in range(2):
            load.until_seen(10)
            os.kill(worker_of(setting.server), signal.SIGKILL)
            until_served(setting.url)
        load.until_seen(10)
    assert load.wrong == []
    check_books(setting.folder, load.seen)


def test_the_stores_process_killed_under_load(setting: Setting) -> None:
    load = Load(setting.url)
    worker = worker_of(setting.server)
    with load.running():
        for _ in range(2):
            load.until_seen(10)
            deadline = time.monotonic() + PATIENCE
            while not (writers := children(worker)):
                assert time.monotonic() < deadline, "the store's process did not come back"
                time.sleep(0.01)
            os.kill(writers[0], signal.SIGKILL)
        load.until_seen(10)
    assert worker_of(setting.server) == worker
    assert load.wrong == []
    check_books(setting.folder, load.seen)


def test_stopped_under_load(setting: Setting) -> None:
    load = Load(setting.url)
    with load.running():
        load.until_seen(20)
        setting.server.process.terminate()
        assert setting.server.process.wait(PATIENCE) == 0
    assert load.wrong == []
    check_books(setting.folder, load.seen)


def test_stopped_with_long_streams(setting: Setting) -> None:
    """What fits into the grace ends well; the rest is told, in its format, and paid for."""

    def long(route: Route) -> tuple[str, bytes]:
        with connected(setting.url) as connection:
            connection.send(wire(route, f"slow/endless-{UPSTREAM_OF[route]}", f"long-{route.name}"))
            answer = connection.answer()
            return answer.headers["x-request-id"], answer.body

    with ThreadPoolExecutor(7) as pool:
        long_ones = [pool.submit(long, route) for route in ROUTES]
        waiting = [
            pool.submit(post, setting.url, route, f"slow/never-{UPSTREAM_OF[route]}", f"w-{route.name}") for route in ROUTES
        ]
        deadline = time.monotonic() + PATIENCE
        marks = [("endless", f"long-{route.name}") for route in ROUTES] + [("never", f"w-{route.name}") for route in ROUTES]
        while not all(setting.upstream.attempts(*mark) for mark in marks):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.2)
        short = pool.submit(post, setting.url, CHAT, "slow/lasting-chat", "short", stream=True)
        while not setting.upstream.attempts("lasting", "short"):
            time.sleep(0.01)
        began = time.monotonic()
        setting.server.process.terminate()
        assert setting.server.process.wait(PATIENCE) == 0
        assert 0.9 < time.monotonic() - began < 8
        for route, refused in zip(ROUTES, waiting, strict=True):
            assert route.told(refused.result()).code == "provider_unavailable"
        assert breaches_if_judged("openai_chat", short.result().body) == []
    rows = {row["id"]: row for row in generations(setting.folder)}
    for route, future in zip(ROUTES, long_ones, strict=True):
        request_id, body = future.result()
        assert breaches_if_judged(route.dialect, body, failed=True) == []
        assert b"Hello" in body
        assert b"shutting down" in body
        row = rows[request_id]
        assert row["status"] in ("failed", "interrupted", "cancelled")
        assert setting.upstream.gone("endless", f"long-{route.name}").wait(PATIENCE)
    assert rows[short.result().headers["x-request-id"]]["status"] == "completed"
    check_books(setting.folder)


def test_a_killed_supervisor(setting: Setting) -> None:
    """The worker drains and goes; the folder can be served again."""
    with connected(setting.url) as connection:
        connection.send(wire(CHAT, "slow/endless-chat", "orphan"))
        connection.until(b"Hello")
        setting.server.process.kill()
        body = connection.until_closed()
    assert body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert b'"error"' in body
    config = (setting.folder / "providers.yaml").read_text()
    with gateway(setting.folder, config) as second:
        assert post(second.url, CHAT, "slow/plain-chat", "second").status == 200
    check_books(setting.folder)


def check_a_second_server(setting: Setting) -> None:
    """It is refused, and the first one does not notice."""
    command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(setting.folder / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "listening" not in done.stdout
    assert str(setting.folder / "data") in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert post(setting.url, CHAT, "slow/plain-chat", "still").status == 200


def test_reload_and_a_second_server(setting: Setting) -> None:
    check_a_second_server(setting)
    file = setting.folder / "providers.yaml"
    good = json.loads(file.read_text())

    def models() -> set[str]:
        return {model["slug"] for model in ask(setting.url, "GET", "/api/v1/models", {}).document["data"]}

    def reload(text: str) -> None:
        file.write_text(text)
        setting.server.process.send_signal(signal.SIGHUP)

    with connected(setting.url) as connection:
        connection.send(wire(CHAT, "slow/endless-chat", "reloaded"))
        connection.until(b"Hello")
        added = {**good["models"][0], "slug": "slow/added"}
        reload(json.dumps({**good, "models": [*good["models"], added]}))
        deadline = time.monotonic() + PATIENCE
        while "slow/added" not in models():
            assert time.monotonic() < deadline, "the new catalogue is not served"
            time.sleep(0.02)
        for bad in ("models: [", "nonsense: true", json.dumps({**good, "models": [{"slug": "slow/bad"}]})):
            reload(bad)
            time.sleep(0.2)
            assert "slow/added" in models()
            assert post(setting.url, CHAT, "slow/plain-chat", "after-bad").status == 200
        reload(json.dumps(good))
        while "slow/added" in models():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert CHAT.told(post(setting.url, CHAT, "slow/added", "gone")).param == "model"
        connection.until(b"Hello")  # the stream knows nothing of all that
    check_books(setting.folder)
