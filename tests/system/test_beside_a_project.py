"""The wheel, installed beside a project that has packages of the names of our folders: it builds on ours and has its own.

The project is an application with a pipeline of its own, its tests by the test kit, and mypy and pyright over all of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.project.tree import LAYERS, ROOT
from tests.support.wheels import DEPENDENCIES, built_in, environment, run

BIN = Path(sys.executable).parent
STRICT = "[mypy]\nstrict = True\n"

PROJECT: Mapping[str, str] = {
    **{f"{layer}/__init__.py": f'"""The project\'s own."""\nMINE = "{layer}"\n' for layer in (*LAYERS, "tests")},
    "nodes/shout.py": """
from hyperinfer.engine import step
from hyperinfer.nodes import Asked


@step
def shout(asked: Asked) -> Asked:
    return asked.map_text(str.upper)
""",
    "engine/words.py": '''
from collections.abc import Iterable

from hyperinfer.formats import text_of
from hyperinfer.nodes import Reply


class Words:
    """A step with state."""

    def __init__(self) -> None:
        self._text = ""

    def push(self, item: Reply) -> Iterable[list[str]]:
        self._text += text_of(item) if isinstance(item, tuple) else ""
        return ()

    def end(self) -> Iterable[list[str]]:
        return (self._text.split(),)
''',
    "api/pipeline.py": """
from engine.words import Words
from hyperinfer.engine import Graph, open_run, step
from hyperinfer.formats import ANTHROPIC_MESSAGES
from hyperinfer.nodes import Incoming, Ticket, call, decode, to_model
from hyperinfer.providers import Upstreams, open_upstreams, shipped_catalogue
from nodes.shout import shout


def pipeline(upstreams: Upstreams, slug: str) -> Graph:
    catalogue = shipped_catalogue({"OPENAI_API_KEY": "test"})
    return Graph.linear(decode(), shout, to_model(catalogue, slug), call(upstreams), step(Words))


async def words(upstreams: Upstreams, slug: str, text: str) -> list[str]:
    body = '{"model": "any", "max_tokens": 99, "messages": [{"role": "user", "content": "%s"}]}' % text
    incoming = Incoming(Ticket.plain("mine-1", ANTHROPIC_MESSAGES), body.encode())
    async with open_run(pipeline(upstreams, slug), [incoming]) as items:
        found: list[str] = await items.receive()
        return found


async def main() -> None:
    async with open_upstreams() as upstreams:
        print(await words(upstreams, "demo/responses", "tick tock"))
""",
    "tests/test_pipeline.py": """
import api, engine, formats, nodes, providers, testing, tests
import hyperinfer.api, hyperinfer.engine, hyperinfer.testing
import pytest
from api.pipeline import words
from hyperinfer.engine.testing import run_virtual
from hyperinfer.providers import Upstreams
from hyperinfer.testing import Reply, ScriptedUpstream


@pytest.mark.scripted_upstream(Reply("one two three", every=30))
def test_words(scripted_upstream: ScriptedUpstream) -> None:
    async def main() -> list[str]:
        return await words(Upstreams(scripted_upstream.transport()), "openai/gpt-5-mini", "hello")

    assert run_virtual(main) == ["one", "two", "three"]
    assert scripted_upstream.requests[0].said == "HELLO"


def test_each_has_its_own() -> None:
    assert [each.MINE for each in (api, engine, formats, nodes, providers, testing, tests)] == [
        "api", "engine", "formats", "nodes", "providers", "testing", "tests",
    ]
    assert not hasattr(hyperinfer.api, "MINE") and not hasattr(hyperinfer.engine, "MINE")
""",
}

WRONG = """
from collections.abc import Iterator

from hyperinfer.engine import Failure, Graph, Sink, Stage, run, stage, step
from hyperinfer.nodes import Asked, Reply, call, decode, encode, meter
from hyperinfer.providers import Upstreams


@step
def number(asked: Asked) -> Asked:
    return 3  # wrong


@step
def typo(asked: Asked) -> Asked:
    return asked.map_texts(str.upper)  # wrong


class Held(Stage[Asked, Asked]):
    async def receive(self, item: Asked, sink: Sink[Asked]) -> None:
        await sink.send("text")  # wrong


class Printer:
    async def sent(self, item: object) -> None: ...


def graphs(upstreams: Upstreams) -> None:
    Graph.linear(decode(), meter(), encode())  # wrong
    Graph.linear(decode(), stage(Held), call(upstreams))  # wrong
    Graph.linear(decode(), stage(Printer))  # wrong
    call("https://example.org")  # wrong


async def ran(graph: Graph) -> None:
    await run(graph, [1], Printer())  # wrong
"""
"""What a person gets wrong: a type checker names these lines, and no others."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel in it, and what it depends on."""
    folder = tmp_path_factory.mktemp("beside")
    python = environment(built_in(folder).wheel, folder / "venv")
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{DEPENDENCIES}\n")
    return python


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tmp_path / "mypy.ini").write_text(STRICT)
    return tmp_path


def checked(command: Sequence[str | Path], folder: Path) -> str:
    """What a type checker says, be it content or not."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MYPY"))}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert not done.stderr, done.stderr
    return done.stdout


def test_nothing_comes_from_the_checkout(python: Path, project: Path) -> None:
    where = run([python, "-c", "import hyperinfer, nodes; print(hyperinfer.__file__, nodes.__file__)"], cwd=project)
    ours, own = map(Path, where.split())
    assert not ours.resolve().is_relative_to(ROOT)
    assert own == project / "nodes" / "__init__.py"


def test_a_pipeline_of_its_own_runs(python: Path, project: Path) -> None:
    printed = run([python, "-c", "import trio; from api.pipeline import main; trio.run(main)"], cwd=project)
    assert "'TOCK”.'" in printed


def test_its_tests_pass_by_the_kit(python: Path, project: Path) -> None:
    assert "2 passed" in run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=project)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_sees_what_is_wrong_and_nothing_else(checker: str, python: Path, project: Path) -> None:
    (project / "nodes" / "wrong.py").write_text(WRONG)
    said = checked(_command(checker, python, "api", "engine", "nodes"), project)
    named = {(file, int(line)) for file, line in re.findall(r"(\w+/\w+\.py):(\d+):.*\berror\b", said)}
    wrong = [number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")]
    assert named == {("nodes/wrong.py", number) for number in wrong}, said


def _command(checker: str, python: Path, *folders: str) -> list[str | Path]:
    if checker == "mypy":
        return [BIN / "mypy", "--python-executable", python, "--no-incremental", *folders]
    return [BIN / "pyright", "--pythonpath", python, *folders]
