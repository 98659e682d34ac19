"""`serve --record`: what is wrong with it is told before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.api.cli.serve import plan_of
from hyperinfer.api.recording.settings import RecordSettings
from hyperinfer.api.settings import Settings
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.providers.catalogue import Limits

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli


def test_a_worker_is_told_where_and_which(tmp_path: Path) -> None:
    settings = Settings(record=RecordSettings(folder=Path("r"), sample=0.25))
    with FolderLock.acquire(DataFolder(tmp_path)) as lock:
        plan = plan_of(settings, Limits(), config=None, data=tmp_path, lock=lock)
    assert RecordSettings.heard(plan.app["record"]) == RecordSettings(folder=Path.cwd() / "r", sample=0.25)


def test_a_folder_that_is_none_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    refused = cli(f"serve --json --record {tmp_path}/taken").error
    assert refused["code"] == "settings"
    assert refused["message"] == f"--record: {tmp_path}/taken is no folder, or lies in none"
    checked = cli(f"check --record {tmp_path}/taken")
    assert checked.code == 1
    assert f"problem: the folder of recordings {tmp_path}/taken is no folder" in checked.out
    assert not (tmp_path / "new").exists()
    assert cli(f"check --record {tmp_path}/new --record-sample 0.5").code == 0
    assert not (tmp_path / "new").exists(), "check makes nothing"
