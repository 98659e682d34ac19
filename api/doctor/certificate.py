"""The certificate that the gateway serves with."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings

SOON_DAYS: Final = 21


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """Nothing where there is none."""
    settings = surroundings.settings
    if settings.certfile is None or settings.keyfile is None:
        return  # one without the other is told with the settings
    examine = partial(_examine, settings.certfile, settings.keyfile, surroundings.now(), findings)
    await trio.to_thread.run_sync(examine, abandon_on_cancel=True)


def _examine(certfile: Path, keyfile: Path, now: float, findings: Findings) -> None:
    for flag, path in (("--certfile", certfile), ("--keyfile", keyfile)):
        try:
            path.read_bytes()
        except OSError as error:
            findings.problem("files", f"{flag} {path}: {error.strerror}", f"let {flag} name a file that this user may read")
            return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password="")
        findings.ok("key", "the key is that of the certificate")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        fix = "give the certificate (its own first, then its issuers') and the key that was made for it, both as PEM"
        findings.problem("key", f"{certfile} and {keyfile} do not belong together: {reason}", fix)
    if stat.S_IMODE(keyfile.stat().st_mode) & 0o007:
        findings.warning("rights", f"everybody on this machine may read {keyfile}", f"chmod o-rwx {keyfile}")
    _examine_dates(certfile, now, findings)


def _examine_dates(certfile: Path, now: float, findings: Findings) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        chain = load_pem_x509_certificates(certfile.read_bytes())
    except ValueError as error:
        findings.problem("certificate", f"{certfile} is no certificate in PEM: {error}", "let --certfile name one")
        return
    here = datetime.fromtimestamp(now, UTC)
    for number, certificate in enumerate(chain):
        whose = _names(certificate) if number == 0 else f"its issuer {certificate.subject.rfc4514_string()}"
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        left = (ends - here).days
        facts = {"not_before": begins.isoformat(), "not_after": ends.isoformat()}
        if ends <= here:
            what = f"{whose} has expired on {ends.date()}: clients refuse it"
            findings.problem("certificate", what, "renew it, and restart the gateway", **facts)
        elif begins > here:
            what = f"{whose} is only valid from {begins:%Y-%m-%d %H:%M} UTC"
            findings.problem("certificate", what, "look at this machine's clock, or take another certificate", **facts)
        elif left < SOON_DAYS:
            what = f"{whose} expires in {left} days, on {ends.date()}"
            findings.warning("certificate", what, "renew it, and restart the gateway", **facts)
        elif number == 0:
            findings.ok("certificate", f"{whose}, until {ends.date()}", **facts)
    if chain and chain[0].subject == chain[0].issuer:
        fix = "clients must be told to trust it (curl --cacert, SSL_CERT_FILE), or take one of an authority"
        findings.note("issuer", "it has signed itself", fix)


def _names(certificate: Certificate) -> str:
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName

    try:
        alternative = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return certificate.subject.rfc4514_string()
    return ", ".join(alternative.get_values_for_type(DNSName)) or certificate.subject.rfc4514_string()
