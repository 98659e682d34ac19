"""docs/limits.md: each thing that the gateway does not do is asked for, and answered as the page says."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import pytest

from tests.project.tree import ROOT
from tests.support.served import KEY, running

PAGE = (ROOT / "docs" / "limits.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| ")][1:]
ASKED = [(asked, answer) for _, cell, answer, _ in ROWS for asked in re.findall(r"`([^`]+)`", cell)]
HELLO: list[dict[str, str]] = [{"role": "user", "content": "Hello"}]
Asked: TypeAlias = tuple[str, dict[str, Any]]
CHAT: Asked = ("/api/v1/chat/completions", {"model": "demo/messages", "messages": HELLO})
RESPONSES: Asked = ("/api/v1/responses", {"model": "demo/responses", "input": "Hello"})
MESSAGES: Asked = ("/api/v1/messages", {"model": "demo/chat", "max_tokens": 50, "messages": HELLO})
OF_FORMAT = {"n": CHAT, "thread": MESSAGES, "mcp_servers": MESSAGES}
"""Which format has a field, where it is not Responses."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("data")
    serve = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(folder)]
    with (
        running(serve, {"HYPERINFER_BOOTSTRAP_KEY": KEY}) as server,
        httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client,
    ):
        yield client


def test_the_rows_are_read() -> None:
    assert len(ROWS) > 12
    assert len(ASKED) > len(ROWS)


@pytest.mark.parametrize(("asked", "answer"), ASKED)
def test_what_is_asked_is_answered_so(client: httpx2.Client, asked: str, answer: str) -> None:
    if re.match(r"[A-Z]+ /", asked):
        method, path = asked.split()
        assert client.request(method, path, json={}).status_code == int(answer[:3]) == 404
        return
    more: dict[str, Any] = json.loads("{" + asked + "}")
    (field,) = more
    path, body = OF_FORMAT.get(field, RESPONSES)
    reply = client.post(path, json=body | more)
    assert reply.status_code == int(answer[:3])
    if reply.status_code == 400:
        assert reply.json()["error"]["param"] == field
        return
    assert answer == "200, lost"
    assert int(reply.headers["X-HyperInfer-Loss"]) == 1
    strict = client.post(path, json=body | more, headers={"X-HyperInfer-Strict": "true"})
    assert strict.status_code == 400
    assert field in strict.json()["error"]["message"]


def test_a_websocket_is_refused(client: httpx2.Client) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"}
    assert client.get("/api/v1/realtime", headers=upgrade).status_code == 403
    assert "404; 403 to a WebSocket" in PAGE


def test_examples_are_there() -> None:
    named = re.findall(r"\((examples/\w+\.py)\)", PAGE)
    assert named
    assert all((Path(ROOT) / "docs" / name).exists() for name in named)
