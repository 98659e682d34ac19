"""Reasoning, limits, shapes and quirks in a Responses request."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.conversation import (
    CacheMark,
    NativePart,
    ReasoningConfig,
    ReasoningPart,
    ReasoningText,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
)
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.quirks import Quirks
from tests.formats.openai_responses.harness import body, losses, request
from tests.formats.openai_responses.test_request_encode import chat, lost, messages, said, turn


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        (ReasoningConfig(effort="xhigh"), {"effort": "xhigh"}),
        (ReasoningConfig(mode="disabled"), {"effort": "none"}),
        (ReasoningConfig(mode="enabled", budget_tokens=2048), {"effort": "low", "summary": "auto"}),
        (ReasoningConfig(mode="enabled", budget_tokens=8000), {"effort": "medium", "summary": "auto"}),
        (ReasoningConfig(mode="enabled", budget_tokens=30000), {"effort": "high", "summary": "auto"}),
        (ReasoningConfig(mode="adaptive"), {"summary": "auto"}),
        (ReasoningConfig(mode="adaptive", effort="max", display="omitted"), {"effort": "max"}),
    ],
)
def test_how_much_to_think(config: ReasoningConfig, sent: dict[str, Any]) -> None:
    assert body(messages(said("user", "x"), reasoning=config))["reasoning"] == sent


def test_reasoning_is_asked_for_in_a_form_that_can_be_sent_again() -> None:
    asked = body(chat(said("user", "x"), reasoning=ReasoningConfig(effort="low")))
    assert asked["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body(chat(said("user", "x")))
    assert "include" not in body(chat(said("user", "x"), reasoning=ReasoningConfig(effort="none")))


def test_reasoning_of_another_vendor_is_lost_as_a_whole() -> None:
    part = ReasoningPart(texts=(ReasoningText("hm"),), opaque=(Opaque("anthropic", "signature", "sig"),))
    conversation = messages(turn("assistant", part, TextPart(text="x"), path="messages[3]"))
    assert [item["type"] for item in body(conversation)["input"]] == ["message"]
    assert lost(conversation) == ["messages[3].content[0]"]


def test_a_redacted_blob_comes_back_without_its_mark() -> None:
    part = ReasoningPart(opaque=(Opaque("openai", "redacted", "blob"),))
    assert body(messages(turn("assistant", part)))["input"] == [
        {"type": "reasoning", "summary": [], "encrypted_content": "blob"}
    ]


def test_what_responses_cannot_say_is_lost_with_the_callers_path() -> None:
    conversation = chat(
        turn("user", TextPart(text="x", cache=CacheMark("cache_control", {"type": "ephemeral"})), name="bob"),
        turn("assistant", NativePart(type="weird", raw={}), path="messages[1]"),
        sampling=Sampling(
            top_k=3, stop=("",), seed=0, frequency_penalty=0.5, presence_penalty=0.0, logit_bias={"1": 2}, n=1
        ),
        extra={"prediction": {"type": "content"}, "client_metadata": {"a": 1}, "modalities": ["text"]},
        user="u" * 100,
        store=False,
    )
    assert sorted(lost(conversation)) == sorted(
        [
            "messages[0].name",
            "messages[0].content[0].cache_control",
            "messages[1].content[0]",
            "top_k",
            "stop",
            "seed",
            "frequency_penalty",
            "logit_bias",
            "prediction",
        ]
    )


def test_native_words_reach_an_upstream_that_does_not_know_the_block() -> None:
    conversation = messages(turn("user", NativePart(type="search_result", raw={}, text="found it")))
    assert body(conversation)["input"][0]["content"] == [{"type": "input_text", "text": "found it"}]
    assert losses(conversation) == []


def test_limits_of_the_output() -> None:
    def asked(tokens: int, **fields: Any) -> Any:
        return body(messages(said("user", "x"), sampling=Sampling(max_tokens=tokens)), **fields)["max_output_tokens"]

    assert (asked(100), asked(100_000), asked(1)) == (100, 4096, 16)
    assert asked(1, vendor="xai") == 1
    assert body(request(max_output_tokens=3))["max_output_tokens"] == 3


def test_the_shape_of_the_answer() -> None:
    shape = ResponseFormat(type="json_schema", schema={"type": "object"})
    conversation = messages(said("user", "x"), response_format=shape)
    assert body(conversation)["text"] == {
        "format": {"type": "json_schema", "name": "response", "schema": {"type": "object"}}
    }
    assert body(conversation, quirks=Quirks(json_schema="json_object"))["text"] == {"format": {"type": "json_object"}}
    assert lost(conversation, quirks=Quirks(json_schema="omit")) == ["output_config.format"]


def test_log_probabilities_are_asked_for_by_include() -> None:
    sent = body(chat(said("user", "x"), sampling=Sampling(logprobs=True, top_logprobs=2)))
    assert (sent["include"], sent["top_logprobs"]) == (["message.output_text.logprobs"], 2)


def test_quirks_of_roles() -> None:
    conversation = chat(said("system", "a"), said("user", "b"), said("system", "c"), said("user", "d"))
    folded = body(conversation, quirks=Quirks(system_role="fold"))
    assert "instructions" not in folded
    assert [[part["text"] for part in item["content"]] for item in folded["input"]] == [["a", "b"], ["c", "d"]]
    later = body(conversation, quirks=Quirks(system_role="fold_later"))
    assert later["instructions"] == "a"
    joined = body(chat(said("user", "a"), said("user", "b")), quirks=Quirks(turns="alternate"))
    assert [item["content"] for item in joined["input"]] == ["a\n\nb"]
    system = body(chat(said("developer", "a"), said("user", "b")), quirks=Quirks(developer_role="system"))
    assert [item["role"] for item in system["input"]] == ["system", "user"]


def test_quirks_of_fields() -> None:
    conversation = chat(
        said("user", "x"),
        sampling=Sampling(temperature=0.5),
        metadata={"a": "b"},
        prompt_cache_key="k",
        parallel_tool_calls=False,
        tools=(Tool(kind="function", name="f", path="tools[0]"),),
    )
    quirks = Quirks(sampling="omit", openai_only_fields="omit", parallel_tool_calls="omit", strict_tools="omit")
    sent = body(conversation, quirks=quirks)
    assert set(sent) == {"model", "input", "tools"}
    assert "strict" not in sent["tools"][0]
    assert sorted(lost(conversation, quirks=quirks)) == ["metadata", "parallel_tool_calls", "temperature"]


def test_string_content_quirk_joins_parts() -> None:
    conversation = messages(turn("user", TextPart(text="a"), TextPart(text="b")))
    assert body(conversation, quirks=Quirks(content="string"))["input"][0]["content"] == "a\n\nb"
