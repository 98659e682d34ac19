"""The end of a settlement, for those who wait for it."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from hyperinfer.api.settlement.effects import Record
from hyperinfer.api.store.generations import generation_row
from hyperinfer.api.store.remote.ending import Ending
from hyperinfer.nodes.ports import NotRecorded, SettlementRejected
from tests.api.store.samples import a_generation


def _ending() -> Ending:
    return Ending(Record("r1", "ws", 7), generation_row(a_generation("r1", "ws", 7)))


async def test_whoever_waits_on_is_cut_short_by_nothing_but_its_time() -> None:
    ending, outcomes = _ending(), list[bool]()

    async def wait_on() -> None:
        outcomes.append(await ending.wait_on())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_on)
        nursery.start_soon(ending.wait)
        nursery.cancel_scope.cancel()
        nursery.start_soon(_after_a_while, ending.give_up)
    assert outcomes == [False]
    assert not await ending.wait_on()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ending.wait)
        nursery.start_soon(_after_a_while, lambda: ending.tell(well=True))
    assert await ending.wait_on()


async def test_all_hear_how_it_ended() -> None:
    for reason, error in ((None, NotRecorded), ("no", SettlementRejected)):
        ending, heard = _ending(), list[type[Exception]]()

        async def wait(ending: Ending, heard: list[type[Exception]], patient: bool) -> None:
            try:
                await (ending.wait_on() if patient else ending.wait())
            except (NotRecorded, SettlementRejected) as told:
                heard.append(type(told))

        async with trio.open_nursery() as nursery:
            for patient in (True, False, True):
                nursery.start_soon(wait, ending, heard, patient)
            await trio.testing.wait_all_tasks_blocked()
            ending.reason = reason
            ending.tell(well=False)
        assert heard == [error] * 3
        with pytest.raises(error):
            await ending.wait()


async def _after_a_while(do: object) -> None:
    assert callable(do)
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    do()
