"""The command line against a running gateway elsewhere."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.support.served import Running, gateway

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.cli.kit import Cli, Ran

TOKEN = "token-of-the-platform"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("server")
    with gateway(folder, "demo: true\n", {"HYPERINFER_INTERNAL_TOKEN": TOKEN}) as running:
        yield running


def test_accounts_from_beginning_to_end(cli: Cli, server: Running, tmp_path: Path) -> None:
    def there(words: str) -> Ran:
        done = cli(words, environ={"HYPERINFER_SERVER": server.url + "/", "HYPERINFER_INTERNAL_TOKEN": TOKEN})
        assert (done.code, done.err) == (0, ""), words
        return done

    def ask(key: str) -> int:
        body = {"model": "demo/chat", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(f"{server.url}/api/v1/chat/completions", json=body, headers=headers).status_code

    made = there("workspaces create acme --credits 12.50 --json").document
    assert there("workspaces topup acme 0.000000000001").out == (
        "0.000000000001 USD added; the balance of 'acme' is 12.500000000001 USD\n"
    )
    assert '"balance": 12.500000000001,' in there("workspaces show acme --json").out
    assert [each["name"] for each in there("workspaces list --json").document["data"]] == ["default", "acme"]
    assert there("workspaces list").out.splitlines()[2].startswith("acme ")
    key = there("keys create --workspace acme --name ci --models demo/chat --expires 30d").out.strip()
    assert re.fullmatch(r"hi-[A-Za-z0-9_-]{43}", key)
    assert ask(key) == 200
    assert there(f"keys disable {key}").out.startswith("disabled hi-")
    assert ask(key) == 401
    assert there(f"keys enable {key[:11]}").out.startswith("enabled hi-")
    assert ask(key) == 200
    assert there(f"workspaces lock {made['id']}").out == "locked 'acme'\n"
    assert ask(key) == 403
    there("workspaces unlock acme")
    (listed,) = there("keys list --workspace acme --json").document["data"]
    assert (listed["status"], listed["name"], listed["models"]) == ("active", "ci", ["demo/chat"])
    used = there("usage --workspace acme --json").document
    assert [(row["model"], row["requests"]) for row in used["data"]] == [("demo/chat", 2)]
    (row,) = csv.DictReader(io.StringIO(there("usage --by workspace --workspace acme --csv").out))
    assert (row["workspace"], row["label"], row["requests"], row["cost"]) == (made["id"], "acme", "2", "0.0")
    assert there("usage --until 2020-01-01").out == "no requests on these days\n"
    assert there(f"keys revoke {listed['id']}").out.startswith("revoked hi-")
    assert ask(key) == 401
    assert there("ledger verify").out.startswith("all agrees: 2 workspaces, ")
    assert not list(tmp_path.iterdir()), "nothing was made here"


def test_what_the_server_refuses_is_refused_here(cli: Cli, server: Running) -> None:
    refused = cli(f"workspaces show nobody --json --server {server.url}", environ={"HYPERINFER_INTERNAL_TOKEN": TOKEN})
    assert refused.code == 1
    assert refused.error["code"] == "not_found"
    assert refused.error["message"].startswith("no workspace with the id or name 'nobody'; ")
    wrong = cli(f"workspaces list --json --server {server.url}", environ={"HYPERINFER_INTERNAL_TOKEN": "wrong"})
    assert (wrong.code, wrong.error["code"]) == (1, "unavailable")
    assert "HYPERINFER_INTERNAL_TOKEN" in wrong.error["message"]


def test_a_server_needs_its_token_and_an_address(cli: Cli) -> None:
    without = cli("keys list --server http://127.0.0.1:1 --json")
    assert (without.code, without.error["code"]) == (1, "settings")
    assert "HYPERINFER_INTERNAL_TOKEN" in without.error["message"]
    environ = {"HYPERINFER_INTERNAL_TOKEN": TOKEN}
    nobody = cli("keys list --server http://127.0.0.1:1 --json", environ=environ)
    assert (nobody.code, nobody.error["code"]) == (1, "unavailable")
    for url in ("gateway.example", "ftp://gateway", "http://", "http://a:b@c", "http://a?b", "http://a:x", "http://a b"):
        wrong = cli("keys", "list", "--server", url, environ=environ)
        assert (wrong.code, wrong.out) == (2, ""), url
        assert wrong.err.startswith("error: --server: not an address such as https://"), url
    assert cli("keys list", environ=environ | {"HYPERINFER_SERVER": "nowhere"}).err.startswith("error: HYPERINFER_SERVER: ")


def test_a_folder_that_is_named_wins_over_the_environment(cli: Cli) -> None:
    environ = {"HYPERINFER_INTERNAL_TOKEN": TOKEN, "HYPERINFER_SERVER": "http://127.0.0.1:1"}
    assert cli("workspaces create acme --data here", environ=environ).code == 0
    assert [each["name"] for each in cli("workspaces list --data here --json").document["data"]] == ["acme"]
    both = cli("workspaces list --data here --server http://127.0.0.1:1", environ=environ)
    assert (both.code, both.err) == (2, "error: --server and --data exclude each other: who is administered?\n")
