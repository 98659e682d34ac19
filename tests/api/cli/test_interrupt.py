"""Ctrl-C, wherever it finds a command, and SIGHUP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trio

from hyperinfer.api.cli.interrupt import run_until_interrupted
from hyperinfer.api.store.folder import DataFolder, FolderLock

PATIENCE = 30.0

IN_A_DESTRUCTOR = """
import os, signal, sys
from hyperinfer.api.cli import administration, main

class Interrupted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(9))  # where Python looks for signals

def data_folder(invocation, before=administration.data_folder):
    Interrupted()
    return before(invocation)

administration.data_folder = data_folder
sys.exit(main())
"""


def end_of(process: subprocess.Popen[str]) -> tuple[int, str, list[str]]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, [line for line in err.splitlines() if not line.startswith("import time:")]


def test_ctrl_c_while_waiting_for_the_folder(tmp_path: Path) -> None:
    with (
        FolderLock.acquire(DataFolder(tmp_path / "data")),
        subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "hyperinfer", "keys", "list"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting,
    ):
        assert waiting.stderr
        # The last module that it loads: from here on it waits.
        for line in waiting.stderr:
            if "hyperinfer.api.store.open" in line:
                break
        waiting.send_signal(signal.SIGINT)
        assert end_of(waiting) == (130, "", ["error: interrupted"])


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "error: interrupted"), (["--json"], '{"error":{"code":"interrupted","message":"interrupted"}}')],
)
def test_ctrl_c_where_python_forgets_an_exception(tmp_path: Path, words: list[str], said: str) -> None:
    with (
        FolderLock.acquire(DataFolder(tmp_path / "data")),
        subprocess.Popen(
            [sys.executable, "-c", IN_A_DESTRUCTOR, "keys", "list", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as command,
    ):
        assert end_of(command) == (130, "", [said])


def test_what_trio_runs_is_cancelled_and_cleans_up() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await trio.sleep_forever()
        finally:
            done.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(work)
    assert done == ["cleaned up"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_it_raises_and_returns_is_not_in_a_group() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    async def succeed() -> int:
        return 7

    with pytest.raises(ValueError, match="mine"):
        run_until_interrupted(fail)
    assert run_until_interrupted(succeed) == 7


def test_a_hangup_does_not_end_a_server_that_starts(tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "hyperinfer", "serve", "--port", "0"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as starting,
    ):
        assert starting.stderr
        assert starting.stdout
        # While it reads what it needs itself, and before its supervisor, which hears signals, is loaded.
        for line in starting.stderr:
            if "hyperinfer.api.catalogue_keeper" in line:
                starting.send_signal(signal.SIGHUP)
                break
        reading = threading.Thread(target=starting.stderr.read)  # else it would wait for who reads it
        reading.start()
        assert any(line.startswith("listening ") for line in starting.stdout)
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(PATIENCE) == 0
        reading.join()
