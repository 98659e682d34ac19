"""A small steady load on a gateway whose stores go away, and all that its clients were told, with times."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING

from tests.e2e.faults import CHUNKED, chunk, response
from tests.e2e.slow import PROTOCOLS
from tests.support.formats import AUTHORIZED, ROUTES, Route
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer, ask

if TYPE_CHECKING:
    from tests.support.faulty_upstream import Call, End

ENDS = {"chat": b"data: [DONE]", "responses": b'"response.completed"', "messages": b'"message_stop"'}
"""What stands only at the end of a stream, by the client's format."""
CLIENTS = 6
PAUSE_SECONDS = 0.1


@dataclass
class Produced:
    """Replies of which each has another number of tokens: how many each had that was begun, and that was got whole."""

    begun: list[int] = field(default_factory=list[int])
    whole: list[int] = field(default_factory=list[int])
    _numbers: Iterable[int] = field(default_factory=lambda: itertools.cycle(range(5, 900)))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, seconds: float) -> Callable[[Call], Iterable[bytes | End]]:
        """A reply that takes so long."""

        def playing(call: Call) -> Generator[bytes | End]:
            with self._lock:
                tokens = next(iter(self._numbers))
                self.begun.append(tokens)

            def counted(data: bytes) -> bytes:
                return data.replace(b'_tokens": 4', b'_tokens": %d' % tokens).replace(
                    b'total_tokens": 14', b'total_tokens": %d' % (10 + tokens)
                )

            reply = call.reply
            if call.streamed:
                pieces = (*reply.opening, *reply.output, *reply.ending)
                yield CHUNKED
                for piece in pieces:
                    time.sleep(seconds / len(pieces))
                    yield chunk(counted(piece))
                yield b"0\r\n\r\n"
            else:
                time.sleep(seconds)
                yield response(200, counted(reply.whole))
            with self._lock:
                self.whole.append(tokens)

        return playing


@dataclass(frozen=True)
class Heard:
    """What became of one request. Times are of the steady clock. `answer` None: there was none. `idempotent`: it had an
    Idempotency-Key, which lies in Postgres."""

    route: Route
    streamed: bool
    idempotent: bool
    began: float
    ended: float
    answer: Answer | None

    @property
    def request_id(self) -> str:
        """As the gateway names it."""
        assert self.answer is not None
        return self.answer.headers["x-request-id"]

    @property
    def well(self) -> bool:
        """Whether its client saw a good end."""
        if self.answer is None or self.answer.status != 200:
            return False
        if not self.streamed:
            return True
        body = self.answer.body
        return ENDS[self.route.name] in body and b'"error":' not in body.replace(b'"error":null', b"")

    @property
    def tokens(self) -> int:
        """Of the output, as its client was told."""
        assert self.answer is not None
        return int(re.findall(rb'"(?:completion|output)_tokens": ?(\d+)', self.answer.body)[-1])


@dataclass(frozen=True)
class Readiness:
    """One look at `/readyz`: when, the status, the checks."""

    at: float
    status: int
    checks: dict[str, str]


class Crowd:
    """Clients that ask at the same time until they are stopped. `heard`: what they were told."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.heard: list[Heard] = []

    def works(self) -> list[Callable[[], None]]:
        """What each of them does until `_stop` is set."""
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self) -> Generator[None]:
        """For as long as the block runs; then what is under way is waited for."""
        works = self.works()
        with ThreadPoolExecutor(len(works)) as pool:
            futures = [pool.submit(work) for work in works]
            try:
                yield
            finally:
                self._stop.set()
        for future in futures:
            future.result()

    def until_well(self, since: float, count: int, patience: float) -> float:
        """Waits until so many requests that began after `since` have ended well; when the last of them did."""
        deadline = time.monotonic() + patience
        while len(ends := sorted(each.ended for each in list(self.heard) if each.began >= since and each.well)) < count:
            assert time.monotonic() < deadline, f"only {len(ends)} of {count} requests ended well: {self._refusals(since)}"
            time.sleep(0.05)
        return ends[count - 1]

    def _refusals(self, since: float) -> list[bytes]:
        answers = [each.answer for each in list(self.heard) if each.began >= since]
        return [b"" if answer is None else answer.body for answer in answers][-5:]


class Traffic(Crowd):
    """Clients of every format that ask one request after the other, and one that looks at `/readyz` all the time. `keys`:
    the clients' in turn. One of them has idempotency keys, and repeats what was refused; `name` makes its keys its own."""

    def __init__(self, url: str, name: str, keys: Sequence[str]) -> None:
        super().__init__()
        self._url, self._name, self._keys = url, name, keys
        self.ready: list[Readiness] = []

    def works(self) -> list[Callable[[], None]]:
        """See Crowd."""
        return [*(partial(self._client, number) for number in range(CLIENTS)), self._look]

    def _client(self, number: int) -> None:
        route, protocols = ROUTES[number % 3], list(PROTOCOLS)
        headers = {**AUTHORIZED, "authorization": f"Bearer {self._keys[number % len(self._keys)]}"}
        turn, idempotent = number, number == CLIENTS - 1
        while not self._stop.wait(PAUSE_SECONDS):
            model = f"slow/{'lasting' if turn % 5 == 0 else 'plain'}-{protocols[turn % 3]}"
            streamed = (turn // 3 + number) % 2 == 0
            mark = f"{self._name}-{number}-{turn}"
            body = json.dumps(route.body(model, f"request {mark} please", stream=streamed)).encode()
            key = {"idempotency-key": mark} if idempotent else {}
            began, answer = time.monotonic(), None
            with contextlib.suppress(OSError, HTTPException):
                answer = ask(self._url, "POST", route.path, {**headers, **key}, body)
            heard = Heard(route, streamed, idempotent, began, time.monotonic(), answer)
            self.heard.append(heard)
            turn += heard.well or not idempotent

    def _look(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            at = time.monotonic()
            answer = ask(self._url, "GET", "/readyz", {})
            self.ready.append(Readiness(at, answer.status, answer.document["checks"]))

    def breaches(self) -> list[str]:
        """What is wrong with the form of what was heard."""
        found: list[str] = []
        for each in self.heard:
            if each.answer is None:
                found.append(f"no answer after {each.ended - each.began:.1f} s")
            elif each.answer.status == 200 and each.streamed:
                found += breaches_if_judged(each.route.dialect, each.answer.body, failed=not each.well)
            elif each.answer.status != 200:
                found += _breaches_of_refusal(each, each.answer)
        return found


def _breaches_of_refusal(each: Heard, answer: Answer) -> list[str]:
    """A refusal says when to ask again. A repeat may be told that the first may be running."""
    running = each.idempotent and answer.status == 409
    told = each.route.told(answer, 409 if running else None)
    again = answer.headers.get("retry-after") and answer.headers.get("x-should-retry") != "false"
    return [] if again and told.code == ("invalid_request" if running else "internal_error") else [repr(answer)]
