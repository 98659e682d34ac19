"""Wishes that a target fulfils anyway are no Loss, so that `X-HyperInfer-Strict` refuses no ordinary request; and what says
something is one, however small it looks (RULES: How the contract is read)."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from hyperinfer.formats import FORMATS, Dialect, Target
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS, Quirks
from tests.support.recordings import DIALECTS

USER: dict[str, Any] = {"role": "user", "content": "x"}
BASE: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {"messages": [USER]},
    "openai_responses": {"input": "x"},
    "anthropic_messages": {"max_tokens": 50, "messages": [USER]},
}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
CHAT_TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
RESPONSES_TOOL: dict[str, Any] = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}
MESSAGES_TOOL: dict[str, Any] = {"name": "f", "input_schema": SCHEMA}
LEAST = Quirks(
    sampling="omit",
    openai_only_fields="omit",
    reasoning_effort="omit",
    thinking="none",
    parallel_tool_calls="omit",
    strict_tools="omit",
    json_schema="omit",
    seed_field="none",
    tool_choice="auto",
)
"""An upstream that refuses whatever can be refused."""

TRIVIAL: dict[Dialect, list[dict[str, Any]]] = {
    "openai_chat": [
        {"n": 1},
        {"store": False},
        {"logprobs": False},
        {"logit_bias": {}},
        {"top_logprobs": 0},
        {"service_tier": "auto"},
        {"service_tier": "default"},
        {"stream_options": {"include_usage": True}},
        {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "top_k": 0},
        {"min_p": 0, "top_a": 0, "repetition_penalty": 1, "include_reasoning": True},  # OpenRouter's and vLLM's
        {"modalities": ["text"]},
        {"verbosity": "medium"},
        {"response_format": {"type": "text"}},
        {"reasoning_effort": "none"},
        {"reasoning": {"exclude": False}},
        {"tools": [], "functions": [], "stop": [], "metadata": {}, "reasoning": {}},
        {"tool_choice": "auto"},
        {"function_call": "auto"},
        {"tools": [CHAT_TOOL], "parallel_tool_calls": True, "tool_choice": "auto"},
        {"prompt_cache_key": "k", "prompt_cache_retention": "in_memory", "user": "u"},
        {"usage": {"include": True}},
    ],
    "openai_responses": [
        {"store": False, "background": False, "truncation": "disabled"},
        {"include": [], "tools": [], "metadata": {}, "text": {}, "reasoning": {}, "context_management": []},
        {"include": ["reasoning.encrypted_content"]},
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}},
        {"reasoning": {"effort": None, "summary": "auto"}},
        {"reasoning": {"effort": "none"}},
        {"reasoning": {"context": "auto", "mode": "standard"}},
        {"service_tier": "default", "temperature": 1, "top_p": 1, "top_logprobs": 0},
        {"tools": [RESPONSES_TOOL], "parallel_tool_calls": True, "tool_choice": "auto"},
        {"stream_options": {"include_obfuscation": False}},
    ],
    "anthropic_messages": [
        {"output_config": {}, "tools": [], "stop_sequences": [], "mcp_servers": [], "context_management": {"edits": []}},
        {"service_tier": "auto"},
        {"service_tier": "standard_only"},
        {"metadata": {"user_id": None}},
        {"temperature": 1.0, "top_p": 1, "top_k": 0},
        {"speed": "standard"},
        {"tools": [MESSAGES_TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": False}},
        {"tools": [{**MESSAGES_TOOL, "type": "custom", "strict": False, "input_examples": [], "defer_loading": False}]},
        {"tools": [{**MESSAGES_TOOL, "eager_input_streaming": True, "allowed_callers": ["direct"]}]},
    ],
}
"""By the caller's dialect."""

SAID: dict[Dialect, list[tuple[dict[str, Any], str]]] = {
    "openai_chat": [
        ({"web_search_options": {}}, "web_search_options"),  # empty, and a wish all the same
        ({"service_tier": "flex"}, "service_tier"),
        ({"temperature": 0.5}, "temperature"),
        ({"verbosity": "low"}, "verbosity"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"min_p": 0.1}, "min_p"),
        ({"reasoning_effort": "low"}, "reasoning"),
    ],
    "openai_responses": [
        ({"truncation": "auto"}, "truncation"),
        ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
        ({"store": True}, "store"),
    ],
    "anthropic_messages": [
        ({"thinking": {"type": "between_tools"}}, "thinking"),
        ({"tools": [{**MESSAGES_TOOL, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}, "context_management"),
        ({"speed": "fast"}, "speed"),
    ],
}
"""What is lost on the way to an upstream of another dialect that refuses what can be refused, and the path."""


def encoded(dialect: Dialect, target: Dialect, fields: dict[str, Any], **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """(the body, the paths of the losses)."""
    body = json.dumps({"model": "m", **BASE[dialect], **fields}).encode()
    aim = {"vendor": "v", "streamed": False, "max_output_tokens": 4096, "quirks": PROTOCOL_QUIRKS[target], **settings}
    result = FORMATS[target].encode_request(
        FORMATS[dialect].decode_request(body), Target(dialect=target, model="up", **cast("Any", aim))
    )
    return json.loads(result.body), [loss.path for loss in result.losses]


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("quirks", ["own", "least"])
@pytest.mark.parametrize(("dialect", "fields"), [(dialect, fields) for dialect in DIALECTS for fields in TRIVIAL[dialect]])
def test_what_happens_anyway_is_no_loss(dialect: Dialect, fields: dict[str, Any], target: Dialect, quirks: str) -> None:
    settings = {} if quirks == "own" else {"quirks": LEAST}
    assert encoded(dialect, target, fields, **settings)[1] == []


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("dialect", "wish"), [(dialect, wish) for dialect in DIALECTS for wish in SAID[dialect]])
def test_what_changes_something_is_a_loss(dialect: Dialect, wish: tuple[dict[str, Any], str], target: Dialect) -> None:
    fields, path = wish
    found = encoded(dialect, target, fields, quirks=LEAST)[1]
    assert target == dialect or [loss for loss in found if loss.startswith(path)]


NO_THINKING: dict[Dialect, list[dict[str, Any]]] = {
    "openai_chat": [{"reasoning_effort": "none"}, {"reasoning": {"enabled": False}}],
    "openai_responses": [{"reasoning": {"effort": "none"}}, {"reasoning": {"summary": "auto"}}],
    "anthropic_messages": [{"thinking": {"type": "disabled"}}],
}
THINKING: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {"reasoning_effort": "high"},
    "openai_responses": {"reasoning": {"effort": "high"}},
    "anthropic_messages": {"thinking": {"type": "adaptive"}},
}


@pytest.mark.parametrize(
    ("dialect", "target"), [(dialect, target) for dialect in DIALECTS for target in DIALECTS if dialect != target]
)
@pytest.mark.parametrize("rule", ["effort", "reasoning_object", "thinking_object"])
def test_a_model_that_cannot_think_is_told_nothing_of_it(dialect: Dialect, target: Dialect, rule: Any) -> None:
    quirks = Quirks(reasoning_effort=rule)
    plain, _ = encoded(dialect, target, {}, quirks=quirks)
    for fields in NO_THINKING[dialect]:
        assert encoded(dialect, target, fields, reasons=False, quirks=quirks) == (plain, [])
    body, losses = encoded(dialect, target, THINKING[dialect], reasons=False, quirks=quirks)
    assert body == plain
    assert losses == [{"openai_chat": "reasoning_effort", "openai_responses": "reasoning"}.get(dialect, "thinking")] or (
        target == "anthropic_messages" and losses == ["reasoning"]
    )


def test_a_wish_for_summaries_switches_no_thinking_on() -> None:
    quirks = Quirks(reasoning_effort="thinking_object")
    assert "thinking" not in encoded("openai_responses", "openai_chat", {"reasoning": {"summary": "auto"}}, quirks=quirks)[0]


def test_log_probabilities_of_another_format() -> None:
    include = {"include": ["message.output_text.logprobs"]}
    assert encoded("openai_responses", "openai_chat", include)[0]["logprobs"] is True
    body, _ = encoded("openai_responses", "openai_chat", {**include, "top_logprobs": 2})
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    body, _ = encoded("openai_responses", "openai_chat", {"top_logprobs": 0})
    assert not {"logprobs", "top_logprobs"} & body.keys()  # models that reason refuse the fields


def test_hidden_reasoning_can_be_asked_of_openrouter() -> None:
    asked = {"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}}
    quirks = Quirks(reasoning_effort="reasoning_object")
    body, losses = encoded("anthropic_messages", "openai_chat", asked, quirks=quirks)
    assert (body["reasoning"], losses) == ({"max_tokens": 1024, "exclude": True}, [])


LIMIT: dict[Dialect, str] = {
    "openai_chat": "max_completion_tokens",
    "openai_responses": "max_output_tokens",
    "anthropic_messages": "max_tokens",
}


def limit_sent(dialect: Dialect, target: Dialect, asked: int, **settings: Any) -> tuple[int, list[str]]:
    body, losses = encoded(dialect, target, {LIMIT[dialect]: asked}, **settings)
    return next(body[name] for name in (*LIMIT.values(), "max_tokens") if name in body), losses


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("target", DIALECTS)
class TestOutputLimit:
    """One rule for all three formats (RULES)."""

    def test_what_the_model_can_write_goes_as_it_came(self, dialect: Dialect, target: Dialect) -> None:
        assert limit_sent(dialect, target, 4096) == (4096, [])

    def test_more_than_the_model_can_write_is_its_maximum_and_no_loss(self, dialect: Dialect, target: Dialect) -> None:
        assert limit_sent(dialect, target, 128_000) == (128_000 if dialect == target else 4096, [])

    def test_nothing_is_clipped_where_the_maximum_is_not_known(self, dialect: Dialect, target: Dialect) -> None:
        assert limit_sent(dialect, target, 128_000, max_output_tokens=0) == (128_000, [])

    def test_less_than_the_provider_takes_is_a_loss(self, dialect: Dialect, target: Dialect) -> None:
        least = 16 if target == "openai_responses" != dialect else 3
        assert limit_sent(dialect, target, 3, vendor="openai") == (least, [] if least == 3 else [LIMIT[dialect]])


@pytest.mark.parametrize("target", DIALECTS)
def test_a_limit_of_nothing_warms_a_cache_only_on_messages(target: Dialect) -> None:
    wanted: tuple[int, list[str]] = (0, []) if target == "anthropic_messages" else (1, ["max_tokens"])
    assert limit_sent("anthropic_messages", target, 0) == wanted
