"""Which requests are recorded, how much of them, and nothing that is secret."""

from __future__ import annotations

import pytest

from hyperinfer.api.recording.redaction import REDACTED
from hyperinfer.engine.recording import Withheld
from tests.support.bench import asked, bench
from tests.support.recorder import check_sent, record
from tests.support.replies import STREAMS, WHOLES
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, tooling, upstream
from tests.support.upstreams import Script

JSON = {"content-type": "application/json"}


async def test_callers_without_a_key_leave_nothing(autojump_clock: object) -> None:
    async with bench() as gateway:
        recorder, scribe = record(gateway)
        body = asked("openai_chat", "openai_chat", stream=False)
        assert (await gateway.send("openai_chat", body, {"authorization": "Bearer hi-wrong"})).status == 401
        assert (scribe.files, recorder.recorded) == ({}, 0)


async def test_without_bodies_there_are_their_lengths_and_times(autojump_clock: object) -> None:
    tool = ScriptedTool(steps=((2.0, found("SECRET result")),))
    rounds = [
        upstream("openai_chat", call("web_search", "c1", query="SECRET question"), stream=True),
        upstream("openai_chat", text("SECRET answer"), stream=True),
    ]
    async with bench(*rounds, tooling=tooling(tool)) as gateway:
        _, scribe = record(gateway, bodies=False)
        more = {**switched_on("openai_chat", "web_search"), "user": "SECRET user"}
        body = asked("openai_chat", "openai_chat", stream=True, **more)
        exchange = await gateway.send("openai_chat", body)
        (data,) = scribe.files.values()
        recording = scribe.one
    assert b"SECRET answer" in exchange.sent
    assert b"SECRET" not in data
    assert not recording.request.bodies
    assert recording.request.body.size == len(body)
    with pytest.raises(Withheld):
        _ = recording.exchanges[0].data
    assert [each.data.size for each in recording.exchanges[1].pieces] == [
        len(piece) for _, piece in rounds[1].pieces if isinstance(piece, bytes)
    ]
    check_sent(recording, exchange)


async def test_secrets_are_taken_out_and_counted(autojump_clock: object) -> None:
    """Those of the provider, also across two reads, and the client's own."""
    key = b"sk-secret-openai_chat"
    frames = [frame.replace(b'"Hel"', b'"Hel ' + key + b'"') for frame in STREAMS["openai_chat"]]
    whole = b"".join(frames)
    cut = whole.index(key) + 7
    async with bench(Script([(0.0, whole[:cut]), (1.0, whole[cut:])])) as gateway:
        _, scribe = record(gateway)
        body = asked("openai_chat", "openai_chat", stream=True, user=f"{gateway.secret} and cookie-of-the-client")
        await gateway.send("openai_chat", body, {"cookie": "a=b; session=cookie-of-the-client"})
        (data,) = scribe.files.values()
        recording = scribe.one
    for secret in (key, gateway.secret.encode(), b"cookie-of-the-client"):
        assert secret not in data
    (attempt,) = recording.exchanges
    assert attempt.data == whole.replace(key, REDACTED.encode())
    assert [piece.at for piece in attempt.pieces] == [0.0, 1.0]
    assert recording.end is not None
    assert recording.end.redacted == 6, "in the request, what was made of it, the reply, and what was made of that"


@pytest.mark.parametrize("most", [9_000, 12_000, 20_000])
async def test_a_file_has_a_limit(most: int, autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [STREAMS["openai_chat"][0], *[STREAMS["openai_chat"][1]] * 60, *STREAMS["openai_chat"][2:]]
    async with bench(Script([(0.1, frame) for frame in frames])) as gateway:
        recorder, scribe = record(gateway)
        monkeypatch.setattr("hyperinfer.api.recording.settings.RecordSettings.file_bytes", most)
        exchange = await gateway.send("openai_chat", asked("openai_chat", "openai_chat", stream=True))
        (data,) = scribe.files.values()
        recording = scribe.one
        assert recorder.truncated == 1
    assert len(data) <= most
    assert "size" in (recording.truncated or "")
    assert recording.end is not None
    assert recording.end.length == len(exchange.sent)


async def test_what_cannot_be_written_fast_enough_is_cut_short(autojump_clock: object) -> None:
    async with bench(Script([(0.1, frame) for frame in STREAMS["openai_chat"]])) as gateway:
        _, scribe = record(gateway)
        scribe.most = 3_000
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        recording = scribe.one
    assert "pace" in (recording.truncated or "")
    assert recording.end is not None
    assert recording.end.length == len(exchange.sent)


async def test_where_too_much_waits_none_is_begun(autojump_clock: object) -> None:
    async with bench(Script([(0.1, frame) for frame in STREAMS["openai_chat"]])) as gateway:
        recorder, scribe = record(gateway)
        scribe.files, scribe.most = {"others": b"x" * 100}, 50
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200
        assert (set(scribe.files), recorder.recorded, recorder.missed) == ({"others"}, 0, 1)


async def test_some_of_them(autojump_clock: object) -> None:
    numbers = iter([0.05, 0.5, 0.099, 0.1, 0.99])
    scripts = [Script([(0.0, WHOLES["openai_chat"])], headers=JSON)] * 5
    async with bench(*scripts) as gateway:
        recorder, scribe = record(gateway, lambda: next(numbers), sample=0.1)
        for _ in range(5):
            await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert len(scribe.recordings) == 2
        scribe.ready, numbers = False, iter([0.0])
        recorder, scribe = record(gateway)
        scribe.ready = False
        gateway.transport.scripts.append(scripts[0])
        assert (await gateway.ask("openai_chat", "openai_chat", stream=False)).status == 200
        assert (recorder.recorded, recorder.missed, scribe.files) == (0, 1, {})
