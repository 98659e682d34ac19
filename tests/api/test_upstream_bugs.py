"""A bug on the upstream's side of a request, in any of its callbacks, ends that request alone: with an error of its format
or the end of its connection, settled, while another stream of the same worker goes on, and so do the requests after it."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from hyperinfer.providers.transport_connection import Connection
from hyperinfer.providers.transport_exchange import Exchange
from hyperinfer.providers.transport_hearing import Hearing
from hyperinfer.providers.transport_parser import ResponseParser
from hyperinfer.providers.transport_pool import Pool
from tests.api.control_plane.kit import KEY, Served, served
from tests.api.edge.kit import until
from tests.support.rawserver import Reply, Request, Script, Wait, raw_server
from tests.support.replies import STREAMS

if TYPE_CHECKING:
    from pathlib import Path

PLACES = [
    *[(ResponseParser, name) for name in vars(ResponseParser) if name.startswith("on_")],
    (ResponseParser, "feed"),
    (ResponseParser, "take"),
    (Exchange, "answered"),
    (Exchange, "_settle"),
    (Connection, "send"),
    (Hearing, "_read"),
    (Pool, "put"),
]
BODY = b"".join(STREAMS["openai_chat"])
HEADERS = {"authorization": f"Bearer {KEY}", "connection": "close"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(BODY)


async def _asked(gateway: Served, model: str, begun: trio.Event | None = None) -> tuple[int, bytes]:
    """Status and body, as far as it came; `begun` is set at its first bytes."""
    body = {"model": f"test/{model}", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    got = b""
    send = gateway.client.stream("POST", "/api/v1/chat/completions", json=body, headers=HEADERS)
    async with send as response:
        async for piece in response.aiter_raw():
            got += piece
            if begun is not None:
                begun.set()
    return response.status_code, got


def _catalogue(**urls: str) -> str:
    providers = {name: {"protocol": "openai_chat", "base_url": f"{url}/v1"} for name, url in urls.items()}
    models: list[dict[str, Any]] = [
        {
            "slug": f"test/{name}",
            "name": name,
            "description": "For tests.",
            "context_length": 1000,
            "pricing": {"prompt": 1, "completion": 1},
            "source": "made up for the tests, 2026-11-26",
            "routes": [{"provider": name, "model": "up"}],
        }
        for name in urls
    ]
    return json.dumps(
        {"providers": providers, "creators": {"test": {"name": "Test"}}, "models": models, "limits": {"retries": 0}}
    )


@pytest.mark.parametrize(("where", "name"), PLACES, ids=[f"{where.__name__}.{name}" for where, name in PLACES])
async def test_it_ends_its_request_alone(where: type, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = trio.Event()
    half = len(BODY) // 2
    slow: Script = [Request(), Reply(HEAD + BODY[:half]), Wait(go), Reply(BODY[half:])]
    good: Script = [Request(), Reply(HEAD + BODY)] * 2
    async with raw_server(slow) as other, raw_server(good, good, good) as server:
        config = tmp_path / "providers.yaml"
        config.write_text(_catalogue(slow=other.url, good=server.url))
        with trio.fail_after(20):
            async with served(tmp_path / "data", config=config) as gateway, trio.open_nursery() as nursery:
                done: list[tuple[int, bytes]] = []
                begun = trio.Event()

                async def beside() -> None:
                    done.append(await _asked(gateway, "slow", begun))

                nursery.start_soon(beside)
                # Its first half has come through: until the bug is out again, nothing of this stream is parsed.
                await begun.wait()
                with monkeypatch.context() as patch:

                    def throw(*_: object, **__: object) -> None:
                        raise KeyError("planted")

                    patch.setattr(where, name, throw)
                    try:
                        status, got = await _asked(gateway, "good")
                    except Exception as error:
                        # Its connection broke off, which is an end as well.
                        assert type(error).__module__.startswith("httpx"), error  # noqa: PT017
                    else:
                        assert status in (500, 502) or b'"error"' in got or got.endswith(b"data: [DONE]\n\n")
                        assert b"planted" not in got
                go.set()
                status, got = await _asked(gateway, "good")
                assert (status, got[-14:]) == (200, b"data: [DONE]\n\n")
                await until(lambda: bool(done))
                assert done[0][0] == 200
                assert done[0][1].endswith(b"data: [DONE]\n\n")
                assert b'"error"' not in done[0][1]
                told = await gateway.client.get("/api/v1/key", headers={"authorization": f"Bearer {KEY}"})
                assert told.json()["data"]["held"] == 0
        gc.collect()  # a socket that nobody closed would be told of, as an error
