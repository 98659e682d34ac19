"""What a test of a publicly reported fault is made of.

A test is `test_F001_what_is_right = fault(case, case, …)`. Each case is checked twice: the gateway's own output must
pass the check, and the wrong output that was reported of another gateway must fail it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest

from tests.support.bench import asked, bench
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.nodes.ports import Generation
    from hyperinfer.providers.catalogue import Catalogue

T = TypeVar("T")

CHAT: Dialect = "openai_chat"
RESPONSES: Dialect = "openai_responses"
MESSAGES: Dialect = "anthropic_messages"
ALL: tuple[Dialect, ...] = (CHAT, RESPONSES, MESSAGES)
SHORT: Mapping[str, str] = {CHAT: "chat", RESPONSES: "responses", MESSAGES: "messages"}


@dataclass(frozen=True)
class Case(Generic[T]):
    """`right` makes our output; `wrong` holds outputs that `check` must catch by an AssertionError, nothing else.

    `missing`: why our own output is not right yet (a strict xfail).
    """

    label: str
    right: Callable[[], Awaitable[T]]
    check: Callable[[T], object]
    wrong: Sequence[T]
    missing: str = ""


def fault(*cases: Case[Any]) -> Callable[..., Awaitable[None]]:
    """The test of one row: every case, right and wrong."""
    assert cases

    def param(side: str, case: Case[Any], number: int) -> Any:
        marks = [pytest.mark.xfail(strict=True, reason=case.missing)] if case.missing and side == "right" else []
        return pytest.param(side, case, id=f"{side}-{number}-{case.label}", marks=marks)

    both = [param(side, case, number) for number, case in enumerate(cases, 1) for side in ("right", "wrong")]

    async def test(side: str, case: Case[Any], autojump_clock: object) -> None:
        if side == "right":
            case.check(await case.right())
            return
        assert case.wrong, "a case without a wrong output"
        for number, wrong in enumerate(case.wrong):
            try:
                case.check(wrong)
            except AssertionError:
                continue
            pytest.fail(f"the check lets wrong output {number} pass: {wrong!r}")

    marked: Callable[..., Awaitable[None]] = pytest.mark.parametrize(("side", "case"), both)(test)
    return marked


@dataclass(frozen=True)
class Seen:
    """A response as a raw client sees it, and what reached the upstreams on the way.

    `asked`, `asked_headers`: one an attempt. `times`: trio's clock at each write. `row`: the settlement,
    which wrong outputs lack.
    """

    client: Dialect
    stream: bool
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    asked: Sequence[bytes] = ()
    asked_headers: Sequence[Mapping[str, str]] = ()
    times: Sequence[float] = ()
    row: Generation | None = None


def _scripts(says: bytes | Script | Sequence[bytes | Script], stream: bool) -> list[Script]:
    """Bytes are pieces of one response, half a second apart; scripts are attempts."""
    listed = [says] if isinstance(says, (bytes, Script)) else list(says)
    pieces = [(0.5, piece) for piece in listed if isinstance(piece, bytes)]
    if not pieces:
        return [script for script in listed if isinstance(script, Script)]
    return [Script(pieces, headers={"content-type": "text/event-stream" if stream else "application/json"})]


def through(
    client: Dialect,
    upstream: Dialect,
    says: bytes | Script | Sequence[bytes | Script] | None,
    check: Callable[[Seen], object],
    wrong: Sequence[bytes | Seen],
    *,
    stream: bool = True,
    ask: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    catalogue: Catalogue | None = None,
    model: str | None = None,
    leaves_at: float = float("inf"),
    label: str = "",
    missing: str = "",
) -> Case[Seen]:
    """A case of one exchange through the gateway.

    `says`: what the upstream sends (None: a small good reply). `ask`: fields beside the least request, which they replace.
    `model`: of the bench's catalogue, `upstream` when absent. Wrong bytes stand for a response of status 200 with that body.
    """

    async def right() -> Seen:
        usual = b"".join(STREAMS[upstream]) if stream else WHOLES[upstream]
        async with bench(*_scripts(usual if says is None else says, stream), catalogue=catalogue) as gateway:
            body = asked(client, model or upstream, stream=stream, **(ask or {}))
            got = await gateway.send(client, body, headers, leaves_at=leaves_at)
            played, rows = gateway.transport.played, [row for _, row in gateway.store.settlements]
            return Seen(
                client=client,
                stream=stream,
                body=got.sent,
                status=got.status or 0,
                headers=got.sent_headers,
                asked=[attempt.body for attempt in played],
                asked_headers=[attempt.headers for attempt in played],
                times=[at for at, _ in got.writes],
                row=rows[-1] if rows else None,
            )

    outputs = [Seen(client, stream, one) if isinstance(one, bytes) else one for one in wrong]
    parts = [SHORT[client], SHORT[upstream], "stream" if stream else "whole", label]
    return Case("-".join(part for part in parts if part), right, check, outputs, missing)


def reaching(
    client: Dialect,
    upstream: Dialect,
    check: Callable[[Any], object],
    wrong: Sequence[Any],
    *,
    stream: bool = False,
    ask: Mapping[str, Any] | None = None,
    catalogue: Catalogue | None = None,
    model: str | None = None,
    label: str = "",
    missing: str = "",
) -> Case[Any]:
    """A case about the request: `check` gets the JSON body that reached the upstream; `wrong` are such bodies."""
    case = through(
        client, upstream, None, lambda _: None, (), stream=stream, ask=ask, catalogue=catalogue, model=model, label=label
    )

    async def right() -> Any:
        seen = await case.right()
        assert seen.status == 200, seen.body
        return json.loads(seen.asked[-1])

    return Case(case.label, right, check, [json.loads(one) if isinstance(one, bytes) else one for one in wrong], missing)


def refused(seen: Seen, status: int, code: str, param: str | None = None) -> str:
    """Asserts a whole error response in the client's envelope; gives its message."""
    assert seen.status == status, seen.body
    error = json.loads(seen.body)["error"]
    assert error["code"] == code, error
    assert param is None or error.get("param") == param, error
    return str(error["message"])
