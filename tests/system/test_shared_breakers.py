"""What one worker finds out of a provider, the other knows: two processes on a real Postgres and a real Redis."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from hyperinfer.providers.catalogue import Breaker
from tests.e2e.slow import SLOW, slow_catalogue
from tests.e2e.test_shared import Setting, a_place, pytestmark
from tests.support.faulty_upstream import faulty_upstream
from tests.support.formats import AUTHORIZED, CHAT
from tests.support.rawclient import Answer, ask
from tests.support.served import gateway

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

__all__ = ["pytestmark"]

MODEL, MARK = "slow/later-chat", "of"


def chat(url: str, number: int) -> Answer:
    """Each of another conversation: one stays where it was answered."""
    body = json.dumps(CHAT.body(MODEL, f"{number}: request of somebody please", stream=False)).encode()
    return ask(url, "POST", CHAT.path, AUTHORIZED, body)


def test_a_route_that_one_worker_has_opened_is_skipped_by_the_other(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    place = a_place(postgres, valkey, tmp_path)
    with faulty_upstream(SLOW) as upstream:
        config = json.loads(slow_catalogue(upstream.url, "later", "plain"))
        config["providers"]["later-chat"]["breaker"] = {"pause": 60}
        (model,) = (model for model in config["models"] if model["slug"] == MODEL)
        model["routes"].append({"provider": "plain-chat", "model": "upstream", "weight": 0})
        with gateway(place.folder, json.dumps(config), {**place.environ, "HYPERINFER_WORKERS": "2"}) as server:
            setting = Setting(place.postgres, place.valkey, place.database, place.folder, server, upstream)
            faults = Breaker().faults
            with setting.only(0):
                assert {chat(setting.url, number).status for number in range(faults + 2)} == {200}
            assert upstream.attempts("later", MARK) == faults
            time.sleep(2.5)
            with setting.only(1):
                assert {chat(setting.url, 100 + number).status for number in range(3)} == {200}
            assert upstream.attempts("later", MARK) == faults
        attempts = [
            [attempt["provider"] for attempt in json.loads(row["details"])["attempts"]] for row in place.rows().values()
        ]
        assert attempts.count(["later-chat", "plain-chat"]) == faults
        assert attempts.count(["plain-chat"]) == 2 + 3
