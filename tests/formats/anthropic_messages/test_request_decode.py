"""What a Messages request means, and which ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.anthropic_messages.request_decode import decode_count_request
from hyperinfer.formats.conversation import (
    Base64Source,
    FilePart,
    ImagePart,
    NativePart,
    PlainTextSource,
    ReasoningPart,
    ReasoningText,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import Opaque
from tests.support.messages_codec import decode

HELLO = [{"role": "user", "content": "hi"}]


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 10, "messages": HELLO, **fields}


def content(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return body(messages=[{"role": role, "content": list(blocks)}])


def refused(request: dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        decode(request)
    return caught.value


def test_system_blocks_are_one_leading_turn_with_their_cache_marks() -> None:
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    conversation = decode(body(system=[{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": mark}]))
    system, user = conversation.turns
    assert (system.role, system.path, user.role) == ("system", "system", "user")
    second = system.parts[1]
    assert isinstance(second, TextPart)
    assert second.cache is not None
    assert (second.cache.raw, second.cache.ttl) == (mark, "1h")


def test_system_messages_keep_their_place() -> None:
    messages = [
        *HELLO,
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {"role": "assistant", "content": "a"},
    ]
    turns = decode(body(messages=messages)).turns
    assert [(turn.role, turn.path) for turn in turns] == [
        ("user", "messages[0]"),
        ("system", "messages[1]"),
        ("assistant", "messages[2]"),
    ]


def test_results_become_a_tool_turn_and_the_rest_a_user_turn() -> None:
    turns = decode(
        content(
            {"type": "text", "text": "and"},
            {"type": "tool_result", "tool_use_id": "t1"},
            {"type": "tool_result", "tool_use_id": "t2", "content": "x", "is_error": True},
        )
    ).turns
    assert [(turn.role, turn.path) for turn in turns] == [("tool", "messages[0]"), ("user", "messages[0]")]
    assert turns[0].parts == (
        ToolResultPart(call_id="t1"),
        ToolResultPart(call_id="t2", content=(TextPart(text="x"),), is_error=True, plain=True),
    )
    assert turns[1].parts == (TextPart(text="and"),)


def test_thinking_carries_its_vendor() -> None:
    (turn,) = decode(
        content(
            {"type": "thinking", "thinking": "hm", "signature": "SIG"},
            {"type": "redacted_thinking", "data": "DATA"},
            {"type": "thinking", "thinking": "", "signature": "hi1.acme.S2"},
            {"type": "thinking", "thinking": "unsigned"},
            role="assistant",
        )
    ).turns
    assert turn.parts == (
        ReasoningPart(texts=(ReasoningText("hm"),), opaque=(Opaque("anthropic", "signature", "SIG"),)),
        ReasoningPart(opaque=(Opaque("anthropic", "redacted", "DATA"),)),
        ReasoningPart(opaque=(Opaque("acme", "signature", "S2"),)),
        ReasoningPart(texts=(ReasoningText("unsigned"),)),
    )


def test_calls_keep_their_unmodelled_fields() -> None:
    (turn,) = decode(
        content(
            {
                "type": "tool_use",
                "id": "t",
                "name": "f",
                "input": {"b": 1, "a": 1.5},
                "caller": {"type": "direct"},
                "x": None,
            },
            role="assistant",
        )
    ).turns
    assert turn.parts == (
        ToolCallPart(call_id="t", name="f", arguments='{"b":1,"a":1.5}', extra={"caller": {"type": "direct"}}),
    )


def test_media() -> None:
    (turn,) = decode(
        content(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "t"},
                "title": "n",
                "context": "c",
            },
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "w"}]}},
        )
    ).turns
    image, text, words = turn.parts
    assert image == ImagePart(source=Base64Source("QQ==", "image/png"))
    assert text == FilePart(source=PlainTextSource("t"), name="n", context="c")
    assert isinstance(words, FilePart)
    assert words.source == PlainTextSource("w", {"type": "content", "content": [{"type": "text", "text": "w"}]})


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (
            {"type": "search_result", "source": "https://a", "title": "T", "content": [{"type": "text", "text": "x"}]},
            "T\nhttps://a\nx",
        ),
        ({"type": "compaction", "content": "so far"}, "so far"),
        ({"type": "tool_reference", "tool_name": "f"}, "f"),
        ({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, None),
        ({"type": "from_the_future", "deep": {"er": [1]}}, None),
    ],
)
def test_blocks_that_only_messages_knows_are_kept(block: dict[str, Any], text: str | None) -> None:
    (turn,) = decode(content(block)).turns
    assert turn.parts == (NativePart(type=block["type"], raw=block, text=text),)


def test_typed_tools_need_no_schema_and_say_what_they_do() -> None:
    conversation = decode(
        body(
            tools=[
                {"type": "web_search_20250305", "name": "web_search", "max_uses": None},
                {"type": "bash_20250124", "name": "bash"},
                {"type": "custom", "name": "f", "input_schema": {"type": "object"}, "defer_loading": True, "strict": True},
            ]
        )
    )
    search, bash, custom = conversation.tools
    assert (search.kind, search.type, search.parameters) == ("native", "web_search_20250305", None)
    assert search.raw == {"type": "web_search_20250305", "name": "web_search"}
    assert bash.kind == "native"
    assert bash.parameters is not None
    assert "command" in bash.parameters["properties"]
    assert (custom.kind, custom.strict, custom.extra) == ("function", True, {"defer_loading": True})


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        ({"type": "auto", "disable_parallel_tool_use": False}, "auto", True),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
        ({"type": "tool", "name": "f"}, "named", None),
        ({"type": "none"}, "none", None),
        ({"type": "novel", "x": 1}, "native", None),
    ],
)
def test_tool_choice(choice: dict[str, Any], mode: str, parallel: bool | None) -> None:
    conversation = decode(body(tool_choice=choice))
    assert conversation.tool_choice is not None
    assert (conversation.tool_choice.mode, conversation.parallel_tool_calls) == (mode, parallel)


def test_everything_beside_the_messages() -> None:
    conversation = decode(
        body(
            max_tokens=0,
            thinking={"type": "adaptive", "display": "omitted", "novel": 1},
            output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}, "task": 2},
            metadata={"user_id": "u", "more": 1},
            stop_sequences=["Z"],
            plugins=[{"id": "web_search", "events": True, "max_results": 3}],
            hi_tool_events=True,
            cache_control={"type": "ephemeral"},
            context_management={"edits": []},
            service_tier="auto",
            top_k=40,
            stream=True,
        )
    )
    assert conversation.sampling.max_tokens == 0
    assert (conversation.sampling.top_k, conversation.sampling.stop) == (40, ("Z",))
    assert conversation.reasoning is not None
    assert (conversation.reasoning.mode, conversation.reasoning.effort) == ("adaptive", "high")
    assert (conversation.reasoning.display, conversation.reasoning.extra) == ("omitted", {"novel": 1})
    assert conversation.response_format is not None
    assert conversation.response_format.schema == {"type": "object"}
    assert (conversation.user, conversation.metadata) == ("u", {"more": 1})
    (plugin,) = conversation.plugins
    assert (plugin.id, plugin.events, plugin.options, plugin.path) == ("web_search", True, {"max_results": 3}, "plugins[0]")
    assert conversation.tool_events
    assert conversation.cache is not None
    assert conversation.extra == {"context_management": {"edits": []}, "output_config": {"task": 2}}
    assert (conversation.service_tier, conversation.streamed) == ("auto", True)


def test_nulls_are_absent() -> None:
    nulls = dict.fromkeys(
        ("system", "tools", "tool_choice", "temperature", "thread", "response_format", "thinking", "stream")
    )
    assert decode(body(**nulls)) == decode(body())


def test_threads_are_refused_so_that_the_sdk_replays_the_history() -> None:
    error = refused(body(thread={"type": "create"}))
    assert (error.code, error.param) == ("invalid_request", "thread")
    assert error.details == {"error_code": "thread_unsupported_request"}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"model": "m", "messages": HELLO}, "max_tokens"),
        ({"max_tokens": 1, "messages": HELLO}, "model"),
        ({"model": "m", "max_tokens": 1}, "messages"),
        (body(messages="oops"), "messages"),
        (body(messages=[]), "messages"),
        (body(max_tokens=-1), "max_tokens"),
        (body(max_tokens="5"), "max_tokens"),
        (body(temperature="hot"), "temperature"),
        (body(response_format={"type": "json_object"}), "response_format"),
        (body(stop_sequences="Z"), "stop_sequences"),
        (body(stop_sequences=[1]), "stop_sequences[0]"),
        (body(system=5), "system"),
        (body(system=[{"type": "text"}]), "system[0].text"),
        (body(metadata={"user_id": 1}), "metadata.user_id"),
        (body(thinking={"budget_tokens": 1}), "thinking.type"),
        (body(output_config={"effort": 3}), "output_config.effort"),
        (body(plugins=[{}]), "plugins[0].id"),
        (body(tools=[{"name": "f"}]), "tools[0].input_schema"),
        (body(tools=[{"input_schema": {}}]), "tools[0].name"),
        (body(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
        (body(messages=[{"role": "user"}]), "messages[0].content"),
        (body(messages=[{"content": "x"}]), "messages[0].role"),
        (body(messages=[{"role": 7, "content": "x"}]), "messages[0].role"),
        (content({"text": "x"}), "messages[0].content[0].type"),
        (content({"type": "text", "text": 1}), "messages[0].content[0].text"),
        (content({"type": "text", "text": "x", "cache_control": 1}), "messages[0].content[0].cache_control"),
        (content({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
        (content({"type": "tool_result", "tool_use_id": ""}), "messages[0].content[0].tool_use_id"),
        (
            content({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}]}),
            "messages[0].content[0].content[0].source",
        ),
        (content({"type": "image", "source": {"type": "base64", "data": "x"}}), "messages[0].content[0].source.media_type"),
        (content({"type": "image", "source": {"type": "url"}}), "messages[0].content[0].source.url"),
        (content({"type": "tool_use", "name": "f", "input": {}}, role="assistant"), "messages[0].content[0].id"),
        (
            content({"type": "tool_use", "id": "t", "name": "f", "input": "x"}, role="assistant"),
            "messages[0].content[0].input",
        ),
    ],
)
def test_refusals_name_the_path(request_: dict[str, Any], param: str) -> None:
    error = refused(request_)
    assert (error.code, error.param) == ("invalid_request", param)
    assert param in error.message


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"a":' * 5_000])
def test_bodies_that_are_no_object(data: bytes) -> None:
    with pytest.raises(RequestError):
        ANTHROPIC_MESSAGES.decode_request(data)


def test_counting_needs_no_limit() -> None:
    conversation = decode_count_request(b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}')
    assert len(conversation.turns) == 1
