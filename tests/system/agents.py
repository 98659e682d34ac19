"""A gateway in front of `agent_upstream`, with the models that clients are asked to use, and how clients are run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx2

from tests.project.blocks import named
from tests.support.judge import breaches
from tests.support.served import KEY, gateway, generations, running
from tests.system.agent_upstream import ROUTES

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

PROTOCOLS = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
SETTINGS = named("docs/clients.md", "client")
"""What the page tells users of each client."""
PAGE_ADDRESS, PAGE_MODEL = "http://localhost:8080", "anthropic/claude-sonnet-5.5"
NAMES = ("agent", "gpt-5.5", "gpt-6.1-sol")
"""Models by the names that they have behind the slash. Codex knows the last two, and offers them other tools."""


@dataclass(frozen=True)
class Agents:
    """The gateway's address, what its upstream heard, and what it wrote down."""

    url: str
    upstream: str
    folder: Path

    def heard(self) -> list[dict[str, Any]]:
        """The requests at the upstream since the last time; each got a good answer and had no credential of a client."""
        found: list[dict[str, Any]] = httpx2.get(f"{self.upstream}/__requests").json()
        for request in found:
            assert request["status"] == 200, request["reply"]
            assert KEY not in str(request["headers"])
            if request["body"].get("stream"):
                dialect = next(dialect for route, (dialect, _) in ROUTES.items() if request["path"].endswith(f"/{route}"))
                assert breaches(cast("Dialect", dialect), request["reply"].encode()) == []
        return found

    def rows(self, model: str) -> list[dict[str, Any]]:
        """The generations of a model; each was completed."""
        found = [row for row in generations(self.folder) if row["model"] == model]
        assert {row["status"] for row in found} == {"completed"}
        return found


def catalogue(url: str) -> str:
    """A model for each protocol and name, at the same server."""
    lines = [f"creators: {{{', '.join(f'{name}: {{name: {name.title()}}}' for name in PROTOCOLS)}}}", "providers:"]
    lines += [f'  {name}: {{protocol: {protocol}, base_url: "{url}/v1"}}' for name, protocol in PROTOCOLS.items()]
    lines.append("models:")
    for protocol in PROTOCOLS:
        for name in NAMES:
            lines += [
                f"  - slug: {protocol}/{name}",
                f"    name: {name}",
                "    description: Answered by a script.",
                "    context_length: 200000",
                "    max_output_tokens: 64000",
                "    pricing: {prompt: 0, completion: 0}",
                "    features: [streaming, tools, reasoning, json_mode]",
                "    source: made up for the tests, 2026-11-25",
                f"    routes: [{{provider: {protocol}, model: {name}}}]",
            ]
    return "\n".join(["limits: {rate_per_minute: 6000, burst: 6000}", *lines]) + "\n"


@contextlib.contextmanager
def agents(folder: Path) -> Generator[Agents]:
    """Both servers."""
    with (
        running([sys.executable, "-m", "tests.system.agent_upstream"]) as upstream,
        gateway(folder, catalogue(upstream.url)) as server,
    ):
        yield Agents(server.url, upstream.url, folder)


def at_gateway(text: str, url: str) -> str:
    """What the page says, of a gateway at this address."""
    assert PAGE_ADDRESS in text
    return text.replace(PAGE_ADDRESS, url)


def claude_environ(home: Path, url: str) -> dict[str, str]:
    """What Claude Code finds in its environment: what the page says, and what keeps it quiet."""
    lines = at_gateway(SETTINGS["claude_code"], url).splitlines()
    said = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    said = {name: value.replace("$HYPERINFER_KEY", KEY) for name, value in said.items()}
    return {"HOME": str(home), "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", **said}


def codex_home(home: Path, url: str, model: str, *, retries: int = 0, more: str = "") -> dict[str, str]:
    """Sets Codex up to speak to a gateway; the environment that it runs in. `retries`: of a stream that breaks off.
    `more`: further lines of its settings."""
    settings = "\n".join(
        [
            more,
            'approval_policy = "never"',
            'sandbox_mode = "danger-full-access"',
            "check_for_update_on_startup = false",
            at_gateway(SETTINGS["codex"], url).replace(PAGE_MODEL, model),
            "request_max_retries = 0",
            f"stream_max_retries = {retries}",
            "[analytics]",
            "enabled = false",
        ]
    )
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(settings)
    return {"HOME": str(home), "CODEX_HOME": str(home / ".codex"), "HYPERINFER_KEY": KEY}


def run(command: Sequence[str | Path], folder: Path, environ: Mapping[str, str], *, seconds: float = 55) -> str:
    """What a client prints on stdout that is content with how its work went."""
    status, printed, complaints = end_of(command, folder, environ, seconds=seconds)
    assert status == 0, f"{printed}\n{complaints}"
    return printed


def end_of(
    command: Sequence[str | Path], folder: Path, environ: Mapping[str, str], *, seconds: float = 55
) -> tuple[int, str, str]:
    """A client's status, stdout and stderr, run in `folder` with nothing of our own environment; all that it started is
    ended."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1", **environ}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, complaints = process.communicate(timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, printed, complaints
