"""A clean clone on a bare machine: the README's commands work, for every Python that is here."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "hi-clean-clone"
WHOLE_IN_SECONDS = 240


def interpreters() -> dict[str, Path]:
    """One interpreter for each supported minor version: on PATH, or where version managers keep them."""
    found: dict[str, Path] = {}
    for minor in range(11, 15):
        name = f"python3.{minor}"
        managed = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"))
        for candidate in [*managed, shutil.which(name)]:
            if candidate and runs(Path(candidate)):
                found[name] = Path(candidate)
                break
    return found


def runs(python: Path) -> bool:
    return subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Clone:
    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=WHOLE_IN_SECONDS,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


INTERPRETERS = interpreters()


@pytest.fixture(scope="module", params=list(INTERPRETERS.values()), ids=list(INTERPRETERS))
def clone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with an empty home and nothing in the environment; PATH holds the system and this interpreter."""
    python: Path = request.param
    machine = tmp_path_factory.mktemp(python.name)
    subprocess.run(["git", "clone", "--quiet", ROOT, machine / "clone"], check=True)
    for name in ("bin", "home"):
        (machine / name).mkdir()
    # The one python3 of this machine, whatever the system has.
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        (machine / "bin" / name).symlink_to(python)
    return Clone(machine / "clone", {"PATH": f"{machine / 'bin'}:/usr/bin:/bin", "HOME": str(machine / "home")})


def test_make_venv_makes_the_command(clone: Clone) -> None:
    said = clone.run("make", "venv")
    assert said.startswith("making .venv with Python 3.")
    assert "serve" in clone.run(".venv/bin/hyperinfer", "--help")
    assert "serve" in clone.run(".venv/bin/python", "-m", "hyperinfer", "--help")
    assert clone.run("make", "venv") == "", "the second time there is nothing to do"


def test_a_changed_lock_makes_the_venv_anew(clone: Clone) -> None:
    clone.run("make", "venv")
    (clone.folder / ".venv" / "left-over").touch()
    with (clone.folder / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "making .venv" in clone.run("make", "venv")
    assert not (clone.folder / ".venv" / "left-over").exists()
    clone.run(".venv/bin/hyperinfer", "--help")


def test_nothing_that_was_made_is_tracked(clone: Clone) -> None:
    clone.run("make", "venv")
    assert "??" not in clone.run("git", "status", "--porcelain")


@pytest.fixture
def served(clone: Clone) -> Iterator[str]:
    """The address of a gateway that `make serve` started from nothing."""
    with subprocess.Popen(
        ["make", "serve", "ARGS=--port 0"],
        cwd=clone.folder,
        env=clone.environment | {"HYPERINFER_BOOTSTRAP_KEY": KEY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        assert server.stdout
        for line in server.stdout:
            if listening := re.search(r"listening (http://\S+)", line):
                yield listening[1]
                os.killpg(server.pid, signal.SIGTERM)
                return
        pytest.fail("make serve ended and never said that it listens")


def test_the_curls_of_the_readme_answer(clone: Clone, served: str) -> None:
    readme = (clone.folder / "README.md").read_text().replace("\\\n", " ")
    curls = re.findall(r"^curl -N .*$", readme, flags=re.MULTILINE)
    assert len(curls) == 3
    ends = {"chat/completions": "[DONE]", "responses": "response.completed", "messages": "message_stop"}
    for curl in curls:
        (end,) = [end for path, end in ends.items() if f"/{path} " in curl]
        command = curl.replace("localhost:8080", served).replace("curl -N", "curl -NsS --max-time 60")
        done = subprocess.run(
            ["sh", "-c", command],
            env={"PATH": "/usr/bin:/bin", "KEY": KEY},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert end in done.stdout
