"""Metrics and the log of a gateway that was used: all of it there, told to who may know, and no word of anybody's."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hyperinfer.api.metrics.families import FAMILIES
from tests.support.rawclient import connected, head
from tests.support.served import KEY, running

TOKEN = "metrics-token-of-this-test"
WORDS = "words-that-nobody-else-says"
SELDOM = {
    "hyperinfer_breaker_openings_total",
    "hyperinfer_breaker_state",
    "hyperinfer_journal_bytes",
    "hyperinfer_losses_total",
    "hyperinfer_provider_places_limit",
    "hyperinfer_provider_places_taken",
    "hyperinfer_recordings_total",
    "hyperinfer_refused_before_request_total",
    "hyperinfer_tool_calls_total",
    "hyperinfer_unbilled_cost_usd_total",
    "hyperinfer_upstream_retries_total",
}
"""What is told only once there was something of it."""

PATHS: dict[str, dict[str, Any]] = {
    "/api/v1/chat/completions": {"messages": [{"role": "user", "content": WORDS}]},
    "/api/v1/responses": {"input": WORDS},
    "/api/v1/messages": {"messages": [{"role": "user", "content": WORDS}], "max_tokens": 50},
}


@dataclass
class Used:
    """`ids`: of the requests to models; `refused`: of what was none, on a connection that had one before; `log`: what the
    processes wrote."""

    url: str
    ids: list[str]
    refused: str
    log: Path

    def metrics(self, **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}/metrics", headers={"authorization": f"Bearer {TOKEN}", **headers}, timeout=30)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "providers.yaml").write_text("demo: true\n")
    log = folder / "log"
    serve = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(folder / "data")]
    command = ["sh", "-c", 'exec "$@" 2>"$0"', str(log), *serve, "--config", str(folder / "providers.yaml")]
    environ = {
        "HYPERINFER_BOOTSTRAP_KEY": KEY,
        "HYPERINFER_METRICS_TOKEN": TOKEN,
        "HYPERINFER_LOG_FORMAT": "json",
    }
    with running(command, environ) as server:
        with httpx2.Client(base_url=server.url, timeout=30) as client:
            ids = [ask(client, path, {"model": "demo/chat", **body}) for path, body in PATHS.items()]
            ids.append(ask(client, "/api/v1/messages", {"model": "demo/chat", "stream": True, **PATHS["/api/v1/messages"]}))
            ids.append(ask(client, "/api/v1/chat/completions", {"model": "demo/none", **PATHS["/api/v1/chat/completions"]}))
            ids.append(ask(client, "/api/v1/messages", {"model": WORDS}, "hi-wrong-" + WORDS))
            ids.append(ask(client, "/api/v1/messages/count_tokens", {"model": "demo/chat", **PATHS["/api/v1/messages"]}))
            client.get("/api/v1/generation", headers={"authorization": f"Bearer {KEY}"}, params={"id": ids[0]})
        with connected(server.url) as connection:
            connection.send(head("GET", "/api/v1/key", {"authorization": f"Bearer {KEY}"}))
            assert connection.answer().status == 200
            connection.send(b"this is no request\r\n\r\n")
            refused = connection.answer().headers["x-request-id"]
        yield Used(server.url, ids, refused, log)


def ask(client: httpx2.Client, path: str, body: dict[str, Any], key: str = KEY) -> str:
    """The id of a request that is over."""
    answer = client.post(path, json=body, headers={"authorization": f"Bearer {key}"})
    return answer.headers["x-request-id"]


def test_who_has_the_token_reads_them(used: Used) -> None:
    assert used.metrics().status_code == 200
    assert used.metrics(authorization=f"bearer {TOKEN}").status_code == 200
    for wrong in ("", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, f"Bearer {KEY}", "Bearer"):
        refused = used.metrics(authorization=wrong)
        assert refused.status_code == 401
        assert "HYPERINFER_METRICS_TOKEN" in refused.json()["error"]["message"]
        assert "hyperinfer_" not in refused.text
    assert httpx2.post(f"{used.url}/metrics").status_code == 405
    assert httpx2.head(f"{used.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_gateway_that_was_used_tells_all_of_them(used: Used) -> None:
    text = used.metrics().text
    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert told - SELDOM == set(FAMILIES) - SELDOM
    served = re.findall(r'^hyperinfer_requests_total{.*outcome="(?:completed|incomplete)".*} 1.0$', text, re.MULTILINE)
    assert len(served) == 4
    assert re.search(r'hyperinfer_requests_total{.*model="none",outcome="refused".*} 1.0', text)
    assert re.search(r'hyperinfer_request_errors_total{code="invalid_api_key".*} 1.0', text)
    if os.environ.get("HYPERINFER_EDGE") != "stock":
        assert re.search(r'hyperinfer_request_queue_seconds_count{worker="0"} [1-9]', text)


def test_by_the_format_that_is_asked_for(used: Used) -> None:
    asked = used.metrics(accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")
    plain = used.metrics()
    assert plain.headers["content-type"].startswith("text/plain")
    assert "# EOF" not in plain.text


def test_no_word_of_anybody_is_in_them(used: Used) -> None:
    text = used.metrics().text
    for word in (WORDS, KEY, TOKEN, "default", "127.0.0.1", "demo/none", *used.ids):
        assert word not in text, word


def test_every_line_of_the_log_is_json(used: Used) -> None:
    lines = [json.loads(line) for line in used.log.read_text().splitlines()]
    assert lines
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    requests = {line["request_id"]: line for line in lines if line["logger"] == "hyperinfer.requests"}
    assert set(used.ids) <= set(requests)
    first, wrong = requests[used.ids[0]], requests[used.ids[-2]]
    assert (first["http"], first["status"], first["model"]) == (200, "completed", "demo/chat")
    assert isinstance(first["ms"], int)
    assert first["tokens_completion"] > 0
    assert (wrong["status"], wrong["error"]) == ("refused", "invalid_api_key")
    (refused,) = [line for line in lines if "was refused before" in line["message"]]
    assert refused["request_id"] == used.refused, "not that of the request before it"
    text = used.log.read_text()
    assert [word for word in (WORDS, KEY, TOKEN) if word in text] == []
