"""What happens from SIGTERM to the end of the process, as a table: `hyperinfer diagram shutdown` draws it.

The acts lie in `edge/serve.py` (worker) and `supervisor.py` (parent); the times are theirs, read from their settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hyperinfer.api.supervisor import KILL_MARGIN

if TYPE_CHECKING:
    from hyperinfer.api.edge.settings import EdgeSettings

FIRST: Final = "serving"
LAST: Final = ("ended", "killed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of the shutdown. `ends`: (why it ends, the next one) before its limit. `limit`: seconds after the
    signal by which it is over in any case, then `overrun` comes; None: it lasts no time of its own."""

    name: str
    what: str
    ends: tuple[tuple[str, str], ...]
    limit: Callable[[EdgeSettings], float] | None = None
    overrun: str = ""


SEQUENCE: Final = (
    Phase(
        name="serving",
        what="Requests are admitted.",
        ends=(("SIGTERM, SIGINT or the supervisor is gone", "draining"),),
    ),
    Phase(
        name="draining",
        what="The listening sockets are closed, once what had come to them is let in, new requests on open connections are"
        " refused, idle connections end, responses say `connection: close`. Requests that run go on.",
        ends=(("nothing in flight", "closing"), ("second SIGINT", "killed")),
        limit=lambda edge: edge.grace,
        overrun="last words",
    ),
    Phase(
        name="last words",
        what="Streams end themselves with a well-formed error of their format. What was produced is settled. A client that"
        " does not read is given up after a third of this time.",
        ends=(("all ended", "closing"), ("second SIGINT", "killed")),
        limit=lambda edge: edge.grace + edge.settle_margin,
        overrun="cutting off",
    ),
    Phase(
        name="cutting off",
        what="What still runs is cancelled, clients that do not read are reset; settlement is shielded from both, and has a"
        " deadline of its own.",
        ends=(("all ended", "closing"), ("second SIGINT", "killed")),
        limit=lambda edge: edge.grace + edge.settle_margin + edge.settling,
        overrun="closing",
    ),
    Phase(
        name="closing",
        what="The application closes its upstream connections and its store, which settles what it still can within 5 s; the"
        " shared store's rest is in the journal, for the next start.",
        ends=(("all closed", "ended"), ("second SIGINT", "killed")),
        limit=lambda edge: edge.drain_time,
        overrun="giving up",
    ),
    Phase(
        name="giving up",
        what="The worker ends with exit code 1. The supervisor waits a little longer for its process.",
        ends=(("worker gone", "ended"),),
        limit=lambda edge: math.ceil(edge.drain_time + KILL_MARGIN),
        overrun="killed",
    ),
)


def transitions(edge: EdgeSettings) -> Mapping[tuple[str, str], str]:
    """The sequence as a transition table, with the times of these settings."""
    table: dict[tuple[str, str], str] = {}
    for phase in SEQUENCE:
        for event, following in phase.ends:
            table[phase.name, event] = following
        if phase.limit is not None:
            table[phase.name, f"{phase.limit(edge):g} s after the signal"] = phase.overrun
    return table
