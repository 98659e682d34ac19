"""The log of a process that serves: together, in order, and never waited for."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import trio

from hyperinfer.api.log_formats import REQUEST, JsonForm, TextForm
from hyperinfer.api.logs import WAITING, Lines


@dataclass
class Pipe:
    reads: int
    writes: int

    def read(self) -> list[str]:
        """The messages of the lines that are there."""
        text = b""
        while True:
            try:
                text += os.read(self.reads, 1 << 20)
            except BlockingIOError:
                return [line.split(" hyperinfer.test ")[-1] for line in text.decode().splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    yield Pipe(reads, writes)
    for fd in (reads, writes):
        os.close(fd)


def logger(lines: Lines) -> logging.Logger:
    log = logging.Logger("hyperinfer.test")
    log.addHandler(lines)
    return log


def test_a_line_has_its_time_level_and_name() -> None:
    record = logging.LogRecord("hyperinfer.test", logging.INFO, "", 0, "said %d", (1,), None)
    usual = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s")
    ours = TextForm()
    for created in (1_795_600_000.0, 1_795_600_000.9991, 1_795_600_001.0004, 1_795_500_000.5):
        record.created, record.msecs = created, created % 1 * 1000
        assert ours.format(record) == usual.format(record)


ID = "0mi9x2k5v" + "8q10000000000000"


def line_of(*args: object, message: str = "said %s") -> dict[str, str]:
    """A line of JSON."""
    record = logging.LogRecord("hyperinfer.test", logging.WARNING, "", 0, message, args, None)
    record.created = 1_795_600_000.25
    line = JsonForm().format(record)
    assert "\n" not in line
    found: dict[str, str] = json.loads(line)
    return found


def test_a_line_of_json() -> None:
    said = {"time": "2026-11-25T09:46:40.250Z", "level": "WARNING", "logger": "hyperinfer.test"}
    assert line_of('a "b"\nc') == {**said, "message": 'said a "b"\nc'}
    assert line_of("\udc80")["message"] == r"said \udc80"


def test_a_traceback_is_one_value() -> None:
    try:
        raise ValueError("of a bug")
    except ValueError as error:
        record = logging.LogRecord("n", logging.ERROR, "", 0, "it crashed", (), (type(error), error, error.__traceback__))
    found = json.loads(JsonForm().format(record))
    assert found["message"] == "it crashed"
    assert found["exception"].startswith("Traceback")
    assert "of a bug" in found["exception"]


FORGED = "2026-11-26 10:15:00,312 INFO    hyperinfer.requests forged"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x85", "\u2028", "\x0b", "\x0c", "\x1c"])
def test_nobodys_words_begin_a_line_or_steer_a_terminal(end: str) -> None:
    words = f"busy{end}{FORGED} \x1b[31m\x9b1A\x7f\t\u00e9 \U0001f600"
    record = logging.LogRecord("n", logging.WARNING, "", 0, "%s: %s", ("acme", words), None)
    line = TextForm().format(record)
    assert line.splitlines() == [line]
    assert line.endswith(f" acme: busy{ascii(end)[1:-1]}{FORGED} \\x1b[31m\\x9b1A\\x7f\t\u00e9 \U0001f600")


def test_no_line_of_a_traceback_looks_like_one_of_ours() -> None:
    try:
        raise ValueError(f"a bug\n{FORGED}\r{FORGED}\x1b[2J")
    except ValueError as error:
        record = logging.LogRecord("n", logging.ERROR, "", 0, "it crashed", (), (type(error), error, error.__traceback__))
    first, *others = TextForm().format(record).splitlines()
    assert first.endswith(" ERROR   n it crashed")
    assert others[0] == "  Traceback (most recent call last):"
    assert others[-1] == f"  {FORGED}\\r{FORGED}\\x1b[2J"
    assert all(line.startswith("  ") for line in others)


def test_a_line_knows_its_request() -> None:
    assert "request_id" not in line_of("nothing of the kind")
    assert line_of(ID)["request_id"] == ID, "said by a task that works for many"
    record = logging.LogRecord("n", logging.INFO, "", 0, "a page", (), None)
    REQUEST.set(ID)
    try:
        assert line_of("no id")["request_id"] == ID
        assert TextForm().format(record).endswith(f" n a page request={ID}")
        record.msg = f"{ID} did this"
        assert TextForm().format(record).endswith(f" n {ID} did this"), "once"
    finally:
        REQUEST.set("")


def test_outside_of_serving_a_line_is_written_at_once(pipe: Pipe) -> None:
    log = logger(Lines(pipe.writes))
    log.info("one\ntwo")
    log.warning("three")
    assert pipe.read() == [r"one\ntwo", "three"]


def test_who_says_much_says_the_same(pipe: Pipe) -> None:
    log = logger(lines := Lines(pipe.writes))
    say = lines.informs(log)
    log.info("as % ever")
    say("as % ever")
    lines.informs(logging.Logger("hyperinfer.test", logging.WARNING))("too low")
    usual, short = os.read(pipe.reads, 1000).decode().splitlines()
    assert (usual[:8], usual[23:]) == (short[:8], short[23:])
    assert len(usual) == len(short)


async def test_lines_are_gathered_for_a_moment(pipe: Pipe, autojump_clock: object) -> None:
    log = logger(lines := Lines(pipe.writes))
    async with lines.gathered():
        say = lines.informs(log)
        for round in range(3):
            log.info("a%d", round)
            say(f"b{round}")
            assert pipe.read() == []
            await trio.sleep(0.2)
            assert pipe.read() == [f"a{round}", f"b{round}"]
        log.info("last")
    assert pipe.read() == ["last"]


async def test_a_warning_and_what_came_before_it_do_not_wait(pipe: Pipe, autojump_clock: object) -> None:
    log = logger(lines := Lines(pipe.writes))
    async with lines.gathered():
        log.info("first")
        log.warning("second")
        assert pipe.read() == ["first", "second"]


async def test_a_thread_may_log(pipe: Pipe) -> None:
    log = logger(lines := Lines(pipe.writes))
    async with lines.gathered():
        thread = threading.Thread(target=log.info, args=("from elsewhere",))
        thread.start()
        thread.join()
        assert pipe.read() == ["from elsewhere"]


async def test_nobody_waits_for_a_reader_who_has_stopped(pipe: Pipe, autojump_clock: object) -> None:
    log = logger(lines := Lines(pipe.writes))
    said = [f"{number:04d}" + "x" * 1000 for number in range(2 * WAITING // 1000)]
    async with lines.gathered():
        for message in said[:-1]:
            log.info(message)
        log.error(said[-1])
        heard: list[str] = []
        while more := pipe.read():
            heard += more
            await trio.sleep(0.2)
        *kept, notice = heard
        assert kept == said[: len(kept)]
        assert len(kept) * 1000 > WAITING * 0.9
        assert notice.partition(" hyperinfer.log ")[2] == f"{len(said) - len(kept)} lines were dropped: nobody read them"
        log.info("goes on")
        await trio.sleep(0.2)
        assert pipe.read() == ["goes on"]


def test_a_reader_who_is_gone_is_no_error(pipe: Pipe) -> None:
    os.close(pipe.reads)
    logger(Lines(pipe.writes)).error("anything")
    pipe.reads = os.dup(pipe.writes)


def test_a_long_line_is_written_whole(pipe: Pipe) -> None:
    logger(Lines(pipe.writes)).error("y" * 20_000)
    assert pipe.read() == ["y" * 20_000]
