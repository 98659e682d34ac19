"""The folder: names, whole files, the oldest removed, several writers, and what is not ours."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hyperinfer.api.recording.folder import OpenRecording, RecordingFolder, file_name

KB = 1024


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir() if each.name != ".lock")


def written(folder: RecordingFolder, number: int, size: int = KB) -> OpenRecording:
    recording = folder.begin(file_name(1_764_150_000 + number, f"id{number}"))
    recording.append(b"x" * (size - 1) + b"\n")
    return recording


def test_names_sort_by_time_and_say_it() -> None:
    assert file_name(1764150000.25, "0abc") == "20251126T094000.250Z-0abc"
    assert file_name(1764150000.9999, "x") == "20251126T094000.999Z-x"
    assert sorted([file_name(at, "z") for at in (10.5, 2.25, 2.0, 1e9)]) == [
        file_name(at, "z") for at in (2.0, 2.25, 10.5, 1e9)
    ]


def test_a_file_is_there_once_it_is_whole_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "a" / "b", 10**9)
    folder.create()
    recording = written(folder, 0)
    assert names(folder.path) == ["20251126T094000.000Z-id0.part"]
    recording.finish()
    assert names(folder.path) == ["20251126T094000.000Z-id0.jsonl"]
    mode = (folder.path / "20251126T094000.000Z-id0.jsonl").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.path / "20251126T094000.000Z-id0.jsonl").stat().st_size == KB


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, 10**9)
    (tmp_path / "20251126T094000.000Z-id0.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        written(folder, 0)
    assert not (tmp_path / "elsewhere").exists()


def test_the_oldest_are_removed_and_only_ours(tmp_path: Path) -> None:
    foreign = ["a.jsonl", "00000000.jsonl", "20251126T094000.000Z-id.txt"]
    for name in foreign:
        (tmp_path / name).write_bytes(b"x" * 100 * KB)
    folder = RecordingFolder(tmp_path, 64 * KB)
    for number in range(100):
        recording = written(folder, number)
        recording.finish()
        folder.make_room(recording.size)
    ours = [name for name in names(tmp_path) if name not in foreign]
    assert set(foreign) <= set(names(tmp_path))
    assert ours == sorted(f"{file_name(1_764_150_000 + number, f'id{number}')}.jsonl" for number in range(40, 100))


def test_several_writers_keep_to_one_limit(tmp_path: Path) -> None:
    """Each sees what the others wrote, and none removes what is being written."""
    limit = 64 * KB
    writers = [RecordingFolder(tmp_path, limit) for _ in range(4)]
    open_one = written(writers[0], 0)
    for number in range(1, 150):
        folder = writers[number % 4]
        recording = written(folder, number)
        recording.finish()
        folder.make_room(recording.size)
        assert sum((tmp_path / name).stat().st_size for name in names(tmp_path)) <= limit
    open_one.finish()
    assert len(names(tmp_path)) > 40
    assert f"{file_name(1_764_150_149, 'id149')}.jsonl" in names(tmp_path)


def test_what_a_dead_writer_left_is_kept_and_what_a_living_one_writes_is_left_alone(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, 10**9)
    living = written(folder, 1)
    (tmp_path / "20251126T094000.000Z-dead.part").write_bytes(b"{}\n{")
    (tmp_path / "20251126T094000.000Z-nothing.part").write_bytes(b"{")
    (tmp_path / "theirs.part").write_bytes(b"{}\n")
    RecordingFolder(tmp_path, 10**9).adopt()
    assert names(tmp_path) == ["20251126T094000.000Z-dead.jsonl", "20251126T094001.000Z-id1.part", "theirs.part"]
    living.finish()
    assert "20251126T094001.000Z-id1.jsonl" in names(tmp_path)


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        RecordingFolder(tmp_path / "file", 1).create()
    if os.geteuid():
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(PermissionError):
            RecordingFolder(tmp_path / "locked", 1).create()
