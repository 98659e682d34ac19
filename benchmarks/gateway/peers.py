"""Other gateways in the same run, pinned to the same core: LiteLLM's proxy without a database, and Portkey's.

Installed by package name, each into a folder of its own below `.bench-peers/`. What cannot be installed or does not start is
left out, with a reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.gateway.measure import Ask, Target
from benchmarks.gateway.processes import ROOT, started, tree
from benchmarks.gateway.wire import SHORT, question

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

Pairs: TypeAlias = Sequence[tuple["Dialect", "Dialect"]]
PLACE = ROOT / ".bench-peers"
PAIRS: Pairs = (("openai_chat", "openai_chat"), ("openai_chat", "anthropic_messages"))
READY_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class LiteLLM(Target):
    """Its proxy, with a master key."""

    def ask(self, client: Dialect, upstream: Dialect, mode: str, *, streamed: bool) -> Ask:
        body = question(client, f"bench-{SHORT[upstream]}", streamed=streamed)
        return Ask("/v1/chat/completions", body, {"authorization": "Bearer sk-bench"})


@dataclass(frozen=True, kw_only=True)
class Portkey(Target):
    """Its gateway, which is told in each request where to go."""

    upstream: int
    headers: Mapping[str, str] = field(default_factory=lambda: {"authorization": "Bearer sk-upstream"})

    def ask(self, client: Dialect, upstream: Dialect, mode: str, *, streamed: bool) -> Ask:
        provider = "anthropic" if upstream == "anthropic_messages" else "openai"
        headers = {
            **self.headers,
            "x-portkey-provider": provider,
            "x-portkey-custom-host": f"http://127.0.0.1:{self.upstream}/{mode}/v1",
        }
        return Ask("/v1/chat/completions", question(client, "upstream", streamed=streamed), headers)


@contextlib.contextmanager
def open_peers(upstream: int, core: int, notes: list[str]) -> Generator[dict[str, tuple[Target, Pairs]]]:
    """Those that run, by name, with the pairs of formats that they are asked for."""
    with contextlib.ExitStack() as stack:
        found: dict[str, tuple[Target, Pairs]] = {}
        for name, start in (("LiteLLM", _litellm), ("Portkey", _portkey)):
            try:
                target = stack.enter_context(start(upstream, core))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                notes.append(f"without {name}: {error}")
            else:
                found[name] = (target, PAIRS)
        yield found


@contextlib.contextmanager
def _litellm(upstream: int, core: int) -> Generator[Target]:
    place = PLACE / "litellm"
    program = place / "bin" / "litellm"
    if not program.exists():
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(place / "bin" / "pip"), "install", "--quiet", "litellm[proxy]"])
    base = f"http://127.0.0.1:{upstream}/burst-100"
    routes = {"chat": ("openai/upstream", f"{base}/v1"), "messages": ("anthropic/upstream", base)}
    models = [
        {"model_name": f"bench-{name}", "litellm_params": {"model": model, "api_base": address, "api_key": "sk-upstream"}}
        for name, (model, address) in routes.items()
    ]
    config = PLACE / "litellm.json"
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": "sk-bench"}}))
    port = _free_port()
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    version = _run([str(place / "bin" / "python"), "-c", "import importlib.metadata as m; print(m.version('litellm'))"])
    with _running(command, core, port, {"LITELLM_LOG": "ERROR"}) as pids:
        yield LiteLLM(name=f"LiteLLM {version}", port=port, pids=pids, foreign=True)


@contextlib.contextmanager
def _portkey(upstream: int, core: int) -> Generator[Target]:
    place = PLACE / "portkey"
    package = place / "node_modules" / "@portkey-ai" / "gateway"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise RuntimeError("node and npm are not installed")
    if not package.exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text("{}")
        _run([npm, "install", "--no-fund", "--no-audit", "--prefix", str(place), "@portkey-ai/gateway"])
    version = json.loads((package / "package.json").read_text())["version"]
    port = _free_port()
    command = [node, str(package / "build" / "start-server.js"), f"--port={port}", "--headless"]
    with _running(command, core, port, {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}) as pids:
        yield Portkey(name=f"Portkey {version}", port=port, pids=pids, upstream=upstream, foreign=True)


@contextlib.contextmanager
def _running(command: Sequence[str], core: int, port: int, environ: Mapping[str, str]) -> Generator[list[int]]:
    """Its processes, once it answers."""
    log = PLACE / f"{Path(command[0]).name}.log"
    with (
        open(log, "wb") as words,
        started(
            command, core=core, environ=environ, cwd=PLACE, stdout=words, stderr=subprocess.STDOUT, ours=False
        ) as process,
    ):
        latest = time.monotonic() + READY_SECONDS
        while time.monotonic() < latest and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        else:
            raise RuntimeError(f"it did not start; see {log}")
        yield tree(process.pid)


def _run(command: Sequence[str]) -> str:
    """What it prints. Raises RuntimeError with its last line."""
    PLACE.mkdir(exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=900)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout.strip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
