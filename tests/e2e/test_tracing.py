"""A served gateway sends its traces to a collector, the last of them when it ends; `check` names what cannot be used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest
import trio

from tests.support.collector import by_name, collector, values
from tests.support.served import KEY, ROOT, gateway

if TYPE_CHECKING:
    from pathlib import Path

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def ask(url: str) -> int:
    body = {"model": "demo/chat", "messages": [{"role": "user", "content": "private words"}]}
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "traceparent": PARENT}
    request = urllib.request.Request(f"{url}/api/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)


async def test_what_waits_is_sent_at_the_end(tmp_path: Path) -> None:
    async with collector() as server:
        with gateway(tmp_path, "demo: true", {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url}) as served:
            assert await trio.to_thread.run_sync(ask, served.url) == 200
            served.process.send_signal(signal.SIGTERM)
            assert await trio.to_thread.run_sync(lambda: served.process.wait(timeout=30)) == 0
    (got,) = server.got
    spans = by_name(got.spans)
    assert {"POST /api/v1/chat/completions", "decode", "tool_loop", "settle", "settlement"} < set(spans)
    root = spans["POST /api/v1/chat/completions"]
    assert f"00-{root.trace_id.hex()}-{root.parent_span_id.hex()}-01" == PARENT
    attempt = next(span for span in got.spans if span.name.startswith("chat "))
    assert values(attempt.attributes)["gen_ai.usage.output_tokens"] > 0
    assert b"private" not in got.message.SerializeToString()


async def test_what_is_asked_and_answered_goes_along_on_demand(tmp_path: Path) -> None:
    environ = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=private"}
    async with collector() as server:
        with gateway(tmp_path, "demo: true", {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, **environ}) as served:
            assert await trio.to_thread.run_sync(ask, served.url) == 200
            served.process.send_signal(signal.SIGTERM)
            assert await trio.to_thread.run_sync(lambda: served.process.wait(timeout=30)) == 0
    (attempt,) = (span for span in server.spans if span.name.startswith("chat "))
    told = values(attempt.attributes)
    (message,) = json.loads(told["gen_ai.input.messages"])
    # The collector's own key is a known secret.
    assert message == {"role": "user", "parts": [{"type": "text", "content": "hyperinfer-redacted words"}]}
    (answer,) = json.loads(told["gen_ai.output.messages"])
    assert (answer["role"], answer["finish_reason"]) == ("assistant", "stop")
    assert answer["parts"][0]["content"]


def test_check_names_an_endpoint_that_is_none() -> None:
    command = [sys.executable, "-m", "hyperinfer", "check"]
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT: not the address of a collector" in done.stdout


@pytest.mark.parametrize("verb", ["check", "serve"])
def test_a_way_to_capture_contents_that_is_none(verb: str, tmp_path: Path) -> None:
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    command = [
        sys.executable,
        "-m",
        "hyperinfer",
        verb,
        *(("--data", str(tmp_path), "--port", "0") if verb == "serve" else ()),
    ]
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", name: "EVENT_ONLY"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode not in (0, None)
    assert f"{name}: must be true, false, SPAN_ONLY or NO_CONTENT, as no events are sent" in done.stdout + done.stderr
