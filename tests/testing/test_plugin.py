"""The pytest plugin in runs of its own: fixtures and markers, what fails a test, and what it costs who does not use it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.engine.recording_file import write_recording
from tests.project.tree import ROOT
from tests.testing.test_recorded import recording

if TYPE_CHECKING:
    import pytest

MODULE = "hyperinfer.testing.plugin"
PLAIN = """
import httpx2
import pytest
from hyperinfer.testing import HttpError, Reply


def ask(upstream, **body):
    with httpx2.Client(transport=upstream.transport()) as client:
        return client.post("http://a.test/v1/messages", json={"model": "m", **body})


@pytest.mark.scripted_upstream("Hello", HttpError(429), tokens=3)
class TestClass:
    def test_passes(self, scripted_upstream):
        assert ask(scripted_upstream).json()["content"][0]["text"] == "Hello"
        assert ask(scripted_upstream).status_code == 429

    @pytest.mark.scripted_upstream("own")
    def test_nearest_marker_counts(self, scripted_upstream):
        assert "own" in ask(scripted_upstream).text

    def test_left_over(self, scripted_upstream):
        ask(scripted_upstream)


def test_too_many(scripted_upstream):
    ask(scripted_upstream)


def test_filled_by_hand(scripted_upstream):
    scripted_upstream.add("Hello")
    httpx2.post(f"{scripted_upstream.url}/v1/messages", json={"model": "m"})
    assert scripted_upstream.requests[0].model == "m"


@pytest.mark.recorded_upstream("a.jsonl", pace=0)
def test_recorded(recorded_upstream):
    with httpx2.Client(transport=recorded_upstream.transport()) as client:
        for exchange in recorded_upstream.exchanges:
            try:
                client.post("http://a.test/chat/completions", json={"stream": exchange.asked.streamed})
            except httpx2.TransportError:
                pass


def test_recorded_without_a_file(recorded_upstream):
    pass
"""
TRIO = """
import httpx2
import pytest
import trio
from hyperinfer.testing import Pause, Reply


@pytest.mark.trio
@pytest.mark.scripted_upstream(Reply("a", Pause(3600)))
async def test_on_virtual_time(scripted_upstream, autojump_clock):
    async with httpx2.AsyncClient(transport=scripted_upstream.transport(), timeout=None) as client:
        await client.post("http://a.test/v1/messages", json={"model": "m"})
    assert trio.current_time() == 3600
"""
LOADED = """
import json
import sys


def test_what_is_loaded():
    with open("loaded.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def pytest_run(folder: Path, *arguments: str) -> dict[str, str]:
    """Runs pytest as a user does, away from this checkout; the outcome of each test by its name."""
    # Else settings that lie in a folder above are taken, which may be anybody's.
    (folder / "pytest.ini").write_text("[pytest]\n")
    # An installation that was made before there was a plugin has no entry for it.
    known = any(entry.value == MODULE for entry in entry_points(group="pytest11"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "--strict-markers",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    done = subprocess.run(
        command if known else [*command, "-p", MODULE],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    words = [line.split(" ", 2) for line in done.stdout.splitlines() if line.split(" ")[0] in ("PASSED", "FAILED", "ERROR")]
    outcomes = {word[1].rpartition("::")[2]: word[0] for word in words}
    assert outcomes, done.stdout + done.stderr
    return outcomes | {"said": done.stdout}


def test_fixtures_and_markers(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(PLAIN)
    (tmp_path / "test_trio.py").write_text(TRIO)
    write_recording(tmp_path / "a.jsonl", recording())
    outcomes = pytest_run(tmp_path)
    said = outcomes.pop("said")
    assert outcomes == {
        "test_passes": "PASSED",
        "test_nearest_marker_counts": "PASSED",
        "test_left_over": "ERROR",
        "test_too_many": "ERROR",
        "test_filled_by_hand": "PASSED",
        "test_recorded": "PASSED",
        "test_recorded_without_a_file": "ERROR",
        "test_on_virtual_time": "PASSED",
    }
    assert "nobody asked for 1 answer of the script, HttpError(status=429" in said
    assert (
        "unexpected <request 0: POST /v1/messages, model 'm'>: the script has no answers; they go into @pytest.mark" in said
    )
    assert "recorded_upstream wants a file" in said


def test_it_loads_nothing_for_who_does_not_use_it(tmp_path: Path) -> None:
    (tmp_path / "test_loaded.py").write_text(LOADED)
    assert (
        pytest_run(tmp_path, "-p", "no:trio", "-p", "no:anyio", "-p", "no:hypothesispytest")["test_what_is_loaded"]
        == "PASSED"
    )
    loaded = set(json.loads((tmp_path / "loaded.json").read_text()))
    ours = {name for name in loaded if name.split(".")[0] == "hyperinfer"}
    assert ours == {"hyperinfer", "hyperinfer.testing", MODULE}
    assert not loaded & {"httpx2", "httpx", "msgspec", "trio", "httptools", "openai", "anthropic"}


def test_the_package_says_that_it_is_a_plugin() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["pytest11"]
    assert told == {"hyperinfer": MODULE}


def test_the_markers_are_explained(pytestconfig: pytest.Config) -> None:
    explained = [line.partition("(")[0] for line in pytestconfig.getini("markers")]
    assert {"scripted_upstream", "recorded_upstream"} <= set(explained)
