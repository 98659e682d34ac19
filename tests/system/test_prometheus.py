"""A real Prometheus beside two workers: what it scrapes, what the manual asks it, the dashboard and the rules."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import pytest

from hyperinfer.api.metrics.families import FAMILIES
from tests.e2e.test_shared import a_place, pytestmark
from tests.project.blocks import blocks
from tests.support.served import KEY, ROOT, gateway

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

__all__ = ["pytestmark"]

T = TypeVar("T")

TOKEN = "choose-a-long-one"
CATALOGUE = """\
demo: true
providers:
  nowhere: {protocol: openai_chat, base_url: "http://127.0.0.1:9/v1", api_key: sk-no, breaker: {faults: 1, pause: 600}}
  placed: {protocol: openai_chat, base_url: "http://127.0.0.1:9/v1", api_key: sk-no, concurrency: 3}
creators: {test: {name: Test}}
models:
  - {slug: test/down, name: Down, description: d, context_length: 1000, max_output_tokens: 100,
     source: "made up, 2026-11-26", pricing: {prompt: 1, completion: 1},
     routes: [{provider: nowhere, model: up}, {provider: placed, model: up, weight: 0}]}
limits: {retries: 1}
"""
OURS = re.compile(r"\b((?:hyperinfer|process)_[a-z_]+)")


def families_in(text: str) -> set[str]:
    """The metrics that a query, or a page of them, names; those of a histogram by the histogram."""
    found = set(OURS.findall(text))
    return {name if name in FAMILIES else re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def until(look: Callable[[], T], seconds: float = 30) -> T:
    """What it gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "in vain"
        time.sleep(0.2)
    return found


@dataclass
class World:
    """Two workers that were used, and Prometheus."""

    gateway: str
    supervisor: int
    prometheus: str

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text().split()
        return [int(child) for child in children if b"hyperinfer.api.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The vector of a query. Fails where Prometheus does not understand it."""
        answer = httpx2.get(f"{self.prometheus}/api/v1/query", params={"query": query}, timeout=30)
        assert answer.status_code == 200, (query, answer.text)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def metrics(self) -> str:
        return httpx2.get(f"{self.gateway}/metrics", headers={"authorization": f"Bearer {TOKEN}"}, timeout=30).text


def use(url: str) -> None:
    headers = {"authorization": f"Bearer {KEY}", "connection": "close"}
    hello = [{"role": "user", "content": "hi"}]
    for number in range(12):
        model, stream = ("test/down", False) if number % 4 == 3 else ("demo/chat", number % 4 == 1)
        body = {"model": model, "messages": hello, "stream": stream}
        answer = httpx2.post(f"{url}/api/v1/chat/completions", json=body, headers=headers, timeout=60)
        assert (answer.status_code == 200) == (model == "demo/chat")


@pytest.fixture(scope="module")
def world(
    prometheus: str, postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    place = a_place(postgres, valkey, tmp_path_factory.mktemp("metrics"))
    environ = {**place.environ, "HYPERINFER_WORKERS": "2", "HYPERINFER_METRICS_TOKEN": TOKEN}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(gateway(place.folder, CATALOGUE, environ))
        use(server.url)
        scraping = stack.enter_context(prometheus_for(prometheus, server.url, place.folder))
        yield World(server.url, server.process.pid, scraping)


@contextlib.contextmanager
def prometheus_for(program: str, url: str, folder: Path) -> Generator[str]:
    """Scrapes by the configuration of the manual, but for its address and more often."""
    (block,) = blocks("docs/metrics.md", "yaml prometheus")
    where = urlsplit(url).netloc
    (folder / "prometheus.yml").write_text(block.text.replace("127.0.0.1:8080", where).replace("15s", "1s"))
    shutil.copy(ROOT / "deploy" / "prometheus" / "alerts.yaml", folder / "alerts.yaml")
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    log = folder / "prometheus.log"
    with log.open("w") as writes:
        process = subprocess.Popen([*command, "--web.listen-address=127.0.0.1:0"], stderr=writes, env=os.environ)
    try:
        found = until(lambda: re.search(r"[lL]istening on.*?(127\.0\.0\.1:[1-9]\d*)", log.read_text()))
        assert found is not None
        yield f"http://{found[1]}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_it_scrapes_both_workers_at_once(world: World) -> None:
    until(lambda: len(world.ask("hyperinfer_worker_up == 1")) == 2)
    assert until(lambda: [float(each["value"][1]) for each in world.ask("sum(hyperinfer_requests_total)")]) == [12.0]
    served = world.ask("sum by (worker) (hyperinfer_connections_total) > 0")
    assert {each["metric"]["worker"] for each in served} == {"0", "1"}


@pytest.mark.parametrize(
    "block", blocks("docs/metrics.md", "promql rate", "promql gauge"), ids=lambda block: f"line{block.line}"
)
def test_the_questions_of_the_manual_have_answers(world: World, block: Any) -> None:
    # There is no increase yet within seconds, but in the traffic of Prometheus itself: that it is understood is looked at.
    for query in block.text.strip().splitlines():
        assert families_in(query) <= set(FAMILIES)
        shorter = re.sub(r"\[\d+m\]", "[1m]", query)
        if block.kind == "promql rate":
            world.ask(shorter)
            for name in sorted(set(OURS.findall(query))):
                assert until(partial(world.ask, name)), name
        else:
            assert until(partial(world.ask, shorter)), query


def dashboard() -> list[tuple[str, str]]:
    """Titles and queries of the dashboard, with its variables as Grafana fills them in."""
    text = (ROOT / "deploy" / "grafana" / "hyperinfer.json").read_text()
    found = json.loads(text)
    values = {"$__rate_interval": "1m", "$__range": "6h", "$instance": ".*", "$model": ".*", "$provider": ".*"}
    queries: list[tuple[str, str]] = []
    for panel in found["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for name, value in values.items():
                query = query.replace(name, value)
            assert "$" not in query, query
            queries.append((panel["title"], query))
    return queries


def test_every_query_of_the_dashboard_is_understood(world: World) -> None:
    asked = dashboard()
    assert len(asked) > 60
    seen = set[str]()
    for _, query in asked:
        world.ask(query)
        seen |= families_in(query)
    assert seen == set(FAMILIES), "each metric is somewhere on it"


def test_every_metric_of_the_dashboard_is_told_by_a_gateway(world: World) -> None:
    told = set(re.findall(r"^# TYPE (\S+)", world.metrics(), re.MULTILINE))
    seldom = {
        "hyperinfer_losses_total",
        "hyperinfer_recordings_total",
        "hyperinfer_refused_before_request_total",
        "hyperinfer_tool_calls_total",
        "hyperinfer_unbilled_cost_usd_total",
    }
    assert set(FAMILIES) - told <= seldom


def test_the_rules_are_loaded_and_one_of_them_waits(world: World) -> None:
    def breaker() -> list[dict[str, Any]]:
        return world.ask('max by (provider) (hyperinfer_breaker_state{state="open"}) == 1')

    assert {each["metric"]["provider"] for each in until(breaker)} >= {"nowhere"}
    rules = httpx2.get(f"{world.prometheus}/api/v1/rules", timeout=30).json()["data"]["groups"]
    assert sum(len(group["rules"]) for group in rules) >= 10
    assert families_in((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()) <= set(FAMILIES)


def test_promtool_finds_nothing_wrong(world: World) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=world.metrics(), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    for words in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        folder = ROOT / "deploy" / "prometheus"
        done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_worker_that_hangs_or_dies_is_missing_and_holds_nobody_up(world: World) -> None:
    before = world.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGSTOP)
    try:
        # The kernel may still give a connection to the one that is stopped: another comes to the other.
        down = until(lambda: answered(world))
    finally:
        os.kill(before[0], signal.SIGCONT)
    assert down.count('hyperinfer_worker_up{worker="0"} 0.0') + down.count('hyperinfer_worker_up{worker="1"} 0.0') == 1
    until(lambda: world.metrics().count("\nhyperinfer_worker_up{") == 2 and " 0.0" not in up(world.metrics()))
    os.kill(before[1], signal.SIGKILL)
    text = until(
        lambda: (found := world.metrics()) and re.search(r"hyperinfer_worker_restarts_total{[^}]*} 1.0", found) and found
    )
    assert text
    until(lambda: " 0.0" not in up(world.metrics()))


def answered(world: World) -> str:
    """What was told within three seconds, "" where nobody did."""
    try:
        answer = httpx2.get(f"{world.gateway}/metrics", headers={"authorization": f"Bearer {TOKEN}"}, timeout=3)
    except httpx2.TransportError:
        return ""
    return answer.text


def up(text: str) -> str:
    return "\n".join(re.findall(r"^hyperinfer_worker_up{.*", text, re.MULTILINE))
