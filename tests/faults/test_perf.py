"""Faults of area perf: nobody waits for somebody else's model."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from tests.e2e.slow import PROTOCOLS
from tests.faults.kit import Case, fault
from tests.faults.test_cancel import request_bytes, served, wait_for
from tests.support.formats import AUTHORIZED, MESSAGES
from tests.support.rawclient import ask, connected


@dataclass(frozen=True)
class Waited:
    """How long a quick request took while another was waiting for its model, and how the two ended."""

    seconds: float
    status: int
    other_still_waits: bool


def _not_stalled(waited: Waited) -> None:
    assert waited.status == 200
    assert waited.other_still_waits, "the slow request was answered first"
    assert waited.seconds < 5.0


def _beside_a_slow_one(protocol: str) -> Case[Waited]:
    async def right() -> Waited:
        with served() as (url, upstream), connected(url) as slow:
            slow.send(request_bytes(MESSAGES, f"never-{protocol}", "slow", stream=False))
            wait_for(upstream, "never", "slow")
            since = time.monotonic()
            body = json.dumps(MESSAGES.body(f"slow/plain-{protocol}", "request quick please")).encode()
            answer = ask(url, "POST", MESSAGES.path, AUTHORIZED, body)
            return Waited(
                time.monotonic() - since, answer.status, other_still_waits=not upstream.gone("never", "slow").is_set()
            )

    return Case(
        f"messages-{protocol}", right, _not_stalled, [Waited(60.0, 200, other_still_waits=True), Waited(60.0, 504, False)]
    )


test_F153_a_slow_request_stalls_no_other = fault(*[_beside_a_slow_one(protocol) for protocol in PROTOCOLS])
