"""A configuration that changes, with real workers: who gets it, when, and what is told."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from tests.api.edge.kit import until
from tests.api.edge.service import Service, service

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

FIRST, SECOND, THIRD, BAD = "models: []\n", "models: [] # second\n", "models: [] # third\n", "models: [\n"
REFUSED = "not reloaded, the configuration stays as it was: the catalogue has 1 problem:"


@asynccontextmanager
async def configured(tmp_path: Path, *, workers: int = 1, fails: str = "") -> AsyncGenerator[tuple[Service, Path]]:
    """A service that looks at its file every 50 ms."""
    config = tmp_path / "providers.yaml"
    config.write_text(FIRST)
    async with service(tmp_path, app={"config": str(config), "fails": fails}, workers=workers) as running:
        yield running, config


def replaced(config: Path, text: str) -> None:
    """As editors and tools do that care."""
    new = config.with_suffix(".new")
    new.write_text(text)
    os.replace(new, config)


async def has(running: Service) -> tuple[int, str]:
    """A worker, and the catalogue that it has."""
    pid, _, text = (await running.ask("/catalogue")).body.decode().partition(" ")
    return int(pid), text


async def test_a_change_reaches_every_worker_before_it_is_told(tmp_path: Path) -> None:
    async with configured(tmp_path, workers=2) as (running, config):
        assert (await has(running))[1] == FIRST
        replaced(config, SECOND)
        await running.until_said(f"reloaded {config}: 3 models")
        seen: dict[int, str] = {}
        with trio.fail_after(30):
            while len(seen) < 2:
                pid, text = await has(running)
                seen[pid] = text
        assert set(seen.values()) == {SECOND}
        assert sum("reloaded" in line for line in running.err) == 1


async def test_a_signal_is_enough_and_reaches_the_worker_without_a_restart(tmp_path: Path) -> None:
    async with configured(tmp_path) as (running, _):
        pid = await running.pid()
        running.process.send_signal(signal.SIGHUP)
        await running.until_said("reloaded")
        os.kill(pid, signal.SIGHUP)  # `pkill -HUP` finds the workers as well
        assert await running.pid() == pid


async def test_a_worker_that_starts_while_the_file_is_bad_has_the_last_good_one(tmp_path: Path) -> None:
    async with configured(tmp_path) as (running, config):
        replaced(config, SECOND)
        await running.until_said("reloaded")
        replaced(config, BAD)
        await running.until_said(REFUSED)
        assert any(line.startswith(f"{config}:2: not YAML") for line in running.err)
        killed = await running.pid()
        os.kill(killed, signal.SIGKILL)
        pid, text = await has(running)
        assert pid != killed
        assert text == SECOND
        replaced(config, THIRD)
        await running.until_said("reloaded")
        with trio.fail_after(10):
            while await has(running) != (pid, THIRD):
                pass
        assert sum(REFUSED in line for line in running.err) == 1, "what is wrong is said once"


async def test_a_worker_that_is_starting_gets_what_comes_meanwhile(tmp_path: Path) -> None:
    async with configured(tmp_path) as (running, config):
        os.kill(await running.pid(), signal.SIGKILL)
        await running.until_said("SIGKILL")
        config.write_text(SECOND)
        running.process.send_signal(signal.SIGHUP)
        await running.until_said("reloaded")
        with trio.fail_after(10):
            while (await has(running))[1] != SECOND:
                pass


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_worker_that_cannot_take_it_goes_on_with_the_old_one_and_is_not_counted(
    tmp_path: Path, workers: int
) -> None:
    fails = tmp_path / "fails"
    async with configured(tmp_path, workers=workers, fails=str(fails)) as (running, config):
        pid = await running.pid()
        fails.write_text(str(pid))
        replaced(config, SECOND)
        await running.until_said(f"worker {pid} could not take the new configuration and goes on with the old one")
        assert any("Traceback" in line for line in running.err)
        if workers == 1:
            await running.until_said("not reloaded: no worker could take the new configuration; those that start have it")
        else:
            await running.until_said(f"reloaded {config}: 3 models")
            await running.until_said("warning: 1 of 2 workers keep the old one; those that start have the new")
        seen: dict[int, str] = {}
        while len(seen) < workers:
            number, text = await has(running)
            seen[number] = text
        assert seen.pop(pid) == FIRST
        assert set(seen.values()) <= {SECOND}
        # The next one that it can take is everywhere, and so is said as always.
        fails.write_text("")
        replaced(config, THIRD)
        await until(lambda: sum(line.startswith("reloaded") for line in running.err) == workers)
        assert sum("keep the old one" in line for line in running.err) == workers - 1


@pytest.mark.parametrize("number", [signal.SIGHUP, None])
async def test_a_change_during_a_stop_keeps_nobody(tmp_path: Path, number: signal.Signals | None) -> None:
    async with configured(tmp_path) as (running, config):
        assert (await running.ask("/pid")).complete
        replaced(config, SECOND)
        if number is not None:
            running.process.send_signal(number)
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0
