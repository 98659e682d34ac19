"""The gateway itself: the one on this data folder, the port that it would take, and one elsewhere."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from hyperinfer import __version__
from hyperinfer.api.control import connect_admin
from hyperinfer.api.doctor import clocks
from hyperinfer.api.doctor.ask import Answer, Silence, ask
from hyperinfer.api.doctor.data_folder import is_held
from hyperinfer.api.store.errors import Refused, StoreUnavailable
from hyperinfer.api.store.folder import DataFolder
from hyperinfer.providers.proxies import Proxies
from hyperinfer.providers.transport import Transport

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings
    from hyperinfer.api.settings import Settings

_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_MARGIN: Final = 0.5
_STARTED: Final = "restart it: it runs what was installed when it started"


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """What is found on this machine, and at the address that was named."""
    settings = surroundings.settings
    held = await trio.to_thread.run_sync(is_held, DataFolder(surroundings.data))
    if surroundings.data.is_dir() and settings.postgres_url is None:
        await _ask_socket(surroundings, findings)
    if settings.port:
        host = _LOCAL.get(settings.host.strip("[]"), settings.host.strip("[]"))
        scheme = "http" if settings.certfile is None else "https"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"
        await _ask_port(surroundings, url, findings, held=held)
    if surroundings.server is not None:
        answer = await _readyz(surroundings, surroundings.server, verify=True)
        if isinstance(answer, Silence):
            findings.problem("elsewhere", answer.what, answer.fix, kind=answer.kind)
        else:
            _judge(answer, "elsewhere", surroundings.server, findings)


async def _ask_socket(surroundings: Surroundings, findings: Findings) -> None:
    """By the control socket, which only the owner of the folder may."""
    try:
        async with connect_admin(DataFolder(surroundings.data).control_socket) as admin:
            about = await admin.about()
    except (OSError, trio.TooSlowError):
        return  # none runs there
    except Refused:
        findings.warning("running", "it is of an older version, which does not tell", _STARTED)
        return
    except StoreUnavailable as error:
        findings.problem("running", f"it does not answer: {error}", "look at its log; restart it")
        return
    text = f"process {about.pid}, version {about.version}, {about.in_flight} requests in flight"
    facts: dict[str, object] = {
        "pid": about.pid,
        "version": about.version,
        "in_flight": about.in_flight,
        "draining": about.draining,
    }
    if about.version != __version__:
        findings.warning("running", f"{text}; this program is {__version__}", _STARTED, **facts)
    elif about.draining:
        findings.note("running", f"{text}; it is being stopped", "", **facts)
    else:
        findings.ok("running", text, **facts)


async def _ask_port(surroundings: Surroundings, url: str, findings: Findings, *, held: bool) -> None:
    settings = surroundings.settings
    answer = await _readyz(surroundings, url, verify=False)
    if isinstance(answer, Answer):
        _judge(answer, "port", url, findings, ours=held)
    elif answer.kind == "refused" and held:
        what = f"the gateway of this data folder does not listen at {url}"
        findings.note("port", what, "if it has another address, name it: hyperinfer doctor --port N (or --host)")
    elif answer.kind == "refused":
        _try_port(settings, findings)
    elif answer.kind in ("protocol", "tls"):
        what = f"another program than a gateway listens at {url}"
        findings.problem("port", what, f"stop that program, or choose another port: --port {settings.port + 1}")
    else:
        findings.problem("port", answer.what, answer.fix, kind=answer.kind)


def _try_port(settings: Settings, findings: Findings) -> None:
    """Whether serve could listen: by doing so for a moment."""
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, settings.port))
    except OSError as error:
        fix = {
            errno.EACCES: "ports below 1024 are for root: choose another, or give the program CAP_NET_BIND_SERVICE",
            errno.EADDRINUSE: f"another program has it: --port {settings.port + 1}",
            errno.EADDRNOTAVAIL: "this machine has no such address: --host 0.0.0.0 for all that it has",
        }.get(error.errno or 0, "choose another with --host and --port")
        findings.problem("port", f"cannot listen at {settings.bind}: {error.strerror}", fix)
    else:
        findings.ok("port", f"{settings.bind} is free: `hyperinfer serve` can listen there")


async def _readyz(surroundings: Surroundings, url: str, *, verify: bool) -> Answer | Silence:
    context = None
    if not verify:  # our own, by an address that need not be in the certificate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    transport = Transport(ssl_context=context)
    try:
        headers = [("accept", "application/json")]
        seconds = surroundings.seconds - _MARGIN
        # As `--server` goes, through no proxy.
        return await ask(transport, f"{url}/readyz", headers, proxies=Proxies({}), seconds=seconds, now=surroundings.now)
    finally:
        await transport.aclose()


class _Ready(msgspec.Struct):
    status: str
    checks: dict[str, str]


def _judge(answer: Answer, name: str, url: str, findings: Findings, *, ours: bool = True) -> None:
    try:
        ready = msgspec.json.decode(answer.body, type=_Ready)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        fix = "stop that program or choose another port with --port" if name == "port" else "correct the address"
        findings.problem(name, f"what answers at {url} is no HyperInfer ({answer.status})", fix, status=answer.status)
        return
    down = [each for each, state in ready.checks.items() if state != "ok"]
    if answer.status == 200 and not ours:
        fix = "that is a gateway with another data folder: name it with --data, or another --port"
        findings.note(name, f"{url} is ready, and is not on this data folder", fix)
    elif answer.status == 200:
        findings.ok(name, f"{url} is ready ({', '.join(f'{each} ok' for each in ready.checks)})", checks=ready.checks)
    elif down:
        fix = "its log says why; it takes requests again by itself when they are back"
        findings.problem(name, f"{url} is not ready: {', '.join(down)} down", fix, checks=ready.checks)
    else:
        findings.note(name, f"{url} is being stopped: it takes no more requests", checks=ready.checks)
    date = clocks.http_date(answer.headers.get("date"))
    if date is not None and name == "elsewhere":
        clocks.compare(findings, "elsewhere clock", date, answer.asked, answer.answered)
