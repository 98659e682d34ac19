"""Two workers that send their traces to one collector: each says which it is, and none sends what the other does."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import trio

from tests.e2e.load import workers_of
from tests.e2e.test_shared import Place, a_place, chat, pytestmark
from tests.support.collector import collector, values
from tests.support.served import KEY, gateway

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.collector import Collector
    from tests.support.postgres import PostgresServer
    from tests.support.served import Running
    from tests.support.valkey import ValkeyServer

__all__ = ["pytestmark"]


def use(server: Running) -> None:
    """Each worker twice, while the other stands still."""
    workers = workers_of(server, 2)
    for still in workers:
        os.kill(still, signal.SIGSTOP)
        try:
            for _ in range(2):
                assert chat(server.url, KEY, "demo/chat").status == 200
        finally:
            os.kill(still, signal.SIGCONT)


def serve(place: Place, environ: dict[str, str]) -> None:
    with gateway(place.folder, "demo: true", {**place.environ, **environ, "HYPERINFER_WORKERS": "2"}) as server:
        use(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0


def requests_by_instance(server: Collector) -> dict[str, list[str]]:
    """Ids of the traces that each worker has sent."""
    found: dict[str, list[str]] = {}
    for got in server.got:
        roots = [span.trace_id.hex() for span in got.spans if span.name.startswith("POST ")]
        found.setdefault(got.resource["service.instance.id"], []).extend(roots)
    return found


async def test_two_workers_and_one_collector(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    place = a_place(postgres, valkey, tmp_path)
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only"}
    async with collector() as server:
        await trio.to_thread.run_sync(partial(serve, place, {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, **capture}))
    found = requests_by_instance(server)
    assert [len(each) for each in found.values()] == [2, 2]
    assert len({trace for each in found.values() for trace in each}) == 4
    assert {got.resource["service.name"] for got in server.got} == {"hyperinfer"}
    attempts = [values(span.attributes) for span in server.spans if span.name.startswith("chat ")]
    asked = [json.loads(told["gen_ai.input.messages"])[0]["parts"][0]["content"] for told in attempts]
    assert asked == ["request of somebody please"] * 4
    rows = place.rows()
    ids = [values(span.attributes)["hyperinfer.request.id"] for span in server.spans if span.name.startswith("POST ")]
    assert sorted(ids) == sorted(rows)
