"""Real exchanges: they decode alike however they are cut, and come back field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Loss
from hyperinfer.formats.errors import EncodeError
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from hyperinfer.formats.reply_losses import CONTRADICTED
from tests.formats.openai_responses.harness import (
    decoded,
    encoded,
    frames,
    judged,
    recordings,
    upstream,
    whole,
)
from tests.support.chunks import byte_by_byte, two_way_splits

STREAMS, WHOLES = recordings("sse"), recordings("json")
REWRITTEN = ("id", "created_at", "model")
COSTS = ("cost", "cost_details", "is_byok")
IRREGULAR = ("openai-shell-container-1",)  # its deltas do not make the text that its `done`s have


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_decodes_alike_whole_and_byte_by_byte(path: Path) -> None:
    raw = path.read_bytes()
    events = decoded([raw])
    assert decoded(byte_by_byte(raw)) == events
    assert type(events[-1]) in (ev.MessageEnd, ev.UpstreamError)


@pytest.mark.parametrize(
    "path",
    [param for param in STREAMS if param.id in (None, "openai-openai-gpt-4o-simple-stream", "openrouter-tool-calls-1")],
)
def test_a_stream_decodes_alike_at_every_cut(path: Path) -> None:
    raw = path.read_bytes()
    events = decoded([raw])
    for pieces in two_way_splits(raw):
        assert decoded(pieces) == events


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_comes_back_as_its_own_grammar(path: Path) -> None:
    events = decoded([path.read_bytes()])
    out, losses = encoded(events)
    assert judged(out, allow_error=isinstance(events[-1], ev.UpstreamError)) == []
    lost = [Loss("response.output[].content[].text", CONTRADICTED)] if path.parent.name in IRREGULAR else []
    assert losses == lost


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_comes_back_field_by_field(path: Path) -> None:
    if path.parent.name in IRREGULAR:
        pytest.skip("deltas and texts of this recording differ")
    theirs = frames(path.read_bytes())
    events = decoded([path.read_bytes()])
    ours = frames(encoded(events)[0])
    if isinstance(events[-1], ev.UpstreamError):
        theirs = [frame for frame in theirs if frame["type"] in ("response.created", "response.in_progress")]
        ours = ours[:-1]
    ours_normal = [_plain_event(frame) for frame in ours if not _is_extra_frame(frame, theirs)]
    assert ours_normal == [_plain_event(frame) for frame in theirs]


@pytest.mark.parametrize("path", WHOLES)
def test_a_whole_reply_comes_back_field_by_field(path: Path) -> None:
    raw = path.read_bytes()
    events = OPENAI_RESPONSES.decode_response(raw, upstream())
    if isinstance(events[-1], ev.UpstreamError):
        assert "output" not in json.loads(raw)
        return
    assert _plain_response(whole(events)) == _plain_response(json.loads(raw))


@pytest.mark.parametrize("path", STREAMS)
def test_the_last_response_of_a_stream_is_the_whole_reply(path: Path) -> None:
    """A stream and a whole reply are the same events to every client."""
    if path.parent.name in IRREGULAR:
        pytest.skip("deltas and texts of this recording differ")
    last = frames(path.read_bytes())[-1]["response"]
    if last["status"] == "failed":
        return
    raw = json.dumps(last).encode()
    from_whole = whole(OPENAI_RESPONSES.decode_response(raw, upstream()))
    from_stream = whole(decoded([path.read_bytes()]))
    assert _plain_response(from_whole) == _plain_response(from_stream)


@pytest.mark.parametrize("path", WHOLES)
def test_a_whole_reply_makes_a_stream_that_obeys_the_grammar(path: Path) -> None:
    events = OPENAI_RESPONSES.decode_response(path.read_bytes(), upstream())
    if json.loads(path.read_bytes()).get("status") == "queued":
        with pytest.raises(EncodeError):  # no stream ends without an end
            encoded(events)
        return
    out, _ = encoded(events)
    assert judged(out, allow_error=isinstance(events[-1], ev.UpstreamError)) == []


# -- what RULES say is rewritten, and what is put right


def _is_extra_frame(frame: dict[str, Any], theirs: list[dict[str, Any]]) -> bool:
    """Frames that a lax upstream left out: the deltas and `done`s that our grammar has in any case."""
    return frame["type"].endswith((".delta", ".done", ".added")) and not any(
        known["type"] == frame["type"] for known in theirs
    )


def _plain_event(frame: dict[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in frame.items() if k not in ("sequence_number", "obfuscation")}
    if isinstance(found.get("response"), dict):
        found["response"] = _plain_response(found["response"])
    if frame["type"].startswith("response.shell_call"):
        found.pop("item_id", None)  # left out by this upstream
    if isinstance(found.get("part"), dict):
        found["part"] = _plain_part(found["part"])
    if isinstance(found.get("item"), dict):
        found["item"] = _plain_item(found["item"])
    return found


def _plain_item(item: dict[str, Any]) -> dict[str, Any]:
    found = dict(item)
    if item["type"] == "message":
        found["content"] = [_plain_part(part) for part in item["content"]]
    return found


def _plain_part(part: dict[str, Any]) -> dict[str, Any]:
    return {**{"logprobs": []}, **part} if part.get("type") == "output_text" else part


def _plain_response(response: dict[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in response.items() if k not in REWRITTEN}
    found["output"] = [_without_encrypted(_plain_item(item)) for item in response["output"]]
    usage = response.get("usage")
    if usage:
        kept = {k: v for k, v in usage.items() if k not in COSTS}
        details = {"cache_write_tokens": 0, **usage.get("input_tokens_details", {})}
        found["usage"] = {**kept, "input_tokens_details": details}
    return found


def _without_encrypted(item: dict[str, Any]) -> dict[str, Any]:
    """OpenAI encrypts anew for the last response; ours repeats the item."""
    return {k: v for k, v in item.items() if k != "encrypted_content"}
