"""The upstream's bytes, written by hand, are what the vendors' own SDKs and the strict judge take for a good stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.testing.conformance.said import FORMATS, Format, Says
from hyperinfer.testing.conformance.scenes import SCENES
from hyperinfer.testing.conformance.upstream import VENDORS
from tests.support.consumers import read
from tests.support.judge import breaches_if_judged

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

DIALECTS: dict[Format, Dialect] = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
}
ASKED: dict[str, Any] = {"stream_options": {"include_usage": True}, "include": ["reasoning.encrypted_content"]}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["text", "unicode", "length", "tool", "parallel", "mixed"])
def test_the_sdks_read_what_the_upstream_says(name: str, form: Format) -> None:
    reply = SCENES[name].replies[0]
    assert isinstance(reply, Says)
    stream = b"".join(VENDORS[form].stream(reply.said, ASKED))
    assert breaches_if_judged(DIALECTS[form], stream) == []
    got = read(DIALECTS[form], stream)
    assert got.error is None
    assert got.final is not None
    assert _text(form, got.final) == reply.said.text


@pytest.mark.parametrize("form", FORMATS)
def test_the_sdks_take_its_errors_for_errors(form: Format) -> None:
    reply = SCENES["text"].replies[0]
    assert isinstance(reply, Says)
    vendor = VENDORS[form]
    got = read(DIALECTS[form], b"".join(vendor.stream(reply.said, ASKED)[:4]) + vendor.error_event())
    assert got.error


def _text(form: Format, final: dict[str, Any]) -> str:
    match form:
        case "chat":
            return str(final["choices"][0]["message"]["content"] or "")
        case "responses":
            items = [item for item in final["output"] if item["type"] == "message"]
            return "".join(part["text"] for item in items for part in item["content"])
        case "messages":
            return "".join(block["text"] for block in final["content"] if block["type"] == "text")
