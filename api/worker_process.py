"""A worker, as its supervisor sees it: a process, and what is said to it."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping


class Asked:
    """A worker is asked for its numbers. `answer`: they, once `answered`."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.answer: object = None


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """`place`: among the workers. `given`: the generation of the configuration that it was sent, `has` the one that it works
    with, `refused` the latest that it could not take. `asked`: it owes its numbers."""

    process: trio.Process
    control: trio.SocketStream
    place: int
    ready: bool = False
    given: int = 0
    has: int = 0
    refused: int = 0
    failure: str | None = None
    asked: Asked | None = None
    _said: list[bytes] = field(default_factory=lambda: list[bytes]())
    _something_said: trio.Event = field(default_factory=trio.Event)

    def send_signal(self, number: int) -> None:
        """One of the operating system's, to one that may have ended."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def say(self, message: Mapping[str, object]) -> None:
        """A message, which `speak` sends: whoever says it waits for nobody, be the worker as busy as it may."""
        self._said.append(json.dumps(message).encode() + b"\n")
        self._something_said.set()

    async def speak(self) -> None:
        """Sends what is said, until the worker is gone."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                await self._something_said.wait()
                said, self._said = self._said, []
                self._something_said = trio.Event()
                await self.control.send_all(b"".join(said))

    def told(self, numbers: object) -> None:
        """Its numbers came."""
        asked, self.asked = self.asked, None
        if asked is not None:
            asked.answer = numbers
            asked.answered.set()

    async def numbers(self, seconds: float) -> object:
        """Its numbers; None where it does not tell them in time. One that owes them already is not asked again: so nothing
        piles up before a worker that hangs."""
        if self.asked is None:
            self.asked = Asked()
            self.say({"tell": True})
        asked = self.asked
        with trio.move_on_after(seconds):
            await asked.answered.wait()
        return asked.answer

    @property
    def end(self) -> str:
        """How it ended, for an operator."""
        code = self.process.returncode
        how = self.failure or f"exit code {code}"
        if code is not None and code < 0:
            with suppress(ValueError):
                how = signal.Signals(-code).name
        return f"worker {self.process.pid} ended ({how})"
