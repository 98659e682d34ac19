"""The section `pipeline` with nodes of `nodes.py`, and small upstreams behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bench import DIALECTS
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

MODULE = "tests.api.custom_nodes.nodes"
COST = 6 * 3_000_000 + 4 * 300_000 + 5 * 15_000_000

PLACES = [("before: route", "Asked"), ("before: admit", "Planned"), ("before: call", "Planned"), ("before: encode", "Reply")]
"""Where a node may stand, and what it gets there."""

each_way = pytest.mark.parametrize("stream", [True, False])
each_client = pytest.mark.parametrize("client", DIALECTS)


def item(node: str, place: str, **options: Any) -> str:
    """One item of the section. `place`: `before: call`, say."""
    keys = {key: options.pop(key) for key in ("deadline", "buffer", "name") if key in options}
    side, _, neighbour = place.partition(": ")
    return json.dumps({"node": f"{MODULE}:{node}", side: neighbour, **keys, **({"options": options} if options else {})})


def reply(upstream: Dialect, *, stream: bool, apart: float = 0.0) -> Script:
    pieces = [(apart, frame) for frame in STREAMS[upstream]] if stream else [(apart, WHOLES[upstream])]
    return Script(pieces, headers={"content-type": "text/event-stream" if stream else "application/json"})
