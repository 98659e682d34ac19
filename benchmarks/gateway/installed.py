"""Other gateways, installed by package name, each into a folder of its own below `.bench-peers/`, and started."""

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
from pathlib import Path
from typing import Final

from benchmarks.gateway.processes import ROOT, started, tree

PLACE: Final = ROOT / ".bench-peers"
PORTKEY_SETTINGS: Final = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
_READY_SECONDS = 90.0
_NODE_SERVER = "1.13.8"  # with the newest that Portkey 1.15.2 lets npm take (1.19.19), each of its streams is a 500


def litellm_program() -> tuple[Path, str]:
    """LiteLLM's proxy and its version. Raises RuntimeError when it cannot be installed."""
    place = PLACE / "litellm"
    program = place / "bin" / "litellm"
    if not program.exists():
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(place / "bin" / "pip"), "install", "--quiet", "litellm[proxy]"])
    version = _run([str(place / "bin" / "python"), "-c", "import importlib.metadata as m; print(m.version('litellm'))"])
    return program, version


def portkey_program() -> tuple[list[str], str]:
    """Portkey's gateway, as a command, and its version. Raises RuntimeError when it cannot be installed."""
    place = PLACE / "portkey"
    package = place / "node_modules" / "@portkey-ai" / "gateway"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise RuntimeError("node and npm are not installed")
    wanted = json.dumps({"overrides": {"@hono/node-server": _NODE_SERVER}})
    if not package.exists() or _NODE_SERVER not in (place / "package.json").read_text():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text(wanted)
        (place / "package-lock.json").unlink(missing_ok=True)
        _run([npm, "install", "--no-fund", "--no-audit", "--prefix", str(place), "@portkey-ai/gateway"])
    version: str = json.loads((package / "package.json").read_text())["version"]
    return [node, str(package / "build" / "start-server.js")], version


@contextlib.contextmanager
def running(command: Sequence[str], core: int, port: int, environ: Mapping[str, str]) -> Generator[list[int]]:
    """Its processes, once it answers. Raises RuntimeError when it does not."""
    log = PLACE / f"{Path(command[0]).name}.log"
    with (
        open(log, "wb") as words,
        started(
            command, core=core, environ=environ, cwd=PLACE, stdout=words, stderr=subprocess.STDOUT, ours=False
        ) as process,
    ):
        latest = time.monotonic() + _READY_SECONDS
        while time.monotonic() < latest and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        else:
            raise RuntimeError(f"it did not start; see {log}")
        yield tree(process.pid)


def free_port() -> int:
    """One on the loopback address that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _run(command: Sequence[str]) -> str:
    """What it prints. Raises RuntimeError with its last line."""
    PLACE.mkdir(exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=900)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout.strip()
