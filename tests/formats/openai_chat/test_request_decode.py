"""Chat requests as conversations: what they mean, and where they are wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Conversation
from hyperinfer.formats.conversation import (
    AudioPart,
    Base64Source,
    CacheMark,
    FileIdSource,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolChoice,
    UrlSource,
)
from hyperinfer.formats.openai_chat import wire

CHAT = FORMATS["openai_chat"]
USER: dict[str, Any] = {"role": "user", "content": "hi"}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def decode(*messages: Any, **fields: Any) -> Conversation:
    return CHAT.decode_request(json.dumps({"model": "m", "messages": list(messages) or [USER], **fields}).encode())


def parts(message: dict[str, Any]) -> tuple[Part, ...]:
    return decode(message).turns[0].parts


def test_nulls_are_as_absent_everywhere() -> None:
    fields = [name for name in wire.ChatRequest.__struct_fields__ if name not in ("model", "messages")]
    assert decode(**dict.fromkeys(fields)) == decode()
    message = dict.fromkeys(name for name in wire.Message.__struct_fields__ if name not in ("role", "content"))
    assert decode({**message, **USER}) == decode(USER)


def test_messages_and_their_roles() -> None:
    turns = decode(
        {"role": "developer", "content": "d"},
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {"role": "user", "content": "u", "name": "ann"},
        {"role": "assistant", "content": "a"},
    ).turns
    assert [(turn.role, turn.path, turn.plain, turn.name) for turn in turns] == [
        ("developer", "messages[0]", True, None),
        ("system", "messages[1]", False, None),
        ("user", "messages[2]", True, "ann"),
        ("assistant", "messages[3]", True, None),
    ]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, TextPart(text="a")),
        ({"type": "input_text", "text": "a"}, TextPart(text="a")),
        ({"type": "output_text", "text": "a", "annotations": []}, TextPart(text="a")),
        ({"type": "refusal", "refusal": "a"}, RefusalPart(text="a")),
        (
            {"type": "image_url", "image_url": {"url": "https://x/a", "detail": "low"}},
            ImagePart(source=UrlSource("https://x/a"), detail="low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,AA=="}},
            ImagePart(source=Base64Source("AA==", "image/png")),
        ),
        ({"type": "image_url", "image_url": {"url": "data:;base64,AA=="}}, ImagePart(source=Base64Source("AA=="))),
        ({"type": "input_image", "image_url": "https://x/a"}, ImagePart(source=UrlSource("https://x/a"))),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "AA=="}},
            ImagePart(source=Base64Source("AA==", "image/gif")),
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x/a"}}, ImagePart(source=UrlSource("https://x/a"))),
        (
            {"type": "document", "title": "t", "source": {"type": "url", "url": "https://x/a"}},
            FilePart(source=UrlSource("https://x/a"), name="t"),
        ),
        ({"type": "file", "file": {"file_id": "f1"}}, FilePart(source=FileIdSource("f1"))),
        (
            {"type": "file", "file": {"file_url": "https://x/a.pdf"}},
            FilePart(source=UrlSource("https://x/a.pdf", "file_url")),
        ),
        ({"type": "file", "file": {"file_data": "https://x/a.pdf"}}, FilePart(source=UrlSource("https://x/a.pdf"))),
        ({"type": "file", "file": {"file_data": "AA==", "filename": "a"}}, FilePart(source=Base64Source("AA=="), name="a")),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}},
            FilePart(source=Base64Source("AA==", "application/pdf")),
        ),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}, AudioPart(data="AA==", format="mp3")),
        ({"type": "new_kind", "x": 1}, NativePart(type="new_kind", raw={"type": "new_kind", "x": 1})),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            TextPart(text="a", cache=CacheMark("cache_control", {"type": "ephemeral", "ttl": "1h"}, "1h")),
        ),
    ],
)
def test_parts(part: dict[str, Any], expected: Part) -> None:
    """Wire facts 4.7; faults F163, F164."""
    assert parts({"role": "user", "content": [part]}) == (expected,)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("", "{}"),
        (None, "{}"),
        (" \n", "{}"),
        ("null", "{}"),
        ('{"a":1}', '{"a":1}'),
        ({"a": 1}, '{"a":1}'),
        ("oops", "oops"),
    ],
)
def test_arguments_of_calls(arguments: Any, text: str) -> None:
    """Fault F045."""
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    assert parts({"role": "assistant", "tool_calls": [call]}) == (ToolCallPart(call_id="c", name="f", arguments=text),)


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ("any", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", name="f")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="named", name="f")),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice(mode="named", name="f", kind="custom")),
        ({"type": "auto"}, ToolChoice(mode="auto")),
        ({"type": "function", "function": {}}, ToolChoice(mode="native")),
        ("whatever", ToolChoice(mode="native")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice(mode="allowed", allowed=("f",), allowed_mode="required"),
        ),
    ],
)
def test_tool_choice(value: Any, choice: ToolChoice) -> None:
    found = decode(tool_choice=value).tool_choice
    assert found is not None
    assert (
        ToolChoice(mode=found.mode, name=found.name, kind=found.kind, allowed=found.allowed, allowed_mode=found.allowed_mode)
        == choice
    )


def test_tools() -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": None}},
        {"type": "function", "name": "g", "description": "flat", "strict": True, "x": 1},
        {"type": "custom", "custom": {"name": "h"}},
        {"type": "web_search_preview"},
    ]
    found = decode(tools=tools).tools
    assert [(tool.kind, tool.name, tool.type, tool.path) for tool in found] == [
        ("function", "f", "function", "tools[0]"),
        ("function", "g", "function", "tools[1]"),
        ("custom", "h", "custom", "tools[2]"),
        ("native", "web_search_preview", "web_search_preview", "tools[3]"),
    ]


def test_a_role_that_is_not_known_is_a_user_with_a_field() -> None:
    (turn,) = decode({"role": "critic", "content": "x"}).turns
    assert (turn.role, turn.extra) == ("user", {"role": "critic"})
