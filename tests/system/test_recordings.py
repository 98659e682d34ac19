"""Recordings of a real gateway over real HTTP: every format, streamed and whole, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.api.replay import replay
from hyperinfer.engine import recording as rec
from hyperinfer.engine.recording_file import read_recording
from tests.e2e.faults import CHUNKED, chunk, response
from tests.e2e.slow import slow_catalogue
from tests.support.faulty_upstream import Call, End, FaultyUpstream, Play, faulty_upstream
from tests.support.formats import AUTHORIZED, ROUTES, Route
from tests.support.rawclient import ask, connected, head
from tests.support.served import KEY, Running, gateway


def good(call: Call) -> Iterator[bytes | End]:
    if call.streamed:
        yield CHUNKED
        for piece in (*call.reply.opening, *call.reply.output, *call.reply.ending):
            yield chunk(piece)
        yield b"0\r\n\r\n"
    else:
        yield response(200, call.reply.whole)


def second_time(call: Call) -> Iterator[bytes | End]:
    if call.attempt:
        yield from good(call)
    else:
        yield response(503, b'{"error": {"message": "busy"}}')


def breaks(call: Call) -> Iterator[bytes | End]:
    yield CHUNKED + b"".join(map(chunk, (*call.reply.opening, call.reply.output[0])))
    yield End.RESET


def begun(call: Call) -> Iterator[bytes | End]:
    yield CHUNKED + b"".join(map(chunk, (*call.reply.opening, call.reply.output[0])))
    yield End.HOLD


PLAYS: dict[str, Play] = {"good": good, "second": second_time, "breaks": breaks, "begun": begun}


class Recorder:
    """A gateway that records."""

    def __init__(self, server: Running, folder: Path, upstream: FaultyUpstream) -> None:
        self.url, self.folder, self.upstream = server.url, folder, upstream

    def body(self, route: Route, play: str, mark: str, protocol: str, *, stream: bool, **more: Any) -> bytes:
        return json.dumps(route.body(f"slow/{play}-{protocol}", f"request {mark} ", stream=stream, **more)).encode()

    def recording(self, wanted: Callable[[rec.Recording], bool]) -> rec.Recording:
        """The only one that is wanted, once it is there: it is written behind the client's back."""
        deadline = time.monotonic() + 20
        while True:
            found = [each for each in map(read_recording, self.folder.glob("*.jsonl")) if wanted(each)]
            if found:
                assert len(found) == 1
                return found[0]
            assert time.monotonic() < deadline, [each.name for each in self.folder.iterdir()]
            time.sleep(0.02)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    folder = tmp_path_factory.mktemp("recorded")
    with faulty_upstream(PLAYS) as upstream:
        config = slow_catalogue(upstream.url, *PLAYS)
        with gateway(folder, config, {"HYPERINFER_RECORD": str(folder / "rec")}) as server:
            yield Recorder(server, folder / "rec", upstream)


CELLS = [(route, protocol, stream) for route in ROUTES for protocol in ("chat", "messages") for stream in (True, False)]


@pytest.mark.parametrize(("route", "protocol", "stream"), CELLS, ids=lambda each: getattr(each, "name", str(each)))
@pytest.mark.parametrize("play", ["good", "second"])
def test_it_holds_what_came_and_went(recorder: Recorder, play: str, route: Route, protocol: str, stream: bool) -> None:
    body = recorder.body(route, play, f"{play}-{route.name}-{protocol}-{stream}", protocol, stream=stream)
    answer = ask(recorder.url, "POST", route.path, AUTHORIZED, body)
    recording = recorder.recording(lambda each: each.request.id == answer.headers["x-request-id"])
    assert (recording.request.body.data, recording.request.path, recording.truncated) == (body, route.path, None)
    assert KEY not in str(recording.request)
    *failed, last = recording.exchanges
    assert [attempt.head.status for attempt in failed if attempt.head] == ([] if play == "good" else [503])
    assert isinstance(last.end, rec.Eof)
    assert last.head is not None
    assert last.head.status == answer.status == 200
    assert last.data
    assert recording.end is not None
    told = (len(answer.body), hashlib.sha256(answer.body).hexdigest())
    assert (recording.end.how, recording.end.length, recording.end.sha256) == ("complete", *told)
    assert len([line for line in recording.lines if isinstance(line, rec.Draw)]) == len(failed)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_failure_after_output(recorder: Recorder, route: Route) -> None:
    body = recorder.body(route, "breaks", f"breaks-{route.name}", "chat", stream=True)
    answer = ask(recorder.url, "POST", route.path, AUTHORIZED, body)
    recording = recorder.recording(lambda each: each.request.id == answer.headers["x-request-id"])
    (attempt,) = recording.exchanges
    assert isinstance(attempt.end, rec.Fault)
    assert attempt.end.error == "ReadError"
    assert recording.end is not None
    assert (recording.end.error, recording.end.length) == ("provider_unavailable", len(answer.body))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves(recorder: Recorder, route: Route, stream: bool) -> None:
    mark = f"left-{route.name}-{stream}"
    body = recorder.body(route, "begun", mark, "chat", stream=stream)
    with connected(recorder.url) as connection:
        connection.send(head("POST", route.path, {**AUTHORIZED, "content-length": str(len(body))}) + body)
        if stream:
            connection.until(b"data: ")
        while not recorder.upstream.attempts("begun", mark):
            time.sleep(0.01)
    recording = recorder.recording(lambda each: each.request.body.data == body)
    assert [line for line in recording.lines if isinstance(line, rec.Abort)]
    assert isinstance(recording.exchanges[0].end, rec.Close)
    assert recording.end is not None
    assert (recording.end.how, recording.end.status) == ("client_left", 200 if stream else None)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_round_of_tools(recorder: Recorder, route: Route) -> None:
    more: dict[str, Any] = {"plugins": [{"id": "datetime"}]}
    if route.name == "responses":
        more = {"tools": [{"type": "datetime"}]}
    body = json.dumps(route.body("demo/chat", "time: now", stream=True, **more)).encode()
    answer = ask(recorder.url, "POST", route.path, AUTHORIZED, body)
    recording = recorder.recording(lambda each: each.request.id == answer.headers["x-request-id"])
    assert answer.status == 200, answer.body
    tools = [line.name for line in recording.lines if isinstance(line, rec.Tool)]
    assert len(recording.exchanges) == len(tools) + 1
    assert tools == ["datetime"]


def test_each_of_them_plays_again_to_the_byte(recorder: Recorder) -> None:
    files = sorted(recorder.folder.glob("*.jsonl"))
    assert len(files) > 30
    for file in files:
        assert replay(file, verify=True).verified, file


def test_files_are_their_owners_alone(recorder: Recorder) -> None:
    files = list(recorder.folder.glob("*.jsonl"))
    assert len(files) > 30
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert stat.S_IMODE(recorder.folder.stat().st_mode) == 0o700
    assert all(re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z-[a-z0-9]{25}\.jsonl", each.name) for each in files)
    assert KEY.encode() not in b"".join(each.read_bytes() for each in files)
