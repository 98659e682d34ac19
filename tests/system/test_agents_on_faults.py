"""Claude Code and Codex on upstreams that fail: they say what went wrong or try again, and never hang or claim success."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults import AFTER_OUTPUT, BEFORE_OUTPUT, HARMLESS
from tests.support.faulty_upstream import Call, End, FaultyUpstream, faulty_upstream
from tests.support.served import gateway
from tests.support.wire_replies import TEXT
from tests.system.agents import PROTOCOLS, claude_environ, codex_home, end_of

FAULTS = {
    **{name: BEFORE_OUTPUT[name] for name in ("400", "401")},
    **{name: AFTER_OUTPUT[name] for name in ("mid-eof", "mid-overloaded")},
}
SAYS = {
    "400": "top_p must be below 1",
    "401": "The provider refused the gateway's credentials.",
    "mid-eof": "The provider closed the connection before the end of its response.",
    "mid-overloaded": "Overloaded",
}
"""What the user reads, of each fault."""


def first_breaks_off(call: Call) -> Sequence[bytes | End]:
    """The first reply breaks off, those after it are good."""
    play = AFTER_OUTPUT["mid-eof"].play if call.attempt == 0 else HARMLESS["plain"]
    return tuple(play(call))


PLAYS = {"first-breaks-off": first_breaks_off, **{name: fault.play for name, fault in FAULTS.items()}}


@dataclass(frozen=True)
class Served:
    """The gateway's address, and its upstream."""

    url: str
    upstream: FaultyUpstream


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with faulty_upstream(PLAYS) as upstream:
        cells = list(itertools.product(PLAYS, PROTOCOLS.items()))
        catalogue = {
            "creators": {name: {"name": name} for name in PLAYS},
            "providers": {
                f"{play}-{name}": {"protocol": protocol, "base_url": f"{upstream.url}/{play}/v1", "api_key": "sk-upstream"}
                for play, (name, protocol) in cells
            },
            "models": [
                {
                    "slug": f"{play}/{name}",
                    "name": name,
                    "description": "Goes wrong.",
                    "context_length": 200000,
                    "max_output_tokens": 64000,
                    "pricing": {"prompt": 0, "completion": 0},
                    "features": ["streaming", "tools", "reasoning"],
                    "source": "made up for the tests, 2026-11-25",
                    "routes": [{"provider": f"{play}-{name}", "model": "upstream"}],
                }
                for play, (name, _) in cells
            ],
            "limits": {"rate_per_minute": 6000, "burst": 6000},
        }
        with gateway(tmp_path_factory.mktemp("gateway"), json.dumps(catalogue)) as server:
            yield Served(server.url, upstream)


def codex(program: Path, served: Served, home: Path, model: str, *, retries: int) -> tuple[int, list[dict[str, Any]]]:
    """The status of one run of Codex, and what it reports."""
    (home / "work").mkdir()
    environ = codex_home(home, served.url, model, retries=retries)
    mark = f"mark-{model.rpartition('/')[2]}"
    options = ("exec", "--json", "--ephemeral", "--skip-git-repo-check", f"request {mark} please")
    status, printed, _ = end_of([program, *options], home / "work", environ)
    return status, [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", FAULTS)
def test_codex_reports_a_failure(codex_cli: Path, served: Served, tmp_path: Path, name: str, protocol: str) -> None:
    status, report = codex(codex_cli, served, tmp_path, f"{name}/{protocol}", retries=0)
    assert status == 1
    assert report[-1]["type"] == "turn.failed"
    assert SAYS[name] in report[-1]["error"]["message"]
    assert not any(event["type"] == "turn.completed" for event in report)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_codex_tries_again_when_a_stream_breaks_off(codex_cli: Path, served: Served, tmp_path: Path, protocol: str) -> None:
    status, report = codex(codex_cli, served, tmp_path, f"first-breaks-off/{protocol}", retries=1)
    assert status == 0
    assert report[-1]["type"] == "turn.completed"
    said = [event["item"]["text"] for event in report if event.get("item", {}).get("type") == "agent_message"]
    assert said == [TEXT]
    # The gateway does not repeat what has begun, so the second request is Codex's own.
    assert served.upstream.attempts("first-breaks-off", f"mark-{protocol}") == 2


def claude(program: Path, served: Served, home: Path, model: str) -> tuple[int, dict[str, Any]]:
    """The status of one run of Claude Code, and its report."""
    (home / "work").mkdir()
    environ = {**claude_environ(home, served.url), "CLAUDE_CODE_MAX_RETRIES": "0"}
    options = ("-p", "--model", model, "--output-format", "json", "--", "request mark please")
    status, printed, _ = end_of([program, *options], home / "work", environ)
    return status, json.loads(printed)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", FAULTS)
def test_claude_code_reports_a_failure(claude_code: Path, served: Served, tmp_path: Path, name: str, protocol: str) -> None:
    status, report = claude(claude_code, served, tmp_path, f"{name}/{protocol}")
    assert status == 1
    assert report["is_error"]
    assert SAYS[name] in report["result"]
