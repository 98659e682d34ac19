"""Processes on a core of their own: started, measured, ended."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]


def cores() -> tuple[int, int]:
    """What is measured runs on the first, everything else on the second."""
    free = sorted(os.sched_getaffinity(0))
    return free[0], free[-1]


def raise_file_limit() -> None:
    """As many descriptors as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def end_when_told() -> None:
    """A kill ends this program as Ctrl-C does, and with it what it has started."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def tree(*roots: int) -> list[int]:
    """These processes and all below them."""
    found = list(dict.fromkeys(roots))
    for pid in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                below = map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
                found += (each for each in below if each not in found)
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """What these processes have used, all threads, system calls included."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def resident_mb(pid: int) -> float:
    """Memory of a process that lies in RAM, shared pages included."""
    return _kilobytes(pid, "status", "VmRSS:") / 1024


def own_mb(pid: int) -> float:
    """The same with each shared page divided by those that share it."""
    return _kilobytes(pid, "smaps_rollup", "Pss:") / 1024


def _kilobytes(pid: int, file: str, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)


@contextlib.contextmanager
def started(
    command: Sequence[str],
    *,
    core: int,
    environ: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] | None = None,
    ours: bool = True,
) -> Generator[subprocess.Popen[str]]:
    """A process and its children on one core. Its end is asked for, then forced. `ours`: it imports this checkout."""
    environment = {**os.environ, **(environ or {})}
    if ours:
        environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    below = tree(process.pid)
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


class Tool:
    """One of our own programs: one line of JSON in, one out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """What it answers. Raises RuntimeError when it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.line())
        return answer

    def line(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} has ended")
        return line.strip()


@contextlib.contextmanager
def program(module: str, *arguments: str, core: int) -> Generator[Tool]:
    """A module of `benchmarks.gateway`, on a core."""
    command = [sys.executable, "-m", f"benchmarks.gateway.{module}", *arguments]
    with started(command, core=core) as process:
        yield Tool(process)
