"""Requests as real clients sent them: accepted, and sent on without a change to an upstream of the same format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from hyperinfer.formats.wire import is_array, is_object
from tests.formats.openai_responses.harness import CAPTURED, RECORDINGS, target

UNSENT = (
    "openai-background-mode-streaming-vcr",
    "openai-background-mode-with-tool-vcr",
    "openai-agent-with-tool-calls-1",  # previous_response_id
    "openai-responses-model-http-error",  # its temperature is what the error is about
)


def requests() -> list[Any]:
    found: list[Any] = []
    for path in sorted(CAPTURED.glob("*.json")):
        for number, sent in enumerate(json.loads(path.read_text())["requests"]):
            if sent["path"] == "/api/v1/responses" and "expect" not in sent:
                found.append(pytest.param(sent["body"], "openai", id=f"{path.stem}-{number}"))
    for recorded in sorted(RECORDINGS.glob("*/request.json")):
        if recorded.parent.name not in UNSENT:
            vendor = json.loads((recorded.parent / "meta.json").read_text())["provider"]
            vendor = "openai" if vendor in ("openai", "azure") else vendor
            found.append(pytest.param(json.loads(recorded.read_text()), vendor, id=recorded.parent.name))
    return found or [pytest.param({}, "", marks=pytest.mark.skip(reason="no ../shared here"))]


def native_tools(body: dict[str, Any]) -> frozenset[str]:
    tools: list[dict[str, Any]] = body.get("tools") or []
    return frozenset(str(tool["type"]) for tool in tools if "type" in tool)


@pytest.mark.parametrize(("sent", "vendor"), requests())
def test_a_request_reaches_an_upstream_of_its_format_unchanged(sent: dict[str, Any], vendor: str) -> None:
    conversation = OPENAI_RESPONSES.decode_request(json.dumps(sent).encode())
    to = target(vendor=vendor, native_tools=native_tools(sent), streamed=bool(sent.get("stream")))
    encoded = OPENAI_RESPONSES.encode_request(conversation, to)
    expected = {**plain(sent), "model": "upstream-model"}
    expected.pop("provider", None)  # the gateway's own preferences of who serves it
    got = plain(json.loads(encoded.body))
    if "store" not in sent:
        assert got.pop("store") is False  # nothing is stored for a client that did not ask for it
    if "include" not in expected:
        got.pop("include", None)
    if not sent.get("stream"):
        expected.pop("stream", None)
    assert got == expected
    assert encoded.losses == ()
    assert encoded.aliases == {}


def test_the_deliberate_error_is_refused() -> None:
    path = CAPTURED / "openai_responses.json"
    if not path.exists():
        pytest.skip("no ../shared here")
    wrong = [sent for sent in json.loads(path.read_text())["requests"] if "expect" in sent]
    assert wrong
    for sent in wrong:
        with pytest.raises(Exception, match="input"):
            OPENAI_RESPONSES.decode_request(json.dumps(sent["body"]).encode())


def test_a_hosted_tool_that_the_route_does_not_run_is_a_loss() -> None:
    conversation = OPENAI_RESPONSES.decode_request(
        b'{"model":"m","input":"x","tools":[{"type":"file_search","vector_store_ids":["v"]},{"type":"web_search"}]}'
    )
    encoded = OPENAI_RESPONSES.encode_request(conversation, target())
    assert "tools" not in json.loads(encoded.body)
    assert [loss.path for loss in encoded.losses] == ["tools[0]", "tools[1]"]
    assert all(isinstance(loss, Loss) for loss in encoded.losses)


def plain(value: Any) -> Any:
    """Without nulls, and without empty lists and objects at the top, which say nothing."""
    found = without_nulls(value)
    return {k: v for k, v in found.items() if v not in ([], {}, None)}


def without_nulls(value: Any) -> Any:
    if is_object(value):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if is_array(value):
        return [without_nulls(v) for v in value]
    return value
