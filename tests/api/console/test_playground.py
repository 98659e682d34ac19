"""The playground: what any client would get, and all that happens meanwhile."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pytest
import trio
import trio.testing

from hyperinfer.api.data_plane import ROUTES
from hyperinfer.api.store.errors import StoreUnavailable
from tests.api.console.kit import KEY, alike, of, said, signed_in
from tests.api.edge.kit import QUICK
from tests.support.rawserver import End, Hold, Reply, Request, raw_server

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.formats import Dialect
    from tests.api.console.kit import SignedIn

PATHS: dict[Dialect, str] = {format.dialect: path for path, format in ROUTES.items()}
PIPELINE = ["decode", "route", "admit", "tool_loop", "translate", "meter", "encode", "settle"]

CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}\n\n'
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n"


def a_request(format: str, model: str, *, stream: bool, **more: object) -> dict[str, Any]:
    hello = {"role": "user", "content": "Hello"}
    body: dict[str, Any] = {"model": model, "stream": stream, **more}
    return body | ({"input": [hello]} if format == "openai_responses" else {"messages": [hello], "max_tokens": 100})


def a_catalogue(folder: Path, url: str, body_mb: int = 50) -> Path:
    path = folder / "providers.yaml"
    path.write_text(
        f"providers: {{up: {{protocol: openai_chat, base_url: '{url}/v1'}}}}\n"
        "models: [{slug: a/b, name: B, context_length: 1000, max_output_tokens: 100, routes: [{provider: up, model: m}],\n"
        "          pricing: {prompt: 1, completion: 2}, source: nobody}]\n"
        f"limits: {{retries: 0, body_mb: {body_mb}}}\n"
    )
    return path


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


async def test_a_server_tool_is_seen_at_work(tmp_path: Path) -> None:
    body = a_request("openai_chat", "demo/chat", stream=True, plugins=[{"id": "datetime"}])
    async with signed_in(tmp_path) as console:
        lines = await console.play("openai_chat", body)
        began, over = of("tool", lines)
        assert (began["what"], over["what"], began["name"]) == ("began", "completed", "datetime")
        assert [line["round"] for line in of("attempt", lines) if line["what"] == "began"] == [0, 1]
        record = await console.get(f"/requests/{lines[-1]['request_id']}")
        assert [bar["kind"] for bar in record["waterfall"]].count("tool") == 1


async def test_a_request_that_is_refused(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as console:
        lines = await console.play("anthropic_messages", a_request("anthropic_messages", "no/such", stream=True))
        assert of("head", lines)[0]["status"] == lines[-1]["status"] == 400
        assert json.loads(said(lines))["type"] == "error"
        assert await console.gateway.store.request(lines[-1]["request_id"]) is None

        lines = await console.play("openai_chat", "no object")
        assert (of("head", lines)[0]["status"], json.loads(said(lines))["error"]["code"]) == (400, "invalid_request")

        lossy = a_request("openai_chat", "demo/messages", stream=True, seed=7)
        lines = await console.play("openai_chat", lossy, headers={"X-HyperInfer-Strict": "true"})
        assert "seed" in json.loads(said(lines))["error"]["message"]

        console.gateway.drain.most = 0
        lines = await console.play("openai_chat", a_request("openai_chat", "demo/chat", stream=False))
        assert [line["kind"] for line in lines] == ["head", "bytes", "end"]
        assert json.loads(said(lines))["error"]["code"] == "provider_overloaded"


async def test_a_call_that_is_none(tmp_path: Path) -> None:
    good: dict[str, object] = {"workspace": "default", "format": "openai_chat", "body": {}}
    wrong: list[tuple[dict[str, object], int, str | None]] = [
        ({"workspace": "nobody"}, 404, None),
        ({"format": "telepathy"}, 400, "format"),
        ({"headers": {"Authorization": "Bearer hi-mine"}}, 400, "headers.Authorization"),
        ({"headers": {"anthropic-beta": "\u2603"}}, 400, "headers.anthropic-beta"),
    ]
    async with signed_in(tmp_path) as console:
        for changes, status, param in wrong:
            response = await console.client.post("/console/api/playground", json={**good, **changes})
            assert (response.status_code, response.json()["error"].get("param")) == (status, param)
        del console.client.headers["x-csrf-token"]
        assert (await console.client.post("/console/api/playground", json=good)).status_code == 403
        console.client.cookies.clear()
        assert (await console.client.get("/console/api/requests")).status_code == 401


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


async def test_a_provider_that_breaks_off_in_the_middle(tmp_path: Path) -> None:
    async with (
        raw_server([Request(), Reply(STREAM % (len(CHUNK), CHUNK)), End()]) as upstream,
        signed_in(tmp_path, a_catalogue(tmp_path, upstream.url)) as console,
    ):
        lines = await console.play("anthropic_messages", a_request("anthropic_messages", "a/b", stream=True))
        (failed,) = [line for line in of("attempt", lines) if line["what"] == "failed"]
        assert failed["code"] == "provider_unavailable"
        assert "event: error" in said(lines)
        record = await console.get(f"/requests/{lines[-1]['request_id']}")
        assert (record["status"], record["error_code"]) == ("failed", "provider_unavailable")
        assert [bar["kind"] for bar in record["waterfall"]] == ["admit", "attempt", "stream"]


@pytest.mark.parametrize("served_by", ["lean", "stock"])
async def test_a_browser_that_leaves_takes_the_request_with_it(served_by: Literal["lean", "stock"], tmp_path: Path) -> None:
    async with (
        raw_server([Request(), Reply(STREAM % (len(CHUNK), CHUNK)), Hold()]) as upstream,
        signed_in(tmp_path, a_catalogue(tmp_path, upstream.url), replace(QUICK, edge=served_by)) as console,
    ):
        async with await console.running.connect() as browser:
            await browser.send_all(console.wire("openai_chat", a_request("openai_chat", "a/b", stream=True)))
            heard = b""
            with trio.fail_after(10):
                while b"Hello" not in heard:
                    heard += await browser.receive_some()
        with trio.fail_after(5):  # the provider would go on for ever
            await upstream.connections[0].closed.wait()
        head = json.loads(next(line for line in heard.splitlines() if b'"kind":"head"' in line))
        row = await console.row(dict(head["headers"])["x-request-id"])
        assert (row.status, row.error_code, row.tokens_completion > 0) == ("cancelled", None, True)
        assert (await console.client.get("/healthz")).status_code == 200
    assert console.application.drain.in_flight == 0


async def test_the_end_of_a_drain(tmp_path: Path) -> None:
    async with (
        raw_server([Request(), Reply(STREAM % (len(CHUNK), CHUNK)), Hold()]) as upstream,
        signed_in(tmp_path, a_catalogue(tmp_path, upstream.url)) as console,
    ):
        drain, ended = console.application.drain, trio.Event()

        async def play() -> None:
            lines = await console.play("openai_chat", a_request("openai_chat", "a/b", stream=True))
            assert said(lines).endswith("data: [DONE]\n\n")
            assert "shutting down" in said(lines)
            assert [line["what"] for line in of("attempt", lines)][-1] == "cut_short"
            assert lines[-1]["kind"] == "end"
            ended.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            with trio.fail_after(10):
                while True:
                    if upstream.requests:
                        break
                    await trio.sleep(0.01)
            drain.begin(0.1)
            with trio.fail_after(10):
                await ended.wait()


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


async def test_the_store_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(question: object) -> object:
        raise StoreUnavailable("the database is away")

    async with signed_in(tmp_path) as console:
        monkeypatch.setattr(console.gateway.store, "requests", away)
        response = await console.client.get("/console/api/requests")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        for wrong in ("status=perhaps", "limit=-1", "before=%27", "since=tomorrow", "errors=maybe"):
            response = await console.client.get(f"/console/api/requests?{wrong}")
            assert (response.status_code, response.json()["error"]["param"]) == (400, wrong.partition("=")[0])
