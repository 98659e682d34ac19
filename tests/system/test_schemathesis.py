"""Schemathesis, a generator of requests from descriptions of APIs, on what `/openapi.json` says, against a served gateway.

The models behind it answer as the demo does, as providers did when they were recorded, and wrongly in every way that has
an error code. Right and wrong requests, with good and with bad keys; each answer is judged by `exchange_judge`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults import AFTER_OUTPUT, BEFORE_OUTPUT, CHUNKED, chunk, response
from tests.e2e.test_upstream_faults import PROTOCOLS, model
from tests.support.exchange_judge import COUNTS
from tests.support.faulty_upstream import Call, End, Play, faulty_upstream
from tests.support.formats import ROUTES, Route
from tests.support.recordings import Recording, recordings
from tests.support.served import KEY, ROOT, command_line, gateway

CONFIG = ROOT / "tests" / "system" / "schemathesis.toml"
TOKEN = "token-of-the-platform"
PLAIN = "plain"
RECORDED = "recorded"
FAULTS = (
    *("400", "401", "413", "429-long", "500", "529", "400-context", "400-filter", "silent"),
    *("html-200", "inside-rate", "mid-eof", "mid-overloaded"),
)
CODES = {
    *("provider_auth", "provider_rate_limit", "provider_overloaded", "context_length_exceeded", "content_filter"),
    *("provider_timeout", "provider_unavailable", "payload_too_large", "invalid_request", "model_not_allowed"),
    *("insufficient_credits", "invalid_api_key", "workspace_locked", "rate_limit_exceeded"),
}
"""What clients of all formats must have been told. Not among them: an error of ours, and limits that are not enforced."""


def answer(call: Call, whole: bytes, stream: bytes) -> tuple[bytes | End, ...]:
    return (CHUNKED + chunk(stream) + b"0\r\n\r\n",) if call.streamed else (response(200, whole),)


def plain(call: Call) -> tuple[bytes | End, ...]:
    return answer(call, call.reply.whole, call.reply.stream)


def recorded(found: list[Recording]) -> Play:
    """One recording after the other, of the protocol and the way of answering that are asked for."""

    def of(protocol: str, streamed: bool) -> Iterator[bytes]:
        dialect = PROTOCOLS[protocol]
        return itertools.cycle(
            [each.response for each in found if each.dialect == dialect and each.streamed == streamed and each.status == 200]
        )

    tapes = {(protocol, streamed): of(protocol, streamed) for protocol in PROTOCOLS for streamed in (False, True)}

    def play(call: Call) -> tuple[bytes | End, ...]:
        body = next(tapes[call.protocol, call.streamed])
        return answer(call, body, body)

    return play


def plays() -> dict[str, Play]:
    """By the first part of a model's slug; the second is the protocol."""
    everything = {**BEFORE_OUTPUT, **AFTER_OUTPUT}
    found: dict[str, Play] = {PLAIN: plain, **{name: everything[name].play for name in FAULTS}}
    return {**found, RECORDED: recorded(tapes)} if (tapes := recordings()) else found


def catalogue(upstream: str, kinds: list[str]) -> str:
    cells = list(itertools.product(kinds, PROTOCOLS.items()))
    everything = {**BEFORE_OUTPUT, **AFTER_OUTPUT}
    providers = {
        f"{kind}-{name}": {
            "protocol": protocol,
            "base_url": f"{upstream}/{kind}/v1",
            "api_key": "sk-upstream",
            "timeouts": {limit: 0.1 for limit in everything[kind].timeouts} if kind in everything else {},
        }
        for kind, (name, protocol) in cells
    }
    return json.dumps(
        {
            "providers": providers,
            "creators": {kind: {"name": kind} for kind in kinds},
            "models": [model(f"{kind}/{name}", f"{kind}-{name}") for kind, (name, _) in cells],
            "limits": {"rate_per_minute": 1_000_000, "burst": 1_000_000, "retries": 0},
        }
    )


def keys(folder: Path) -> dict[str, str]:
    """A good key, and one for each reason to refuse a key that there is."""

    def key(workspace: str, *options: str) -> str:
        found: dict[str, Any] = command_line(folder, "keys", "create", "--workspace", workspace, *options)
        return str(found["key"])

    for name, credits in (("locked", "1"), ("poor", "0")):
        command_line(folder, "workspaces", "create", name, "--credits", credits)
    found = {
        "good": KEY,
        "wrong": "hi-no-such-key",
        "poor": key("poor"),
        "locked": key("locked"),
        "few": key("default", "--models", "demo/chat"),
        "slow": key("default", "--rate", "1", "--burst", "1"),
    }
    command_line(folder, "workspaces", "lock", "locked")
    return found


@dataclass(frozen=True)
class Run:
    """What Schemathesis printed, and what was seen: a document for each answer."""

    status: int
    printed: str
    seen: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(schemathesis: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("schemathesis")
    played = plays()
    seen = folder / "seen.jsonl"
    with (
        faulty_upstream(played) as upstream,
        gateway(folder, catalogue(upstream.url, list(played)), {"HYPERINFER_INTERNAL_TOKEN": TOKEN}) as server,
    ):
        setting = {
            "models": [f"{kind}/{name}" for kind in ("demo", *played) for name in PROTOCOLS],
            "keys": keys(folder),
            "workspace": command_line(folder, "workspaces", "show", "default")["id"],
            "seen": str(seen),
        }
        command: list[str | Path] = [
            schemathesis,
            "--config-file",
            CONFIG,
            "--no-color",
            "run",
            f"{server.url}/openapi.json",
        ]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.system.clients.schemathesis_hooks",
            "HYPERINFER_GOOD_KEY": KEY,
            "HYPERINFER_INTERNAL_TOKEN": TOKEN,
            "HYPERINFER_SETTING": json.dumps(setting),
        }
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False)
    return Run(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in seen.read_text().splitlines()])


def test_nothing_is_outside_the_contract(run: Run) -> None:
    assert run.status == 0, run.printed


@pytest.mark.parametrize("path", COUNTS)
def test_tokens_were_counted(run: Run, path: str) -> None:
    assert sum(each["route"] == path and each["status"] == 200 for each in run.seen) >= 5


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_way_of_answering_was_met(run: Run, route: Route) -> None:
    """Without this, a run whose requests are all refused would prove nothing."""
    seen = [each for each in run.seen if each["route"] == route.name]
    assert CODES - {each["code"] for each in seen if each["status"] != 200} == set()
    good = [each["streamed"] for each in seen if each["status"] == 200 and each["code"] is None]
    assert good.count(True) >= 5
    assert good.count(False) >= 5
    assert {each["code"] for each in seen if each["streamed"]} >= {"provider_unavailable", "provider_overloaded"}
    for protocol in PROTOCOLS:
        assert any(each["status"] == 200 and str(each["model"]).endswith(f"/{protocol}") for each in seen)


def test_every_operation_was_met(run: Run) -> None:
    """With its success and with the links between them: an answer's generation, a model of the list."""
    answered = {each["route"] for each in run.seen if each["status"] in (200, 201)}
    plain = ("/api/v1/models", "/api/v1/generation", "/api/v1/playground-keys", "/healthz", "/readyz")
    assert answered >= {"chat", "responses", "messages", *plain}
    assert any(re.fullmatch("/api/v1/models/[^/]+/[^/]+", route) for route in answered)
