"""docs/clients.md: every program and setting on it, as it stands there, before a gateway with the shipped catalogue.

The providers of the catalogue are played by `agent_upstream`; nothing else differs from what a reader has but the port.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperinfer.providers import shipped_catalogue
from tests.project.blocks import named
from tests.project.tree import ROOT
from tests.support.served import KEY, gateway, generations, running
from tests.system.agent_upstream import script
from tests.system.agents import PAGE_ADDRESS, at_gateway, claude_environ, codex_home, run

PAGE = "docs/clients.md"
CLIENTS = named(PAGE, "client")
SAID = "You wrote: “Hello!”"
"""What the played providers answer."""


@dataclass(frozen=True)
class Served:
    """The gateway, and where its data lie. `before`: how many requests it had answered when the test began."""

    url: str
    folder: Path
    before: int = 0

    def models(self) -> list[str]:
        """Which models have answered since the test began, in order; each answered in full."""
        rows = generations(self.folder)[self.before :]
        assert {row["status"] for row in rows} <= {"completed"}
        return [row["model"] for row in rows]


@pytest.fixture(scope="module")
def catalogue_played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gateway")
    with running([sys.executable, "-m", "tests.system.agent_upstream"]) as upstream:
        catalogue: dict[str, Any] = yaml.safe_load((ROOT / "providers.yaml").read_text("utf-8"))
        for provider in catalogue["providers"].values():
            provider.pop("api_key", None)
            provider["base_url"] = f"{upstream.url}/v1"
        with gateway(folder, json.dumps(catalogue, default=str)) as server:
            yield Served(server.url, folder)


@pytest.fixture
def served(catalogue_played: Served) -> Served:
    return replace(catalogue_played, before=len(generations(catalogue_played.folder)))


def printed(command: list[str | Path], folder: Path, environ: dict[str, str] | None = None) -> str:
    return run(command, folder, {"HOME": str(folder), "HYPERINFER_KEY": KEY, **(environ or {})})


def python(name: str, served: Served, folder: Path, interpreter: str | Path = sys.executable) -> str:
    """What a Python program of the page prints."""
    return printed([interpreter, "-c", at_gateway(CLIENTS[name], served.url)], folder)


def javascript(name: str, served: Served, folder: Path, node: Path, packages: Path) -> str:
    """What a JavaScript program of the page prints, in a folder with these packages."""
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "program.mjs").write_text(at_gateway(CLIENTS[name], served.url))
    return printed([node, "program.mjs"], folder)


def test_curl(served: Served, tmp_path: Path) -> None:
    said = json.loads(printed(["sh", "-c", at_gateway(CLIENTS["curl"], served.url)], tmp_path))
    assert SAID in said["choices"][0]["message"]["content"]


def test_openai_python(served: Served, tmp_path: Path) -> None:
    said = python("openai_python", served, tmp_path)
    assert said.count(SAID) == 2
    assert re.search(r"^\d+ tokens, 0\.\d+ USD$", said, re.MULTILINE)
    assert served.models() == ["anthropic/claude-sonnet-5.5", "openai/gpt-5.5"]


def test_openai_node(served: Served, tmp_path: Path, node: Path, sdks: Path) -> None:
    assert javascript("openai_node", served, tmp_path, node, sdks).count(SAID) == 2
    assert served.models() == ["anthropic/claude-sonnet-5.5", "openai/gpt-5.5"]


def test_anthropic_python(served: Served, tmp_path: Path) -> None:
    said = python("anthropic_python", served, tmp_path)
    assert said.count(SAID) == 1
    assert re.search(r"^\d+ tokens$", said, re.MULTILINE)
    assert served.models() == ["openai/gpt-5.5"]


def test_anthropic_node(served: Served, tmp_path: Path, node: Path, sdks: Path) -> None:
    said = javascript("anthropic_node", served, tmp_path, node, sdks)
    assert said.count(SAID) == 1
    assert re.search(r"^\d+ tokens$", said, re.MULTILINE)


def test_vercel(served: Served, tmp_path: Path, node: Path, aisdk: Path) -> None:
    assert javascript("vercel", served, tmp_path, node, aisdk).count(SAID) == 3
    assert served.models() == ["anthropic/claude-sonnet-5.5", "openai/gpt-5.5", "anthropic/claude-sonnet-5.5"]


@pytest.mark.parametrize("name", ["langchain", "pydantic_ai"])
def test_frameworks(served: Served, tmp_path: Path, frameworks: Path, name: str) -> None:
    assert python(name, served, tmp_path, frameworks).count(SAID) == 3
    assert served.models() == ["anthropic/claude-sonnet-5.5", "openai/gpt-5.5", "anthropic/claude-sonnet-5.5"]


def test_the_environment_of_programs_that_cannot_be_changed(served: Served, tmp_path: Path) -> None:
    program = """
import anthropic, openai
ask = {"model": "anthropic/claude-haiku-5.5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello!"}]}
print(openai.OpenAI().chat.completions.create(**ask).choices[0].message.content)
print(anthropic.Anthropic().messages.create(**ask).content[0].text)
"""
    (tmp_path / "program.py").write_text(program)
    lines = f"{at_gateway(CLIENTS['environment'], served.url)}\nexec {sys.executable} program.py"
    assert printed(["sh", "-c", lines], tmp_path).count(SAID) == 2


@pytest.mark.parametrize("name", ["fable", "opus", "sonnet", "haiku", "openai/gpt-5.5"])
def test_claude_code(claude_code: Path, served: Served, tmp_path: Path, name: str) -> None:
    """Its own names for models are those that the page gives them; it asks for no other."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "note.txt").write_text("the note says hello\n")
    steps = script(("Read", {"file_path": str(tmp_path / "work" / "note.txt")}))
    command: list[str | Path] = [claude_code, "-p", "--model", name, "--allowedTools", "Read", "--", f"Do it. {steps}"]
    assert "the note says hello" in run(command, tmp_path / "work", claude_environ(tmp_path, served.url))
    asked = set(served.models())
    main = next(slug for slug in [*CLIENTS["claude_code"].split(), name] if name in slug).partition("=")[2] or name
    assert main in asked
    assert asked <= {*re.findall(r"=(anthropic/\S+)", CLIENTS["claude_code"]), name}


def test_codex(codex_cli: Path, served: Served, tmp_path: Path) -> None:
    environ = codex_home(tmp_path, served.url, "anthropic/claude-sonnet-5.5")
    steps = script(("exec_command", {"cmd": "echo from-the-tool"}))
    command: list[str | Path] = [codex_cli, "exec", "--ephemeral", "--skip-git-repo-check", f"Do it. {steps}"]
    said = run(command, tmp_path, environ)
    assert said.startswith("The tool said:")
    assert "from-the-tool" in said
    assert set(served.models()) == {"anthropic/claude-sonnet-5.5"}


def test_the_models_are_those_of_the_shipped_catalogue() -> None:
    text = (ROOT / PAGE).read_text("utf-8")
    slugs = set(re.findall(r"\b((?:anthropic|openai)/(?:claude|gpt)-[\w.-]*\w)", text))
    assert len(slugs) > 4
    known = shipped_catalogue({}).models
    assert slugs <= set(known)


def test_the_addresses_are_the_default_one() -> None:
    text = (ROOT / PAGE).read_text("utf-8")
    assert {found.rstrip("/`") for found in re.findall(r"http://[\w.:]+", text)} == {PAGE_ADDRESS}


def test_every_program_is_run_here() -> None:
    """By its name: a program that joins the page needs a test above."""
    source = Path(__file__).read_text("utf-8")
    here = set(re.findall(r"[\"'](\w+)[\"']", source)) | {"codex", "claude_code"}  # those are read by agents.py
    assert set(CLIENTS) <= here
