"""A real Postgres and a real Valkey with what can be wrong about them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.store.remote.migrations import migrations
from tests.api.doctor.kit import states, told

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli, Ran
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

NOWHERE = "redis://me:hush@127.0.0.1:1"


def ask(cli: Cli, postgres: str, redis: str = NOWHERE) -> Ran:
    environ = {"HYPERINFER_POSTGRES_URL": postgres, "HYPERINFER_REDIS_URL": redis}
    return cli("doctor --port 0 --json --patience 8", environ=environ)


def test_postgres_with_everything_that_can_be_wrong(cli: Cli, postgres: PostgresServer) -> None:
    database = postgres.new_database()
    found = told(ask(cli, postgres.url(database)), "postgres")
    assert found["durable"]["what"] == "fsync off"  # as tests have it: nothing may be lost that nobody wants
    assert {name: each["state"] for name, each in found.items() if name != "durable"} == {
        "reached": "ok", "version": "ok", "writable": "ok", "tables": "ok", "connections": "ok", "clock": "ok",
    }  # fmt: skip
    for _, sql in migrations():
        postgres.run(sql, database)
    postgres.run("CREATE TABLE schema_version (version bigint, applied_at timestamptz DEFAULT now())", database)
    postgres.run(f"INSERT INTO schema_version VALUES ({migrations()[-1][0]})", database)
    role = f"poor_{database}"
    postgres.run(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ledger TO {role}", database)
    postgres.run(f"ALTER ROLE {role} SET synchronous_commit = off", database)
    postgres.run(f"ALTER ROLE {role} SET default_transaction_read_only = on", database)
    poor = postgres.url(database).replace("postgres@", f"{role}:hush@")
    ran = ask(cli, poor)
    found = told(ran, "postgres")
    assert "INSERT ledger" in found["rights"]["facts"]["lacking"]
    assert "SELECT ledger" not in found["rights"]["facts"]["lacking"]
    assert found["rights"]["fix"].startswith("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO poor_")
    assert found["durable"]["facts"]["synchronous_commit"] == "off"
    assert "read only" in found["writable"]["what"]
    assert "hush" not in ran.out
    postgres.run("INSERT INTO schema_version VALUES (999)", database)
    assert "a newer HyperInfer" in told(ask(cli, postgres.url(database)), "postgres")["tables"]["what"]


def test_postgres_that_is_not_there_or_has_no_such_database(cli: Cli, postgres: PostgresServer) -> None:
    def what(url: str) -> str:
        found = told(ask(cli, url), "postgres")
        assert set(found) == {"reached"}
        assert "HYPERINFER_POSTGRES_URL" in found["reached"]["fix"]
        return str(found["reached"]["what"]).partition(": ")[2]

    assert what(postgres.url("nosuch")) == "it has no such database"
    assert what("postgresql://me:hush@127.0.0.1:1/x") == "nothing listens there"
    assert what("postgresql://me:hush@no-such-host.invalid/x") == "its name cannot be looked up"
    found = told(ask(cli, "postgresql://me:hush@127.0.0.1:1/x"), "redis")["reached"]
    assert found["what"] == "127.0.0.1:1: nothing listens there"


def test_postgres_that_takes_a_connection_and_says_nothing(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        url = f"postgresql://me:hush@127.0.0.1:{quiet.getsockname()[1]}/x"
        environ = {"HYPERINFER_POSTGRES_URL": url, "HYPERINFER_REDIS_URL": url.replace("postgresql", "redis")}
        ran = cli("doctor --port 0 --json --patience 1", environ=environ)
    for area in ("postgres", "redis"):
        assert told(ran, area)["reached"]["what"].endswith("no answer within 0.5 s")
    assert "hush" not in ran.out


@pytest.fixture
def clean(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    yield valkey
    valkey.run("CONFIG", "SET", "maxmemory", 0)
    valkey.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
    valkey.run("REPLICAOF", "NO", "ONE")
    valkey.run("ACL", "DELUSER", "poor")


def test_valkey_with_everything_that_can_be_wrong(cli: Cli, clean: ValkeyServer, tmp_path: Path) -> None:
    valkey = clean

    def look(url: str = valkey.url) -> Ran:
        return ask(cli, "postgresql://127.0.0.1:1/x", url)

    assert states(look(), "redis") == {
        "reached": "ok", "version": "ok", "memory": "ok", "persistence": "ok", "role": "ok", "writable": "ok", "clock": "ok",
    }  # fmt: skip
    assert valkey.run("KEYS", "hi:{doctor}*") == []
    valkey.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert states(look(), "redis")["memory"] == "warning"
    valkey.run("CONFIG", "SET", "maxmemory", 1)
    found = told(look(), "redis")["memory"]
    assert (found["state"], "CONFIG SET maxmemory-policy noeviction" in found["fix"]) == ("problem", True)
    valkey.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
    found = told(look(), "redis")
    assert found["memory"]["state"] == "warning"
    assert found["writable"]["fix"].startswith("raise maxmemory")
    valkey.run("CONFIG", "SET", "maxmemory", 0)
    valkey.run("ACL", "SETUSER", "poor", "on", ">hush", "~other:*", "+@all", "-info")
    ran = look(valkey.url.replace("unix://", "unix://poor:hush@"))
    assert {name for name, state in states(ran, "redis").items() if state == "problem"} == {"version", "writable"}
    assert "hush" not in ran.out
    wrong = told(look(valkey.url.replace("unix://", "unix://poor:no@")), "redis")
    assert "refuses the user or the password" in wrong["reached"]["what"]
    valkey.run("REPLICAOF", "127.0.0.1", "1")
    found = told(look(), "redis")
    assert (found["role"]["state"], found["writable"]["state"]) == ("problem", "problem")
