"""A request of a Messages client for an upstream that speaks Messages: what the recordings do not show."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.messages_codec import again, target

PNG = "iVBORw0KGgo="


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "upstream-model", "max_tokens": 10, "messages": list(messages), **fields}


RICH = body(
    {"role": "assistant", "content": "Before"},
    {"role": "user", "content": [{"type": "text", "text": "one"}], "novel": {"x": 1}},
    {"role": "user", "content": ""},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "", "signature": "S"},
            {"type": "text", "text": " ", "citations": [{"type": "char_location", "cited_text": "c"}]},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"z": 1, "a": [1.5, None]}, "toolset_name": "s"},
            {"type": "redacted_thinking", "data": "R"},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            {"type": "novel_block", "x": {"y": None}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "t1", "is_error": False, "cache_control": {"type": "ephemeral"}},
            {
                "type": "tool_result",
                "tool_use_id": "t2",
                "content": [
                    {"type": "text", "text": "x"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": PNG, "novel": 1}},
                    {"type": "tool_reference", "tool_name": "f"},
                ],
            },
            {"type": "text", "text": "go on"},
            {
                "type": "document",
                "source": {"type": "file", "file_id": "file_1"},
                "title": "t",
                "citations": {"enabled": True},
            },
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "w"}]}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {}}]}},
            {"type": "document", "source": {"type": "text", "media_type": "text/markdown", "data": "#"}},
            {"type": "image", "source": {"type": "novel", "x": 1}, "transformations": [1]},
        ],
    },
    {"role": "system", "clear_at": 5},
    {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}]},
    system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}],
    tools=[
        {"type": "custom", "name": "a" * 100, "input_schema": {"$schema": "x", "type": "object", "$defs": {}}},
        {"type": "memory_20250818", "name": "memory", "cache_control": {"type": "ephemeral"}},
    ],
    tool_choice={"type": "none", "novel": 1},
    temperature=1.5,
    top_k=3,
    stop_sequences=[" "],
    thinking={"type": "between_tools", "novel": 1},
    output_config={"effort": "novel", "format": {"type": "novel", "x": 1}, "more": 1},
    metadata={"user_id": "u", "x": 1},
    service_tier="standard_only",
    container={"id": "c"},
    mcp_servers=[{"type": "url", "url": "https://x"}],
    cache_control={"type": "ephemeral"},
)


def test_nothing_is_lost() -> None:
    sent, losses = again(RICH)
    assert sent == RICH
    assert losses == []


def test_results_go_before_the_rest_of_their_message() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "x"}
    text = {"type": "text", "text": "y"}
    sent, losses = again(body({"role": "user", "content": [text, result]}))
    assert sent["messages"] == [{"role": "user", "content": [result, text]}]
    assert losses == []


def test_plugins_stay_here() -> None:
    sent, losses = again(body({"role": "user", "content": "x"}, plugins=[{"id": "web_search"}], hi_tool_events=True))
    assert sent == body({"role": "user", "content": "x"})
    assert losses == ["plugins[0]"]


def test_the_route_decides_about_streaming() -> None:
    sent, _ = again(body({"role": "user", "content": "x"}), target(streamed=True))
    assert sent["stream"] is True


def test_unsigned_thinking_goes_only_to_servers_that_sign_nothing() -> None:
    thinking = {"type": "thinking", "thinking": "hm"}
    request = body({"role": "assistant", "content": [thinking, {"type": "text", "text": "x"}]})
    sent, losses = again(request)
    assert sent["messages"][0]["content"] == [{"type": "text", "text": "x"}]
    assert losses == ["messages[0].content[0]"]
    assert again(request, target(vendor="acme")) == (request, [])


def test_blobs_of_other_vendors_stay_here() -> None:
    theirs = {"type": "thinking", "thinking": "hm", "signature": "hi1.openai.X"}
    ours = {"type": "thinking", "thinking": "ok", "signature": "hi1.anthropic.Y"}
    sent, losses = again(body({"role": "assistant", "content": [theirs, ours]}))
    assert sent["messages"][0]["content"] == [{"type": "thinking", "thinking": "ok", "signature": "Y"}]
    assert losses == ["messages[0].content[0]"]


def test_thinking_takes_no_cache_mark() -> None:
    block = {"type": "thinking", "thinking": "x", "signature": "S"}
    request = body({"role": "assistant", "content": [{**block, "cache_control": {"type": "ephemeral"}}]})
    sent, losses = again(request)
    assert sent["messages"][0]["content"] == [block]
    assert losses == ["messages[0].content[0].cache_control"]


def test_citations_that_the_gateway_made_up_are_not_sent_on() -> None:
    made = {"type": "web_search_result_location", "url": "https://x", "encrypted_index": ""}
    real = {**made, "encrypted_index": "E"}
    block = {"type": "text", "text": "x", "citations": [made, real]}
    sent, losses = again(body({"role": "assistant", "content": [block]}))
    assert sent["messages"][0]["content"][0]["citations"] == [real]
    assert losses == ["messages[0].content[0].citations"]


@pytest.mark.parametrize(
    ("quirk", "mark", "lost"),
    [
        ("full", {"type": "ephemeral", "ttl": "1h"}, []),
        ("no_ttl", {"type": "ephemeral"}, ["system[0].cache_control", "cache_control", "tools[0].cache_control"]),
        ("none", None, ["system[0].cache_control", "cache_control", "tools[0].cache_control"]),
    ],
)
def test_cache_marks_by_what_the_provider_takes(quirk: str, mark: dict[str, Any] | None, lost: list[str]) -> None:
    asked = {"type": "ephemeral", "ttl": "1h"}
    request = body(
        {"role": "user", "content": "x"},
        system=[{"type": "text", "text": "s", "cache_control": asked}],
        tools=[{"name": "f", "input_schema": {"type": "object"}, "cache_control": asked}],
        cache_control=asked,
    )
    sent, losses = again(request, target(cache_control=quirk))
    places: list[dict[str, Any]] = [sent, sent["tools"][0], sent["system"][0]]
    assert [place.get("cache_control") for place in places] == [mark] * 3
    assert sorted(losses) == sorted(lost)


def test_a_provider_without_system_messages_gets_them_with_the_user() -> None:
    request = body(
        {"role": "user", "content": "a"},
        {"role": "system", "content": "S"},
        {"role": "assistant", "content": "b"},
        system="top",
    )
    sent, _ = again(request, target(system_role="fold_later"))
    assert sent["system"] == "top"
    assert sent["messages"] == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "<system>\nS\n</system>"}],
        },
        {"role": "assistant", "content": "b"},
    ]
    sent, _ = again(request, target(system_role="fold"))
    assert "system" not in sent
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant"]


def test_strict_templates_want_roles_in_turn() -> None:
    request = body({"role": "user", "content": "a"}, {"role": "user", "content": "b"})
    sent, _ = again(request, target(turns="alternate"))
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]


def test_models_without_sampling() -> None:
    request = body({"role": "user", "content": "a"}, temperature=0.5, top_p=1.0, top_k=4)
    sent, losses = again(request, target(sampling="omit"))
    assert not {"temperature", "top_p", "top_k"} & sent.keys()
    assert losses == ["temperature", "top_k"]
