"""`models` and `check`: the catalogue, as it is and as it should not be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from hyperinfer.providers.catalogue import load
from hyperinfer.providers.listing import public_models

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli

GOOD = """\
demo: false
providers:
  one: {protocol: openai_chat, base_url: "https://one.example/v1", api_key: "${ONE_KEY}"}
  two: {protocol: openai_chat, base_url: "https://two.example/v1", api_keys: ["${TWO_A}", "${TWO_B}"]}
creators:
  maker: {name: The Maker}
models:
  - slug: maker/small
    name: Small
    context_length: 131072
    max_output_tokens: 8000
    pricing: {prompt: 0.1, completion: 0.000015}
    source: "https://one.example/pricing, 2026-11-01"
    features: [tools]
    routes: [{provider: one, model: small}]
  - slug: maker/big
    name: Big
    context_length: 2000000
    max_output_tokens: 128000
    pricing: {prompt: 3, completion: 15, cached_prompt: 0.3}
    source: "https://two.example/pricing, 2026-11-01"
    routes: [{provider: two, model: big}]
"""
BAD = GOOD.replace("openai_chat", "openai_talk").replace("131072", "many").replace("demo: false", "demmo: false")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The file that is used when none is named."""
    return tmp_path / "providers.yaml"


def test_the_models_of_this_folder(cli: Cli, here: Path) -> None:
    here.write_text(GOOD)
    header, small, big = cli("models", environ={"ONE_KEY": "k"}).out.splitlines()
    assert header.split() == ["MODEL", "CONTEXT", "PROMPT", "CACHED", "OUTPUT", "AVAILABLE", "FEATURES"]
    assert small.split() == ["maker/small", "131k", "0.10", "0.10", "0.000015", "yes", "tools"]
    assert big.split() == ["maker/big", "2M", "3.00", "0.30", "15.00", "no"]
    assert [line.split()[0] for line in cli("models --available", environ={"TWO_A": "k"}).out.splitlines()[1:]] == [
        "maker/big"
    ]
    assert cli("models --available").out == "no models\n"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1, "1"),
        (999, "999"),
        (1000, "1k"),
        (1024, "1.02k"),
        (8192, "8.19k"),
        (32_768, "32.8k"),
        (128_000, "128k"),
        (131_072, "131k"),
        (262_144, "262k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_000_000, "1M"),
        (1_048_576, "1.05M"),
        (10_000_000, "10M"),
        (100_000_000, "100M"),
    ],
)
def test_context_lengths_are_in_one_unit(cli: Cli, here: Path, number: int, shown: str) -> None:
    here.write_text(GOOD.replace("131072", str(number)).replace("max_output_tokens: 8000", "max_output_tokens: 1"))
    assert cli("models").out.splitlines()[1].split()[1] == shown


@pytest.mark.parametrize(("columns", "told"), [(129, True), (130, False)])
def test_a_column_that_is_left_out_is_told(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch, columns: int, told: bool
) -> None:
    here.write_text(GOOD)
    monkeypatch.setattr("hyperinfer.api.cli.output._UNBROKEN", columns)
    out = cli("models").out
    assert ("FEATURES is left out: it needs 130 columns." in out) == told == ("tools" not in out)


def test_the_models_in_json_are_those_of_the_api(cli: Cli, here: Path) -> None:
    here.write_text(GOOD)
    environ = {"ONE_KEY": "k"}
    answer = msgspec.json.encode(public_models(load(GOOD, environ)))
    assert cli("models --json", environ=environ).document == msgspec.json.decode(answer)
    assert [each["id"] for each in cli("models --available --json", environ=environ).document["data"]] == ["maker/small"]


def test_which_catalogue(cli: Cli, here: Path) -> None:
    assert "\ndemo/chat " in cli("models").out, "the one in the package"
    here.write_text(GOOD)
    assert len(cli("models --json").document["data"]) == 2
    here.with_name("other.yaml").write_text("")
    names = ["demo/chat", "demo/responses", "demo/messages"]
    assert [each["id"] for each in cli("models --config other.yaml --json").document["data"]] == names
    by_variable = cli("models --json", environ={"HYPERINFER_CONFIG": "other.yaml"}).document
    assert [each["id"] for each in by_variable["data"]] == names


def test_a_good_check(cli: Cli, here: Path) -> None:
    here.write_text(GOOD)
    checked = cli("check", environ={"ONE_KEY": "secret-value", "TWO_B": "k"})
    assert (checked.code, checked.err) == (0, "")
    lines = checked.out.splitlines()
    assert lines[1].split() == ["one", "openai_chat", "1", "on"]
    assert lines[2].split() == ["two", "openai_chat", "1", "on,", "without", "TWO_A"]
    assert lines[-1] == "providers.yaml: ok. 2 providers, 2 models, 2 of them available."
    off = cli("check").out.splitlines()
    assert off[1].split() == ["one", "openai_chat", "1", "off:", "ONE_KEY", "not", "set"]
    assert off[-1].endswith("0 of them available.")
    assert "secret-value" not in checked.out + cli("check --json", environ={"ONE_KEY": "secret-value"}).out


def test_a_good_check_in_json(cli: Cli, here: Path) -> None:
    here.write_text(GOOD)
    document = cli("check --json", environ={"TWO_B": "k"}).document
    assert document["ok"] is True
    assert document["config"] == "providers.yaml"
    assert (document["problems"], document["warnings"], document["notes"]) == ([], [], [])
    assert document["models"] == {"total": 2, "available": ["maker/big"]}
    one, two = document["providers"]
    assert (one["name"], one["available"], one["missing"]) == ("one", False, ["ONE_KEY"])
    assert (two["available"], two["missing"], two["unset"]) == (True, [], ["TWO_A"])


def test_which_tools_there_are(cli: Cli, here: Path) -> None:
    here.write_text(GOOD + 'tools: {web_search: {kind: exa, api_key: "${EXA_KEY}"}, pdf: {price: 1}}\n')
    lines = [line.split() for line in cli("check").out.splitlines()]
    shown = lines[lines.index(["TOOL", "BY", "STATUS"]) + 1 :][:5]
    assert shown == [
        ["web_search", "exa", "off:", "EXA_KEY", "not", "set"],
        ["web_fetch", "the", "gateway", "on"],
        ["pdf", "the", "gateway", "on"],
        ["datetime", "the", "gateway", "on"],
        ["image", "off:", "not", "in", "the", "file"],
    ]
    tools = cli("check --json", environ={"EXA_KEY": "secret-value"}).document["tools"]
    assert [(each["name"], each["available"]) for each in tools] == [
        *(("web_search", True), ("web_fetch", True), ("pdf", True), ("datetime", True), ("image", False)),
    ]
    assert tools[0] == {
        "name": "web_search",
        "kind": "exa",
        "base_url": "https://api.exa.ai",
        "available": True,
        "missing": [],
    }


def test_every_problem_is_told_with_its_line(cli: Cli, here: Path) -> None:
    here.write_text(BAD)
    checked = cli("check")
    assert checked.code == 1
    problems = [line for line in checked.out.splitlines() if line.startswith("problem: ")]
    assert [line.split(":")[2] for line in problems] == ["1", "3", "4", "10"]
    assert all(line.startswith("problem: providers.yaml:") for line in problems)
    assert checked.out.splitlines()[-1] == "providers.yaml: 4 problems"
    document = cli("check --json")
    assert document.code == 1
    assert document.document["ok"] is False
    assert [each["line"] for each in document.document["problems"]] == [1, 3, 4, 10]
    assert {"file", "line", "path", "message"} == document.document["problems"][0].keys()
    assert (document.document["providers"], document.document["models"]) == (None, None)
    here.write_text(GOOD)
    assert cli("check --json").document.keys() == document.document.keys(), "whatever is wrong, the same fields"


@pytest.mark.parametrize("verb", ["models", "serve"])
def test_a_bad_catalogue_is_refused_with_every_problem(cli: Cli, here: Path, verb: str) -> None:
    here.write_text(BAD)
    refused = cli(verb)
    assert (refused.code, refused.out) == (1, "")
    first, *problems = refused.err.splitlines()
    assert first == "error: providers.yaml has 4 problems:"
    assert [line.split(":")[1] for line in problems] == ["1", "3", "4", "10"]
    as_json = cli(f"{verb} --json")
    assert as_json.error["code"] == "catalogue"
    assert [each["line"] for each in as_json.error["problems"]] == [1, 3, 4, 10]


def test_settings_and_catalogue_are_told_together(cli: Cli, here: Path) -> None:
    here.write_text(BAD)
    checked = cli("check --workers 2")
    assert checked.code == 1
    assert checked.out.startswith("problem: 2 workers need the shared mode")
    assert "5 problems" in checked.out
    here.write_text(GOOD)
    checked = cli("check --json", environ={"HYPERINFER_REDIS_URL": "redis://:hush@h"})
    assert checked.code == 1
    assert checked.document["problems"] == [
        {
            "message": "HYPERINFER_REDIS_URL is set and HYPERINFER_POSTGRES_URL is not: the shared mode needs both,"
            " the embedded none"
        }
    ]


def test_a_warning_fails_the_check_and_not_the_server(cli: Cli, here: Path) -> None:
    here.write_text(GOOD.replace('    source: "https://one.example/pricing, 2026-11-01"\n', ""))
    warned = load(here.read_text(), {})
    if not warned.warnings:
        pytest.fail("the catalogue has no warning to show any more; give this test another one")
    checked = cli("check")
    assert checked.code == 1
    assert checked.out.startswith("warning: providers.yaml:")
    assert cli("check --json").document["warnings"][0]["message"]
    assert cli("models").code == 0


def test_a_misspelt_variable_is_noted(cli: Cli) -> None:
    checked = cli("check", environ={"HYPERINFER_PROT": "1", "HYPERINFER_DATA": "d"})
    assert checked.code == 0
    assert checked.out.startswith("note: HYPERINFER_PROT is set and means nothing to serve; did you mean HYPERINFER_PORT?\n")
    assert "HYPERINFER_DATA" not in checked.out


@pytest.mark.parametrize("verb", ["check", "models", "serve"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read other.yaml: No such file or directory"), (b"\xff\xfe", "other.yaml is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read(cli: Cli, tmp_path: Path, verb: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "other.yaml").write_bytes(content)
    refused = cli(f"{verb} --config other.yaml")
    assert refused.code == 1
    assert message in (refused.out if verb == "check" else refused.err)


def test_a_data_folder_that_cannot_be(cli: Cli, here: Path) -> None:
    here.write_text("demo: true")
    for data, message in (
        ("providers.yaml", "the data folder providers.yaml is no folder"),
        ("providers.yaml/data", f"cannot make the data folder providers.yaml/data: {here} is no folder"),
    ):
        checked = cli(f"check --data {data}")
        assert checked.code == 1
        assert checked.out.startswith(f"problem: {message}\n")
        assert cli(f"check --json --data {data}").document["problems"] == [{"message": message}]


def test_a_data_folder_that_may_not_be_written(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, mode: int) -> bool:
        return False

    monkeypatch.setattr("os.access", denied)
    assert f"cannot make the data folder data: cannot write to {here.parent}" in cli("check").out
    (here.parent / "data").mkdir()
    assert "problem: cannot write to data\n" in cli("check").out


def test_check_touches_nothing(cli: Cli, tmp_path: Path) -> None:
    assert cli("check").code == 0
    assert not list(tmp_path.iterdir())
