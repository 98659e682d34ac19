"""What can be replayed: the file of a recording, or one in which other programs recorded exchanges with models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.api.data_plane import COUNTS, ROUTES
from hyperinfer.api.replay.foreign import Exchanged, UnreadableFile, exchanges
from hyperinfer.api.replay.imported import imported
from hyperinfer.api.replay.play import Scene
from hyperinfer.engine.recording_file import RecordingError, parse_recording
from hyperinfer.formats.wire import is_array
from hyperinfer.providers.catalogue import Catalogue, CatalogueErrors, load

if TYPE_CHECKING:
    from hyperinfer.engine.recording import Recording


class ReplayError(Exception):
    """A file that cannot be replayed, or not as it was asked for. The text says why."""


class SeveralEntries(ReplayError):
    """The file holds several exchanges, and nobody said which. `entries`: a line for each."""

    def __init__(self, name: str, entries: tuple[str, ...]) -> None:
        super().__init__(f"{name} holds {len(entries)} exchanges with models; choose one by its number")
        self.entries = entries


def read_scene(path: Path, entry: int | None = None) -> tuple[Scene, tuple[str, ...]]:
    """What the file holds, ready to be played, and what its format could not say. `entry`: the number of one of several, as
    `SeveralEntries` lists them. Raises ReplayError, OSError."""
    if path.is_dir():
        raise ReplayError(f"{path} is a folder; name one of its files{_newest(path)}")
    data = path.read_bytes()
    if _ours(data):
        if entry not in (None, 1):
            raise ReplayError(f"{path} is one recording; there is no entry {entry}")
        try:
            recording = parse_recording(data, str(path))
            return scene_of(recording), notes_on(recording)
        except RecordingError as error:
            raise ReplayError(str(error)) from None
    try:
        found = exchanges(data)
    except UnreadableFile as error:
        raise ReplayError(f"{path}: {error}") from None
    recording, missing = imported(_chosen(str(path), found, entry))
    return scene_of(recording), missing


def scene_of(recording: Recording) -> Scene:
    """A recording with the catalogue that it was served under. Raises ReplayError."""
    served, path = recording.request.served, recording.request.path
    if path not in ROUTES and path not in COUNTS:
        raise ReplayError(f"{path} is no path at which a model is asked")
    catalogue = _catalogue(served)
    models = served.get("key_models")
    for name in ("key_models", "nodes"):
        if not _names_or_none(served.get(name)):
            raise ReplayError(f"`{name}` of the recording's `served` is no list of names")
    if models is None:
        return Scene(recording=recording, catalogue=catalogue)
    from hyperinfer.api.replay.accounts import WHOEVER

    principal = msgspec.structs.replace(WHOEVER, models=frozenset(models))
    return Scene(recording=recording, catalogue=catalogue, principal=principal)


def notes_on(recording: Recording) -> tuple[str, ...]:
    """What a reader should know of a recording before it is played."""
    notes: list[str] = []
    if recording.truncated is not None:
        notes.append(f"the recording is not whole: {recording.truncated}. It was played that far, and then its client left")
    if nodes := recording.request.served.get("nodes"):
        notes.append(f"nodes of the operator's own, which are not played: {', '.join(map(str, nodes))}")
    return tuple(notes)


def _catalogue(served: Mapping[str, Any]) -> Catalogue:
    made = served.get("catalogue")
    if made is None:
        raise ReplayError("the recording does not say under which catalogue it was served")
    try:
        return load(msgspec.json.encode(made).decode(), {}, "the recording's catalogue")
    except CatalogueErrors as error:
        raise ReplayError(f"this program cannot use the catalogue in the recording:\n{error}") from None


def _names_or_none(value: object) -> bool:
    return value is None or (is_array(value) and all(isinstance(each, str) for each in value))


def _ours(data: bytes) -> bool:
    """Whether the first line is that of a recording, or the beginning of such a line."""
    line = data.partition(b"\n")[0]
    if not line.startswith(b"{"):
        return False
    try:
        return msgspec.json.decode(line, type=dict[str, msgspec.Raw]).get("kind") == msgspec.Raw(b'"request"')
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line.startswith(b'{"kind":"request"')


def _newest(folder: Path) -> str:
    """The recording in a folder that its reader most likely means. Their names sort by time."""
    names = sorted(each.name for each in folder.glob("*.jsonl"))
    return f", such as the newest of {len(names)} recordings, {folder / names[-1]}" if names else ""


def _chosen(name: str, found: list[Exchanged], entry: int | None) -> Exchanged:
    if not found:
        raise ReplayError(f"{name} holds no exchange with a model: no POST to …/chat/completions, …/responses or …/messages")
    if entry is None:
        if len(found) > 1:
            raise SeveralEntries(name, tuple(each.shown for each in found))
        return found[0]
    chosen = next((each for each in found if each.number == entry), None)
    if chosen is None:
        numbers = ", ".join(str(each.number) for each in found)
        raise ReplayError(f"{name} has no exchange with a model as its entry {entry}; there are {numbers}")
    return chosen
