"""Postgres, of the shared mode: reachable, the right one, writable, durable, in time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import trio

from hyperinfer.api.doctor import clocks
from hyperinfer.api.store.remote.driver import connect
from hyperinfer.api.store.remote.migrations import migrations

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings
    from hyperinfer.api.store.remote.driver import Connection

OLDEST: Final = 14
"""The oldest major version that PostgreSQL itself still keeps up (end of life of 13: November 2025)."""
SLOW_MS: Final = 20.0
ASKED: Final = 5
VARIABLE: Final = "HYPERINFER_POSTGRES_URL"
TABLES: Final = ("workspace", "api_key", "ledger", "generation", "rollup", "idempotency", "identity")

_STATES: Final = {
    "28P01": ("it refuses the password", f"correct the password in {VARIABLE}"),
    "28000": ("it does not let this user in from here", f"correct the user in {VARIABLE}, or add a line to its pg_hba.conf"),
    "3D000": ("it has no such database", f"make it (CREATE DATABASE …), or correct the name in {VARIABLE}"),
    "53300": ("it has no connection left", "raise max_connections, or end programs that hold connections"),
    "57P03": ("it is starting, or being stopped", "wait until it is up, then ask again"),
}


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """Nothing where the embedded store is used."""
    url = surroundings.settings.postgres_url
    if url is None:
        return
    ask = partial(_ask, url.reveal(), surroundings.seconds - 0.5, findings)
    await trio.to_thread.run_sync(lambda: asyncio.run(ask()), abandon_on_cancel=True)


def place(url: str) -> str:
    """Where it is, without user and password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
        return f"{parts.path.lstrip('/') or 'its database'} at {host}{'' if parts.port is None else f':{parts.port}'}"
    except ValueError:
        return "its address"


async def _ask(url: str, seconds: float, findings: Findings) -> None:
    where = place(url)
    try:
        async with asyncio.timeout(seconds):
            connection = await connect(url, seconds=seconds)
            try:
                await _examine(connection, where, findings)
            finally:
                connection.terminate()
    except (Exception, TimeoutError) as error:
        what, fix = _explained(error, seconds)
        findings.problem("reached", f"{where}: {what}", fix)


def _explained(error: BaseException, seconds: float) -> tuple[str, str]:
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _STATES:
        return _STATES[state]
    if isinstance(error, socket.gaierror):
        return "its name cannot be looked up", f"correct the host in {VARIABLE}, or look at this machine's name server"
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s", "let firewalls pass it, and look whether it is overloaded"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error}", f"look at sslmode and sslrootcert in {VARIABLE}"
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "nothing listens there", f"start it, or correct host and port in {VARIABLE}"
    if isinstance(error, ValueError):
        return "the address cannot be read", f"write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE in {VARIABLE}"
    return f"{type(error).__name__}: {error}", "see the log of Postgres"


async def _examine(connection: Connection, where: str, findings: Findings) -> None:
    took: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await connection.fetchval("SELECT 1")
        took.append((time.perf_counter() - began) * 1000)
    usual = statistics.median(took)
    text = f"{where}, {usual:.1f} ms a question"
    if usual > SLOW_MS:
        fix = "every answer waits for it, once: put it nearer to the gateways"
        findings.warning("reached", text, fix, ms=round(usual, 2))
    else:
        findings.ok("reached", text, ms=round(usual, 2))
    await _version(connection, findings)
    await _writable(connection, findings)
    await _durable(connection, findings)
    await _tables(connection, findings)
    await _connections(connection, findings)
    asked = time.time()
    theirs = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    clocks.compare(findings, "clock", theirs, asked, time.time())


async def _setting(connection: Connection, name: str) -> str:
    return str(await connection.fetchval("SELECT current_setting($1)", name))


async def _version(connection: Connection, findings: Findings) -> None:
    number = int(await _setting(connection, "server_version_num")) // 10000
    version = await _setting(connection, "server_version")
    encoding = await _setting(connection, "server_encoding")
    text = f"PostgreSQL {version}, {encoding}"
    if number < OLDEST:
        fix = f"upgrade it: versions before {OLDEST} are no longer kept up"
        findings.warning("version", text, fix, version=version)
    elif encoding != "UTF8":
        fix = "make the database anew with ENCODING 'UTF8': names in other scripts cannot be kept in this one"
        findings.problem("version", text, fix, version=version)
    else:
        findings.ok("version", text, version=version)


async def _writable(connection: Connection, findings: Findings) -> None:
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        fix = f"let {VARIABLE} lead to the primary: a replica only reads, and counts as away"
        findings.problem("writable", "this is a replica", fix)
    elif await _setting(connection, "default_transaction_read_only") == "on":
        fix = "ALTER ROLE … (or DATABASE …) RESET default_transaction_read_only"
        findings.problem("writable", "it is set to read only (default_transaction_read_only)", fix)
    else:
        findings.ok("writable", "it is the primary, and takes writes")


async def _durable(connection: Connection, findings: Findings) -> None:
    off = [name for name in ("fsync", "full_page_writes") if await _setting(connection, name) == "off"]
    commit = await _setting(connection, "synchronous_commit")
    if off:
        fix = "set it to on in postgresql.conf: at a power cut the whole database may be damaged"
        findings.problem("durable", f"{' and '.join(off)} off", fix, synchronous_commit=commit)
    elif commit == "off":
        fix = "ALTER SYSTEM SET synchronous_commit = on: bills that were acknowledged may be lost at a crash"
        findings.problem("durable", "synchronous_commit is off", fix, synchronous_commit=commit)
    else:
        findings.ok("durable", f"commits are on the disk (synchronous_commit {commit})", synchronous_commit=commit)


async def _tables(connection: Connection, findings: Findings) -> None:
    newest = migrations()[-1][0]
    schema = await connection.fetchval("SELECT current_schema()")
    user = await connection.fetchval("SELECT current_user")
    if schema is None:
        findings.problem(
            "tables", "the search_path of this user leads to no schema", f"ALTER ROLE {user} SET search_path = public"
        )
        return
    may_create = bool(await connection.fetchval("SELECT has_schema_privilege(current_schema(), 'CREATE')"))
    grant = f"GRANT CREATE, USAGE ON SCHEMA {schema} TO {user}"
    version = await _schema_version(connection)
    if version is None or version < newest:
        there = "no tables yet" if version is None else f"tables of version {version}"
        if may_create:
            findings.ok("tables", f"{there}: the next start of a gateway brings them to version {newest}", version=version)
        else:
            findings.problem("tables", f"{there}, and {user} may make none", grant, version=version)
        if version is None:
            return
    elif version > newest:
        what = f"a newer HyperInfer has used it (version {version}; this one knows {newest})"
        findings.problem("tables", what, "run that newer version, or another database", version=version)
        return
    else:
        findings.ok("tables", f"version {version}", version=version)
    lacking = await _lacking(connection)
    if lacking:
        fix = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {user}, or let {user} own them"
        findings.problem("rights", f"{user} may not {', '.join(lacking)}", fix, lacking=lacking)
    else:
        findings.ok("rights", f"{user} may read and write all tables")


async def _schema_version(connection: Connection) -> int | None:
    if await connection.fetchval("SELECT to_regclass('schema_version')") is None:
        return None
    try:
        return int(await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_version"))
    except Exception as error:
        if getattr(error, "sqlstate", None) == "42501":  # insufficient_privilege: told by what is lacking
            return migrations()[-1][0]
        raise


async def _lacking(connection: Connection) -> list[str]:
    rows: Any = await connection.fetch(
        "SELECT name, privilege FROM unnest($1::text[]) AS name, unnest(ARRAY['SELECT', 'INSERT']) AS privilege"
        " WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(name, privilege)"
        " UNION ALL SELECT name, 'UPDATE' FROM unnest(ARRAY['workspace', 'api_key', 'rollup']) AS name"
        " WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(name, 'UPDATE')",
        [*TABLES, "schema_version"],
    )
    return [f"{privilege} {name}" for name, privilege in rows]


async def _connections(connection: Connection, findings: Findings) -> None:
    most = int(await _setting(connection, "max_connections"))
    used = int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    text = f"{used} of {most} in use"
    if used > most * 0.9:
        fix = "raise max_connections, or end programs that hold connections: a worker has a handful"
        findings.warning("connections", text, fix, used=used, most=most)
    else:
        findings.ok("connections", text, used=used, most=most)
