"""What other programs recorded: HAR files, and cassettes of VCR."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperinfer.api.replay import ReplayError, SeveralEntries, replay
from tests.support.bench import DIALECTS
from tests.support.replies import STREAMS, WHOLES

STREAM = b"".join(STREAMS["openai_chat"])
ASKED = {"model": "gpt-5.5", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
URL = "https://api.openai.com/v1/chat/completions"
ADDRESSES = {
    "openai_chat": URL,
    "openai_responses": "https://x.openai.azure.com/openai/v1/responses?api-version=preview",
    "anthropic_messages": "https://api.anthropic.com/v1/messages",
}


def har(*entries: dict[str, Any]) -> bytes:
    """A file of these."""
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries}}).encode()


def har_entry(url: str = URL, body: bytes = STREAM, **more: Any) -> dict[str, Any]:
    """One exchange as a browser exports it."""
    return {
        "startedDateTime": "2026-11-26T10:00:00.500Z",
        "time": 1500,
        "request": {
            "method": "POST",
            "url": url,
            "headers": [{"name": "Authorization", "value": "Bearer sk-secret"}, {"name": "anthropic-beta", "value": "b1"}],
            "postData": {"mimeType": "application/json", "text": json.dumps(ASKED)},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Type", "value": "text/event-stream"}, {"name": "content-encoding", "value": "br"}],
            "content": {"mimeType": "text/event-stream", "text": body.decode()},
        },
        "timings": {"blocked": 100, "dns": -1, "connect": 150, "ssl": 90, "send": 0, "wait": 250, "receive": 1000},
        **more,
    }


def cassette(said: object, *, headers: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    """One interaction as vcrpy writes it."""
    return {
        "request": {"method": "POST", "uri": URL, "headers": {}, "body": json.dumps(ASKED), **request},
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"content-type": ["text/event-stream"], **(headers or {})},
            "body": said,
        },
    }


def written(folder: Path, data: bytes | str | dict[str, Any], name: str = "file") -> Path:
    """A file: bytes as they are, anything else as YAML."""
    path = folder / name
    if isinstance(data, dict):
        data = yaml.safe_dump(data)  # pyright: ignore[reportUnknownMemberType]  # its stubs leave a width open
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_a_har_file_plays_with_its_times(tmp_path: Path) -> None:
    played = replay(written(tmp_path, har(har_entry())))
    assert (played.status, played.text) == (200, "Hello")
    assert played.times[0] == 0.5
    assert played.recording.request.unix == 1_795_687_200.5
    assert played.notes == ("no chunk boundaries: the body comes in one piece, with its head",)
    assert dict(played.recording.request.headers) == {"content-type": "application/json", "anthropic-beta": "b1"}
    assert played.cost > 0  # the catalogue in the package knows its price
    assert played.verified is None


def test_what_a_har_file_does_not_say_is_said(tmp_path: Path) -> None:
    entry = har_entry()
    del entry["timings"], entry["request"]["postData"], entry["startedDateTime"], entry["response"]["content"]["text"]
    entry["response"]["content"] = {"encoding": "base64", "text": base64.b64encode(STREAM).decode()}
    played = replay(written(tmp_path, har(entry)))
    assert played.text == "Hello"
    assert set(played.times) == {0.0}
    assert [note.partition(":")[0] for note in played.notes] == [
        "no chunk boundaries",
        "no times",
        "no body of the request",
    ]


@pytest.mark.parametrize("form", ["yaml", "json", "bytes", "gzip", "base64", "ruby", "parsed"])
def test_cassettes_in_all_their_forms(tmp_path: Path, form: str) -> None:
    text = STREAM.decode()
    packed = {"content-encoding": ["gzip"]}
    forms: dict[str, dict[str, Any]] = {
        "yaml": {"interactions": [cassette({"string": text})], "version": 1},
        "bytes": {"interactions": [cassette({"string": STREAM}, body=json.dumps(ASKED).encode())]},
        "gzip": {"interactions": [cassette({"string": gzip.compress(STREAM)}, headers=packed)]},
        "base64": {"interactions": [cassette({"base64_string": base64.b64encode(STREAM).decode()}, headers=packed)]},
        "ruby": {
            "http_interactions": [
                cassette({"encoding": "UTF-8", "string": text}, method="post", body={"string": json.dumps(ASKED)})
                | {"recorded_at": "Thu, 26 Nov 2026 10:00:00 GMT"}
            ],
            "recorded_with": "VCR 6.3.1",
        },
        "parsed": {"interactions": [cassette({"string": text}, body=None, parsed_body=ASKED)]},
    }
    data: bytes | dict[str, Any] = forms.get(form) or json.dumps(forms["yaml"]).encode()
    played = replay(written(tmp_path, data))
    assert (played.status, played.text) == (200, "Hello")
    assert "no times: all of it comes at once" in played.notes
    assert (played.recording.request.unix == 1_795_687_200.0) == (form == "ruby")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_three_protocols_are_known_by_their_address(tmp_path: Path, dialect: Any) -> None:
    asked = {"model": "m", "input": "hi", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
    whole = {"string": WHOLES[dialect].decode()}
    path = written(tmp_path, {"interactions": [cassette(whole, uri=ADDRESSES[dialect], body=json.dumps(asked))]})
    for as_ in (None, "chat", "responses", "messages"):
        assert replay(path, as_=as_).text == "Hello"


def test_one_of_several_is_chosen_by_its_number(tmp_path: Path) -> None:
    other = har_entry(url="https://example.com/pixel")
    path = written(tmp_path, har(other, har_entry(), har_entry(body=STREAM.replace(b"Hel", b"Jel"))))
    with pytest.raises(SeveralEntries, match="2 exchanges") as caught:
        replay(path)
    assert [each.partition(",")[0] for each in caught.value.entries] == [f"{number}: POST {URL}" for number in (2, 3)]
    assert replay(path, entry=3).text == "Jello"
    with pytest.raises(ReplayError, match="as its entry 1; there are 2, 3"):
        replay(path, entry=1)


def test_an_error_of_a_provider_is_told_as_the_gateway_tells_it(tmp_path: Path) -> None:
    refused = cassette({"string": '{"error": {"message": "Slow down.", "type": "x"}}'}, headers={"Retry-After": "9"})
    refused["response"]["status"] = {"code": 429, "message": "Too Many Requests"}
    played = replay(written(tmp_path, {"interactions": [refused]}))
    assert played.status == 429
    assert dict(played.headers)["retry-after"] == "9"
    assert played.departed is None


def test_a_deployment_without_a_model_in_the_body_is_played(tmp_path: Path) -> None:
    body = json.dumps({name: value for name, value in ASKED.items() if name != "model"})
    played = replay(written(tmp_path, {"interactions": [cassette({"string": STREAM.decode()}, body=body)]}))
    assert played.text == "Hello"
    assert "no name of a model" in played.notes


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no recording of this gateway, no HAR file and no cassette"),
        (b"{", "no JSON"),
        (b"a: [", "neither JSON nor YAML"),
        (b"\xff\xfe\x00", "neither JSON nor YAML"),
        (b"[1, 2]", "no recording"),
        (b'{"kind": "request"}\n', "begins with its request"),
        (b'{"kind":"request","version":1,"id":"0mw', "it ends before the request is whole"),
        (har({"request": {}}), "its entry 1 cannot be read"),
        (b'{"log": "\xff"}', "no JSON"),
        (b'{"a":' * 100_000, "no JSON"),
        (b"[" * 100_000, "neither JSON nor YAML"),
        (har(), "holds no exchange with a model"),
        (b"interactions: [1]", "its entry 1 is no object"),
        (b"!!python/object/apply:os.getcwd []", "neither JSON nor YAML"),
    ],
)
def test_a_file_that_is_none_says_so(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(ReplayError, match=why):
        replay(written(tmp_path, data))
