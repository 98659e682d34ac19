"""The shared store as an operator runs it: several workers and machines on one Postgres and one Redis, all of them real."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.load import PATIENCE, Load, post, until_served, wire, workers_of
from tests.e2e.slow import SLOW, slow_catalogue
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.formats import AUTHORIZED, CHAT
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer, ask, connected
from tests.support.served import ROOT, Running, command_line, gateway

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")

TOKEN = "token-of-the-platform"
COST = 10 * 100 * 10**6 + 4 * 1000 * 10**6
"""Of a whole answer of `slow/plain-*` and `slow/lasting-*`, in pico-USD."""


@dataclass(frozen=True)
class Place:
    """A new database, an emptied Valkey, and a folder for what a machine needs."""

    postgres: PostgresServer
    valkey: ValkeyServer
    database: str
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HYPERINFER_POSTGRES_URL": self.postgres.url(self.database),
            "HYPERINFER_REDIS_URL": self.valkey.url,
            "HYPERINFER_INTERNAL_TOKEN": TOKEN,
        }

    def cli(self, *words: str) -> Any:
        """What a verb prints as JSON, on a machine that serves nothing."""
        return command_line(self.folder / "elsewhere", *words, environ=self.environ)

    def rows(self) -> dict[str, dict[str, Any]]:
        """All generations by their id."""
        text = self.postgres.run("SELECT coalesce(json_agg(g), '[]') FROM generation g", self.database)
        return {row["id"]: row for row in json.loads(text)}


@dataclass(frozen=True)
class Setting(Place):
    """A gateway of two workers there, and its upstream."""

    server: Running
    upstream: FaultyUpstream

    @property
    def url(self) -> str:
        return self.server.url

    @contextlib.contextmanager
    def only(self, number: int) -> Generator[None]:
        """One of the two workers serves, the other stands still."""
        still = sorted(workers_of(self.server, 2))[1 - number]
        os.kill(still, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(still, signal.SIGCONT)

    def on_each(self, request: Callable[[], Answer]) -> list[Answer]:
        answers: list[Answer] = []
        for number in range(2):
            with self.only(number):
                answers.append(request())
        return answers

    def generation(self, request_id: str, key: str | None = None) -> Answer:
        headers = AUTHORIZED if key is None else {"authorization": f"Bearer {key}"}
        return ask(self.url, "GET", f"/api/v1/generation?id={request_id}", headers)

    def check_books(self, seen: Mapping[str, object]) -> None:
        """Every balance is the sum of its ledger, and whoever saw an end finds its row, once, with its cost."""
        report = self.cli("ledger", "verify")
        assert report["ok"], report
        rows = self.rows()
        for request_id in seen:
            assert (rows[request_id]["status"], rows[request_id]["cost"]) == ("completed", COST)
        workspace = self.cli("workspaces", "show", "default")
        spent = sum(row["cost"] for row in rows.values() if row["workspace"] == workspace["id"])
        assert int(workspace["balance_micro_usd"]) * 10**6 == 100 * 10**12 - spent


def a_place(postgres: PostgresServer, valkey: ValkeyServer, folder: Path) -> Place:
    valkey.run("FLUSHALL")
    return Place(postgres, valkey, postgres.new_database(), folder)


@contextlib.contextmanager
def a_setting(place: Place) -> Generator[Setting]:
    with faulty_upstream(SLOW) as upstream:
        config = slow_catalogue(upstream.url, "endless", "lasting", "plain", grace=1)
        with gateway(place.folder, config, {**place.environ, "HYPERINFER_WORKERS": "2"}) as server:
            yield Setting(place.postgres, place.valkey, place.database, place.folder, server, upstream)


@pytest.fixture(scope="module")
def setting(postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """For the tests that leave it as it was."""
    with a_setting(a_place(postgres, valkey, tmp_path_factory.mktemp("shared"))) as made:
        yield made


def chat(url: str, key: str, model: str = "slow/plain-chat") -> Answer:
    body = json.dumps(CHAT.body(model, "request of somebody please", stream=False)).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return ask(url, "POST", CHAT.path, headers, body)


def at_once(count: int, request: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(request) for _ in range(count)]]


def codes(answers: list[Answer]) -> list[str]:
    return [CHAT.told(answer).code if answer.status != 200 else "ok" for answer in answers]


def test_every_worker_answers_and_knows_what_the_other_did(setting: Setting) -> None:
    answers = setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-messages", "each"))
    assert [answer.status for answer in answers] == [200, 200]
    for answer in answers:
        for found in setting.on_each(lambda answer=answer: setting.generation(answer.headers["x-request-id"])):  # type: ignore[misc]
            data = found.document["data"]
            assert (found.status, data["status"], data["cost_micro_usd"]) == (200, "completed", str(COST // 10**6))
    setting.check_books({answer.headers["x-request-id"]: answer for answer in answers})
    ready = setting.on_each(lambda: ask(setting.url, "GET", "/readyz", {}))
    expected = {"status": "ok", "checks": {"redis": "ok", "postgres": "ok"}}
    assert [(each.status, each.document) for each in ready] == [(200, expected)] * 2


def test_what_the_command_line_does_holds_at_once_for_all_workers(setting: Setting) -> None:
    assert setting.cli("workspaces", "create", "cli", "--credits", "50")["balance"] == 50
    key = setting.cli("keys", "create", "--workspace", "cli")["key"]
    assert codes(setting.on_each(lambda: chat(setting.url, key))) == ["ok"] * 2
    for words, code in (
        (("keys", "disable", key), "invalid_api_key"),
        (("keys", "enable", key), "ok"),
        (("workspaces", "lock", "cli"), "workspace_locked"),
        (("workspaces", "unlock", "cli"), "ok"),
        (("workspaces", "topup", "cli", "-40"), "ok"),
        (("keys", "revoke", key), "invalid_api_key"),
    ):
        setting.cli(*words)
        assert codes(setting.on_each(lambda: chat(setting.url, key))) == [code] * 2, words
    (used,) = setting.cli("usage", "--by", "workspace", "--workspace", "cli")["data"]
    assert used["cost_micro_usd"] == str(used["requests"] * COST // 10**6)
    assert setting.cli("ledger", "verify")["ok"]
    assert not (setting.folder / "elsewhere").exists()


def test_limits_hold_across_workers(setting: Setting) -> None:
    rated = setting.cli("keys", "create", "--workspace", "default", "--rate", "1", "--burst", "5")["key"]
    answers = at_once(12, lambda: chat(setting.url, rated))
    assert sorted(set(codes(answers))) == ["ok", "rate_limit_exceeded"]
    assert codes(answers).count("ok") == 5
    refused = next(answer for answer in answers if answer.status == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 60

    # The credits are less than one request holds: of many at once, one is let in, and may cost more.
    setting.cli("workspaces", "create", "poor", "--credits", "0.001")
    key = setting.cli("keys", "create", "--workspace", "poor")["key"]
    answers = at_once(20, lambda: chat(setting.url, key, "slow/lasting-chat"))
    assert sorted(codes(answers)) == ["insufficient_credits"] * 19 + ["ok"]
    assert setting.cli("workspaces", "show", "poor")["balance_micro_usd"] == str(1000 - COST // 10**6)
    assert setting.cli("ledger", "verify")["ok"]


def test_a_one_time_key_made_by_one_worker_is_used_once_by_any(setting: Setting) -> None:
    workspace = setting.cli("workspaces", "show", "default")["id"]
    body = json.dumps({"workspace_id": workspace, "user_id": "some body"}).encode()
    headers = {"x-internal-token": TOKEN, "content-type": "application/json"}
    with setting.only(0):
        minted = ask(setting.url, "POST", "/api/v1/playground-keys", headers, body)
        assert minted.status == 201
        key = minted.document["key"]
        assert codes([chat(setting.url, key, "nobody/none")]) == ["invalid_request"]  # which uses nothing up
    answers = at_once(8, lambda: chat(setting.url, key))
    assert sorted(codes(answers)) == ["invalid_api_key"] * 7 + ["ok"]
    used = next(answer for answer in answers if answer.status == 200).headers["x-request-id"]
    for found in setting.on_each(lambda: setting.generation(used, key)):
        assert (found.status, found.document["data"]["source"]) == (200, "playground")
    assert [each.status for each in setting.on_each(lambda: setting.generation("another", key))] == [401, 401]


def test_without_postgres_it_serves_and_says_so(setting: Setting) -> None:
    before = post(setting.url, CHAT, "slow/plain-chat", "before").headers["x-request-id"]
    for each in setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "known")):  # both know the key
        assert each.status == 200
    setting.postgres.stop()
    try:
        until(lambda: all(each.status == 503 for each in setting.on_each(lambda: ask(setting.url, "GET", "/readyz", {}))))
        degraded = {"status": "degraded", "checks": {"redis": "ok", "postgres": "down"}}
        assert ask(setting.url, "GET", "/readyz", {}).document == degraded
        answers = setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "journaled"))
        assert [answer.status for answer in answers] == [200, 200]
        ids = [answer.headers["x-request-id"] for answer in answers]
        # Each is known to be over where it was served, to the cent; the other worker knows by Redis that it exists.
        for request_id in ids:
            for found in setting.on_each(lambda request_id=request_id: setting.generation(request_id)):  # type: ignore[misc]
                assert (found.status, found.document["data"]["status"]) == (200, "pending")
        # A worker that ends is replaced all the same, by one that never saw the key.
        gone = workers_of(setting.server, 2)[0]
        os.kill(gone, signal.SIGKILL)
        until(lambda: gone not in workers_of(setting.server, 2))
        answers = setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "afterwards"))
        assert [answer.status for answer in answers] == [200, 200]
        ids += [answer.headers["x-request-id"] for answer in answers]
        away = setting.generation(before)
        assert (CHAT.told(away).code, away.headers["retry-after"]) == ("internal_error", "1")
    finally:
        setting.postgres.start()
    until(lambda: setting.rows().keys() >= set(ids))
    until(lambda: all(each.status == 200 for each in setting.on_each(lambda: ask(setting.url, "GET", "/readyz", {}))))
    setting.check_books(dict.fromkeys([before, *ids]))


def test_workers_killed_under_load(setting: Setting) -> None:
    load = Load(setting.url)
    with load.running():
        for _ in range(2):
            load.until_seen(20)
            killed = workers_of(setting.server, 2)[0]
            os.kill(killed, signal.SIGKILL)
            until(lambda killed=killed: killed not in workers_of(setting.server, 2))  # type: ignore[misc]
            until_served(setting.url)
        load.until_seen(20)
    assert load.wrong == []
    setting.check_books(load.seen)
    # A hold that was taken in the moment of a kill is in no journal: it is held until its lease runs out. It does now.
    for leases in setting.valkey.run("KEYS", "hi:*:leases"):
        for request in setting.valkey.run("ZRANGE", leases, 0, -1):
            setting.valkey.run("ZADD", leases, "XX", 0, request)
    lost = {request for holds in setting.valkey.run("KEYS", "hi:*:holds") for request in setting.valkey.run("HKEYS", holds)}
    os.kill(workers_of(setting.server, 2)[0], signal.SIGKILL)
    until(lambda: not setting.valkey.run("KEYS", "hi:*:holds"), 30)
    rows = setting.rows()
    assert {rows[each.decode()]["status"] for each in lost} <= {"interrupted", "completed"}
    assert all(row["cost"] == 0 for row in rows.values() if row["status"] == "interrupted")
    setting.check_books(load.seen)


def test_a_drain_ends_every_stream_well_and_settles_it(setting: Setting) -> None:
    """The last test of this gateway."""

    def long(number: int) -> tuple[str, bytes]:
        with connected(setting.url) as connection:
            connection.send(wire(CHAT, "slow/endless-chat", f"long-{number}"))
            answer = connection.answer()
            return answer.headers["x-request-id"], answer.body

    with ThreadPoolExecutor(6) as pool:
        streams = [pool.submit(long, number) for number in range(6)]
        until(lambda: all(setting.upstream.attempts("endless", f"long-{number}") for number in range(6)))
        time.sleep(0.2)
        setting.server.process.terminate()
        assert setting.server.process.wait(PATIENCE) == 0
        ends = dict(stream.result() for stream in streams)
    rows = setting.rows()
    for request_id, body in ends.items():
        assert breaches_if_judged(CHAT.dialect, body, failed=True) == []
        assert b"shutting down" in body
        assert rows[request_id]["status"] in ("failed", "cancelled")
    assert setting.cli("ledger", "verify")["ok"]
    assert not [*(setting.folder / "data" / "journal").glob("*.journal")]


def test_several_that_start_at_once_make_one_key(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    """Two gateways on one data folder, on an empty database."""
    place = a_place(postgres, valkey, tmp_path)
    command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(tmp_path / "one")]
    environ = {**os.environ, **place.environ}
    processes = [subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        said = ["".join(iter_until_listening(process)) for process in processes]
        keys = re.findall(r"API key of workspace 'default' \(shown once\): (hi-\S+)", "".join(said))
        assert len(keys) == 1, said
        assert len(re.findall(r"Token of the console \(shown once\): hc-\S+", "".join(said))) == 1, said
        urls = [re.findall(r"listening (http\S+)", each)[0] for each in said]
        assert [chat(url, keys[0], "demo/chat").status for url in urls] == [200] * 2
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(PATIENCE) for process in processes] == [0] * 2
        for process in processes:
            assert process.stdout is not None
            process.stdout.close()
    assert [each["name"] for each in place.cli("workspaces", "list")["data"]] == ["default"]
    assert [each["name"] for each in place.cli("keys", "list")["data"]] == ["bootstrap"]
    refused = subprocess.run(
        [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(tmp_path / "two")],
        cwd=ROOT,
        env={
            **environ,
            "HYPERINFER_POSTGRES_URL": "postgresql://u:hush@127.0.0.1:1/x",
            "HYPERINFER_REDIS_URL": f"{valkey.url}?db=5",  # where nobody's accounts are known
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "error: the database cannot be reached (ConnectionRefusedError; `hyperinfer doctor` says more)\n"
    )
    assert "hush" not in refused.stderr


def iter_until_listening(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if line.startswith("listening"):
            return


def until(true: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Waits for it."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
