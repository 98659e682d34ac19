"""Clients of a gateway that is killed: they ask one request after the other, and ask on where it is started again."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPException

from tests.e2e.slow import PROTOCOLS
from tests.support.formats import AUTHORIZED, ROUTES
from tests.support.rawclient import ask
from tests.system.fault_traffic import Crowd, Heard

CLIENTS = 10
PAUSE_SECONDS = 0.01
NOBODY_SECONDS = 0.1
"""So long a client waits that found nobody, or nobody any more."""


class Clients(Crowd):
    """`url` may be changed under way. `heard`: what was answered, if only in part; not what found nobody."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def works(self) -> list[Callable[[], None]]:
        """See Crowd."""
        return [partial(self._client, number) for number in range(CLIENTS)]

    def _client(self, number: int) -> None:
        route, protocols = ROUTES[number % 3], list(PROTOCOLS)
        for turn in itertools.count(number):
            if self._stop.wait(PAUSE_SECONDS):
                return
            model = f"slow/{'lasting' if turn % 5 == 0 else 'plain'}-{protocols[turn % 3]}"
            streamed = (turn // 3 + number) % 2 == 0
            body = json.dumps(route.body(model, f"request kill-{number}-{turn} please", stream=streamed)).encode()
            began = time.monotonic()
            try:
                answer = ask(self.url, "POST", route.path, AUTHORIZED, body)
            except (OSError, HTTPException):
                self._stop.wait(NOBODY_SECONDS)
            else:
                self.heard.append(Heard(route, streamed, False, began, time.monotonic(), answer))
