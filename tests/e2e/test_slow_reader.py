"""A client that does not read, of a served gateway: its upstream is read no further, and nothing is lost or out of order."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.faults import CHUNKED, chunk
from tests.e2e.slow import slow_catalogue
from tests.support.faulty_upstream import Call, End, faulty_upstream
from tests.support.formats import AUTHORIZED, CHAT
from tests.support.rawclient import connected, head
from tests.support.served import gateway

PIECES, PADDING = 1500, "x" * 8000
"""12 MB: much more than the kernel keeps for two connections."""

ROOM = 8_000_000


def test_the_upstream_of_a_client_that_does_not_read_waits(tmp_path: Path) -> None:
    written: list[int] = []

    def flood(call: Call) -> Iterator[bytes | End]:
        yield CHUNKED + b"".join(map(chunk, call.reply.opening))
        for number in range(PIECES):
            delta = {"index": 0, "delta": {"content": f"<{number}>{PADDING}"}}
            event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
            yield chunk(b"data: " + json.dumps(event).encode() + b"\n\n")
            written.append(number)
        yield b"".join(map(chunk, call.reply.ending)) + b"0\r\n\r\n"

    with (
        faulty_upstream({"flood": flood}) as upstream,
        gateway(tmp_path, slow_catalogue(upstream.url, "flood")) as server,
        connected(server.url) as connection,
    ):
        body = json.dumps(CHAT.body("slow/flood-chat", "request it please", stream=True)).encode()
        connection.send(head("POST", CHAT.path, {**AUTHORIZED, "content-length": str(len(body))}) + body)
        seen = connection.until(b"<0>")
        known = -1
        while known != len(written):
            known = len(written)
            time.sleep(0.5)
        assert known * len(PADDING) < ROOM
        pieces = [seen]
        while b"data: [DONE]" not in b"".join(pieces[-2:]):
            pieces.append(connection.socket.recv(1 << 20))
            assert pieces[-1], "it ended early"
        assert len(written) == PIECES
    text = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", b"".join(pieces))  # without the frames of HTTP
    assert [int(number) for number in re.findall(rb"<(\d+)>", text)] == list(range(PIECES))
