"""Mistakes that are planted in the gateway: each breaks a law within a few schedules."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from hyperinfer.api.edge.lean.exchange import LeanExchange
from hyperinfer.api.edge.watch import Watch
from hyperinfer.api.store.book import Book
from hyperinfer.engine import Deadlines, Drain
from hyperinfer.engine.drain import HardEnd
from hyperinfer.formats.openai_chat.stream_encode import ChatStreamEncoder
from hyperinfer.nodes.attempt import Attempting
from hyperinfer.nodes.encode import Encode
from hyperinfer.nodes.reply_writer import ReplyWriter
from hyperinfer.nodes.settlement import Settlement
from hyperinfer.providers.client import Opening
from hyperinfer.providers.transport_exchange import Exchange
from tests.schedules.many import run_many

if TYPE_CHECKING:
    from hyperinfer.nodes.items import Ticket

MOST = 600
"""Schedules until one of them must break a law."""


def _nothing(*_: object) -> None:
    """In place of a method."""


def _settles_again(patch: pytest.MonkeyPatch) -> None:
    settle: Any = cast("Any", Settlement)._settle

    async def twice(self: Settlement, ticket: Ticket, status: Any) -> bool:
        settled = bool(await settle(self, ticket, status))
        ticket.settled = False
        return settled

    patch.setattr(Settlement, "_settle", twice)


def _settles_no_cancelled_request(patch: pytest.MonkeyPatch) -> None:
    async def close(self: Settlement, ticket: Ticket) -> None:
        pass

    patch.setattr(Settlement, "close", close)


def _keeps_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Book, "release", _nothing)


def _leaves_responses_open(patch: pytest.MonkeyPatch) -> None:
    async def leave(self: Opening, *_: object) -> None:
        pass

    patch.setattr(Opening, "__aexit__", leave)


def _uses_broken_connections_again(patch: pytest.MonkeyPatch) -> None:
    def close(self: Any) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._owner.finished(connection)

    patch.setattr(Exchange, "close", close)


def _does_not_hear_of_the_client(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeanExchange, "end_with_client", _nothing)


def _forgets_no_socket(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watch, "forget", _nothing)


def _gives_no_sign_of_life(patch: pytest.MonkeyPatch) -> None:
    def spoke(self: Any, now: float) -> None:
        self._begun, self.done, self.due = True, self._writer.done, math.inf

    patch.setattr(Encode, "_spoke_at", spoke)


def _gives_late_signs_of_life(patch: pytest.MonkeyPatch) -> None:
    spoke: Any = cast("Any", Encode)._spoke_at

    def later(self: Any, now: float) -> None:
        spoke(self, now + 0.001)

    patch.setattr(Encode, "_spoke_at", later)


def _waits_for_ever(cause: str) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        made: Any = Deadlines.__init__

        def without(self: Any, seconds: Any, **more: Any) -> None:
            made(self, {name: math.inf if name == cause else value for name, value in seconds.items()}, **more)

        patch.setattr(Deadlines, "__init__", without)

    return plant


def _waits_through_silence(patch: pytest.MonkeyPatch) -> None:
    passed: Any = Exchange.pass_on

    def without(self: Exchange, take: Any, idle: float = math.inf) -> Awaitable[Any]:
        return cast("Awaitable[Any]", passed(self, take))

    patch.setattr(Exchange, "pass_on", without)


def _repeats_after_output(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Attempting, "output", property(_nothing, _nothing), raising=False)


def _counts_on(patch: pytest.MonkeyPatch) -> None:
    released: Any = Drain.release

    def once_in_three(self: Any) -> None:
        if self.in_flight > 1 or hash(id(self)) % 3:
            released(self)

    patch.setattr(Drain, "release", once_in_three)


def _goes_on_behind_the_grace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Drain, "enter", _nothing)
    patch.setattr(HardEnd, "came", property(_nothing))


def _ends_twice(patch: pytest.MonkeyPatch) -> None:
    end: Any = ChatStreamEncoder.end

    def again(self: ChatStreamEncoder) -> bytes:
        said: bytes = end(self)
        return said + b"data: [DONE]\n\n"

    patch.setattr(ChatStreamEncoder, "end", again)


def _ends_well_behind_an_error(patch: pytest.MonkeyPatch) -> None:
    fail: Any = ChatStreamEncoder.fail

    def and_usage(self: Any, error: Any) -> bytes:
        said: bytes = fail(self, error)
        return said + b"data: [DONE]\n\n"

    patch.setattr(ChatStreamEncoder, "fail", and_usage)


def _cuts_a_frame(patch: pytest.MonkeyPatch) -> None:
    signs: Any = ReplyWriter.keep_alive

    def within(self: Any) -> Any:
        *head, sign = signs(self)
        return (*head, type(sign)(b'data: {"half":' + sign.data))

    patch.setattr(ReplyWriter, "keep_alive", within)


def _loses_the_last_bytes(patch: pytest.MonkeyPatch) -> None:
    write: Any = LeanExchange.send_last

    async def short(self: LeanExchange, data: bytes = b"") -> None:
        await write(self, data[:-1])

    patch.setattr(LeanExchange, "send_last", short)


def _answers_before_it_is_recorded(patch: pytest.MonkeyPatch) -> None:
    finish: Any = Settlement.finish

    async def unrecorded(self: Settlement, ticket: Ticket) -> bool:
        ticket.tally.error_code = "internal_error"
        return bool(await finish(self, ticket))

    patch.setattr(Settlement, "finish", unrecorded)


PLANTED = {
    function.__name__.removeprefix("_"): function
    for function in (
        _settles_again,
        _settles_no_cancelled_request,
        _keeps_holds,
        _leaves_responses_open,
        _uses_broken_connections_again,
        _does_not_hear_of_the_client,
        _forgets_no_socket,
        _gives_no_sign_of_life,
        _gives_late_signs_of_life,
        _waits_through_silence,
        _repeats_after_output,
        _counts_on,
        _goes_on_behind_the_grace,
        _ends_twice,
        _ends_well_behind_an_error,
        _cuts_a_frame,
        _loses_the_last_bytes,
        _answers_before_it_is_recorded,
    )
} | {f"waits_for_ever_{cause}": _waits_for_ever(cause) for cause in ("first_token", "stream", "whole")}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    many = run_many(range(MOST), most_failures=1)
    (failure,) = many.failures
    assert failure.splitlines()[-1].startswith("replay: python -m tests.schedules ")
