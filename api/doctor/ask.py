"""One harmless request, and in words what kept it from being answered."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import httpx2
import trio

from hyperinfer.api.doctor.proxies import place

if TYPE_CHECKING:
    from hyperinfer.providers.proxies import Proxies

BODY_LIMIT = 2 * 1024 * 1024

Kind: TypeAlias = Literal["name", "refused", "unreachable", "timeout", "tls", "proxy", "protocol"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `headers` by lower-case name; `asked`, `answered`: unix seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: float
    answered: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Why there is none: its kind, in words, and what to do."""

    kind: Kind
    what: str
    fix: str


async def ask(
    network: httpx2.AsyncBaseTransport,
    url: str,
    headers: Sequence[tuple[str, str]],
    *,
    proxies: Proxies,
    seconds: float,
    now: Callable[[], float],
) -> Answer | Silence:
    """GET, without following a redirect."""
    target = httpx2.URL(url)
    proxy = proxies.to(target.scheme, target.host, target.port)
    through = "" if proxy is None else place(proxy.reveal())
    wait = {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}
    try:
        with trio.fail_after(seconds):
            request = httpx2.Request(
                "GET", target, headers=[*headers, ("host", _netloc(target))], extensions={"timeout": wait}
            )
            asked = now()
            response = await network.handle_async_request(request)
            answered = now()
            try:
                body = await _read(cast("httpx2.AsyncByteStream", response.stream))
            finally:
                await response.aclose()
            known = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, known, body, asked, answered)
    except (httpx2.TransportError, httpx2.InvalidURL, trio.TooSlowError, ValueError) as error:
        return explain(error, target, through, seconds)


def _netloc(target: httpx2.URL) -> str:
    return target.netloc.decode("ascii")


async def _read(stream: httpx2.AsyncByteStream) -> bytes:
    body = b""
    async for piece in stream:
        body += piece
        if len(body) > BODY_LIMIT:
            break
    return body[:BODY_LIMIT]


def explain(error: Exception, target: httpx2.URL, through: str, seconds: float) -> Silence:
    """What an exception of a transport comes to. `through`: the proxy's place, "" for none."""
    host = target.host
    where = f"{host}:{target.port or {'http': 80, 'https': 443}.get(target.scheme, '?')}"
    causes = list(_causes(error))
    for cause in causes:
        match cause:
            case httpx2.ProxyError():
                what = f"the proxy {through} refuses to lead to {where}: {cause}"
                return Silence(
                    "proxy", what, "correct HTTPS_PROXY (its user and password too), or list the host in NO_PROXY"
                )
            case socket.gaierror():
                name = through or host
                return Silence("name", f"the name {name} cannot be looked up: {cause.strerror}", _NAME_FIX)
            case ssl.SSLCertVerificationError():
                return Silence(
                    "tls", f"the certificate of {where} is not trusted: {cause.verify_message}", _trust_fix(cause)
                )
            case ssl.SSLError():
                what = f"no TLS with {where}: {cause.reason or cause}"
                return Silence(
                    "tls", what, "look whether the address should begin with http://, or whether a proxy is in between"
                )
            case ConnectionRefusedError():
                fix = "start what should listen there, or correct the address"
                if through:
                    return Silence("proxy", f"the proxy {through} takes no connection", "start it, or unset HTTPS_PROXY")
                return Silence("refused", f"nothing listens at {where}", fix)
            case _:
                pass
    if any(isinstance(each, httpx2.TimeoutException | trio.TooSlowError) for each in causes):
        what = f"no answer from {through or where} within {seconds:g} s"
        fix = "let a firewall pass it, or set HTTPS_PROXY where the way out is a proxy"
        return Silence("timeout", what, fix if not through else "look whether this proxy works, or unset HTTPS_PROXY")
    cause = causes[-1]
    if isinstance(cause, OSError):
        fix = "look at routes and firewalls of this machine"
        return Silence("unreachable", f"{where} cannot be reached: {cause.strerror or cause}", fix)
    what = f"what answers at {where} is no HTTP server: {error}"
    return Silence("protocol", what, "look whether scheme (http, https) and port of the address are right")


_NAME_FIX = "look whether the name is right, and whether this machine's name server works (/etc/resolv.conf)"


def _trust_fix(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (9, 10):  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
        return "look at this machine's clock; else whoever runs that server has to renew it"
    if error.verify_code == 62:  # X509_V_ERR_HOSTNAME_MISMATCH
        return "the address leads to another server than its name says: correct it, or look for a proxy in between"
    return "if a proxy of yours signs anew, or an authority of your own signed it: SSL_CERT_FILE=/path/to/authorities.pem"


def _causes(error: BaseException) -> list[BaseException]:
    """An exception and all that lies below it, the last one deepest."""
    found: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop(0)
        if each in found:
            continue
        found.append(each)
        if isinstance(each, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", each).exceptions
        waiting += [below for below in (each.__cause__, each.__context__) if below is not None]
    return found
