"""A small internet on loopback: names that a test's own resolver knows, servers behind them, and a guard that allows just
127.0.0.1. So 127.0.0.1 plays the public addresses, and 127.0.0.2 an address inside."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from hyperinfer.providers.egress import Egress, EgressError, Fetched

PUBLIC: Final = (ip_network("127.0.0.1/32"),)
SMALL: Final = 64 * 1024
"""Most bytes of a text that the tests want."""


class Names:
    """A resolver with a table. A list of lists is answered in turn: the last one for ever."""

    def __init__(self, **table: Sequence[Sequence[str]]) -> None:
        self._table = {name.replace("_", "."): list(answers) for name, answers in table.items()}
        self.asked: list[str] = []

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        answers = self._table.get(name)
        if not answers:
            raise OSError(f"{name} is not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def reply(body: bytes = b"hello", *headers: str, status: str = "200 OK", kind: str = "text/html") -> bytes:
    """A response with its length, as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return reply(b"", f"Location: {location}", "Set-Cookie: session=1; Path=/", status=status)


async def fetch(egress: Egress, url: str, *, size: int = SMALL, seconds: float = 5) -> Fetched | EgressError:
    """What came of asking for a text, either way."""

    def room(media_type: str) -> int:
        return size if media_type.startswith("text/") else 0

    try:
        return await egress.fetch(url, room=room, accept="text/html", seconds=seconds)
    except EgressError as error:
        return error
