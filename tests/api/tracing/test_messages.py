"""A request in the words of OpenTelemetry's conventions: the same from each format, and never a secret in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.api.recording.redaction import REDACTED, Redactor
from hyperinfer.api.tracing.fitting import CUT, Fitting, JsonText, Message
from hyperinfer.api.tracing.messages import instructions, messages, tools
from hyperinfer.formats import FORMATS
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

SECRET = 'sk-"secret-of-somebody'
PNG, PDF, WAV = "iVBORw0KGgo=", "JVBERi0xLjc=", "UklGRgAA"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT_IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
MESSAGES_PDF = {"type": "base64", "media_type": "application/pdf", "data": PDF}


def function(arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}


REQUESTS: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Look:"}, CHAT_IMAGE,
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
                {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}},
            ]},
            {"role": "assistant", "content": "I will see.", "tool_calls": [function('{"city": "Paris"}')]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            {"role": "user", "content": "So?"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}}],
    },
    "openai_responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "Look:"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                {"type": "input_image", "image_url": "https://a.test/b.png"},
                {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            ]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "I will see."}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"role": "user", "content": "So?"},
        ],
        "tools": [{"type": "function", "name": "weather", "description": "Tells it.", "parameters": SCHEMA}],
    },
    "anthropic_messages": {
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
                {"type": "document", "title": "a.pdf", "source": MESSAGES_PDF},
            ]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I will see."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"},
                {"type": "text", "text": "So?"},
            ]},
        ],
        "tools": [{"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}],
    },
}  # fmt: skip
TOLD = [
    {"role": "user", "parts": [
        {"type": "text", "content": "Look:"},
        {"type": "blob", "modality": "image", "content": "", "hyperinfer.bytes": 8, "mime_type": "image/png"},
        {"type": "uri", "modality": "image", "uri": "https://a.test/b.png"},
        {"type": "blob", "modality": "document", "content": "", "hyperinfer.bytes": 8, "mime_type": "application/pdf",
         "name": "a.pdf"},
    ]},
    {"role": "assistant", "parts": [
        {"type": "text", "content": "I will see."},
        {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}},
    ]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "rain"}]},
    {"role": "user", "parts": [{"type": "text", "content": "So?"}]},
]  # fmt: skip


def fitting(most: int = 10_000, *secrets: str) -> Fitting:
    return Fitting(Redactor(secrets), max(map(len, secrets), default=0), most)


def told(dialect: Dialect, **fields: Any) -> Any:
    conversation = FORMATS[dialect].decode_request(json.dumps({"model": "m", **fields}).encode())
    return json.loads(fitting().messages(messages(conversation)))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_format_is_told_alike(dialect: Dialect) -> None:
    assert told(dialect, **REQUESTS[dialect]) == TOLD
    conversation = FORMATS[dialect].decode_request(json.dumps({"model": "m", **REQUESTS[dialect]}).encode())
    assert list(instructions(conversation)) == [{"type": "text", "content": "Be brief."}]
    assert list(tools(conversation)) == [
        {"type": "function", "name": "weather", "description": "Tells it.", "parameters": SCHEMA}
    ]


OTHERS: list[tuple[Dialect, dict[str, Any], list[dict[str, Any]]]] = [
    ("anthropic_messages",
     {"max_tokens": 9, "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [
         {"type": "thinking", "thinking": "Hm.", "signature": "s1gned"}, {"type": "redacted_thinking", "data": "s1gned"},
         {"type": "text", "text": "b"}]}]},
     [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "b"}]),
    ("openai_responses",
     {"input": [{"role": "user", "content": "a"}, {"type": "reasoning", "id": "rs_1",
         "encrypted_content": "s1gned", "summary": [
             {"type": "summary_text", "text": "Hm."}, {"type": "summary_text", "text": "Ha."}]},
         {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]},
     [{"type": "reasoning", "content": "Hm.\n\nHa."}, {"type": "refusal", "content": "No."}]),
    ("openai_chat",
     {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "refusal": "No."}]},
     [{"type": "refusal", "content": "No."}]),
    ("openai_chat",
     {"messages": [{"role": "user", "name": "Ann", "content": [
         {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
         {"type": "file", "file": {"file_id": "file-1"}}]}]},
     [{"type": "blob", "modality": "audio", "content": "", "hyperinfer.bytes": 6, "mime_type": "audio/wav"},
      {"type": "file", "modality": "document", "file_id": "file-1"}]),
    ("anthropic_messages",
     {"max_tokens": 9, "messages": [{"role": "user", "content": [
         {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A page."}}]}]},
     [{"type": "text", "content": "A page."}]),
    ("anthropic_messages",
     {"max_tokens": 9, "messages": [{"role": "user", "content": "a"},
         {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "n", "input": {}}]},
         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": [
             {"type": "text", "text": "b"}, {"type": "image", "source": {"type": "url", "url": "https://a.test/"}}]}]}]},
     [{"type": "tool_call_response", "id": "t1", "is_error": True, "response": [
         {"type": "text", "content": "b"}, {"type": "uri", "modality": "image", "uri": "https://a.test/"}]}]),
    ("openai_responses",
     {"input": [{"role": "user", "content": "a"}, {"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "{}"}]},
     [{"type": "tool_call", "id": "c", "name": "n", "arguments": "{}"}]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_other_parts(number: int) -> None:
    dialect, fields, parts = OTHERS[number]
    found = told(dialect, **fields)
    assert found[-1]["parts"] == parts
    assert found[0].get("name") == ("Ann" if "Ann" in json.dumps(fields) else None)
    assert "s1gned" not in json.dumps(found)


texts = st.text(max_size=60) | st.text('aé😀\n"\\', max_size=200)
values: st.SearchStrategy[Any] = st.recursive(
    texts | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner)
)
parts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.just("text"), "content": texts}
) | st.fixed_dictionaries({"type": st.just("tool_call"), "name": st.just("n"), "arguments": values})


@given(st.lists(st.lists(parts, max_size=4), max_size=5), st.integers(1, 700))
@settings(max_examples=25, deadline=None)
def test_it_is_within_its_limit_and_json_whatever_is_cut(made: list[list[dict[str, Any]]], most: int) -> None:
    whole = [{"role": "user", "parts": each} for each in made]
    fits = fitting(most)
    data = fits.messages(Message({"role": "user"}, reversed(each)) for each in reversed(made))
    assert len(data) <= max(most, 2)
    found = json.loads(data)
    assert (found == whole) or fits.cut
    if not fits.cut:
        return
    assert len(found) <= len(whole)
    for mine, theirs in zip(reversed(found[1:]), reversed(whole), strict=False):
        assert mine == theirs  # all but the oldest that is left are whole
    assert len(fits.values(made)) <= max(most, 2)
    assert len(fits.value(made)) <= most
    assert len(fits.text(repr(made))) <= most


def test_what_is_cut_says_so() -> None:
    fits = fitting(100)
    assert fits.text("a" * 101).decode() == "a" * 92 + CUT
    assert fits.cut
    found = json.loads(fits.messages([Message({"role": "user"}, [{"type": "text", "content": "é" * 500}])]))
    (part,) = found[0]["parts"]
    assert part["content"].endswith(CUT)
    assert part["content"].startswith("ééééé")
    assert fits.cut
    assert json.loads(fits.value({"a": "b"})) == {"a": "b"}
    assert not fits.cut
    numbers = json.dumps(list(range(100)), separators=(",", ":"))
    assert fits.value(list(range(100))).decode() == numbers[:92] + CUT
    assert fits.cut


@pytest.mark.parametrize("most", range(1, 200, 3))
def test_no_piece_of_a_secret_is_left_at_a_cut(most: int) -> None:
    fits = fitting(most, SECRET, "another-secret")
    text = f"a{SECRET}b{SECRET}another-secret" * 3
    for data in (
        fits.text(text),
        fits.value({SECRET: [text]}),
        fits.value(json.dumps({"a": text})),
        fits.messages([Message({"role": "user"}, [{"type": "text", "content": text}])]),
    ):
        assert b"secret-of" not in data
        assert b"sk-" not in data
        assert b"another" not in data


def test_what_is_huge_is_not_looked_through() -> None:
    class Counting(Redactor):
        seen = 0

        def clean(self, data: bytes) -> bytes:
            Counting.seen += len(data)
            return super().clean(data)

    fits = Fitting(Counting(("secret",)), 6, 1000)
    numbers = json.dumps(list(range(100_000)))
    for value in (JsonText(numbers), ["x" * 50] * 100_000, {f"name {each}": "y" for each in range(100_000)}):
        assert (
            len(fits.messages([Message({"role": "user"}, [{"type": "tool_call", "name": "n", "arguments": value}])])) <= 1000
        )
        assert fits.cut
    assert Counting.seen < 500_000


def test_secrets_are_replaced() -> None:
    fits = fitting(1000, SECRET)
    assert fits.text(f"a {SECRET} b").decode() == f"a {REDACTED} b"
    assert json.loads(fits.value({"a": json.dumps(SECRET)})) == {"a": f'"{REDACTED}"'}
    assert not fits.cut


def test_what_utf8_or_64_bits_cannot_hold() -> None:
    fits = fitting()
    assert json.loads(fits.value({"a": "\ud800", "b": 10**30})) == {"a": "\ud800", "b": 10**30}
    assert fits.text("\ud800") == b"?"
