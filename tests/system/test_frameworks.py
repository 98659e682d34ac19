"""LangChain, Pydantic AI and the Vercel AI SDK, in all formats that they speak, on upstreams of all three protocols.

Each framework is one process, which works through all tasks; the tests below look at what it reported for each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.providers.demo.anthropic_messages import SIGNATURE
from hyperinfer.providers.demo.openai_responses import ENCRYPTED
from tests.support.served import KEY
from tests.system.agent_upstream import heard, script
from tests.system.agents import PROTOCOLS, SETTINGS, Agents, agents, at_gateway, run

CLIENTS = Path(__file__).with_name("clients")
TEXT = "Hello there, gateway."
FORMATS = ("chat", "responses", "messages")
STATE = {"messages": SIGNATURE, "responses": ENCRYPTED}
"""What the reasoning of an upstream carries for itself, in the format in which the client has a place for it."""
KINDS = ("streamed", "whole")


@dataclass(frozen=True)
class Reported:
    """What a framework said of its tasks, by (client, model, task), and what the upstreams heard."""

    tasks: dict[tuple[str, str, str], dict[str, Any]]
    heard: list[dict[str, Any]]

    def got(self, client: str, protocol: str, task: str) -> Any:
        """What came out of a task."""
        outcome = self.tasks[client, f"{protocol}/agent", task]
        assert "got" in outcome, outcome["error"]
        return outcome["got"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    with agents(tmp_path_factory.mktemp("gateway")) as server:
        yield server


def settings(name: str, served: Agents, uses: str) -> str:
    """What docs/clients.md has a user of a framework write, up to where it is used."""
    made, found, _ = at_gateway(SETTINGS[name], served.url).partition(f"\n{uses}")
    assert found
    return made


def report(served: Agents, folder: Path, settings: str | Path, *command: str | Path) -> Reported:
    """Runs a framework's tasks."""
    turns = [
        "Do it. " + script(("lookup", {"word": "alpha"}), ("lookup", {"word": "beta"})),
        "And again. " + script(("lookup", {"word": "gamma"})),
    ]
    models = [f"{name}/agent" for name in PROTOCOLS]
    tasks = json.dumps({"models": models, "text": TEXT, "turns": turns, "settings": str(settings)})
    environ = {"HOME": str(folder), "HYPERINFER_KEY": KEY}
    found = [json.loads(line) for line in run([*command, tasks], folder, environ).splitlines()]
    return Reported({(task["client"], task["model"], task["task"]): task for task in found}, served.heard())


@pytest.fixture(scope="module")
def langchain(frameworks: Path, served: Agents, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    made = settings("langchain", served, "for model in")
    return report(served, tmp_path_factory.mktemp("langchain"), made, frameworks, CLIENTS / "langchain_client.py")


@pytest.fixture(scope="module")
def pydantic_ai(frameworks: Path, served: Agents, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    made = settings("pydantic_ai", served, "for model in")
    return report(served, tmp_path_factory.mktemp("pydantic_ai"), made, frameworks, CLIENTS / "pydantic_ai_client.py")


@pytest.fixture(scope="module")
def vercel(node: Path, aisdk: Path, served: Agents, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    folder = tmp_path_factory.mktemp("vercel")
    made = settings("vercel", served, "const { textStream }")
    (folder / "node_modules").symlink_to(aisdk / "node_modules")
    (folder / "settings.mjs").write_text(f"{made}\nexport {{ anthropic, hyperinfer, openai }}\n")
    return report(served, folder, folder / "settings.mjs", node, CLIENTS / "aisdk_client.mjs", aisdk)


@pytest.fixture(params=["langchain", "pydantic_ai", "vercel"])
def reported(request: pytest.FixtureRequest) -> Reported:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Reported)
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("client", FORMATS)
def test_each_framework(reported: Reported, client: str, protocol: str) -> None:
    check(reported, client, protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_client_for_compatible_servers(vercel: Reported, protocol: str) -> None:
    check(vercel, "compatible", protocol)


def check(reported: Reported, client: str, protocol: str) -> None:
    """All tasks of one client on one model."""
    streamed = reported.got(client, protocol, "text streamed")
    assert f"“{TEXT}”" in streamed["text"]
    assert streamed["pieces"] > 5
    assert reported.got(client, protocol, "text whole") == streamed["text"]
    for kind in KINDS:
        done = reported.got(client, protocol, f"tools {kind}")
        assert done == {"said": ["The tool said: beta means 42", "The tool said: gamma means 42"], "usage": True}
    shapes = [
        task for name, model, task in reported.tasks if (name, model) == (client, f"{protocol}/agent") and "shape" in task
    ]
    assert len(shapes) == 2
    for task in shapes:
        answer = reported.got(client, protocol, task)
        assert answer.keys() == {"count", "word"}
        assert isinstance(answer["count"], int)


@pytest.mark.parametrize("streamed", [True, False], ids=KINDS)
@pytest.mark.parametrize("protocol", ["messages", "responses"])
def test_state_of_the_model_comes_back(reported: Reported, protocol: str, *, streamed: bool) -> None:
    """Through the client of the protocol's own format at the least, after every call, in both turns."""
    bodies = [request["body"] for request in reported.heard if request["path"].endswith(f"/{protocol}")]
    bodies = [body for body in bodies if "lookup" in json.dumps(body.get("tools")) and body.get("stream", False) is streamed]
    whole: set[int] = set()
    for body in bodies:
        answers = sum(entry.kind == "result" for entry in heard(body))
        ended = sum(entry.kind == "text" for entry in heard(body)) - 1  # turns that were ended with text
        if json.dumps(body).count(STATE[protocol]) == answers + ended:
            whole.add(answers)
    assert whole == {0, 1, 2, 3}
