"""Makes an upstream's words fit to be shown to a client.

An upstream talks to the gateway, not to the gateway's client: its messages quote the gateway's keys (often partly
masked), name its organisation and project, and point at internal addresses. All of that is cut out, by shape and, for
what the caller knows to be private, by value. Better a word too many than a key: what merely looks like one goes too.
"""

import re
from collections.abc import Iterable
from typing import Final

MESSAGE_LIMIT: Final = 500
"""Most characters of a message that are shown."""

_SCAN_LIMIT: Final = 4000
"""Characters that are looked at. Every pattern is linear or bounded, so this bounds the time."""

_REDACTED: Final = "[redacted]"
_ADDRESS: Final = "[address]"

_SECRETS: Final = re.compile(
    r"(?i:\bbearer\s+(?!tokens?\b|auth)[^\s\"',;]{3,})"
    r"|(?i:\bbasic\s+[a-z0-9+/=]{12,})"
    # Keys by their makers' prefixes, also cut or masked ones: sk-proj-abc…, gsk_****abcd.
    r"|(?<![A-Za-z0-9])(?:sk|pk|rk|hi|gsk|xai|csk|fw|tgp|pplx|nvapi|hf|r8|rpa|glpat|sess|gh[pousr]|xox[abp])[-_]"
    r"[A-Za-z0-9_\-.*•…]{3,}"
    r"|\bAIza[\w*…-]{3,}|\b(?:AKIA|ASIA)[0-9A-Z]{12,}|\bya29\.[\w.-]+|\beyJ[\w-]{8,}(?:\.[\w-]*)*"
    # Anything masked: test-con****-key.
    r"|[^\s\"'`]{0,200}(?:\*{3}|•{3})[^\s\"'`]{0,200}"
    r"|(?<![A-Za-z0-9])[A-Za-z0-9_-]{4,64}(?:…|\.{3})[A-Za-z0-9]{2,16}\b"
    r"|(?i:\b(?:api[-_ ]?key|x-api-key|authorization|password|secret|access[-_ ]token)(?:\s+provided)?\s*[=:]\s*"
    r"[\"'`]?(?:bearer\s+|basic\s+)?[^\s\"'`,;]{4,})"
    # Ids of the account the gateway uses, and of its request.
    r"|\b(?:org|proj|user|acct|team|workspace|wrkspc|account|cus|sub|key|req)[-_]"
    r"(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{6,}|[A-Za-z0-9]{16,})"
    r"|\bprojects/[^\s/\"'`]+|(?i:\bprojects?[ :#]+[0-9]{6,})"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
    # A long run of letters and digits is a key of an unknown make. Call ids (call_…, toolu_…) are shorter or joined.
    r"|(?<![A-Za-z0-9_])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{32,}"
)

_ADDRESSES: Final = re.compile(
    r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'`<>)\]}]*[^\s\"'`<>)\]}.,;:!?]"
    r"|\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?\b"
    r"|\[[0-9A-Fa-f:]{2,}:[0-9A-Fa-f:.]*\](?::[0-9]+)?"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f]{1,4}(?![\w:])"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6}(?![\w:])"
    r"|(?i:\blocalhost(?::[0-9]+)?\b)"
    r"|(?i:(?<![\w.-])(?:[a-z0-9-]{1,63}\.){1,8}"
    r"(?:internal|local|localdomain|lan|corp|intranet|svc|cluster|consul|private|com|net|org|io|ai|dev|app|cloud|co)"
    r"(?:\.[a-z0-9-]{1,63}){0,3}\b(?::[0-9]{1,5})?)"
    r"|(?<![\w.-])[A-Za-z][A-Za-z0-9-]{0,62}:[0-9]{4,5}\b"
    r"|(?<![\w/])/(?:usr|home|root|var|opt|app|etc|srv|tmp|workspace|mnt|data)/[^\s\"'`:,)]+"
)


def redact(message: str, private: Iterable[str] = ()) -> str:
    """`message` as one bounded line without keys, account ids and addresses; may be empty.

    `private` are texts that must not appear whatever they look like: the keys in use, the upstream's host.
    """
    text = message[:_SCAN_LIMIT].partition("Traceback (most recent call last)")[0]
    # Lone surrogates are legal in JSON and fatal to whoever encodes the message later.
    text = text.encode("utf-8", "replace").decode()
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    for word in private:
        if len(word) >= 4:
            text = text.replace(word, _REDACTED)
    text = _SECRETS.sub(_REDACTED, text)
    text = _ADDRESSES.sub(_ADDRESS, text)
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1].rstrip() + "…"


def slug(value: str | None) -> str | None:
    """A type, code or field name of an upstream, if it is one: short, and of the characters such names have."""
    if value is None or not _SLUG.fullmatch(value) or _SECRETS.search(value):
        return None
    return value


_SLUG: Final = re.compile(r"[A-Za-z0-9_.:/\[\]$ -]{1,120}")
