"""Requests to upstreams of this format, from every dialect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hyperinfer.formats.codec import ToolAlias
from hyperinfer.formats.conversation import (
    AudioPart,
    Base64Source,
    Conversation,
    FileIdSource,
    FilePart,
    ImagePart,
    Part,
    PlainTextSource,
    Plugin,
    ReasoningPart,
    ReasoningText,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    Turn,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from hyperinfer.formats.quirks import Quirks
from tests.formats.openai_responses.harness import body, losses, request, target


def chat(*turns: Turn, **fields: Any) -> Conversation:
    return Conversation(dialect="openai_chat", model="m", turns=turns, **fields)


def messages(*turns: Turn, **fields: Any) -> Conversation:
    return Conversation(dialect="anthropic_messages", model="m", turns=turns, **fields)


def turn(role: Any, *parts: Part, path: str = "messages[0]", **fields: Any) -> Turn:
    return Turn(role=role, parts=parts, path=path, **fields)


def said(role: Any, text: str, path: str = "messages[0]") -> Turn:
    return turn(role, TextPart(text=text), path=path, plain=True)


def lost(conversation: Conversation, **fields: Any) -> list[str]:
    return [loss.path for loss in losses(conversation, **fields)]


def test_one_system_turn_is_the_instructions_and_later_ones_are_messages() -> None:
    sent = body(chat(said("system", "a"), said("system", "b"), said("user", "c"), said("developer", "d")))
    assert sent["instructions"] == "a"
    assert [(item["role"], item["content"]) for item in sent["input"]] == [
        ("system", "b"),
        ("user", "c"),
        ("developer", "d"),
    ]


def test_nothing_is_stored_unless_the_caller_says_so() -> None:
    assert body(chat(said("user", "x")))["store"] is False
    assert body(request())["store"] is False
    assert body(request(store=True))["store"] is True


def test_an_assistant_turn_becomes_items_in_its_own_order() -> None:
    conversation = messages(
        turn(
            "assistant",
            ReasoningPart(texts=(ReasoningText("hm"),), opaque=(Opaque("openai", "signature", "blob"),)),
            TextPart(text="let me see"),
            ToolCallPart(call_id="toolu_1", name="f", arguments='{"a":1}'),
            TextPart(text="and"),
            ToolCallPart(call_id="toolu_2", name="g", arguments=""),
        ),
        turn("tool", ToolResultPart(call_id="toolu_1", content=(TextPart(text="boom"),), is_error=True)),
        turn("tool", ToolResultPart(call_id="toolu_2")),
    )
    sent = body(conversation)
    assert sent["input"] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "blob"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "let me see"}]},
        {"type": "function_call", "call_id": "toolu_1", "name": "f", "arguments": '{"a":1}'},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "and"}]},
        {"type": "function_call", "call_id": "toolu_2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "toolu_1", "output": "Error: boom"},
        {"type": "function_call_output", "call_id": "toolu_2", "output": ""},
    ]
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert losses(conversation) == []


def test_long_call_ids_are_shortened_alike_in_call_and_result() -> None:
    call_id = "call_" + "x" * 90
    sent = body(
        chat(
            turn("assistant", ToolCallPart(call_id=call_id, name="f", arguments="{}")),
            turn("tool", ToolResultPart(call_id=call_id, content=(TextPart(text="x"),))),
        )
    )
    call, result = sent["input"]
    assert len(call["call_id"]) <= 64
    assert call["call_id"] == result["call_id"]


def test_pictures_and_documents() -> None:
    conversation = messages(
        turn(
            "user",
            ImagePart(source=Base64Source("AAA", "image/jpeg")),
            ImagePart(source=UrlSource("https://x/y.png")),
            FilePart(source=Base64Source("BBB", "application/pdf"), name="a.pdf"),
            FilePart(source=UrlSource("https://x/y.pdf")),
            FilePart(source=PlainTextSource("words"), name="title"),
        )
    )
    assert body(conversation)["input"][0]["content"] == [
        {"type": "input_image", "detail": "auto", "image_url": "data:image/jpeg;base64,AAA"},
        {"type": "input_image", "detail": "auto", "image_url": "https://x/y.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,BBB", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://x/y.pdf"},
        {"type": "input_text", "text": "title\n\nwords"},
    ]
    assert losses(conversation) == []


def test_a_result_with_a_picture_is_a_list() -> None:
    result = ToolResultPart(
        call_id="c", content=(TextPart(text="see"), ImagePart(source=UrlSource("https://x/y.png"))), is_error=True
    )
    assert body(messages(turn("tool", result)))["input"][0]["output"] == [
        {"type": "input_text", "text": "Error:"},
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": "https://x/y.png"},
    ]


@pytest.mark.parametrize(
    ("conversation", "param"),
    [
        (chat(said("user", "x"), sampling=Sampling(n=2)), "n"),
        (chat(turn("user", AudioPart(data="A", format="wav"))), "messages[0].content[0]"),
        (chat(said("user", "x"), extra={"modalities": ["text", "audio"]}), "modalities"),
        (messages(turn("user", ImagePart(source=FileIdSource("file_1")))), "messages[0].content[0]"),
    ],
)
def test_always_refused(conversation: Conversation, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        OPENAI_RESPONSES.encode_request(conversation, target())
    assert caught.value.param == param


def test_a_file_id_stays_with_its_vendor() -> None:
    conversation = chat(turn("user", FilePart(source=FileIdSource("file-1"))))
    assert body(conversation)["input"][0]["content"] == [{"type": "input_file", "file_id": "file-1"}]
    with pytest.raises(RequestError):
        OPENAI_RESPONSES.encode_request(conversation, target(vendor="xai"))


def test_functions_of_other_formats_are_not_strict_unless_they_say_so() -> None:
    tools = (
        Tool(kind="function", name="f", path="tools[0]"),
        Tool(kind="function", name="g", path="tools[1]", parameters={"type": "object"}, strict=True),
        Tool(kind="custom", name="h", path="tools[2]", type="custom", description="d"),
    )
    assert body(chat(said("user", "x"), tools=tools))["tools"] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "function", "name": "g", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "h", "description": "d"},
    ]
    own = request(tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}}])
    assert body(own)["tools"] == [{"type": "function", "name": "f", "parameters": {"type": "object"}}]


def test_a_name_that_is_too_long_has_an_alias_for_the_way_back() -> None:
    name = "mcp__" + "long_" * 20
    conversation = messages(
        said("user", "x"),
        turn("assistant", ToolCallPart(call_id="c", name=name, arguments="{}")),
        tools=(Tool(kind="function", name=name, path="tools[0]"),),
        tool_choice=ToolChoice(mode="named", name=name),
    )
    encoded = OPENAI_RESPONSES.encode_request(conversation, target())
    sent = msgspec.json.decode(encoded.body)
    short = sent["tools"][0]["name"]
    assert len(short) <= 64
    assert encoded.aliases == {short: ToolAlias(name, "function")}
    assert sent["input"][1]["name"] == short
    assert sent["tool_choice"] == {"type": "function", "name": short}


def test_hosted_tools_go_where_the_route_runs_them() -> None:
    foreign = messages(
        said("user", "x"),
        tools=(Tool(kind="native", name="web_search", path="tools[0]", type="web_search_20250305", raw={}),),
    )
    assert body(foreign, native_tools=frozenset({"web_search"}))["tools"] == [{"type": "web_search"}]
    assert lost(foreign) == ["tools[0]"]
    own = request(
        tools=[
            {"type": "web_search", "search_context_size": "low"},
            {"type": "function", "name": "f", "parameters": {}},
            {"type": "mcp", "server_label": "s"},
        ]
    )
    sent = body(own, native_tools=frozenset({"web_search", "mcp"}))
    assert [tool["type"] for tool in sent["tools"]] == ["web_search", "function", "mcp"]
    assert lost(own) == ["tools[2]", "tools[0]"]
    plugin = chat(said("user", "x"), plugins=(Plugin(id="web_search", path="plugins[0]"),))
    assert body(plugin, native_tools=frozenset({"web_search"}))["tools"] == [{"type": "web_search"}]
    assert lost(plugin) == ["plugins[0]"]


def test_namespaces_are_put_together_again() -> None:
    tools = [
        {"type": "namespace", "name": "ns", "description": "d", "tools": [{"type": "function", "name": "a"}]},
        {"type": "namespace", "name": "ns2", "tools": [{"type": "function", "name": "a"}, {"type": "custom", "name": "b"}]},
        {"type": "function", "name": "c"},
    ]
    assert body(request(tools=tools))["tools"] == tools


@pytest.mark.parametrize(
    ("choice", "quirks", "sent", "lost_paths"),
    [
        (ToolChoice(mode="required"), Quirks(), "required", []),
        (ToolChoice(mode="named", name="f"), Quirks(), {"type": "function", "name": "f"}, []),
        (ToolChoice(mode="named", name="f"), Quirks(tool_choice="no_named"), "required", ["tool_choice"]),
        (ToolChoice(mode="named", name="f"), Quirks(tool_choice="auto"), None, ["tool_choice"]),
        (
            ToolChoice(mode="allowed", allowed=("f",), allowed_mode="required"),
            Quirks(),
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            [],
        ),
        (ToolChoice(mode="native", raw={"type": "x"}), Quirks(), None, ["tool_choice"]),
    ],
)
def test_choices(choice: ToolChoice, quirks: Quirks, sent: Any, lost_paths: list[str]) -> None:
    conversation = chat(said("user", "x"), tools=(Tool(kind="function", name="f", path="tools[0]"),), tool_choice=choice)
    assert body(conversation, quirks=quirks).get("tool_choice") == sent
    assert lost(conversation, quirks=quirks) == lost_paths
