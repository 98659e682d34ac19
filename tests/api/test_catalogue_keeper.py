"""When a catalogue's file is read again, on virtual time and real files, and what becomes of what stands in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.catalogue_file import CatalogueFile
from hyperinfer.api.catalogue_keeper import FIXED_LIMITS, PERIOD_SECONDS, CatalogueKeeper
from hyperinfer.api.cli.serve import plan_of
from hyperinfer.api.configuration import ReloadRefused
from hyperinfer.api.settings import Settings
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.providers.catalogue import Limits

if TYPE_CHECKING:
    from trio.testing import MockClock

FIRST, SECOND, THIRD = "limits: {burst: 1}\n", "limits: {burst: 2}\n", "limits: {burst: 3}\n"


def made(config: Path) -> CatalogueKeeper:
    config.write_text(FIRST)
    return CatalogueKeeper(CatalogueFile(config, {}))


async def seconds_until_changed(keeper: CatalogueKeeper, *steps: tuple[float, Callable[[], object]]) -> float:
    """How long it takes, and while it does, each step after its seconds. `inf` when an hour is not enough."""

    async def take() -> None:
        for seconds, step in steps:
            await trio.sleep(seconds)
            step()

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        with trio.move_on_after(3600) as scope:
            await keeper.wait_changed()
        took = trio.current_time() - began
        nursery.cancel_scope.cancel()
    return float("inf") if scope.cancelled_caught else took


async def test_what_does_not_change_is_not_read_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    config = tmp_path / "providers.yaml"
    keeper = made(config)
    touched = (10.0, lambda: os.utime(config))
    same = (10.0, lambda: config.write_text(FIRST))
    assert await seconds_until_changed(keeper, touched, same) == float("inf")
    packaged = CatalogueKeeper(CatalogueFile(None, {}))
    assert await seconds_until_changed(packaged) == float("inf")


def by_a_link(config: Path) -> Callable[[], object]:
    """As Kubernetes does with a ConfigMap: `providers.yaml` → `..data/providers.yaml`, and `..data` is exchanged."""
    folder = config.parent
    for name, text in (("..1", FIRST), ("..2", SECOND)):
        (folder / name).mkdir()
        (folder / name / config.name).write_text(text)
    (folder / "..data").symlink_to("..1")
    config.unlink()
    config.symlink_to(Path("..data", config.name))

    def swap() -> None:
        (folder / "..new").symlink_to("..2")
        os.replace(folder / "..new", folder / "..data")

    return swap


def by_renaming(config: Path) -> Callable[[], object]:
    new = config.with_suffix(".new")
    new.write_text(SECOND)
    return lambda: os.replace(new, config)


def in_place(config: Path) -> Callable[[], object]:
    return lambda: config.write_text(SECOND)


def with_the_old_time(config: Path) -> Callable[[], object]:
    """As `cp -p` and `rsync -t` do, and of the same size."""
    before = os.stat(config)

    def write() -> None:
        config.write_text(SECOND)
        os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))

    return write


@pytest.mark.parametrize("way", [by_a_link, by_renaming, in_place, with_the_old_time])
async def test_ways_to_change_it(
    way: Callable[[Path], Callable[[], object]], tmp_path: Path, autojump_clock: MockClock
) -> None:
    config = tmp_path / "providers.yaml"
    keeper = made(config)
    change = way(config)
    took = await seconds_until_changed(keeper, (3 * PERIOD_SECONDS + 0.5, change))
    assert took == 5 * PERIOD_SECONDS, "two looks that find the same"
    assert keeper.renew() == f"reloaded {config}: 3 models"
    assert keeper.given() == {"catalogue": SECOND}
    assert await seconds_until_changed(keeper) == float("inf")


async def test_who_still_writes_is_waited_for(tmp_path: Path, autojump_clock: MockClock) -> None:
    config = tmp_path / "providers.yaml"
    keeper = made(config)

    def add(text: str) -> Callable[[], object]:
        def write() -> None:
            with config.open("a") as file:
                file.write(text)

        return write

    steps = [(PERIOD_SECONDS * 0.9, add(f"# line {number}\n")) for number in range(10)]
    took = await seconds_until_changed(keeper, *steps)
    assert took == 9 * PERIOD_SECONDS + 2 * PERIOD_SECONDS
    assert keeper.renew().startswith("reloaded")
    assert str(keeper.given()["catalogue"]).endswith("# line 9\n")


async def test_a_file_that_is_gone_for_a_moment_only(tmp_path: Path, autojump_clock: MockClock) -> None:
    config = tmp_path / "providers.yaml"
    keeper = made(config)
    aside = tmp_path / "aside"
    moment = [(PERIOD_SECONDS * 2.5, lambda: config.rename(aside)), (PERIOD_SECONDS, lambda: aside.rename(config))]
    assert await seconds_until_changed(keeper, *moment) == float("inf")
    assert await seconds_until_changed(keeper, (0.0, config.unlink)) < 4 * PERIOD_SECONDS
    with pytest.raises(ReloadRefused, match=r"cannot read .*: No such file or directory"):
        keeper.renew()
    assert keeper.given() == {"catalogue": FIRST}
    assert await seconds_until_changed(keeper) == float("inf"), "that it is away is said once"
    assert await seconds_until_changed(keeper, (5.0, lambda: config.write_text(FIRST))) < float("inf")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"models: [", "the catalogue has 1 problem:"),
        (b"nonsense: 1\nmodels: 7\n", "the catalogue has 2 problems:"),
        (b"name: \xff", "is not UTF-8 text"),
        (b" \n", "is empty"),
        (b"host: 0.0.0.0\nworkers: 4\n", "unknown key"),
    ],
)
async def test_a_bad_one_is_refused_and_said_once(bad: bytes, said: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    config = tmp_path / "providers.yaml"
    keeper = made(config)
    assert await seconds_until_changed(keeper, (1.0, lambda: config.write_bytes(bad))) < float("inf")
    with pytest.raises(ReloadRefused, match=said):
        keeper.renew()
    assert keeper.given() == {"catalogue": FIRST}
    assert await seconds_until_changed(keeper) == float("inf")
    with pytest.raises(ReloadRefused, match=said):
        keeper.renew()  # asked for, it is said again
    config.write_text(THIRD)
    assert keeper.renew().startswith("reloaded")
    assert keeper.given() == {"catalogue": THIRD}


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    config = tmp_path / "providers.yaml"
    config.write_text(FIRST)
    writes = 0

    class Written(CatalogueFile):
        def read(self) -> str:
            text = super().read()
            nonlocal writes
            if writes:
                writes -= 1
                config.write_text(text + "#\n")
            return text

    keeper = CatalogueKeeper(Written(config, {}))
    writes = 3
    keeper.renew()
    assert keeper.given() == {"catalogue": FIRST + "#\n" * 3}
    writes = 1000
    with pytest.raises(ReloadRefused, match="changes while it is read"):
        keeper.renew()


def test_what_a_reload_cannot_change_is_named(tmp_path: Path) -> None:
    config = tmp_path / "providers.yaml"
    keeper = made(config)
    config.write_text("limits: {grace: 7, write: 9, burst: 5}\n")
    warnings = [
        "warning: limits.grace stays 30 until the server is started again (the file says 7)",
        "warning: limits.write stays 60 until the server is started again (the file says 9)",
    ]
    assert keeper.renew().splitlines()[1:] == warnings
    assert keeper.renew().splitlines()[1:] == warnings, "as long as it is so"
    config.write_text("limits: {grace: 30}\n")
    assert keeper.renew().splitlines()[1:] == []


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
def test_just_the_limits_of_the_edge_are_fixed(name: str, tmp_path: Path) -> None:
    with FolderLock.acquire(DataFolder(tmp_path)) as lock:

        def order(limits: Limits) -> bytes:
            return plan_of(Settings(), limits, config=None, data=tmp_path, lock=lock).order()

        changed = replace(Limits(), **{name: 11})
        assert (order(changed) != order(Limits())) == (name in FIXED_LIMITS)
