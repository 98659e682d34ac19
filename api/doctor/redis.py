"""Redis (or Valkey), of the shared mode: reachable, writable, never forgetting by itself, in time."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from hyperinfer.api.doctor import clocks
from hyperinfer.api.store.remote.driver import cause_of
from hyperinfer.api.store.remote.redis_session import RedisSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings
    from hyperinfer.providers.secret import Secret

OLDEST: Final = (6, 2)
SLOW_MS: Final = 10.0
ASKED: Final = 5
FULL: Final = 0.8
VARIABLE: Final = "HYPERINFER_REDIS_URL"
PROBE_SECONDS: Final = 10
_SCRIPT: Final = "redis.call('SET', KEYS[1], '1', 'EX', ARGV[1]) return redis.call('DEL', KEYS[1])"


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """Nothing where the embedded store is used."""
    url = surroundings.settings.redis_url
    if url is None:
        return
    ask = partial(_ask, url, surroundings.seconds - 0.5, findings)
    await trio.to_thread.run_sync(lambda: asyncio.run(ask()), abandon_on_cancel=True)


def place(url: str) -> str:
    """Where it is, without user and password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}{'' if parts.port is None else f':{parts.port}'}" if parts.hostname else parts.path
    except ValueError:
        return "its address"


async def _ask(url: Secret, seconds: float, findings: Findings) -> None:
    session, where = RedisSession(url, seconds), place(url.reveal())
    try:
        async with asyncio.timeout(seconds):
            try:
                await _examine(session, where, findings)
            finally:
                await session.leave()
    except (Exception, TimeoutError) as error:
        what, fix = _explained(error, seconds)
        findings.problem("reached", f"{where}: {what}", fix)


def _explained(error: Exception, seconds: float) -> tuple[str, str]:
    kind, text = cause_of(error), str(error)
    if isinstance(error, TimeoutError) or kind == "TimeoutError":
        return f"no answer within {seconds:g} s", "let firewalls pass it, and look whether it is overloaded"
    if "WRONGPASS" in text or "AuthenticationError" in kind or "NOAUTH" in text or "invalid username-password" in text:
        return "it refuses the user or the password", f"correct them: {VARIABLE}=redis://USER:PASSWORD@HOST:6379"
    if kind == "gaierror":
        return "its name cannot be looked up", f"correct the host in {VARIABLE}, or look at this machine's name server"
    if kind in ("ConnectionRefusedError", "FileNotFoundError"):
        return "nothing listens there", f"start it, or correct host and port in {VARIABLE}"
    if kind.startswith("SSL"):
        return "no TLS", f"look whether {VARIABLE} should begin with redis:// or rediss://"
    return f"{kind}: {text}", "see the log of Redis"


async def _examine(session: RedisSession, where: str, findings: Findings) -> None:
    took: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        (answer,) = await session.ask([("PING",)])
        took.append((time.perf_counter() - began) * 1000)
        if isinstance(answer, Exception):
            raise answer
    usual = statistics.median(took)
    if usual > SLOW_MS:
        fix = "every request waits for it twice: put it nearer to the gateways"
        findings.warning("reached", f"{where}, {usual:.1f} ms a question", fix, ms=round(usual, 2))
    else:
        findings.ok("reached", f"{where}, {usual:.1f} ms a question", ms=round(usual, 2))
    (answer,) = await session.ask([("INFO",)])
    if isinstance(answer, Exception):
        fix = "let this user run INFO (ACL SETUSER … +info): gateways need it too, to see a restart"
        findings.problem("version", f"it does not answer INFO: {answer}", fix)
    else:
        info = _info(answer)
        _version(info, findings)
        _memory(info, findings)
        _persistence(info, findings)
        _topology(info, findings)
    await _writable(session, findings)
    asked = time.time()
    (answer,) = await session.ask([("TIME",)])
    if not isinstance(answer, Exception):
        clocks.compare(findings, "clock", int(answer[0]) + int(answer[1]) / 1e6, asked, time.time())


def _info(answer: Any) -> dict[str, str]:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return {name: value for name, _, value in (line.partition(":") for line in text.splitlines()) if value}


def _version(info: Mapping[str, str], findings: Findings) -> None:
    version = info.get("redis_version", "0")
    name = "Redis" if "valkey_version" not in info else f"Valkey {info['valkey_version']}, as Redis"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        findings.warning("version", f"{name} {version}", f"upgrade it to {OLDEST[0]}.{OLDEST[1]} or newer", version=version)
    else:
        findings.ok("version", f"{name} {version}", version=version)


def _memory(info: Mapping[str, str], findings: Findings) -> None:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy = info.get("maxmemory_policy", "noeviction")
    text = f"{used >> 20:,} MB used" + (f" of {most >> 20:,}" if most else ", no limit of its own") + f", {policy}"
    facts = {"used": used, "most": most, "policy": policy}
    keep = "CONFIG SET maxmemory-policy noeviction, and in its configuration file"
    if policy != "noeviction" and most:
        findings.problem("memory", text, f"holds and limits may be thrown away when it is full: {keep}", **facts)
    elif policy != "noeviction":
        findings.warning("memory", text, f"once it has a limit, holds would be thrown away: {keep}", **facts)
    elif most and used > most * FULL:
        findings.warning("memory", text, "raise maxmemory: a full Redis counts as away, and nothing is admitted", **facts)
    else:
        findings.ok("memory", text, **facts)


def _persistence(info: Mapping[str, str], findings: Findings) -> None:
    append = info.get("aof_enabled") == "1"
    if info.get("rdb_last_bgsave_status", "ok") != "ok" or (append and info.get("aof_last_write_status", "ok") != "ok"):
        fix = "see its log (a full disk, most of the time): as it is set by default it then takes no writes"
        findings.problem("persistence", "its last write to the disk failed", fix)
        return
    # Neither is needed: what it forgets is read from Postgres and put back by the gateways.
    text = "an append-only file" if append else "no append-only file; what it forgets, gateways put back within 3 s"
    findings.ok("persistence", text, aof=append)


def _topology(info: Mapping[str, str], findings: Findings) -> None:
    if info.get("role", "master") != "master":
        fix = f"let {VARIABLE} lead to the primary: a replica takes no writes, and counts as away"
        findings.problem("role", f"this is a replica of {info.get('master_host', 'another')}", fix)
    elif info.get("cluster_enabled") == "1":
        fix = "use one server, with a replica to fail over to: gateways speak to a single address"
        findings.problem("role", "it is in cluster mode", fix)
    else:
        findings.ok("role", f"a primary with {info.get('connected_slaves', '0')} replicas")


async def _writable(session: RedisSession, findings: Findings) -> None:
    key = f"hi:{{doctor}}:{secrets.token_hex(8)}"
    (answer,) = await session.ask([("EVAL", _SCRIPT, 1, key, PROBE_SECONDS)])
    if isinstance(answer, Exception):
        fix = "let this user run scripts and write keys that begin with `hi:` (ACL SETUSER … ~hi:* +@all)"
        if "maxmemory" in str(answer):
            fix = "raise maxmemory: as long as it is full, nothing is admitted"
        findings.problem("writable", f"it does not take a write: {answer}", fix)
    else:
        findings.ok("writable", "it runs scripts and takes writes")
