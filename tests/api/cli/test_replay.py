"""`hyperinfer replay`."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from hyperinfer.api.cli.output import Output
from hyperinfer.api.cli.replay_page import Page
from hyperinfer.api.replay import replay_scene, scene_of
from hyperinfer.engine import recording as rec
from hyperinfer.engine.recording_file import write_recording
from tests.api.cli.kit import Terminal, with_colours
from tests.api.replay.kit import Story, changed
from tests.api.replay.test_foreign import cassette, har, har_entry
from tests.support.replies import STREAMS

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli


@pytest.fixture
def recording() -> rec.Recording:
    story = Story(limits={"keepalive": 10}).asks(0.0).fails(0.5, "ConnectError").then(rec.Draw(0.5, "jitter", 0.5))
    return story.asks(0.7).answers(12.0, STREAMS["openai_chat"], every=0.25).heard()


@pytest.fixture
def file(recording: rec.Recording, tmp_path: Path) -> str:
    path = tmp_path / "one.jsonl"
    write_recording(path, recording)
    return str(path)


def test_the_stream_is_shown_with_its_times_and_what_it_came_to(cli: Cli, file: str) -> None:
    done = cli("replay", file)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "POST /api/v1/chat/completions  abc123  2026-11-25 09:46:40 UTC"
    assert "    10.000   +10.000  keep alive" in lines
    assert "    12.500            text delta         'Hel'" in lines
    assert "10 tokens read (4 from a cache), 5 written, 0.0000942 USD" in lines
    assert [line.split()[:3] for line in lines if line.startswith(("1 ", "2 "))] == [
        ["1", "openai_chat", "up"],
        ["2", "openai_chat", "up"],
    ]
    assert "verified" not in done.out


def test_what_is_the_same_is_verified(cli: Cli, file: str) -> None:
    done = cli("replay", file, "--verify")
    assert done.code == 0
    assert done.out.endswith("verified: the same status, headers and bytes\n")
    assert cli("replay", file, "--verify", "--json").document["verified"] is True


def test_one_changed_byte_fails_and_says_where(cli: Cli, recording: rec.Recording, tmp_path: Path) -> None:
    place = next(at for at, line in enumerate(recording.lines) if isinstance(line, rec.Bytes) and b'"lo"' in line.data.data)
    line = recording.lines[place]
    assert isinstance(line, rec.Bytes)
    data = rec.Payload.of(line.data.data.replace(b'"lo"', b'"la"'))
    path = tmp_path / "other.jsonl"
    write_recording(path, changed(recording, place, data=data))
    done = cli("replay", str(path), "--verify")
    assert done.code == 1
    assert "the first difference is at event 5 (text delta 'la'), 12.750 s" in done.out
    raw = cli("replay", str(path), "--verify", "--raw")
    assert (raw.code, "it does not replay as it was recorded" in raw.err) == (1, True)
    assert cli("replay", str(path), "--verify", "--json").document["differences"]


def test_the_bytes_alone(cli: Cli, file: str) -> None:
    chat, messages = cli("replay", file, "--raw"), cli("replay", file, "--raw", "--as", "messages", "--chunks", "whole")
    assert chat.out.startswith(": keep-alive\n\ndata: {")
    assert chat.out.endswith("data: [DONE]\n\n")
    assert 'event: message_stop\ndata: {"type":"message_stop"}\n\n' in messages.out


def test_as_slowly_as_it_was_it_shows_the_same(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    write_recording(path, Story().asks(0.0).answers(0.1, STREAMS["openai_chat"], every=0.05).heard())
    began = time.monotonic()
    slow = cli("replay", str(path), "--speed", "real", "--verify")
    assert time.monotonic() - began >= 0.1 + 0.05 * len(STREAMS["openai_chat"])
    fast = cli("replay", str(path), "--verify")
    assert [line[20:] for line in slow.out.splitlines()] == [line[20:] for line in fast.out.splitlines()], (
        "but for the times"
    )


def test_on_a_terminal_events_have_colours(recording: rec.Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    with_colours(monkeypatch)
    shown = Terminal()
    page = Page(Output(shown, io.StringIO(), json=False), made_of=recording, format=None)
    page.close(replay_scene(scene_of(recording), hear=page.hear), verify=True)
    *_, text, end = (line for line in shown.getvalue().splitlines() if "text delta" in line or "verified" in line)
    assert "\x1b[32m'lo'" in text
    assert "\x1b[32mverified" in end


def test_for_programs(cli: Cli, file: str) -> None:
    document = cli("replay", file, "--json").document
    assert (document["status"], document["text"], document["cost"]) == (200, "Hello", "0.0000942")
    assert document["events"][0] == {"at": 10.0, "event": "keep alive", "detail": ""}
    assert [each["code"] for each in document["attempts"]] == ["provider_unavailable", None]


def test_one_that_was_cut_off_is_played_as_far_as_it_goes(cli: Cli, file: str, tmp_path: Path) -> None:
    whole = Path(file).read_bytes().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_bytes(b"".join(whole[:-4]))
    done = cli("replay", str(tmp_path / "cut.jsonl"))
    assert done.code == 0
    assert "note: the recording is not whole: it has no end. It was played that far, and then its client left" in done.out
    refused = cli("replay", str(tmp_path / "cut.jsonl"), "--verify")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.endswith("the recording is not whole: it has no end\n")


def test_a_folder_is_none_but_its_newest_is_named(cli: Cli, tmp_path: Path) -> None:
    assert cli("replay", str(tmp_path)).err == f"error: {tmp_path} is a folder; name one of its files\n"
    for name in ("2.jsonl", "1.jsonl"):
        (tmp_path / name).touch()
    said = cli("replay", str(tmp_path)).err
    assert said.endswith(f"name one of its files, such as the newest of 2 recordings, {tmp_path / '2.jsonl'}\n")


def test_one_without_bodies_cannot_be_played(cli: Cli, recording: rec.Recording, tmp_path: Path) -> None:
    without = msgspec.structs.replace(recording.request, body=rec.Payload(length=9), bodies=False)
    write_recording(tmp_path / "none.jsonl", rec.Recording(without, recording.lines))
    done = cli("replay", str(tmp_path / "none.jsonl"))
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: the recording was made without bodies, so there is nothing to replay\n"


def test_what_cannot_be_done_says_why(cli: Cli, file: str, tmp_path: Path) -> None:
    nothing = cli("replay", str(tmp_path / "none"))
    assert (nothing.code, nothing.err) == (1, f"error: No such file or directory: {tmp_path / 'none'}\n")
    assert cli("replay", file, "--as", "messages", "--verify").code == 1
    assert cli("replay", file, "--raw", "--json").code == 2
    assert cli("replay").code == 2
    assert cli("replay", file, "--as", "latin").code == 2


def test_other_programs_files(cli: Cli, tmp_path: Path) -> None:
    text = b"".join(STREAMS["openai_chat"]).decode()
    (tmp_path / "a.har").write_bytes(har(har_entry(), har_entry()))
    (tmp_path / "c.json").write_text(json.dumps({"interactions": [cassette({"string": text})]}))
    several = cli("replay", str(tmp_path / "a.har"), "--json")
    assert several.code == 1
    assert len(several.error["entries"]) == 2
    shown = cli("replay", str(tmp_path / "a.har"), "--entry", "2")
    assert "note: no chunk boundaries: the body comes in one piece, with its head" in shown.out
    assert cli("replay", str(tmp_path / "c.json"), "--json").document["text"] == "Hello"
    refused = cli("replay", str(tmp_path / "c.json"), "--verify", "--json")
    assert (refused.code, refused.error["code"]) == (1, "unverifiable")
