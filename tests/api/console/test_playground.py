"""The playground: what any client would get, and all that happens meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from tests.api.console.kit import CHUNK, STREAM, a_catalogue, a_request, of, said, signed_in
from tests.api.edge.kit import QUICK
from tests.support.rawserver import End, Hold, Reply, Request, raw_server

if TYPE_CHECKING:
    from pathlib import Path


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


async def test_a_call_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(question: object) -> object:
        raise StoreUnavailable("the database is away")

    good: dict[str, object] = {"workspace": "default", "format": "openai_chat", "body": {}}
    calls: list[tuple[dict[str, object], int, str | None]] = [
        ({"workspace": "nobody"}, 404, None),
        ({"format": "telepathy"}, 400, "format"),
        ({"headers": {"Authorization": "Bearer hi-mine"}}, 400, "headers.Authorization"),
        ({"headers": {"anthropic-beta": "\u2603"}}, 400, "headers.anthropic-beta"),
    ]
    async with signed_in(tmp_path) as console:
        for changes, status, param in calls:
            response = await console.client.post("/console/api/playground", json={**good, **changes})
            assert (response.status_code, response.json()["error"].get("param")) == (status, param)
        for wrong in ("status=perhaps", "limit=-1", "before=%27", "since=tomorrow", "errors=maybe"):
            response = await console.client.get(f"/console/api/requests?{wrong}")
            assert (response.status_code, response.json()["error"]["param"]) == (400, wrong.partition("=")[0])
        monkeypatch.setattr(console.gateway.store, "requests", away)
        response = await console.client.get("/console/api/requests")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        del console.client.headers["x-csrf-token"]
        assert (await console.client.post("/console/api/playground", json=good)).status_code == 403
        console.client.cookies.clear()
        assert (await console.client.get("/console/api/requests")).status_code == 401


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
