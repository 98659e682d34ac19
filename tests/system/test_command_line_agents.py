"""Claude Code and Codex, as users run them, complete tool tasks through the gateway on upstreams of all three protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.providers.demo.anthropic_messages import SIGNATURE
from hyperinfer.providers.demo.openai_responses import ENCRYPTED
from tests.system.agent_upstream import heard, script
from tests.system.agents import PROTOCOLS, Agents, agents, claude_environ, codex_home, run

STATE = {"messages": SIGNATURE, "responses": ENCRYPTED}
"""What an upstream's reasoning carries for itself, and wants back."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    with agents(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new user's home, with a folder to work in."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "note.txt").write_text("the note says hello\n")
    return tmp_path


def lines(printed: str) -> list[dict[str, Any]]:
    """The JSON lines among what was printed."""
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def claude(program: Path, served: Agents, home: Path, model: str, prompt: str, *options: str) -> list[dict[str, Any]]:
    """What one run of Claude Code reports."""
    environ = claude_environ(home, served.url)
    command: list[str | Path] = [program, "-p", "--model", model, "--output-format", "stream-json", "--verbose"]
    return lines(run([*command, *options, "--", prompt], home / "work", environ))


def codex(program: Path, served: Agents, home: Path, model: str, prompt: str, *options: str) -> list[dict[str, Any]]:
    """What one run of Codex reports."""
    environ = codex_home(home, served.url, model, more='model_reasoning_effort = "high"')
    command: list[str | Path] = [program, "exec", "--json", "--ephemeral", "--skip-git-repo-check"]
    return lines(run([*command, *options, prompt], home / "work", environ))


def check_upstream(served: Agents, protocol: str, model: str, results: Sequence[str]) -> list[dict[str, Any]]:
    """The bodies that went up: one request for each call and one for the end, streamed, each with what was before it.

    `results`: a piece of what each tool answered.
    """
    bodies = [request["body"] for request in served.heard() if "script(" in json.dumps(request["body"])]
    assert len(bodies) == len(results) + 1
    for done, body in enumerate(bodies):
        assert body["stream"] is True
        answers = [entry.text for entry in heard(body) if entry.kind == "result"]
        assert len(answers) == done
        assert all(result in answer for result, answer in zip(results, answers, strict=False))
        assert json.dumps(body).count(STATE.get(protocol, "reasoning_content")) == done
    assert len(served.rows(model)) >= len(bodies)
    return bodies


def results_of(report: list[dict[str, Any]]) -> list[str]:
    """What Claude Code's tools gave, in order."""
    contents = [event["message"]["content"] for event in report if event["type"] == "user"]
    return [json.dumps(block["content"]) for content in contents for block in content if block["type"] == "tool_result"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_claude_code_runs_a_command_and_reads_a_file(claude_code: Path, served: Agents, home: Path, protocol: str) -> None:
    model = f"{protocol}/agent"
    steps = script(
        ("Bash", {"command": "echo from-the-tool", "description": "Says a word"}),
        ("Read", {"file_path": str(home / "work" / "note.txt")}),
    )
    report = claude(claude_code, served, home, model, f"Do it. {steps}", "--allowedTools", "Bash,Read")
    end = report[-1]
    assert (end["type"], end["subtype"], end["is_error"], end["num_turns"]) == ("result", "success", False, 3)
    assert end["result"].startswith("The tool said:")
    assert "the note says hello" in end["result"]
    assert [event["type"] for event in report].count("user") == 2
    first, second = results_of(report)
    assert first == '"from-the-tool"'
    assert "the note says hello" in second
    bodies = check_upstream(served, protocol, model, ["from-the-tool", "the note says hello"])
    rows = served.rows(model)[-len(bodies) :]
    assert end["usage"]["input_tokens"] == sum(row["tokens_prompt"] for row in rows)
    assert end["usage"]["output_tokens"] == sum(row["tokens_completion"] for row in rows)
    if protocol == "messages":
        assert not [loss for row in rows for loss in row.get("losses", ())]
        assert json.dumps(bodies[-1]).count("cache_control") >= 3
        assert bodies[0]["context_management"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_claude_code_finds_a_tool_and_calls_it(claude_code: Path, served: Agents, home: Path, protocol: str) -> None:
    """Deferred tools: what its search answers is a `tool_reference`, and the tool joins the list."""
    (home / "work" / "book.ipynb").write_text(
        json.dumps({"cells": [], "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5})
    )
    book = str(home / "work" / "book.ipynb")
    edit = {"notebook_path": book, "new_source": "print(1)", "edit_mode": "insert", "cell_type": "code"}
    steps = script(("Read", {"file_path": book}), ("ToolSearch", {"query": "select:NotebookEdit"}), ("NotebookEdit", edit))
    allowed = ("--allowedTools", "Read,ToolSearch,NotebookEdit")
    report = claude(claude_code, served, home, f"{protocol}/agent", f"Do it. {steps}", *allowed)
    assert report[-1]["subtype"] == "success"
    assert "print(1)" in Path(book).read_text()
    bodies = check_upstream(served, protocol, f"{protocol}/agent", ["", "NotebookEdit", "print(1)"])
    assert ["NotebookEdit" in json.dumps(body["tools"]) for body in bodies] == [False, False, True, True]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_codex_runs_commands(codex_cli: Path, served: Agents, home: Path, protocol: str) -> None:
    """A model that Codex does not know gets its tools as functions, some of them in a namespace."""
    model = f"{protocol}/agent"
    steps = script(
        ("exec_command", {"cmd": "echo from-the-tool"}),
        ("close_agent", {"target": "01a21471-0000-7000-8000-000000000000"}),
        ("exec_command", {"cmd": "cat note.txt"}),
    )
    report = codex(codex_cli, served, home, model, f"Do it. {steps}")
    assert report[-1]["type"] == "turn.completed"
    commands = [event["item"] for event in report if event["type"] == "item.completed" and "exit_code" in event["item"]]
    assert [command["aggregated_output"] for command in commands] == ["from-the-tool\n", "the note says hello\n"]
    check_end(report, "the note says hello")
    check_upstream(served, protocol, model, ["from-the-tool", "", "the note says hello"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_codex_applies_a_patch(codex_cli: Path, served: Agents, home: Path, protocol: str) -> None:
    """`apply_patch` is a custom tool with a grammar: its input is no JSON."""
    model = f"{protocol}/gpt-5.5"
    patch = '*** Begin Patch\n*** Add File: new.txt\n+written "so" \\ by a patch\n*** End Patch\n'
    steps = script(("apply_patch", patch), ("exec_command", {"cmd": "cat new.txt"}))
    report = codex(codex_cli, served, home, model, f"Do it. {steps}")
    assert (home / "work" / "new.txt").read_text() == 'written "so" \\ by a patch\n'
    check_end(report, 'written "so" \\ by a patch')
    check_upstream(served, protocol, model, ["new.txt", "by a patch"])


@pytest.mark.parametrize("protocol", ["chat", "messages"])
def test_codex_finds_a_tool_and_calls_it(codex_cli: Path, served: Agents, home: Path, protocol: str) -> None:
    """Its search for tools is no function to it, but an item that it answers with more tools."""
    model = f"{protocol}/gpt-5.5"
    steps = script(
        ("tool_search", {"query": "spawn agent"}),
        ("close_agent", {"target": "01a21471-0000-7000-8000-000000000000"}),
    )
    report = codex(codex_cli, served, home, model, f"Do it. {steps}")
    check_end(report, "not found")
    bodies = check_upstream(served, protocol, model, ["multi_agent_v1__close_agent", "not found"])
    assert ["multi_agent_v1__close_agent" in json.dumps(body["tools"]) for body in bodies] == [False, True, True]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_codex_runs_code(codex_cli: Path, served: Agents, home: Path, protocol: str) -> None:
    """The newest models get their tools in an item of the input; the first of them takes code."""
    model = f"{protocol}/gpt-6.1-sol"
    code = 'const r = await tools.exec_command({cmd: "cat note.txt"}); text(r.output);'
    steps = script(("exec", code), ("list_agents", {}))
    report = codex(codex_cli, served, home, model, f"Do it. {steps}")
    check_end(report, "/root")
    check_upstream(served, protocol, model, ["the note says hello", "/root"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_codex_is_answered_in_a_shape(codex_cli: Path, served: Agents, home: Path, protocol: str) -> None:
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "word": {"type": "string"}},
        "required": ["count", "word"],
        "additionalProperties": False,
    }
    (home / "schema.json").write_text(json.dumps(schema))
    steps = script(("exec_command", {"cmd": "cat note.txt"}))
    options = ("--output-schema", str(home / "schema.json"))
    report = codex(codex_cli, served, home, f"{protocol}/agent", f"Do it. {steps}", *options)
    said = [event["item"]["text"] for event in report if event.get("item", {}).get("type") == "agent_message"]
    answer = json.loads(said[-1])
    assert answer.keys() == {"count", "word"}
    assert isinstance(answer["count"], int)
    check_upstream(served, protocol, f"{protocol}/agent", ["the note says hello"])


def check_end(report: list[dict[str, Any]], text: str) -> None:
    """Codex finished, without a complaint, and its last message quotes `text`."""
    assert report[-1]["type"] == "turn.completed"
    kinds = [event["item"]["type"] for event in report if event["type"] == "item.completed"]
    assert "reasoning" in kinds
    message = report[-2]["item"]
    assert message["type"] == "agent_message"
    assert message["text"].startswith("The tool said:")
    assert text in message["text"]
