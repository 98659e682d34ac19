"""docs/money.md: its example, done: what is held, what it costs, and what the ledger then says, to the last digit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from hyperinfer.testing import Received, Reply, ScriptedUpstream, Usage
from tests.project.blocks import named
from tests.project.tree import ROOT
from tests.support.served import KEY, gateway

TEXT = (ROOT / "docs" / "money.md").read_text("utf-8")
SAID = named("docs/money.md", "money")
PATH = "/api/v1/chat/completions"


@dataclass(frozen=True)
class Happened:
    """What the gateway said: while the request ran, to it, of it and afterwards."""

    held: Any
    reply: Any
    generation: Any
    after: Any
    repeat: httpx2.Response
    verified: str


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Happened:
    folder = tmp_path_factory.mktemp("money")
    held: list[Any] = []

    def answer(_: Received) -> Reply:
        held.append(client.get("/api/v1/credits").json()["data"])
        return Reply("They come and go.", usage=Usage(input=1500, output=400, cached=1000, cache_written=300))

    with (
        ScriptedUpstream(answer) as upstream,
        gateway(
            folder,
            SAID["catalogue"].replace("http://localhost:9000", upstream.url),
            {"HYPERINFER_BOOTSTRAP_CREDITS": "1"},
        ) as server,
        httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client,
    ):
        headers = {"Content-Type": "application/json", "Idempotency-Key": "tides"}
        body = SAID["request"].strip()
        reply = client.post(PATH, content=body, headers=headers).json()
        generation = client.get("/api/v1/generation", params={"id": reply["id"]}).json()["data"]
        after = client.get("/api/v1/credits").json()["data"]
        repeat = client.post(PATH, content=body, headers=headers)
        command = [sys.executable, "-m", "hyperinfer", "ledger", "verify", "--data", str(folder / "data")]
        verified = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Happened(held[0], reply, generation, after, repeat, verified)


def shown(name: str) -> Any:
    """What the page shows as JSON, which may be a part of what there is."""
    return json.loads(SAID[name])


def test_what_is_held(happened: Happened) -> None:
    assert shown("held").items() <= happened.held.items()
    size = len(SAID["request"].strip())
    tokens = size // 3 + 1
    prompt = tokens * 6 / 10**6
    assert f"body's {size} bytes" in TEXT
    assert 3.75 * 1.6 == 6  # USD for a million, of what is kept for an hour
    assert f"| {tokens} | 6 | {prompt:.6f} |" in TEXT
    assert f"| **{prompt + 0.03:.6f}** |" in TEXT
    assert shown("held")["held"] == round(prompt + 0.03, 6)


def test_what_it_cost(happened: Happened) -> None:
    assert happened.generation["lines"] == shown("lines")["lines"]
    assert shown("lines").items() <= happened.generation.items()
    (sum_,) = re.findall(r"^([\d ×.+]+) = (\d+) micro-USD", TEXT, re.MULTILINE)
    micro = int(sum_[1])
    factors = [each.split("×") for each in sum_[0].split("+")]
    assert sum(Decimal(tokens.strip()) * Decimal(price.strip()) for tokens, price in factors) == micro
    assert happened.generation["cost_micro_usd"] == str(micro)
    assert happened.reply["usage"]["cost"] == micro / 10**6
    assert f"`usage.cost` in the reply ({micro / 10**6})" in TEXT


def test_what_is_left(happened: Happened) -> None:
    assert shown("after").items() <= happened.after.items()
    assert happened.verified == SAID["verify"]


def test_the_same_request_twice(happened: Happened) -> None:
    assert happened.repeat.status_code == 409
    error = happened.repeat.json()["error"]
    first = happened.generation["id"]
    assert {**shown("repeat"), "message": shown("repeat")["message"].replace("0mwx…", first)}.items() <= error.items()
