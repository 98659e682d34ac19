"""What a worker hosts, and what that says of itself. Apart from `worker.py`, which runs as `__main__`: its own classes
would exist twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.api.edge.asgi import CrashReply, plain_crash_reply
from hyperinfer.api.edge.counters import EdgeCounters
from hyperinfer.api.edge.refusals import Refuse, plain_refusal
from hyperinfer.api.metrics.siblings import Siblings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hyperinfer.api.edge.asgi import AsgiApp
    from hyperinfer.api.edge.serve import Drain


def _no_requests() -> int:
    return 0


def _no_greeting() -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """What a factory returns: the application and how the worker talks to it.

    `reload` is awaited with a configuration, known to be good, to go on with. `in_flight` counts the requests that a drain
    waits for. `greeting`, asked for once it is ready, is what the operator is told beside the address at the first start of
    the service, None for nothing.
    `siblings`: how workers tell one another their numbers.
    A factory or a lifespan that raises StartupFailed refuses to start, with that text for the operator.
    """

    app: AsgiApp
    drain: Drain
    reload: Callable[[Mapping[str, object]], Awaitable[None]] | None = None
    in_flight: Callable[[], int] = _no_requests
    greeting: Callable[[], str | None] = _no_greeting
    crash_reply: CrashReply = plain_crash_reply
    refuse: Refuse = plain_refusal
    counters: EdgeCounters = field(default_factory=EdgeCounters)
    siblings: Siblings = field(default_factory=Siblings)


Factory: TypeAlias = "Callable[[Mapping[str, object]], Hosted]"
