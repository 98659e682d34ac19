"""Nodes of an operator's own in processes of their own: the look at their code, and a package that is really installed."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from hyperinfer.api.custom_nodes import process
from tests.e2e.limited import post_json
from tests.project.tree import ROOT
from tests.support.formats import ROUTES, Route
from tests.support.plugin_package import FILES, OUTPUTS, write_package
from tests.support.served import KEY, Running, command_line, generations, running, scripted_upstream
from tests.support.wheels import DEPENDENCIES, build, copied, run


def looked(code: str, folder: Path, *, seconds: float = 60.0) -> tuple[list[str], list[process.Described]]:
    (folder / "own.py").write_text(code)
    text = 'limits: {}\npipeline:\n  - {node: "own:x", after: decode}\n'
    found, described = process.look(text, "file", {"PYTHONPATH": f"{ROOT}:{folder}"}, seconds)
    return [str(each) for each in found], list(described)


STEP = """
from hyperinfer.engine import step
from hyperinfer.nodes import Asked
x = step(lambda asked: asked, name="x", consumes=Asked, produces=Asked)
"""
LOUD = """
import os, threading, time
print("hello")
os.write(1, b"hello")
threading.Thread(target=time.sleep, args=[99]).start()
"""


def test_what_the_process_prints_or_leaves_behind_does_not_matter(tmp_path: Path) -> None:
    found, described = looked(LOUD + STEP, tmp_path)
    assert found == []
    assert described == [process.Described("x", "own:x", "decode", "route", "step", None)]
    assert "own" not in sys.modules


def test_a_process_that_does_not_come_back(tmp_path: Path) -> None:
    assert looked("import os; os._exit(7)", tmp_path)[0] == [
        "file:3: pipeline[0]: the process that loads the nodes was ended by their code (status 7)"
    ]
    assert looked("import time; time.sleep(99)", tmp_path, seconds=1.5)[0] == [
        "file:3: pipeline[0]: loading the nodes took longer than 1.5 s"
    ]


# ---- a package that is installed -------------------------------------------------------------------------------------

UPSTREAM = """
providers: {{up: {{protocol: openai_chat, base_url: "{url}", api_key: sk-upstream}}}}
models:
  - slug: up/model
    context_length: 128000
    max_output_tokens: 8192
    pricing: {{prompt: 2.5, completion: 10}}
    source: made up for the tests, 2026-11-26
    routes: [{{provider: up, model: up}}]
"""
REDACTED, FORBIDDEN = "it is 123-45-6789", "a swordfish"


ENVIRON = {"PYTHONPATH": DEPENDENCIES}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hyperinfer` of a fresh environment, with its wheel and that of the package on the page."""
    folder = tmp_path_factory.mktemp("plugin")
    package = folder / "acme-nodes"
    package.mkdir()
    write_package(package)
    tree = copied(folder / "tree")
    wheels = [build(tree, "wheel", folder / "ours"), build(package, "wheel", folder / "theirs")]
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], cwd=folder)
    python = folder / "venv" / "bin" / "python"
    pip: Sequence[str | Path] = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install"]
    run([*pip, "--no-deps", "--no-index", *wheels], cwd=folder)
    return python.with_name("hyperinfer")


def test_the_installed_program_finds_the_installed_nodes(tmp_path: Path, program: Path) -> None:
    (tmp_path / "providers.yaml").write_text(FILES["providers.yaml"])
    (tmp_path / "acme_nodes.py").write_text("raise RuntimeError('a file that only lies there is not loaded')")
    assert run([program, "check", "--data", "data"], tmp_path, **ENVIRON).endswith("\n\n" + OUTPUTS["check"])
    document = json.loads(run([program, "check", "--json", "--data", "data"], tmp_path, **ENVIRON))
    assert document["pipeline"] == [
        {
            "name": name,
            "node": name,
            "after": after,
            "before": before,
            "form": "step",
            "package": "acme-nodes 1.0",
        }
        for name, after, before in [("redact", "decode", "route"), ("guard", "meter", "encode")]
    ]


def asked(server: Running, route: Route, text: str, *, stream: bool) -> tuple[int, str]:
    answer = post_json(server, route, route.body("up/model", text, stream=stream))
    return answer.status, answer.body.decode()


def test_requests_and_bills(tmp_path: Path, program: Path) -> None:
    cut: list[int] = []
    with scripted_upstream() as upstream:
        config = UPSTREAM.format(url=upstream.url) + FILES["providers.yaml"]
        (tmp_path / "providers.yaml").write_text(config)
        command = [program, "serve", "--port", "0", "--config", tmp_path / "providers.yaml", "--data", tmp_path / "data"]
        with running([str(word) for word in command], {**ENVIRON, "HYPERINFER_BOOTSTRAP_KEY": KEY}) as server:
            for route in ROUTES:
                for stream in (False, True):
                    status, body = asked(server, route, REDACTED, stream=stream)
                    assert (status, "[removed]" in body, "6789" in body) == (200, True, False)
                    status, body = asked(server, route, FORBIDDEN, stream=stream)
                    assert status in ((200, 400) if stream else (400,)), "by what the provider sent at once"
                    cut.append(status)
                    assert "The reply was cut off." in body
                    assert "swordfish" not in body
            _reload(server, tmp_path, config)
        rows = generations(tmp_path)
        assert command_line(tmp_path, "ledger", "verify")["ok"]
    of_reload = len(rows) - 12
    assert of_reload > 0
    for number, row in enumerate(rows[:12]):
        refused = number % 2 == 1
        assert (row["status"], row.get("error_code")) == (("failed", "content_filter") if refused else ("completed", None))
        assert row["cost"] == sum(line["cost"] for line in row["lines"])
        assert (row["cost"] > 0) == (not refused or cut[number // 2] == 200), "who got nothing pays nothing"


def _reload(server: Running, folder: Path, config: str) -> None:
    """A bad section changes nothing, a good one does."""
    bad = config.replace("node: redact", "node: redakt")
    good = config.replace("options:\n", "options:\n      mask: '[gone]'\n", 1)
    for text in (bad, good):
        (folder / "providers.yaml").write_text(text)
        server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 30
    while True:
        _, body = asked(server, ROUTES[0], REDACTED, stream=True)
        assert "6789" not in body
        if "[gone]" in body:
            return
        assert time.monotonic() < until
