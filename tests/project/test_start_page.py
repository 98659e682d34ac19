"""docs/start.md: the server of the reader's own, played, answers through the page's file, and the second route steps in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.providers import load
from hyperinfer.testing import HttpError, ScriptedUpstream
from tests.project.blocks import named
from tests.support.served import KEY, gateway

FILES = named("docs/start.md", "file")
COMMAND = named("docs/start.md", "ask")["local"]


def asked(url: str) -> Any:
    """What the page's command prints, of a gateway at this address."""
    environ = {"PATH": os.environ["PATH"], "KEY": KEY, "NO_PROXY": "127.0.0.1"}
    command = COMMAND.replace("localhost:8080", url)
    return json.loads(subprocess.run(["sh", "-c", command], env=environ, check=True, capture_output=True, text=True).stdout)


def with_second_route(text: str) -> str:
    """The file with what the page says to add."""
    (first,) = (line for line in text.splitlines() if line.strip().startswith("routes:"))
    other = '  other: {protocol: openai_chat, base_url: "http://localhost:9001/v1"}\n'
    return text.replace(f"{first}\n", FILES["routes"]).replace("providers:\n", f"providers:\n{other}", 1)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command of the page needs curl")
def test_the_readers_own_server_answers_and_a_second_one_steps_in(tmp_path: Path) -> None:
    both = with_second_route(FILES["models.yaml"])
    with ScriptedUpstream("Hello from here.", HttpError(503)) as mine, ScriptedUpstream("Hello from there.") as other:
        config = both.replace("http://localhost:9000", mine.url).replace("http://localhost:9001", other.url)
        with gateway(tmp_path, config) as server:
            first, second = asked(server.url), asked(server.url)
        assert [request.model for request in mine.requests] == ["helper-8b", "helper-8b"]
    assert first["type"] == "message"
    assert first["content"][0]["text"] == "Hello from here."
    assert second["content"][0]["text"] == "Hello from there."


def test_the_file_is_without_mistakes() -> None:
    for text in (FILES["models.yaml"], with_second_route(FILES["models.yaml"])):
        catalogue = load(text, {})
        assert catalogue.warnings == ()
        assert catalogue.models["local/helper"].available
