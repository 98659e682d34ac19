"""Workspaces, keys, usage and the ledger, through the program and the real store."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli

SECRET = re.compile(r"hi-[A-Za-z0-9_-]{43}\n")


def test_a_workspace_from_beginning_to_end(cli: Cli) -> None:
    made = cli("workspaces create acme --credits 12.50 --json").document
    assert made["name"] == "acme"
    assert (made["balance"], made["balance_micro_usd"], made["locked"]) == (12.5, "12500000", False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["created_at"])

    assert cli("workspaces topup acme 0.000000000001").out == (
        "0.000000000001 USD added; the balance of 'acme' is 12.500000000001 USD\n"
    )
    raw = cli("workspaces show acme --json").out
    assert '"balance": 12.500000000001,' in raw, "every digit is there"
    assert cli(f"workspaces topup {made['id']} -2.500000000001 --json").document["balance"] == 10

    assert cli("workspaces lock acme").out == "locked 'acme'\n"
    assert cli("workspaces show acme --json").document["locked"] is True
    assert "\nlocked   yes\n" in cli("workspaces show acme").out
    assert cli("workspaces lock acme").code == 0, "again is fine"
    assert cli("workspaces unlock acme --json").document["locked"] is False
    (listed,) = cli("workspaces list --json").document["data"]
    assert listed == cli("workspaces show acme --json").document


def test_workspaces_for_people(cli: Cli) -> None:
    assert re.fullmatch(r"made workspace 'a \[b\]' \(ws_\w+\) with 0\.00 USD\n", cli("workspaces", "create", "a [b]").out)
    cli("workspaces", "create", "x" * 100, "--credits", "9000000")
    first, second, third = cli("workspaces list").out.splitlines()
    assert first.split()[:3] == ["NAME", "ID", "BALANCE"]
    assert second.startswith("a [b] ")
    assert third.split()[0] == "x" * 100, "a row is a line where the output is no terminal"


def test_a_key_is_printed_alone(cli: Cli) -> None:
    cli("workspaces create acme")
    made = cli("keys create --workspace acme")
    assert made.code == 0
    assert SECRET.fullmatch(made.out)
    assert made.err == ""


def test_a_token_of_the_console_is_printed_alone(cli: Cli) -> None:
    refused = cli("console token")
    assert (refused.code, refused.out) == (1, "")
    assert "there is no store in" in refused.err
    cli("workspaces create acme")
    made = cli("console token")
    assert re.fullmatch(r"hc-[A-Za-z0-9_-]{43}\n", made.out)
    assert made.err == ""
    again = cli("console token --json").document
    assert re.fullmatch(r"hc-[A-Za-z0-9_-]{43}", again.pop("token"))
    assert again == {}
    warned = cli("console token", environ={"HYPERINFER_CONSOLE_TOKEN": "one-of-the-environment"})
    assert warned.err == ("warning: HYPERINFER_CONSOLE_TOKEN is set: a gateway that has it takes that, and not this one\n")


def test_a_key_has_the_terms_that_were_asked(cli: Cli) -> None:
    workspace = cli("workspaces create acme --json").document["id"]
    made = cli(
        "keys create --workspace acme --name ci --daily 0.1 --monthly 2 --total 30 --models a,b/c --rate 60 --burst 5"
        " --expires 2999-01-31T12:00:00+01:00 --json"
    ).document
    key = made.pop("key")
    assert SECRET.fullmatch(key + "\n")
    assert (made["prefix"], made["last4"]) == (key[:11], key[-4:])
    asked = {
        "workspace": workspace,
        "name": "ci",
        "status": "active",
        "limit_daily": 0.1,
        "limit_monthly": 2,
        "limit_total": 30,
        "models": ["a", "b/c"],
        "rate_per_minute": 60,
        "burst": 5,
        "expires_at": "2999-01-31T11:00:00.000Z",
        "revoked_at": None,
    }
    assert asked.items() <= made.items()
    assert cli("keys list --json").document == {"data": [made]}


def test_models_that_the_catalogue_does_not_have_are_warned_of(cli: Cli, tmp_path: Path) -> None:
    cli("workspaces create acme")
    made = cli("keys create --workspace acme --models demo/caht,demo/chat,nope/x")
    assert SECRET.fullmatch(made.out)
    assert made.err == (
        "warning: the catalogue in the package has no model 'demo/caht'; did you mean demo/chat?\n"
        "warning: the catalogue in the package has no model 'nope/x'\n"
    )
    (tmp_path / "providers.yaml").write_text("demo: false")
    as_json = cli("keys create --workspace acme --models demo/chat --json")
    assert as_json.err == '{"note":"warning: providers.yaml has no model \'demo/chat\'"}\n'
    (tmp_path / "providers.yaml").write_text("dem-o: false")
    assert cli("keys create --workspace acme --models demo/chat").err == ""


def test_a_listed_key_shows_no_secret(cli: Cli) -> None:
    cli("workspaces create acme")
    key = cli("keys create --workspace acme --daily 5 --models demo/chat").out.strip()
    for listed in (cli("keys list"), cli("keys list --json"), cli("keys list --workspace acme")):
        assert key[3:-4] not in listed.out
        assert key[12:] not in listed.out
    row = cli("keys list").out.splitlines()[1]
    assert row.startswith(f"{key[:11]}…{key[-4:]} ")
    assert "5.00 USD/day, demo/chat" in row


def test_keys_of_one_workspace(cli: Cli) -> None:
    for name in ("one", "two"):
        cli(f"workspaces create {name}")
    assert cli("keys list").out == "no keys\n"
    for name in ("one", "two"):
        cli(f"keys create --workspace {name} --name of-{name}")
    assert [key["name"] for key in cli("keys list --workspace two --json").document["data"]] == ["of-two"]
    assert len(cli("keys list --json").document["data"]) == 2


@pytest.mark.parametrize("reference", ["id", "prefix", "key"])
def test_a_key_is_revoked_by_what_names_it(cli: Cli, reference: str) -> None:
    cli("workspaces create acme")
    made = cli("keys create --workspace acme --json").document
    revoked = cli(f"keys revoke {made[reference]}")
    assert revoked.out == f"revoked {made['prefix']}…{made['last4']} ({made['id']})\n"
    (listed,) = cli("keys list --json").document["data"]
    assert listed["status"] == "revoked"
    assert listed["revoked_at"]
    assert cli(f"keys revoke {made[reference]}").code == 0, "repeats are fine"


def test_a_key_that_expired_is_listed_as_such(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("workspaces create acme")
    cli("keys create --workspace acme --expires 30d")
    assert cli("keys list --json").document["data"][0]["status"] == "active"
    expires = cli("keys list --json").document["data"][0]["expires_at"]
    monkeypatch.setattr("time.time", lambda: 32_000_000_000.0)
    assert expires < "2999"
    assert cli("keys list --json").document["data"][0]["status"] == "expired"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("workspaces show nobody", "not_found", "no workspace with the id or name 'nobody'"),
        ("workspaces topup nobody 1", "not_found", "no workspace with the id or name 'nobody'"),
        ("keys create --workspace nobody", "not_found", "no workspace with the id or name 'nobody'"),
        ("keys list --workspace nobody", "not_found", "no workspace with the id or name 'nobody'"),
        ("usage --workspace nobody", "not_found", "no workspace with the id or name 'nobody'"),
        ("keys revoke key_0", "not_found", "no key with the id or prefix 'key_0'"),
        ("workspaces create acme", "exists", "there is a workspace 'acme' already"),
        ("workspaces topup acme 0", "invalid", "the amount is 0\n"),
        ("workspaces topup acme -5.01", "invalid", "the balance of 'acme' is 5.0 USD: no more than that can be taken"),
        ("workspaces topup acme 9000000", "invalid", "the balance of 'acme' is 5.0 USD, and cannot be more than "),
    ],
)
def test_what_is_refused_is_said_in_one_line(cli: Cli, words: str, code: str, message: str) -> None:
    cli("workspaces create acme --credits 5")
    refused = cli(words)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"error: {message}")
    assert refused.err.count("\n") == 1
    as_json = cli(f"{words} --json")
    assert as_json.code == 1
    assert as_json.error["code"] == code
    assert as_json.error["message"].startswith(message.rstrip())


def test_the_data_folder_may_be_anywhere(cli: Cli, tmp_path: Path) -> None:
    cli("--data one workspaces create first")
    cli("workspaces create second", environ={"HYPERINFER_DATA": str(tmp_path / "two" / "deep")})
    assert [each["name"] for each in cli("workspaces list --data one --json").document["data"]] == ["first"]
    listed = cli("workspaces list --data two/deep --json", environ={"HYPERINFER_DATA": "one"}).document["data"]
    assert [each["name"] for each in listed] == ["second"], "the flag wins"
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = cli("workspaces create a --data file")
    assert refused.code == 1
    assert refused.err.startswith("error: cannot ")
    assert "file" in refused.err


@pytest.mark.parametrize(
    "words",
    [
        "usage",
        "keys list",
        "keys create --workspace a",
        "keys revoke hi-x",
        "ledger verify",
        "workspaces list",
        "workspaces show a",
        "workspaces topup a 1",
        "workspaces lock a",
    ],
)
@pytest.mark.parametrize("there", ["nothing", "folder", "lock", "file"])
def test_only_what_makes_a_workspace_makes_a_store(cli: Cli, tmp_path: Path, words: str, there: str) -> None:
    data = tmp_path / "data"
    if there == "file":
        data.touch()
    elif there != "nothing":
        data.mkdir()
    if there == "lock":
        (data / "lock").touch()  # what a start leaves behind that came no further
    before = sorted(tmp_path.rglob("*"))
    refused = cli(words)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: there is no store in data: `hyperinfer serve` and ")
    assert cli(f"{words} --json").error["code"] == "no_store"
    assert sorted(tmp_path.rglob("*")) == before


def test_making_a_store_is_said(cli: Cli) -> None:
    first = cli("workspaces create acme")
    assert first.err == "made a store in the data folder data\n"
    assert cli("workspaces create other").err == ""
    assert cli("workspaces create other --data new --json").err == '{"note":"made a store in the data folder new"}\n'


def test_all_credits_may_be_taken_away(cli: Cli) -> None:
    cli("workspaces create acme --credits 5")
    assert cli("workspaces topup acme -5 --json").document["balance"] == 0


async def _make(folder: Path) -> None:
    async with a_store(folder) as store:
        await store.create_workspace("acme", 10 * USD)


async def _use(folder: Path) -> None:
    async with a_store(folder) as store:
        workspace = (await store.workspace("acme")).id
        for number, (model, cost) in enumerate([("a/b", 7 * USD), ("a/c", 70), ("a/b", 14)]):
            principal = Principal(workspace=workspace, workspace_name="acme", key_id="key_1")
            assert await store.admit(an_admission(f"r{number}", principal, 0)) is None
            await store.settle(a_generation(f"r{number}", workspace, cost, model=model))


def test_usage_and_the_audit(cli: Cli, tmp_path: Path) -> None:
    trio.run(_make, tmp_path / "data")
    assert cli("usage").out == "no requests yet\n"
    trio.run(_use, tmp_path / "data")
    used = cli("usage --json").document
    assert used["by"] == "model"
    assert [(row["model"], row["requests"], row["tokens_prompt"]) for row in used["data"]] == [
        ("a/b", 2, 22),
        ("a/c", 1, 11),
    ]
    assert used["total"]["requests"] == 3
    assert Decimal(used["total"]["cost_micro_usd"]) == Decimal("7000000.000084")
    header, first, _, total = cli("usage").out.splitlines()
    assert header.split()[:2] == ["MODEL", "REQUESTS"]
    assert first.split() == ["a/b", "2", "22", "44", "7.000000000014"]
    assert total.split() == ["total", "3", "33", "66", "7.000000000084"]
    assert cli("usage --csv").out == (
        "model,requests,tokens_prompt,tokens_completion,cost\na/b,2,22,44,7.000000000014\na/c,1,11,22,0.00000000007\n"
    )
    day = cli("usage --by day --json").document["data"][0]["day"]
    assert cli(f"usage --since {day} --until {day} --json").document == used
    assert cli("usage --until 2020-01-01").out == "no requests on these days\n"
    assert cli("usage --csv --json").error["message"] == "--csv and --json exclude each other"
    (by_workspace,) = cli("usage --by workspace --workspace acme --json").document["data"]
    assert by_workspace["label"] == "acme"
    assert cli("usage --by day").out.splitlines()[1].startswith("2026-")
    assert cli("ledger verify").out == "all agrees: 1 workspace, 4 ledger rows, 3 generations\n"
    assert cli("ledger verify --json").document["ok"] is True


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.test","x")', "+1", "-2+3", "@SUM(A1)", "\uff1d1", "plain, =1"])
def test_a_name_is_no_formula_to_a_spreadsheet(cli: Cli, tmp_path: Path, name: str) -> None:
    async def use() -> None:
        async with a_store(tmp_path / "data") as store:
            workspace = (await store.create_workspace(name, 10 * USD)).id
            await store.settle(a_generation("r1", workspace, 7, model=name))

    trio.run(use)
    for by, column in (("workspace", "label"), ("model", "model")):
        (row,) = csv.DictReader(io.StringIO(cli(f"usage --by {by} --csv").out))
        assert row[column] == (name if name.startswith("plain") else f"'{name}")
        assert row["cost"] == "0.000000000007"
    assert cli("usage --json").document["data"][0]["model"] == name


def test_a_ledger_that_does_not_agree(cli: Cli, tmp_path: Path) -> None:
    cli("workspaces create acme --credits 1")
    with sqlite3.connect(tmp_path / "data" / "hyperinfer.db") as database:
        database.execute("UPDATE workspace SET balance = balance + 1")
    database.close()
    found = cli("ledger verify")
    assert found.code == 1
    assert "the balance is 1000000000001, its ledger rows add up to 1000000000000" in found.out
    assert found.out.endswith("1 difference in 1 workspace, 1 ledger row, 0 generations\n")
    as_json = cli("ledger verify --json")
    assert as_json.code == 1
    assert as_json.document["ok"] is False
    assert len(as_json.document["differences"]) == 1
