"""Clients that leave: the upstream is let go at once, what was produced is billed, and nothing stays held."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.slow import PROTOCOLS, SLOW, slow_catalogue
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.formats import AUTHORIZED, CHAT, ROUTES, Route
from tests.support.rawclient import Connection, ask, connected, head
from tests.support.served import command_line, gateway, generations

AT_ONCE = 3.0
"""Seconds: far below every deadline, far above what a loaded machine needs."""

INGRESS = {"chat": "chat_completions", "responses": "responses", "messages": "anthropic_messages"}


@dataclass(frozen=True)
class Setting:
    """The gateway, its folder and its upstream."""

    url: str
    folder: Path
    upstream: FaultyUpstream


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("cancel")
    with faulty_upstream(SLOW) as upstream:
        config = slow_catalogue(upstream.url, "never", "head", "begun", "endless", "flood", "later", "plain")
        with gateway(folder, config) as server:
            yield Setting(server.url, folder, upstream)
            assert command_line(folder, "ledger", "verify")["ok"]


def wire(route: Route, name: str, protocol: str, stream: bool, mark: str, headers: dict[str, str] = AUTHORIZED) -> bytes:
    body = json.dumps(route.body(f"slow/{name}-{protocol}", f"request {mark} please", stream=stream)).encode()
    return head("POST", route.path, {**headers, "content-length": str(len(body))}) + body


def close(connection: Connection) -> None:
    connection.socket.close()


def half_close(connection: Connection) -> None:
    """A half-closed client counts as gone (DESIGN: Engine)."""
    connection.socket.shutdown(1)
    assert b"rror" not in connection.until_closed().partition(b"\r\n")[0]


WAYS: dict[str, Callable[[Connection], None]] = {"close": close, "reset": Connection.reset, "half-close": half_close}


class Rows:
    """The rows of one cell that are written from now on."""

    def __init__(self, setting: Setting, route: Route, name: str, protocol: str, stream: bool) -> None:
        self._setting = setting
        self._cell = (f"slow/{name}-{protocol}", INGRESS[route.name], stream)
        self._before = len(self._all())

    def _all(self) -> list[dict[str, Any]]:
        rows = generations(self._setting.folder)
        return [row for row in rows if (row["model"], row["ingress_format"], row["streamed"]) == self._cell]

    def next(self) -> dict[str, Any]:
        """The one new row; waits for it."""
        deadline = time.monotonic() + AT_ONCE
        while not (new := self._all()[self._before :]):
            assert time.monotonic() < deadline, "no row of a request whose client left"
            time.sleep(0.05)
        assert len(new) == 1
        return new[0]


def in_all_cells(check: Callable[[Route, str, bool], None], *, streamed: tuple[bool, ...] = (False, True)) -> None:
    cells = list(itertools.product(ROUTES, PROTOCOLS, streamed))
    with ThreadPoolExecutor(len(cells)) as pool:
        futures = [(cell, pool.submit(check, *cell)) for cell in cells]
    failures = [f"{cell[0].name}, {cell[1]}, {cell[2]}: {error!r}"[:1000] for cell, f in futures if (error := f.exception())]
    assert not failures, "\n" + "\n".join(failures)


def wait_for_call(setting: Setting, name: str, mark: str) -> None:
    deadline = time.monotonic() + AT_ONCE
    while setting.upstream.attempts(name, mark) == 0:
        assert time.monotonic() < deadline, "the upstream was not asked"
        time.sleep(0.01)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["never", "head"])
def test_before_the_first_byte(setting: Setting, name: str, way: str) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        mark = f"{way}-{route.name}-{protocol}-{stream}"
        rows = Rows(setting, route, name, protocol, stream)
        with connected(setting.url) as connection:
            connection.send(wire(route, name, protocol, stream, mark))
            wait_for_call(setting, name, mark)
            WAYS[way](connection)
        assert setting.upstream.gone(name, mark).wait(AT_ONCE)
        seen = rows.next()
        assert (seen["status"], seen["cost"], seen["tokens_completion"]) == ("cancelled", 0, 0)

    in_all_cells(check)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["begun", "endless"])
def test_in_mid_stream(setting: Setting, name: str, way: str) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        mark = f"{way}-{route.name}-{protocol}-{stream}"
        rows = Rows(setting, route, name, protocol, stream)
        with connected(setting.url) as connection:
            connection.send(wire(route, name, protocol, stream, mark))
            connection.until(b"Hello")
            WAYS[way](connection)
        assert setting.upstream.gone(name, mark).wait(AT_ONCE)
        seen = rows.next()
        assert seen["status"] == "cancelled"
        assert seen["tokens_prompt"] > 0
        assert seen["tokens_completion"] >= 2
        assert seen["cost"] == seen["tokens_prompt"] * 100 * 10**6 + seen["tokens_completion"] * 1000 * 10**6

    in_all_cells(check, streamed=(True,))


@pytest.mark.parametrize("way", WAYS)
def test_while_it_takes_nothing(setting: Setting, way: str) -> None:
    if way == "half-close" and os.environ.get("HYPERINFER_EDGE") == "stock":
        pytest.skip("there it is seen when the write's deadline is over (docs/edge.md)")

    def check(route: Route, protocol: str, stream: bool) -> None:
        mark = f"{way}-{route.name}-{protocol}"
        rows = Rows(setting, route, "flood", protocol, stream)
        with connected(setting.url) as connection:
            connection.send(wire(route, "flood", protocol, stream, mark))
            wait_for_call(setting, "flood", mark)
            time.sleep(0.5)  # until nothing more is taken
            assert not setting.upstream.gone("flood", mark).is_set()
            WAYS[way](connection)
        assert setting.upstream.gone("flood", mark).wait(AT_ONCE)
        seen = rows.next()
        assert seen["status"] == "cancelled"
        assert seen["cost"] > 0

    in_all_cells(check, streamed=(True,))


STOPS = {"chat": "stop", "messages": "stop_sequences"}
ENDS = {"chat": b"data: [DONE]", "messages": b"event: message_stop"}


def test_at_a_stop_sequence_the_upstream_is_let_go_too(setting: Setting) -> None:
    """Five are too many for Chat, Responses takes none, and Messages none of white space. It says Hello without end."""

    def check(route: Route, protocol: str, stream: bool) -> None:
        if route.name not in STOPS or route.name == protocol == "messages":
            return
        mark = f"stop-{route.name}-{protocol}"
        rows = Rows(setting, route, "endless", protocol, stream)
        stops = {STOPS[route.name]: ["oHelloH", "\n", "</answer>", "STOP", "Human:"]}
        body = json.dumps(route.body(f"slow/endless-{protocol}", f"request {mark} please", stream=stream, **stops)).encode()
        with connected(setting.url) as connection:
            connection.send(head("POST", route.path, {**AUTHORIZED, "content-length": str(len(body))}) + body)
            connection.until(ENDS[route.name])
            assert setting.upstream.gone("endless", mark).wait(AT_ONCE)
        seen = rows.next()
        assert (seen["status"], seen["finish_reason"]) == ("completed", "stop_sequence")
        assert seen["cost"] > 0

    in_all_cells(check, streamed=(True,))


@pytest.mark.parametrize("way", WAYS)
def test_while_a_whole_reply_comes(setting: Setting, way: str) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        mark = f"{way}-{route.name}-{protocol}-{stream}"
        rows = Rows(setting, route, "begun", protocol, stream)
        with connected(setting.url) as connection:
            connection.send(wire(route, "begun", protocol, stream, mark))
            wait_for_call(setting, "begun", mark)
            WAYS[way](connection)
        assert setting.upstream.gone("begun", mark).wait(AT_ONCE)
        assert rows.next()["status"] == "cancelled"

    in_all_cells(check, streamed=(False,))


def test_while_a_retry_is_waited_for(setting: Setting) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        mark = f"{route.name}-{protocol}-{stream}"
        rows = Rows(setting, route, "later", protocol, stream)
        with connected(setting.url) as connection:
            connection.send(wire(route, "later", protocol, stream, mark))
            wait_for_call(setting, "later", mark)
            time.sleep(0.1)
        assert rows.next()["status"] == "cancelled"
        assert setting.upstream.attempts("later", mark) == 1

    in_all_cells(check)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_held_is_free_again(setting: Setting, protocol: str) -> None:
    """The workspace has less than what one request may cost, so two at once are one too many."""
    workspace = f"small-{protocol}"
    made = command_line(setting.folder, "workspaces", "create", workspace, "--credits", "0.05")
    key = command_line(setting.folder, "keys", "create", "--workspace", workspace)["key"]
    headers = {**AUTHORIZED, "authorization": f"Bearer {key}"}
    small = json.dumps(CHAT.body(f"slow/plain-{protocol}", "request plain please", max_tokens=64)).encode()
    for name, stream in (("begun", True), ("never", True), ("never", False)):
        mark = f"held-{protocol}-{name}-{stream}"
        with connected(setting.url) as connection:
            connection.send(wire(CHAT, name, protocol, stream, mark, headers))
            wait_for_call(setting, name, mark)
            answer = ask(setting.url, "POST", CHAT.path, headers, small)
            assert CHAT.told(answer).code == "insufficient_credits"
        assert setting.upstream.gone(name, mark).wait(AT_ONCE)
        deadline = time.monotonic() + AT_ONCE
        while (answer := ask(setting.url, "POST", CHAT.path, headers, small)).status == 402:
            assert time.monotonic() < deadline, "the hold of a request whose client left is still there"
            time.sleep(0.02)
        assert answer.status == 200
    balance = command_line(setting.folder, "workspaces", "show", workspace)["balance_micro_usd"]
    spent = sum(row["cost"] for row in generations(setting.folder) if row["workspace"] == made["id"])
    assert int(balance) * 10**6 == 50_000 * 10**6 - spent
