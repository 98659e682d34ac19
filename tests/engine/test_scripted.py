"""Scripted inputs and remembering outputs."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from hyperinfer.engine.testing import ListSink, ListSource, ScriptedStream


async def test_a_script_is_played_on_time(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([(1, b"a"), (0, b"b"), (2.5, b"c")])
    assert [(await stream.receive_some(), trio.current_time()) for _ in range(5)] == [
        (b"a", 1),
        (b"b", 1),
        (b"c", 3.5),
        (b"", 3.5),
        (b"", 3.5),
    ]


async def test_a_slow_reader_finds_what_has_come_meanwhile(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([(1, b"a"), (1, b"b"), (10, b"c")])
    await stream.receive_some()
    await trio.sleep(5)
    assert (await stream.receive_some(), trio.current_time()) == (b"b", 6)
    assert (await stream.receive_some(), trio.current_time()) == (b"c", 12)


async def test_max_bytes_splits_an_item() -> None:
    stream = ScriptedStream([(0, b"abc"), (0, b"d")])
    assert [await stream.receive_some(2) for _ in range(4)] == [b"ab", b"c", b"d", b""]
    assert stream.reads == 2


async def test_exceptions_are_raised_in_their_place(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([(1, b"a"), (1, trio.BrokenResourceError("reset"))])
    assert await stream.receive_some() == b"a"
    with pytest.raises(trio.BrokenResourceError, match="reset"):
        await stream.receive_some()
    assert trio.current_time() == 2


async def test_a_cancelled_read_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([(4, b"a")])
    with trio.move_on_after(1):
        await stream.receive_some()
    assert stream.reads == 0
    assert (await stream.receive_some(), trio.current_time()) == (b"a", 4)


async def test_closing_is_remembered_and_final(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([(0, b"a")])
    assert stream.closed_at is None
    await trio.sleep(2)
    await stream.aclose()
    await trio.sleep(1)
    await stream.aclose()
    assert stream.closed_at == 2
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


async def test_list_source_and_sink_keep_time(autojump_clock: trio.testing.MockClock) -> None:
    source, sink = ListSource("abc", every=1), ListSink[str](every=0.5, closes_after=2)
    await sink.send(await source.receive())
    await sink.send(await source.receive())
    late = await source.receive()
    with pytest.raises(trio.BrokenResourceError):
        await sink.send(late)
    assert (sink.items, sink.times) == (["a", "b"], [1.5, 3])
    assert (source.taken, source.times) == (3, [1, 2.5, 4])
