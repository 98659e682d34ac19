"""What every recorded reply says reaches every client, or is a Loss; read on both sides from the bytes alone.

The readers of `tests/support/saying.py` know nothing of the gateway's decoders, so a decoder that overlooks something is
seen here, where a comparison of its events with themselves would not see it.
"""

from __future__ import annotations

import base64
import json
from collections import Counter

import pytest

from hyperinfer.formats import FORMATS, Dialect, Event, Loss, Reply, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.reply_losses import CONTRADICTED
from tests.support.pair import ASKED, decode_stream
from tests.support.recordings import DIALECTS, Recording, recordings
from tests.support.saying import Saying, sayings

QUEUED = "openai-background-mode-with-tool-vcr"
"""No answer yet."""
ANSWERED = [r for r in recordings() if r.status == 200 and "error_body" not in r.meta["features"] and r.path.name != QUEUED]
if not ANSWERED:
    pytest.skip("the recordings are not on this machine", allow_module_level=True)

SHORTENED = ("openai-shell-container-1",)
"""Its source cut the deltas short, and not the text that closes them."""
AS_OTHER = {
    "server_tool_use": ("web_search_call", "tool_search_call"),
    "tool_search_tool_result": ("tool_search_output",),
    "mcp_tool_use": ("mcp_call",),
}
"""What servers run, by the names in another format."""


def replies(recording: Recording, client: Dialect) -> tuple[list[bytes], tuple[Loss, ...], bool]:
    """The stream and the whole response of a client, what was lost, and whether the reply failed."""
    upstream = Upstream(vendor=DEFAULT_VENDOR[recording.dialect], id_seed="seed")
    codec = FORMATS[client]
    found = (
        decode_stream(recording.dialect, [recording.response])
        if recording.streamed
        else list(FORMATS[recording.dialect].decode_response(recording.response, upstream))
    )
    events: list[Event] = [event for event in found if not isinstance(event, str)]
    assert len(events) == len(found)
    reply = Reply(
        request_id="r1",
        model="a/model",
        created=1_700_000_000,
        conversation=codec.decode_request(ASKED[client]),
        upstream=recording.dialect,
    )
    if isinstance(events[-1], ev.UpstreamError):
        return [], (), True
    encoder = codec.stream_encoder(reply)
    stream = b"".join(encoder.send(event) for event in events) + encoder.end()
    whole = codec.encode_response(events, reply)
    assert set(whole.losses) == set(encoder.losses)
    return [stream, whole.body], tuple(encoder.losses), False


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_what_is_said_arrives(recording: Recording, client: Dialect) -> None:
    bodies, losses, failed = replies(recording, client)
    if failed:
        assert "failed" in recording.response.decode() or "error" in recording.response.decode()
        return
    said = sayings(recording.dialect, recording.response)
    for body in bodies:
        told = sayings(client, body)
        assert len(told) == len(said) or any("choice" in loss.path for loss in losses)
        for before, after in zip(said, told, strict=False):
            check(before, after, losses, same=client == recording.dialect, whole_text=recording.path.name not in SHORTENED)


def check(before: Saying, after: Saying, losses: tuple[Loss, ...], *, same: bool, whole_text: bool) -> None:
    if whole_text:
        assert after.text == before.text
    assert after.reasoning.replace("\n", "") == before.reasoning.replace("\n", "")
    assert after.calls == before.calls
    if before.usage is not None:
        assert after.usage is not None
        assert after.usage == before.usage
        assert after.usage[1] + after.usage[2] <= after.usage[0]
        assert after.usage[4] <= after.usage[3]
    # What is opaque arrives, in a wrapping where it is another vendor's.
    unwrapped = " ".join(bare(blob) for blob in after.blobs)
    assert [blob for blob in before.blobs if blob not in unwrapped] == []
    if same:
        assert after.citations == before.citations
        assert Counter(after.others) == Counter(before.others)
        shortened = () if whole_text else (Loss("response.output[].content[].text", CONTRADICTED),)
        assert losses == shortened
        return
    lost = " ".join(f"{loss.path}: {loss.reason}" for loss in losses)
    for citation in before.citations:
        best = max((known for known in after.citations if known & citation), key=len, default=frozenset[str]())
        assert citation <= best or "cit" in lost, citation
    for kind in before.others:
        assert kind in lost or set(AS_OTHER.get(kind, ())) & set(after.others), kind


def bare(blob: str) -> str:
    """A blob without the tag and the wrapping that it got for its way through another format."""
    if not blob.startswith("hi1."):
        return blob
    inner = blob.split(".", 2)[2]
    if not inner.startswith("packed:"):
        return inner
    pieces = inner.removeprefix("packed:").split(":")
    return " ".join([*pieces, *(_json_text(piece) for piece in pieces)])


def _json_text(piece: str) -> str:
    try:
        return json.dumps(json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))))
    except ValueError:
        return ""
