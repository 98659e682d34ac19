"""The playground for all formats, bodies as large as may be, slow readers, and the end of a drain."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from hyperinfer.api.data_plane import ROUTES
from tests.api.console.kit import CHUNK, KEY, STREAM, a_catalogue, a_request, alike, of, said, signed_in
from tests.support.rawserver import Hold, Reply, Request, raw_server

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.formats import Dialect
    from tests.api.console.kit import SignedIn

PATHS: dict[Dialect, str] = {format.dialect: path for path, format in ROUTES.items()}
PIPELINE = ["decode", "route", "admit", "tool_loop", "translate", "meter", "encode", "settle"]


async def test_the_bytes_are_those_of_any_client(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as console:
        async with trio.open_nursery() as nursery:
            for format in PATHS:
                for stream in (True, False):
                    nursery.start_soon(the_bytes_are_those_of_any_client, console, format, stream)
        assert console.application.drain.in_flight == 0


async def the_bytes_are_those_of_any_client(console: SignedIn, format: Dialect, stream: bool) -> None:
    body = a_request(format, "demo/messages", stream=stream)
    theirs = await console.client.post(PATHS[format], json=body, headers={"authorization": f"Bearer {KEY}"})
    lines = await console.play(format, body)
    graph, (head,), end = lines[0], of("head", lines), lines[-1]
    assert alike(said(lines)) == alike(theirs.text)
    given, wanted = (
        {name: value for name, value in headers if name not in ("date", "request-id", "x-request-id", "content-length")}
        for headers in (head["headers"], [*theirs.headers.items()])
    )
    wanted.pop("transfer-encoding", None)
    assert (head["status"], given) == (200, wanted)

    assert (graph["kind"], [node["name"] for node in graph["nodes"]]) == ("graph", PIPELINE)
    channels = [edge for edge in graph["edges"] if edge["capacity"] is not None]
    assert [(edge["from"], edge["to"]) for edge in channels] == ([("meter", "encode")] if stream else [])
    last = {line["id"]: line for line in of("node", lines)}
    assert [last[name]["what"] for name in PIPELINE] == ["ended"] * len(PIPELINE)
    assert last["meter"]["sent"] == last["encode"]["items"] > 1
    assert last["encode"]["sent"] == last["settle"]["sent"]
    if stream:
        assert of("channel", lines)[-1]["items"] == last["encode"]["items"]
    assert [line["what"] for line in of("attempt", lines)] == ["began", "head", "output", "completed"]
    assert [line["what"] for line in of("settle", lines)] == ["began", "settled"]
    assert (end["kind"], end["status"]) == ("end", 200)

    record = await console.get(f"/requests/{end['request_id']}")
    assert (record["status"], record["source"], record["streamed"]) == ("completed", "playground", stream)
    assert record["workspace"]["name"] == "default"
    assert [bar["kind"] for bar in record["waterfall"]] == ["admit", "attempt", *(["stream"] if stream else [])]


async def test_bodies_are_as_large_as_the_gateways(tmp_path: Path) -> None:
    config = a_catalogue(tmp_path, "http://127.0.0.1:1", body_mb=2)
    async with signed_in(tmp_path, config) as console:
        body = a_request("openai_chat", "demo/chat", stream=False, user="x" * 1_800_000)
        assert (await console.play("openai_chat", body))[-1]["status"] == 200
        json_of = {"workspace": "default", "format": "openai_chat", "body": {"x": "x" * 2_200_000}}
        response = await console.client.post("/console/api/playground", json=json_of)
        assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
        response = await console.client.post("/console/api/keys", json={"name": "x" * 1_800_000})
        assert response.status_code == 413


async def test_the_end_of_a_drain(tmp_path: Path) -> None:
    async with (
        raw_server([Request(), Reply(STREAM % (len(CHUNK), CHUNK)), Hold()]) as upstream,
        signed_in(tmp_path, a_catalogue(tmp_path, upstream.url)) as console,
    ):
        lines: list[dict[str, Any]] = []
        with trio.fail_after(10):
            async for line in console.playing("openai_chat", a_request("openai_chat", "a/b", stream=True)):
                if line["kind"] == "bytes" and not of("bytes", lines):  # before that it would be refused as a whole
                    console.application.drain.begin(0.1)
                lines.append(line)
        assert said(lines).endswith("data: [DONE]\n\n")
        assert "shutting down" in said(lines)
        assert [line["what"] for line in of("attempt", lines)][-1] == "cut_short"
        assert lines[-1]["kind"] == "end"


async def test_who_reads_slowly_is_waited_for(tmp_path: Path) -> None:
    closed = trio.Event()

    async def talk(stream: trio.SocketStream) -> None:
        """A provider that never ends."""
        await stream.receive_some()
        with suppress(trio.BrokenResourceError):
            await stream.send_all(STREAM % (len(CHUNK), CHUNK))
            while True:
                await stream.send_all(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK) * 100)
        closed.set()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, talk, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        async with signed_in(tmp_path, a_catalogue(tmp_path, f"http://127.0.0.1:{port}")) as console:
            async with await console.running.connect(receive_buffer=4096) as browser:
                await browser.send_all(console.wire("openai_chat", a_request("openai_chat", "a/b", stream=True)))
                assert await browser.receive_some()
                with trio.fail_after(10):  # else everybody would go on working
                    await trio.testing.wait_all_tasks_blocked(0.1)
                assert console.application.drain.in_flight == 1
            with trio.fail_after(5):
                await closed.wait()
        nursery.cancel_scope.cancel()
