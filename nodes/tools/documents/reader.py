"""The gateway's side of reading documents: a process for each, a few at once, each ended when it takes too long."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec
import trio

log = logging.getLogger("hyperinfer.tools")

SECONDS: Final = 20.0
MEMORY: Final = 1024 * 1024 * 1024
MOST_CHARACTERS: Final = 1_000_000
"""Characters of a document that are looked at, whatever part of them goes to a model."""
_ANSWER_LIMIT: Final = 8 * MOST_CHARACTERS
_WORKER: Final = Path(__file__).with_name("worker.py")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to read, and how. `pages`: pairs of first and last, from 1; None for all. `plain`: all text of a page, in a
    moment, not what of it is the article."""

    kind: Literal["html", "pdf"]
    url: str = ""
    pages: tuple[tuple[int, int], ...] | None = None
    most: int = MOST_CHARACTERS
    plain: bool = False


class Extracted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `error`: `encrypted`, `broken`, `too_large` (for the memory) or `timeout`. `more`: there is text that
    was not read. Of a PDF: how many `pages` it has, the numbers of those `read`, how many of them have no text
    (`empty`) or are `broken`."""

    text: str = ""
    title: str = ""
    error: Literal["encrypted", "broken", "too_large", "timeout"] | None = None
    detail: str = ""
    more: bool = False
    pages: int = 0
    read: tuple[int, ...] = ()
    empty: int = 0
    broken: int = 0


class DocumentReader:
    """Made once. At most `processes` documents are read at the same time, the next ones wait; each has `seconds` from when
    it is its turn, and `memory` bytes of address space."""

    def __init__(self, *, processes: int = 2, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._places = trio.CapacityLimiter(processes)
        self._seconds = seconds
        self._memory = memory

    async def read(self, job: Job, data: bytes) -> Extracted:
        """The text of a document: HTML as UTF-8, PDF as it is. Cancelling ends the process at once."""
        line = msgspec.json.encode({**msgspec.structs.asdict(job), "seconds": self._seconds, "memory": self._memory})
        async with self._places:
            with trio.move_on_after(self._seconds):
                answer, code = await _run(line + b"\n", data)
                return _understood(answer, code)
        return Extracted(error="timeout")


async def _run(line: bytes, data: bytes) -> tuple[bytes, int]:
    """What the worker answers, and its exit code. It is gone when this returns, whichever way."""
    answer = bytearray()
    process = await trio.lowlevel.open_process(
        [sys.executable, "-P", "-X", "utf8", os.fspath(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_feed, process.stdin, line, data)
            async for piece in process.stdout:
                answer += piece
                if len(answer) > _ANSWER_LIMIT:
                    break
            nursery.cancel_scope.cancel()
    finally:
        if process.returncode is None and sys.exc_info()[0] is not None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.stdout.aclose()
            await process.stdin.aclose()
            # It has answered, or is killed, or cannot write any more: what it still does, it does not do for long.
            with trio.move_on_after(1):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.wait()
    return bytes(answer), process.returncode or 0


async def _feed(stdin: trio.abc.SendStream, line: bytes, data: bytes) -> None:
    try:
        await stdin.send_all(line)
        await stdin.send_all(data)
        await stdin.aclose()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # it ended before it had read all; its answer says why


def _environment() -> dict[str, str]:
    """Nothing but where the libraries are: no keys, no addresses."""
    kept = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _understood(answer: bytes, code: int) -> Extracted:
    try:
        extracted = msgspec.json.decode(answer, type=Extracted)
    except (msgspec.DecodeError, msgspec.ValidationError):
        # It ran out of what it may use, or crashed: either is the document's doing.
        extracted = Extracted(error="broken", detail=f"the reading process ended with {code}")
    if extracted.detail:
        log.info("a document could not be read: %s", extracted.detail)
    return extracted
