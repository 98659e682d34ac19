"""Checks of what a client is told when the upstream fails, and of what the upstream sees when the client leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance.check import Check, told
from hyperinfer.testing.conformance.client_messages import ERRORS
from hyperinfer.testing.conformance.exchange import CLIENTS, Turn
from hyperinfer.testing.conformance.json_values import record, short, string
from hyperinfer.testing.conformance.results import PASSED, Cell, Finding, failed

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.check import Judge
    from hyperinfer.testing.conformance.scenes import Scene

_SERVER = tuple(range(500, 600))


def _status(*statuses: int, words: str) -> Judge:
    """An error before output."""

    def judge(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
        turn = turns[0]
        if turn.status not in statuses:
            return failed(f"status {words}", told(turn, cell))
        if wrong := CLIENTS[cell.client].error_of(turn.document)[1]:
            return failed(f"an error as {cell.client} has it", f"{wrong}: {short(turn.body.decode(errors='replace'))}")
        return PASSED

    return judge


def _retry_after(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    """The upstream's own."""
    turn = turns[0]
    value = turn.headers.get("retry-after")
    if value == "17":
        return PASSED
    elsewhere = "".join(f", but {name}" for name in turn.headers if name.endswith("retry-after") and value is None)
    return failed("retry-after: 17", (value or "none") + elsewhere)


def _broken(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    """A failure midway: an error, and no word of success."""
    turn, heard = turns[0], turns[0].heard
    if turn.status != 200:
        return _status(*_SERVER, words="5xx")(turns, cell, scene)
    if not cell.streamed:
        return failed("an error", told(turn, cell))
    if heard.finished:
        return failed("an error event, and no word of success", f"it ends as {heard.stop!r}")
    if heard.error is None:
        return failed("an error event", turn.cut or "the stream ends without one")
    return _event(heard.error, cell)


def _event(error: dict[str, object], cell: Cell) -> Finding:
    error = record(error.get("error")) or error if cell.client == "responses" else error
    if not string(error.get("message")):
        return failed("an error with a message", short(error))
    if cell.client == "messages" and error.get("type") not in ERRORS:
        return failed("a type of error that Messages has", short(error.get("type")))
    return PASSED


def _closed(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    left = turns[0].left
    if left is None:
        return failed("the upstream's connection is closed", "it stays open")
    return Finding("pass", seen=f"closed after {left * 1000:.0f} ms")


def _refused(code: str, scene: str, judge: Judge, wants: str) -> Check:
    return Check(
        id=f"errors.{code}",
        wants=wants,
        source="the vendors' pages on errors; `APIStatusError` of both SDKs",
        scenes=(scene,),
        judge=judge,
        answered=False,
    )


def _midway(how: str, wants: str, modes: tuple[bool, ...] = (True, False)) -> Check:
    return Check(
        id=f"errors.{how}",
        wants=wants,
        source="Chat an `error` object; Responses `response.failed` or `error`; Messages `event: error`",
        scenes=(f"broken_{how}",),
        judge=_broken,
        modes=modes,
        answered=False,
    )


CHECKS: Final = (
    _refused(
        "400", "bad_request", _status(400, 422, words="400"), "a request that the upstream refuses is refused so, in shape"
    ),
    _refused(
        "401",
        "bad_key",
        _status(401, 403, *_SERVER, words="401, 403 or 5xx"),
        "an upstream that refuses the gateway's key is an error, in shape",
    ),
    _refused("429", "rate_limit", _status(429, words="429"), "an upstream's rate limit is one, in shape"),
    Check(
        id="errors.retry_after",
        wants="an upstream's rate limit says when to come again, as the upstream said",
        source="RFC 9110, 10.2.3; both SDKs wait for as long as `retry-after` says",
        scenes=("rate_limit",),
        judge=_retry_after,
        answered=False,
    ),
    _refused("500", "server_error", _status(*_SERVER, words="5xx"), "an upstream's error is an error, in shape"),
    _refused("overloaded", "overloaded", _status(*_SERVER, words="5xx"), "an overloaded upstream is an error, in shape"),
    _midway("error", "an upstream's error event midway is an error, never a success", modes=(True,)),
    _midway("eof", "a reply that ends before its end is an error, never a success"),
    _midway("drop", "a connection that breaks midway is an error, never a success"),
    Check(
        id="cancel.upstream",
        wants="the upstream's connection is closed when the client has left",
        source="what nobody reads must not be paid for",
        scenes=("leaving",),
        judge=_closed,
        answered=False,
    ),
)
