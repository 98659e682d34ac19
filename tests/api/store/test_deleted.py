"""Folders and files that are deleted or exchanged under a running gateway: nothing is written where nobody finds it."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store import writer_client
from hyperinfer.api.store.database import open_reader, open_writer
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.folder import DataFolder
from hyperinfer.api.store.generations import read_generation
from hyperinfer.api.store.journal import JournalFolder
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def delete_database(folder: Path) -> None:
    for file in folder.glob("hyperinfer.db*"):
        file.unlink()


def put_another_there(folder: Path) -> None:
    delete_database(folder)
    open_writer(folder / "hyperinfer.db").close()


@pytest.mark.parametrize("harm", [delete_database, put_another_there, shutil.rmtree])
async def test_nothing_is_billed_into_a_database_that_is_gone(
    tmp_path: Path, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("STALLED_SECONDS", "GOODBYE_SECONDS"):
        monkeypatch.setattr(writer_client, patience, 0.5)
    folder = tmp_path / "data"
    async with a_store(folder) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        assert await store.admit(an_admission("r1", principal, 1)) is None
        harm(folder)
        with trio.move_on_after(2) as scope:
            await store.settle(a_generation("r1", workspace, 7))
        assert scope.cancelled_caught
        assert not store.healthy
        refusal = await store.admit(an_admission("r2", principal, 1))
        assert refusal is not None
        assert refusal.code == "internal_error"
        assert (folder / "hyperinfer.db").exists() == (harm is put_another_there), "another was made"


async def test_what_is_under_way_in_a_store_that_is_gone_stops_no_start(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        assert await store.admit(an_admission("r1", principal, 1)) is None
    delete_database(tmp_path)
    async with a_store(tmp_path) as store:  # with what the other had let in, and which has no workspace here
        assert await store.workspaces() == ()
        assert store.healthy


async def test_a_deleted_journal_is_begun_anew(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        assert await store.admit(an_admission("r1", principal, 1)) is None
        shutil.rmtree(DataFolder(tmp_path).admitted)
        refusal = await store.admit(an_admission("r2", principal, 1))
        assert refusal is not None
        assert refusal.code == "internal_error"
        with trio.fail_after(10):
            while not store.healthy:  # noqa: ASYNC110 - nobody has to ask
                await trio.sleep(0.05)
        assert await store.admit(an_admission("r3", principal, 1)) is None
        left = JournalFolder(DataFolder(tmp_path).admitted).all_entries()
        assert [getattr(getattr(entry, "hold", None), "request", None) for entry in left] == ["r1", "r3"]


def test_a_database_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "hyperinfer.db").write_bytes(b"no database" * 1000)
    with closing(open_reader(tmp_path / "hyperinfer.db")) as reader, pytest.raises(StoreUnavailable):
        read_generation(reader, "r1", "ws")
