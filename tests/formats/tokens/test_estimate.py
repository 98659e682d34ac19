"""What an estimate of a request is made of."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect
from hyperinfer.formats.tokens import Written, estimate_input
from hyperinfer.formats.tokens.documents import document_of
from hyperinfer.formats.tokens.images import UNKNOWN, Area, Crops, Patches, Tiles, size_of
from tests.support.lines_run import lines_run

TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TEXTS = st.text(max_size=60)


def chat(*contents: Any, model: str = "gpt-4o", **fields: Any) -> int:
    """The estimate of a Chat request."""
    messages = [{"role": "user", "content": content} for content in contents]
    body = {"model": model, "messages": messages, **fields}
    conversation = FORMATS["openai_chat"].decode_request(json.dumps(body).encode())
    return estimate_input(conversation, model=model, protocol="openai_chat")


def messages(*contents: Any, model: str = "claude-sonnet-4-5", **fields: Any) -> int:
    """The estimate of a Messages request."""
    turns = [{"role": "user", "content": content} for content in contents]
    body = {"model": model, "max_tokens": 1, "messages": turns, **fields}
    conversation = FORMATS["anthropic_messages"].decode_request(json.dumps(body).encode())
    return estimate_input(conversation, model=model, protocol="anthropic_messages")


@given(TEXTS, TEXTS, st.sampled_from(["gpt-4o", "claude-opus-4-8", "glm-5.2", "nobody-knows-it"]))
def test_more_text_is_never_fewer_tokens(text: str, more: str, model: str) -> None:
    whole = chat(text + more, model=model)
    assert whole >= chat(text, model=model) > 0
    assert chat(text, more, model=model) >= whole


def tokens_of(written: Written) -> int:
    return written.tokens(model="gpt-4o", protocol="openai_chat")


@given(st.lists(TEXTS, max_size=8) | st.lists(st.text(max_size=2), min_size=30, max_size=70), st.integers(0, 70))
def test_output_does_not_depend_on_its_pieces(pieces: list[str], asked_after: int) -> None:
    cut, whole = Written(), Written()
    for number, piece in enumerate(pieces):
        cut.text(piece)
        if number == asked_after:
            tokens_of(cut)
    whole.text("".join(pieces))
    assert tokens_of(cut) == tokens_of(whole)
    assert (tokens_of(cut) > 0) == any(pieces) == (not cut.nothing)


def test_calls_and_the_end_are_written_too() -> None:
    written = Written()
    written.end()
    assert written.nothing
    assert tokens_of(written) == 0
    written.calls += 1
    assert not written.nothing
    once = tokens_of(written)
    written.text("{}")
    assert tokens_of(written) > once > 0


def test_tools_count_and_deferred_ones_do_not() -> None:
    plain, tools = chat("hi"), [{"type": "function", "function": TOOL}]
    one, two = chat("hi", tools=tools), chat("hi", tools=tools * 2)
    assert two > one > plain
    assert one - plain > two - one  # the first one brings the words about tools
    deferred = {"name": "later", "input_schema": TOOL["parameters"], "defer_loading": True}
    declared = {"name": "now", "input_schema": TOOL["parameters"]}
    assert messages("hi", tools=[declared, deferred]) == messages("hi", tools=[declared])


def test_a_schema_for_the_answer_counts() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "city", "schema": TOOL["parameters"]}}
    assert chat("hi", response_format=shape) > chat("hi", response_format={"type": "json_object"}) > chat("hi")
    assert chat("hi", response_format={"type": "text"}) == chat("hi")


def test_the_history_of_tools_counts() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    asked = {"role": "user", "content": "hi"}
    history = [
        asked,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Rain."},
    ]
    assert chat("hi") < chat("hi", messages=history[:1] * 2) < chat("hi", messages=history)


def test_reasoning_that_only_its_vendor_reads_counts_by_its_size() -> None:
    def asking(blob: str, text: str = "") -> int:
        item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}] if text else []}
        body = {"model": "gpt-5", "input": [{"role": "user", "content": "hi"}, {**item, "encrypted_content": blob}]}
        conversation = FORMATS["openai_responses"].decode_request(json.dumps(body).encode())
        return estimate_input(conversation, model="gpt-5", protocol="openai_responses")

    assert asking("g" * 5000) - asking("g" * 500) == 900
    assert asking("g" * 5000, "I think.") < asking("g" * 500)


def test_citations_count_once() -> None:
    def document(enabled: bool) -> dict[str, Any]:
        source = {"type": "text", "media_type": "text/plain", "data": "Ruby was made in 1993."}
        return {"type": "document", "source": source, "citations": {"enabled": enabled}}

    assert messages([document(True)]) - messages([document(False)]) == 550
    assert messages([document(True)] * 2) - messages([document(False)] * 2) == 550


# Media


def _png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"


def _gif(width: int, height: int) -> bytes:
    return b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\0\0\0"


def _jpeg(width: int, height: int) -> bytes:
    app = b"\xff\xe1" + (20_000).to_bytes(2, "big") + b"\0" * 19_998  # a camera's notes
    return b"\xff\xd8" + app + b"\xff\xc2\0\x11\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x03" * 12


def _riff(chunk: bytes) -> bytes:
    return b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk


def _vp8x(width: int, height: int) -> bytes:
    return _riff(b"VP8X" + b"\0" * 8 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def _vp8l(width: int, height: int) -> bytes:
    return _riff(b"VP8L\0\0\0\0\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"\0" * 8)


def _vp8(width: int, height: int) -> bytes:
    return _riff(b"VP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little"))


@pytest.mark.parametrize("make", [_png, _gif, _jpeg, _vp8x, _vp8l, _vp8])
def test_sizes_of_images(make: Any) -> None:
    for size in ((640, 480), (1, 1), (1200, 3000)):
        assert size_of(base64.b64encode(make(*size)).decode()) == size


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF....WEBPVP8X", b"RIFF....WEBPVP8 "]),
)
def test_no_bytes_break_it(rest: bytes, start: bytes) -> None:
    width, height = size_of(base64.b64encode(start + rest).decode())
    assert width > 0
    assert height > 0


def test_what_is_no_image() -> None:
    assert size_of("") == size_of("é?") == size_of("a") == UNKNOWN


def test_the_vendors_own_examples() -> None:
    """As their guides to vision have them."""
    assert Tiles(85, 170)(1024, 1024, low=False) == 765
    assert Tiles(85, 170)(2048, 4096, low=False) == 1105
    assert Tiles(85, 170)(4096, 8192, low=True) == 85
    assert Patches(1000, 1536)(1024, 1024, low=False) == 1024
    assert Area(750, 1568, 1600)(1000, 1000, low=False) == 1334
    assert Area(750, 1568, 1600)(8000, 8000, low=False) == 1600
    assert Crops(258, 768, 100_000)(300, 300, low=False) == 258


def _pdf(pages: int, text: bytes) -> bytes:
    content = zlib.compress(b"BT /F1 12 Tf 72 720 Td (" + text + b") Tj ET")
    page = b"1 0 obj << /Type /Page /Contents 2 0 R >> endobj\n2 0 obj << >>\nstream\n%b\nendstream endobj\n"
    return b"%PDF-1.4\n" + b"".join(page % content for _ in range(pages))


def test_a_pdf_counts_its_text_and_pages() -> None:
    one, ten = (document_of(base64.b64encode(_pdf(pages, b"x" * 400)).decode(), None) for pages in (1, 10))
    assert one == (100_000, 1)
    assert ten == (1_000_000, 10)
    bomb = document_of(base64.b64encode(_pdf(1, b"x" * 50_000_000)).decode(), "application/pdf")
    assert bomb.weight < 10**8


def test_a_text_file_counts_as_its_text() -> None:
    data = base64.b64encode(b"a,b,c\n1,2,3\n" * 10).decode()
    assert document_of(data, "text/csv").weight == document_of(data, None).weight > 0
    assert document_of("", "text/csv") == (0, 1)


@given(st.binary(max_size=80), st.sampled_from([b"", b"%PDF-1.4\nstream\n", b"%PDF-1.4 /Type /Page\nstream\n\x78\x9c"]))
def test_no_bytes_of_a_document_break_it(rest: bytes, start: bytes) -> None:
    document = document_of(base64.b64encode(start + rest).decode(), "application/pdf")
    assert document.weight >= 0
    assert document.pages >= 1


# Cost


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages"])
def test_the_size_of_texts_costs_no_lines(protocol: Dialect) -> None:
    def counting(size: int) -> int:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgoA" * size}}
        file = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "JVBERi0xLjQK" * size}}
        tool = {"type": "function", "function": {**TOOL, "description": "What it does. " * size}}
        content = [{"type": "text", "text": "Some text. " * size}, image, file]
        body = {"model": "m", "messages": [{"role": "user", "content": content}], "tools": [tool]}
        conversation = FORMATS["openai_chat"].decode_request(json.dumps(body).encode())
        return lines_run(estimate_input, conversation, model="m", protocol=protocol)

    assert counting(3000) <= counting(300)
