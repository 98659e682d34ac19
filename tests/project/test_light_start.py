"""What the processes of a gateway have loaded once they have served: counted in modules, as time depends on the machine.

The processes are real ones, as a user starts them; each writes down its modules when it ends.
"""

from __future__ import annotations

import json
import signal
import urllib.request
from typing import Any

import pytest

from hyperinfer.api.collector import THRESHOLDS
from tests.support.served import KEY, gateway

_NOTE = """
import atexit, gc, json, os, sys


def note():
    with open(os.path.join({folder!r}, f"{{os.getpid()}}.json"), "w") as file:
        collector = [gc.isenabled(), gc.get_freeze_count() > 20_000, list(gc.get_threshold())]
        json.dump({{"command": sys.orig_argv, "modules": sorted(sys.modules), "collector": collector}}, file)


atexit.register(note)
"""

HEAVY = {
    "asyncio", "asyncpg", "google.protobuf", "lxml", "openai", "opentelemetry", "pypdf", "quart", "redis", "rich",
    "trafilatura", "unittest",
}  # fmt: skip
"""What is for control planes, documents, the shared store, people at a terminal: nobody waits for it at the start."""

NOT_IN: dict[str, set[str]] = {
    "hyperinfer serve": {
        "h2", "httptools", "httpx2", "hypercorn.trio", "hyperinfer.api.app", "hyperinfer.api.edge.connection",
        "hyperinfer.engine", "hyperinfer.formats.openai_chat", "hyperinfer.nodes", "hyperinfer.providers.client",
        "hyperinfer.providers.demo", "hyperinfer.providers.transport", "sqlite3",
    },
    "hyperinfer.api.worker": {
        "hyperinfer.api.console.routes", "hyperinfer.api.control_plane", "hyperinfer.api.openapi",
        "hyperinfer.api.store.remote",
    },
    "hyperinfer.api.store.writer": {"httpx2", "hypercorn", "hyperinfer.formats", "hyperinfer.providers.catalogue", "trio"},
}  # fmt: skip

MOST = {"hyperinfer serve": 400, "hyperinfer.api.worker": 920, "hyperinfer.api.store.writer": 180}
"""Modules in all, some tenth above what there were: who goes beyond one looks what came with it."""


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each process wrote down, by what it is, after one request to a model."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "sitecustomize.py").write_text(_NOTE.format(folder=str(folder)))
    with gateway(folder, "demo: true", {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": ""}) as server:
        request = urllib.request.Request(
            f"{server.url}/api/v1/chat/completions",
            json.dumps({"model": "demo/chat", "messages": [{"role": "user", "content": "hi"}]}).encode(),
            {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
    written: list[dict[str, Any]] = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    return {_kind(note["command"]): note for note in written}


@pytest.fixture
def loaded(notes: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    return {kind: set(note["modules"]) for kind, note in notes.items()}


def _kind(command: list[str]) -> str:
    words = " ".join(command)
    return next(kind for kind in MOST if kind in words)


@pytest.mark.parametrize("process", MOST)
def test_a_process_loads_only_what_it_needs(loaded: dict[str, set[str]], process: str) -> None:
    assert not loaded[process] & (HEAVY | NOT_IN[process])


@pytest.mark.parametrize("process", MOST)
def test_a_process_does_not_grow_unseen(loaded: dict[str, set[str]], process: str) -> None:
    assert len(loaded[process]) <= MOST[process], sorted(loaded[process])


def test_the_worker_collects_without_what_was_loaded(notes: dict[str, dict[str, Any]]) -> None:
    assert notes["hyperinfer.api.worker"]["collector"] == [True, True, list(THRESHOLDS)]
