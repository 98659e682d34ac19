"""How this machine leaves itself: proxies, and whom it trusts."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from hyperinfer.providers.proxies import Proxies, ProxySettingError
from hyperinfer.providers.transport import default_ssl_context

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """Nothing here waits for anybody: whether it works is seen when providers are asked."""
    await trio.lowlevel.checkpoint()
    try:
        proxies = Proxies.of(surroundings.environ)
    except ProxySettingError as error:
        findings.problem("proxy", str(error), "correct or unset this variable; `serve` does not start with it")
    else:
        _told(proxies, findings)
    _trust(surroundings, findings)


def place(proxy: str) -> str:
    """Where a proxy is, without the password that may be in its address."""
    url = urlsplit(proxy)
    return f"{url.scheme}://{url.hostname}{'' if url.port is None else f':{url.port}'}"


def _told(proxies: Proxies, findings: Findings) -> None:
    if not proxies.by_scheme:
        findings.ok("proxy", "none: providers are reached directly")
        return
    by_scheme = {scheme: place(proxy.reveal()) for scheme, proxy in proxies.by_scheme.items()}
    text = ", ".join(f"{scheme}:// through {where}" for scheme, where in by_scheme.items())
    text += f"; not for {', '.join(proxies.direct)}" if proxies.direct else ""
    findings.ok("proxy", text, **by_scheme)


def _trust(surroundings: Surroundings, findings: Findings) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = surroundings.environ.get(name)
        if path and not os.path.exists(path):
            findings.problem("trust", f"{name} leads to {path}, which is not there", f"correct or unset {name}")
            return
    try:
        loaded = default_ssl_context().cert_store_stats()["x509_ca"]
    except (OSError, ValueError) as error:
        fix = "SSL_CERT_FILE must name a file of certificates in PEM: correct or unset it"
        findings.problem("trust", f"the certificates of authorities cannot be read: {error}", fix)
        return
    folder = surroundings.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().capath
    if loaded or (folder and os.listdir(folder)):
        where = surroundings.environ.get("SSL_CERT_FILE") or f"the system's, {loaded}"
        findings.ok("trust", f"certificates of authorities: {where}", loaded=loaded)
    else:
        fix = "install the package ca-certificates, or let SSL_CERT_FILE name a file of certificates"
        findings.problem("trust", "this system has no certificates of authorities: no provider can be trusted", fix)
