"""Histories of the OpenAI dialects in the shape that Messages demands."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.conversation import (
    AudioPart,
    Base64Source,
    CacheMark,
    FileIdSource,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    PlainTextSource,
    ReasoningPart,
    ReasoningText,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import Opaque
from tests.support.messages_codec import assistant, chat, encode, user

PNG = "iVBORw0KGgoAAAA"
PDF = "JVBERi0xLjQK"


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCallPart:
    return ToolCallPart(call_id=call_id, name=name, arguments=arguments)


def result(call_id: str, text: str = "ok", path: str = "messages[2]", **fields: Any) -> Turn:
    part = ToolResultPart(call_id=call_id, content=(TextPart(text=text),), plain=True, **fields)
    return Turn(role="tool", parts=(part,), path=path, plain=True)


def system(text: str, path: str = "messages[9]") -> Turn:
    return Turn(role="system", parts=(TextPart(text=text),), path=path, plain=True)


def used(call_id: str, name: str = "f") -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}}


def answered(call_id: str, text: str = "ok") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def messages(*turns: Turn) -> tuple[list[dict[str, Any]], list[str]]:
    body, losses = encode(chat(*turns))
    return body["messages"], losses


def test_a_plain_question() -> None:
    body, losses = encode(chat(system("s", "messages[0]"), user("hi", "messages[1]")))
    assert body == {
        "model": "upstream-model",
        "max_tokens": 64_000,
        "system": "s",
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert losses == []


def test_leading_system_and_developer_turns_are_the_system_prompt() -> None:
    developer = Turn(role="developer", parts=(TextPart(text="d"), TextPart(text=" ")), path="messages[1]")
    body, losses = encode(chat(system("s"), developer, user()))
    assert body["system"] == [said("s"), said("d")]
    assert losses == []


def test_parallel_calls_written_one_by_one_are_answered_in_one_message() -> None:
    found, losses = messages(
        user(),
        assistant(call("a")),
        assistant(TextPart(text="and")),
        assistant(call("b")),
        result("a"),
        result("b"),
        user("x"),
    )
    assert found == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [used("a"), said("and"), used("b")]},
        {"role": "user", "content": [answered("a"), answered("b"), said("x")]},
    ]
    assert losses == []


def test_results_come_directly_behind_their_calls_whatever_stood_between() -> None:
    found, losses = messages(user(), assistant(call("a"), call("b")), result("b"), system("S"), user("x"), result("a"))
    assert found[2] == {
        "role": "user",
        "content": [answered("b"), answered("a"), said("<system>\nS\n</system>"), said("x")],
    }
    assert losses == ["messages[9].role"]


def test_rounds_of_calls_alternate() -> None:
    found, _ = messages(user(), assistant(call("a")), result("a"), assistant(call("b")), result("b"))
    assert [message["role"] for message in found] == ["user", "assistant", "user", "assistant", "user"]


def test_ids_that_a_server_used_twice_are_told_apart() -> None:
    found, losses = messages(user(), assistant(call("c")), result("c", "1"), assistant(call("c")), result("c", "2"))
    first, second = found[1]["content"][0]["id"], found[3]["content"][0]["id"]
    assert first != second
    assert found[2]["content"] == [answered(first, "1")]
    assert found[4]["content"] == [answered(second, "2")]
    assert losses == []


def test_ids_are_made_legal_in_call_and_result() -> None:
    found, _ = messages(user(), assistant(call("call|1:é")), result("call|1:é"))
    given = found[1]["content"][0]["id"]
    assert given.startswith("toolu_")
    assert found[2]["content"] == [answered(given)]


def test_a_call_without_a_result_gets_an_error_result() -> None:
    found, losses = messages(user(), assistant(call("a"), call("b")), result("b"), user("x"))
    assert found[2]["content"][0] == answered("b")
    assert found[2]["content"][1]["tool_use_id"] == "a"
    assert found[2]["content"][1]["is_error"] is True
    assert losses == ["messages[1]"]


def test_calls_at_the_end_of_a_history_stand() -> None:
    found, losses = messages(user(), assistant(call("a")))
    assert found[-1] == {"role": "assistant", "content": [used("a")]}
    assert losses == []


def test_a_result_without_a_call_becomes_text() -> None:
    found, losses = messages(user(), result("lost", "42"))
    assert found == [{"role": "user", "content": [said("hi"), said("[result of the tool call lost]"), said("42")]}]
    assert losses == ["messages[2]"]


def test_a_history_begins_with_the_user() -> None:
    found, _ = messages(assistant(TextPart(text="hello")), user())
    assert [message["role"] for message in found] == ["user", "assistant", "user"]
    assert found[0]["content"].strip()
    found, _ = messages(system("only"))
    assert [message["role"] for message in found] == ["user"]


def test_blocks_without_visible_text_are_left_out() -> None:
    found, losses = messages(
        user(), assistant(TextPart(text=" \n")), user(""), assistant(TextPart(text=""), call("a")), result("a", " ")
    )
    assert found[1] == {"role": "assistant", "content": [used("a")]}
    assert found[2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]
    assert losses == []


def test_a_prefill_ends_without_white_space() -> None:
    found, _ = messages(user(), assistant(TextPart(text="The answer: ")))
    assert found[-1] == {"role": "assistant", "content": "The answer:"}


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ("", {}),
        (" \n", {}),
        ("null", {}),
        ('{"a": 1.50, "b": 123456789012345678901}', {"a": 1.5, "b": 123456789012345678901}),
        ("[1]", {"value": [1]}),
        ('"x"', {"value": "x"}),
        ('{"a": ', {"raw_arguments": '{"a": '}),
    ],
)
def test_arguments_are_an_object(arguments: str, sent: dict[str, Any]) -> None:
    found, losses = messages(user(), assistant(call("a", arguments=arguments)), result("a"))
    assert found[1]["content"][0]["input"] == sent
    assert losses == []


def test_an_error_result_says_so() -> None:
    found, _ = messages(user(), assistant(call("a")), result("a", is_error=True))
    assert found[2]["content"] == [{**answered("a"), "is_error": True}]


def test_images_in_results_stay_there() -> None:
    image = ImagePart(source=Base64Source(PNG, "image/png"))
    part = ToolResultPart(call_id="a", content=(TextPart(text="see"), image))
    found, losses = messages(user(), assistant(call("a")), Turn(role="tool", parts=(part,), path="input[2]"))
    assert found[2]["content"][0]["content"] == [
        said("see"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]
    assert losses == []


def base64_block(kind: str, media_type: str, data: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}, **fields}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            ImagePart(source=UrlSource("https://x/y.png")),
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        ),
        (ImagePart(source=Base64Source("/9j/4AA", "image/jpg")), base64_block("image", "image/jpeg", "/9j/4AA")),
        (ImagePart(source=Base64Source("/9j/4AA", "image/png")), base64_block("image", "image/jpeg", "/9j/4AA")),
        (ImagePart(source=Base64Source(PNG)), base64_block("image", "image/png", PNG)),
        (ImagePart(source=Base64Source(PDF, "application/pdf")), base64_block("document", "application/pdf", PDF)),
        (FilePart(source=Base64Source(PDF), name="a.pdf"), base64_block("document", "application/pdf", PDF, title="a.pdf")),
        (FilePart(source=Base64Source(PNG, "image/png")), base64_block("image", "image/png", PNG)),
        (
            FilePart(source=Base64Source("aMOp", "text/csv")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hé"}},
        ),
        (
            FilePart(source=Base64Source("aMOp"), name="n.md"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hé"}, "title": "n.md"},
        ),
        (
            FilePart(source=PlainTextSource("t")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "t"}},
        ),
        (
            FilePart(source=UrlSource("https://x/a.pdf")),
            {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
        ),
        (RefusalPart(text="no"), said("no")),
    ],
)
def test_media_and_refusals(part: Part, block: dict[str, Any]) -> None:
    found, losses = messages(Turn(role="user", parts=(TextPart(text="x"), part), path="messages[0]"))
    assert found == [{"role": "user", "content": [said("x"), block]}]
    assert losses == []


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(source=Base64Source("QUJD", "image/bmp")),
        FilePart(source=Base64Source("QUJD", "application/msword")),
        FilePart(source=Base64Source("/w==", "text/plain")),
    ],
)
def test_media_that_messages_does_not_take_are_a_loss(part: Part) -> None:
    found, losses = messages(Turn(role="user", parts=(part,), path="messages[0]"))
    assert found[0]["content"].startswith("[left out: ")
    assert losses == ["messages[0].content[0]"]


@pytest.mark.parametrize(
    "part",
    [
        AudioPart(data="x", format="wav"),
        ImagePart(source=FileIdSource("file_1")),
        FilePart(source=FileIdSource("file_1")),
        NativePart(type="item_reference", raw={"id": "x"}),
    ],
)
def test_what_no_other_vendor_can_have_is_refused(part: Part) -> None:
    with pytest.raises(RequestError) as caught:
        messages(Turn(role="user", parts=(TextPart(text="x"), part), path="messages[0]"))
    assert caught.value.param == "messages[0].content[1]"


def test_native_parts_say_what_they_can() -> None:
    parts = (NativePart(type="a", raw={}, text="words"), NativePart(type="web_search_call", raw={}))
    found, losses = messages(user(), assistant(*parts))
    assert found[1]["content"] == "words"
    assert losses == ["messages[1].content[1]"]


def test_reasoning_goes_back_to_its_vendor_only() -> None:
    signed = ReasoningPart(texts=(ReasoningText("a"), ReasoningText("b")), opaque=(Opaque("anthropic", "signature", "S"),))
    redacted = ReasoningPart(opaque=(Opaque("anthropic", "encrypted", "R"),))
    foreign = ReasoningPart(texts=(ReasoningText("c"),), opaque=(Opaque("openai", "encrypted", "E"),))
    unsigned = ReasoningPart(texts=(ReasoningText("d"),))
    found, losses = messages(user(), assistant(signed, redacted, foreign, unsigned, call("a")), result("a"))
    assert found[1]["content"] == [
        {"type": "thinking", "thinking": "a\n\nb", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        used("a"),
    ]
    assert losses == ["messages[1].reasoning", "messages[1].reasoning"]


def test_interleaved_reasoning_keeps_its_order() -> None:
    def signed(data: str) -> ReasoningPart:
        return ReasoningPart(texts=(ReasoningText(data),), opaque=(Opaque("anthropic", "signature", data),))

    found, _ = messages(user(), assistant(signed("1"), call("a"), signed("2"), call("b")), result("a"), result("b"))
    assert [block["type"] for block in found[1]["content"]] == ["thinking", "tool_use", "thinking", "tool_use"]


def test_cache_marks_of_both_styles_and_never_more_than_four() -> None:
    def marked(text: str, mark: CacheMark) -> TextPart:
        return TextPart(text=text, cache=mark)

    openai = CacheMark("prompt_cache_breakpoint", {"mode": "explicit", "ttl": "1h"}, "1h")
    other = CacheMark("prompt_cache_breakpoint", {"mode": "explicit", "ttl": "30m"}, "30m")
    own = CacheMark("cache_control", {"type": "ephemeral"})
    parts = tuple(marked(str(n), mark) for n, mark in enumerate((openai, other, own, own, own)))
    found, losses = messages(Turn(role="user", parts=parts, path="messages[0]"))
    assert [block.get("cache_control") for block in found[0]["content"]] == [
        None,
        {"type": "ephemeral"},
        {"type": "ephemeral"},
        {"type": "ephemeral"},
        {"type": "ephemeral"},
    ]
    assert losses == ["messages[0].content[1].prompt_cache_breakpoint.ttl", "cache_control"]
    body, _ = encode(chat(Turn(role="user", parts=parts[:1], path="messages[0]")))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_what_a_turn_has_that_messages_does_not() -> None:
    turn = Turn(
        role="assistant",
        parts=(TextPart(text="x", citations=[{"type": "url_citation"}]),),
        path="input[1]",
        phase="commentary",
    )
    named = Turn(
        role="user", parts=(TextPart(text="y"),), path="input[0]", name="bob", extra={"status": "completed", "z": 1}
    )
    _, losses = messages(named, turn)
    assert losses == ["input[0].z", "input[0].name", "input[1].phase", "input[1].content[0].annotations"]
