"""What a waterfall says is in the row, and what is not in the row it does not say."""

from __future__ import annotations

import msgspec

from hyperinfer.api.console.waterfall import Bar, waterfall
from hyperinfer.nodes.ports import Attempt, ToolTime
from tests.api.store.samples import a_generation

ROW = msgspec.structs.replace(
    a_generation("r1", "ws"),
    latency_ms=900,
    first_token_ms=130,
    admitted_ms=2,
    attempts=(
        Attempt("first", "m", None, "provider_timeout", 100, deadline="connect", at=3),
        Attempt("second", "n", 200, None, 20, chosen_by="failover", at=110),
        Attempt("second", "n", 200, None, 30, at=500),
    ),
    tools=(ToolTime("web_search", 300, 180, failed=True),),
)


def test_everything_that_is_known() -> None:
    assert waterfall(ROW) == (
        Bar("until it was admitted", 0, 2, "admit"),
        Bar("first / m", 3, 100, "attempt", "no answer, provider_timeout, deadline connect"),
        Bar("second / n", 110, 20, "attempt", "HTTP 200, to its first output, chosen by failover"),
        Bar("from the first token to the end", 130, 770, "stream"),
        Bar("web_search", 300, 180, "tool", "failed"),
        Bar("second / n", 500, 30, "attempt", "HTTP 200, to its first output"),
    )


def test_a_row_of_an_older_version_tells_less() -> None:
    old = tuple(msgspec.structs.replace(attempt, at=None) for attempt in ROW.attempts)
    row = msgspec.structs.replace(ROW, admitted_ms=None, attempts=old, tools=(), streamed=False)
    assert waterfall(row) == ()
