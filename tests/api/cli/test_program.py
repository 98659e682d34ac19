"""The program around the verbs: help, errors, exit codes, and what it costs to load."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperinfer
from hyperinfer.api.cli import main
from hyperinfer.api.cli.output import console
from hyperinfer.api.cli.parser import find_verb, parse
from hyperinfer.api.cli.verb import Verb
from hyperinfer.api.cli.verbs import GROUPS, VERBS
from tests.api.cli.kit import Terminal, with_colours

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.cli.verb import Run
    from tests.api.cli.kit import Cli

NAMES = [verb.name for verb in VERBS.values()]
HEAVY = (
    "quart",
    "asyncpg",
    "redis",
    "trio",
    "hypercorn",
    "httpx2",
    "msgspec",
    "yaml",
    "hyperinfer.providers.catalogue",
)


def program(*words: str) -> list[str]:
    return [sys.executable, "-m", "hyperinfer", *words]


# Help


def test_the_help_lists_every_verb(cli: Cli) -> None:
    page = cli("--help")
    assert (page.code, page.err) == (0, "")
    assert page.out.startswith("Usage: hyperinfer VERB")
    for verb in VERBS.values():
        assert re.search(rf"^  {verb.name} +{re.escape(verb.summary[:20])}", page.out, re.MULTILINE)
    assert page.out == cli("help").out == cli("-h").out


@pytest.mark.parametrize("name", NAMES)
def test_each_verb_explains_itself(cli: Cli, name: str) -> None:
    page = cli(f"{name} --help")
    assert (page.code, page.err) == (0, "")
    verb = VERBS[tuple(name.split())]
    assert verb.summary in page.out.replace("\n", " ")
    for argument in verb.arguments:
        assert re.search(rf"^  {re.escape(argument.shown)} ", page.out, re.MULTILINE)
    assert {"--data FOLDER", "--json"} <= {argument.shown for argument in verb.arguments}
    assert "Examples" in page.out
    assert all(command in page.out for command, _ in verb.examples)
    assert page.out == cli(f"--help {name}").out == cli(f"help {name}").out


@pytest.mark.parametrize("command", [command for verb in VERBS.values() for command, _ in verb.examples])
def test_the_examples_of_the_help_can_be_typed(command: str) -> None:
    inner = re.sub(r"^KEY=\$\((.*)\)$", r"\1", command)
    words = [word for word in shlex.split(inner) if not word.startswith("HYPERINFER_")]
    assert words[0] == "hyperinfer"
    found = find_verb(words[1:], VERBS)
    assert found.verb is not None
    parse(found.verb, found.words)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_verbs(cli: Cli, group: str) -> None:
    page = cli(f"{group} --help")
    assert page.code == 0
    listed = re.findall(r"^  (\w+) {2,}", page.out, re.MULTILINE)
    assert listed == [path[1] for path in VERBS if path[0] == group]


@pytest.mark.parametrize("words", ["--help", "serve --help", "models", "check", "diagram", "keys create --help"])
def test_no_line_ends_in_blanks(cli: Cli, words: str) -> None:
    assert not [line for line in cli(words).out.splitlines() if line != line.rstrip()]


def test_nothing_asked_is_answered_with_the_help_on_standard_error(cli: Cli) -> None:
    assert (cli().code, cli().out, cli().err) == (2, "", cli("--help").out)
    assert (cli("keys").code, cli("keys").out, cli("keys").err) == (2, "", cli("keys --help").out)
    assert cli("keys --json").error == {"code": "usage", "message": "no verb is given"}


def test_the_version(cli: Cli) -> None:
    assert cli("--version").out == f"hyperinfer {hyperinfer.__version__}\n"
    assert cli("-V --json").document == {"version": hyperinfer.__version__}


def test_help_is_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with_colours(monkeypatch)
    for stream, no_color, coloured in ((Terminal(), "", True), (Terminal(), "1", False), (io.StringIO(), "", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        console(stream).print("[bold]x[/bold]", style="red")
        assert ("\x1b[31m" in stream.getvalue()) == ("\x1b" in stream.getvalue()) == coloured
        assert "[bold]x[/bold]" in stream.getvalue(), "what is printed is no markup"


# Usage errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("modles", "hyperinfer has no verb 'modles'; did you mean 'models'?"),
        ("frobnicate", "hyperinfer has no verb 'frobnicate'; there are check, conformance, console, diagram"),
        ("keys creat", "hyperinfer keys has no verb 'creat'; did you mean 'create'?"),
        ("keys create", "the following arguments are required: --workspace"),
        ("workspaces create", "the following arguments are required: NAME"),
        ("models --frobnicate", "unrecognized arguments: --frobnicate"),
        ("serve --prot 8081", "unrecognized arguments: --prot; did you mean --port? (see hyperinfer serve --help)"),
        ("serve --prot=8081", "unrecognized arguments: --prot; did you mean --port?"),
        ("keys create --workspce a", "unrecognized arguments: --workspce; did you mean --workspace?"),
        ("--prot 8081 serve", "unrecognized arguments: --prot; did you mean --port? (see hyperinfer --help)"),
        ("--verson", "unrecognized arguments: --verson; did you mean --version?"),
        ("models extra", "unrecognized arguments: extra"),
        ("models --avail", "unrecognized arguments: --avail"),
        ("models --config", "--config: expected one argument"),
        ("usage --by week", "--by: invalid choice: 'week'"),
        ("diagram frobnicate", "NAME: invalid choice: 'frobnicate'"),
        ("diagram --svg", "--svg draws one: say which"),
        ("diagram layers --write", "--write writes all pages; leave out 'layers'"),
        ("workspaces create a --credits 1e-20", "--credits: finer than 1e-12 USD: 1e-20 USD"),
        ("workspaces create a --credits -1", "--credits: cannot be negative: -1"),
        ("workspaces topup a ten", "USD: not an amount in USD: 'ten'"),
        ("keys create --workspace a --rate 0", "--rate: not a whole number from 1 on: '0'"),
        ("keys create --workspace a --models a,,b", "--models: not a list of names between commas: 'a,,b'"),
        ("keys create --workspace a --expires soon", "--expires: neither a duration"),
        ("keys create --workspace a --expires 999999w", "--expires: beyond the year 9999: 999999w"),
        ("keys create --workspace a --expires 9999-12-31T23:59:59-23:00", "--expires: beyond the year 9999"),
        ("keys create --workspace a --expires 2020-01-01", "--expires: lies in the past: 2020-01-01"),
        ("usage --since yesterday", "--since: not a date such as 2026-11-25: 'yesterday'"),
        ("usage --until 2026-02-30", "--until: not a date such as 2026-11-25: '2026-02-30'"),
        ("serve --port http", "--port: not a port (0 to 65535): 'http'"),
        ("serve --workers 0", "--workers: not a whole number from 1 on"),
        ("serve --edge fast", "--edge: not one of "),
        ("check --port http", "--port: not a port"),
    ],
)
def test_what_cannot_be_understood_is_said_in_one_line(cli: Cli, tmp_path: Path, words: str, message: str) -> None:
    wrong = cli(words)
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith(f"error: {message}")
    assert wrong.err.count("\n") == 1
    as_json = cli(f"{words} --json")
    assert as_json.code == 2
    assert as_json.error["code"] == "usage"
    assert as_json.error["message"].startswith(message.partition(" (see")[0])
    assert not list(tmp_path.iterdir()), "nothing was touched"


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        ("serve", {"HYPERINFER_PORT": "http"}),
        ("serve", {"HYPERINFER_WORKERS": "many"}),
        ("check", {"HYPERINFER_EDGE": "fast"}),
        ("serve", {"HYPERINFER_BOOTSTRAP_KEY": "sk-1"}),
        ("serve", {"HYPERINFER_BOOTSTRAP_CREDITS": "1e-20"}),
        ("models", {"HYPERINFER_JSON": "maybe"}),
    ],
)
def test_a_variable_that_cannot_be_understood_is_named(cli: Cli, words: str, environ: dict[str, str]) -> None:
    wrong = cli(words, environ=environ)
    assert (wrong.code, wrong.out) == (2, "")
    (name,) = environ
    assert wrong.err.startswith(f"error: {name}: ")


def test_options_may_stand_anywhere(cli: Cli) -> None:
    cli("workspaces create acme --data here")
    for words in ("--json --data here keys list", "keys --data=here --json list", "keys list --json --data here"):
        assert cli(words).document == {"data": []}


def test_any_option_may_stand_before_the_verb() -> None:
    found = find_verb(["--port", "8081", "--json", "serve", "--host", "::"], VERBS)
    assert found.path == ("serve",)
    assert found.verb
    parsed = parse(found.verb, found.words)
    assert (parsed.port, parsed.host) == ("8081", "::")


def test_json_by_environment(cli: Cli) -> None:
    cli("workspaces create acme")
    assert cli("keys list", environ={"HYPERINFER_JSON": "1"}).document == {"data": []}


# What goes wrong inside


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(invocation: Invocation) -> int:
        raise error

    def load(verb: Verb) -> Run:
        return run

    monkeypatch.setattr(Verb, "load", load)


def test_a_bug_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, ExceptionGroup("several", [ValueError("odd")]))
    ran = cli("models")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: this should not have happened: ValueError: odd (")
    assert cli("models --json").error["code"] == "internal"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])])
def test_an_interruption(cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    _failing(monkeypatch, error)
    assert (cli("models").code, cli("models").err) == (130, "error: interrupted\n")


def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        program("models", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 141


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            program("models"), stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False, timeout=30
        )
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


def test_closed_streams_are_no_obstacle(tmp_path: Path) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f"{shlex.join(program('workspaces', 'create', closed))} {closed}"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
        made = "made a store in the data folder data\n" if closed == ">&-" else ""
        assert (done.returncode, done.stderr) == (0, made)


def test_a_stream_that_cannot_say_a_character_gets_an_escape(tmp_path: Path) -> None:
    done = subprocess.run(
        program("workspaces", "create", "café"),
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"made workspace 'caf\\xe9'")


# What it costs


def test_loading_it_loads_nothing_heavy() -> None:
    code = f"import sys, json, hyperinfer.api.cli; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    assert json.loads(subprocess.check_output([sys.executable, "-c", code])) == []


def test_both_names_are_the_same_program() -> None:
    beside = Path(sys.executable).with_name("hyperinfer")
    if not beside.exists():
        pytest.skip("the package is not installed here, so there is no command")
    by_module = subprocess.check_output(program("--help"))
    assert subprocess.check_output([beside, "--help"]) == by_module


def test_the_words_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["hyperinfer", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("hyperinfer ")
