"""A supervisor in a process of its own, as a test sees it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from tests.api.edge.clients import Answer, H1Client
from tests.api.edge.kit import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

ROOT = Path(__file__).parents[3]
EDGE: dict[str, object] = {"grace": 0.4, "settle_margin": 0.9, "settling": 0.5, "shutdown": 1.0, "write_deadline": 30.0}


@dataclass
class Service:
    """A running supervisor and what it wrote."""

    process: trio.Process
    notes: Path
    port: int = 0
    out: list[str] = field(default_factory=lambda: list[str]())
    err: list[str] = field(default_factory=lambda: list[str]())

    async def ask(self, path: str) -> Answer:
        async with await self.connect() as stream:
            return await H1Client(stream).ask("GET", path)

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def pid(self) -> int:
        return int((await self.ask("/pid")).body)

    async def until_refused(self) -> None:
        with suppress(OSError):
            while True:
                await (await self.connect()).aclose()

    def settled(self) -> list[str]:
        return self.notes.read_text().split("\n") if self.notes.exists() else []

    async def until_said(self, text: str) -> None:
        await until(lambda: any(text in line for line in self.err))


def command_of(app: Mapping[str, object], edge: Mapping[str, object], bind: str, workers: int) -> list[str]:
    plan = {"factory": "tests.api.edge.hosted:build", "app": app, "edge": edge, "bind": bind, "workers": workers}
    return [sys.executable, "-m", "tests.api.edge.hosted", json.dumps(plan)]


async def read_lines(stream: trio.abc.ReceiveStream, lines: list[str], first: trio.Event) -> None:
    buffer = b""
    while data := await stream.receive_some():
        buffer += data
        *whole, buffer = buffer.split(b"\n")
        lines += [line.decode() for line in whole]
        if whole:
            first.set()
    first.set()


@asynccontextmanager
async def service(
    tmp_path: Path,
    *,
    app: Mapping[str, object] | None = None,
    edge: Mapping[str, object] | None = None,
    bind: str = "127.0.0.1:0",
    workers: int = 1,
) -> AsyncGenerator[Service]:
    """Starts it and waits until it serves or has ended; ends it with SIGTERM unless the test did."""
    notes = tmp_path / "notes"
    command = command_of({"notes": str(notes), **(app or {})}, {**EDGE, **(edge or {})}, bind, workers)
    with trio.fail_after(60):
        process = await trio.lowlevel.open_process(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        running = Service(process, notes)
        ready = trio.Event()
        try:
            async with process.stdout, process.stderr, trio.open_nursery() as nursery:
                nursery.start_soon(read_lines, process.stdout, running.out, ready)
                nursery.start_soon(read_lines, process.stderr, running.err, trio.Event())
                await ready.wait()
                if running.out:
                    said, _, port = running.out[0].rpartition(":")
                    assert said == "listening http://127.0.0.1"
                    running.port = int(port)
                yield running
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.send_signal(signal.SIGTERM)
                await process.wait()
                nursery.cancel_scope.deadline = trio.current_time() + 1
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
