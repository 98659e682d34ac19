"""Watchers at websockets: real sockets, real frames."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from hyperinfer.engine import Failure
from hyperinfer.formats import TextDelta
from tests.examples.kit import FOLDER, example
from tests.support.served import running

if TYPE_CHECKING:
    from trio.testing import MockClock


class Client:
    """One websocket, blocking."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._socket.sendall(self._connection.send(Request(host="127.0.0.1", target=path)))
        assert isinstance(next(self._events()), AcceptConnection)

    def say(self, text: str) -> None:
        self._socket.sendall(self._connection.send(TextMessage(text)))

    def heard(self) -> Iterator[str]:
        """One message after the other."""
        whole = ""
        while True:
            for event in self._events():
                assert isinstance(event, TextMessage)
                whole += event.data
                if event.message_finished:
                    yield whole
                    whole = ""

    def close(self) -> None:
        self._socket.sendall(self._connection.send(CloseConnection(1000)))
        self._socket.close()

    def _events(self) -> Iterator[object]:
        self._connection.receive_data(self._socket.recv(65536) or None)
        yield from self._connection.events()


def test_who_watches_sees_every_event() -> None:
    with running([sys.executable, str(FOLDER / "websocket.py"), "0"]) as server:
        port = int(server.url.rpartition(":")[2])
        watchers = [Client(port, "/watch") for _ in range(2)]
        asking = Client(port, "/ask")
        for number, question in enumerate(["Hello?", "Again?"]):
            asking.say(question)
            text, said = "", asking.heard()
            while not text.endswith("real answer."):
                text += next(said)
            assert f"“{question}”" in text
            for watcher in watchers[number:]:  # one of them has left meanwhile
                seen: list[dict[str, object]] = []
                for message in watcher.heard():
                    seen.append(json.loads(message))
                    if seen[-1]["event"] == "MessageEnd":
                        break
                assert [event["event"] for event in seen][:2] == ["MessageStart", "TextStart"]
                assert "".join(str(event["text"]) for event in seen if event["event"] == "TextDelta") == text
            if not number:
                watchers[0].close()
        asking.close()
        watchers[1].close()


async def test_who_does_not_read_is_not_waited_for(autojump_clock: MockClock) -> None:
    watchers = example("websocket").Watchers()
    lazy, keen = trio.open_memory_channel[bytes](1), trio.open_memory_channel[bytes](10)
    watchers |= {lazy[0], keen[0]}
    await watchers.send((TextDelta("a"), TextDelta("b")))
    await watchers.send(Failure("internal_error", "of no interest"))
    assert lazy[1].statistics().current_buffer_used == 1
    assert [json.loads(keen[1].receive_nowait())["text"] for _ in range(2)] == ["a", "b"]
    for channel in (*lazy, *keen):
        channel.close()
