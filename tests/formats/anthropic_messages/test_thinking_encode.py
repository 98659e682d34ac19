"""Asking a Messages upstream to think, and structured output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats.conversation import (
    ReasoningConfig,
    ReasoningPart,
    ResponseFormat,
    Sampling,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.opaque import Opaque
from tests.support.messages_codec import again, assistant, chat, encode, most, target, user

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Target

BUDGET = target(thinking="budget", most=32_000)


def asked(reasoning: ReasoningConfig, upstream: Target | None = None, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    body, losses = encode(chat(user(), reasoning=reasoning, **fields), upstream)
    return {name: body[name] for name in ("max_tokens", "thinking", "output_config") if name in body}, losses


@pytest.mark.parametrize(
    ("effort", "sent"),
    [("minimal", "low"), ("low", "low"), ("medium", "medium"), ("high", "high"), ("xhigh", "xhigh"), ("max", "max")],
)
def test_newer_models_take_an_effort(effort: str, sent: str) -> None:
    found, losses = asked(ReasoningConfig(effort=effort), sampling=most(100))
    assert found == {"max_tokens": 100, "thinking": {"type": "adaptive"}, "output_config": {"effort": sent}}
    assert losses == []


def test_no_effort_is_no_thinking() -> None:
    found, losses = asked(ReasoningConfig(effort="none"), sampling=most(100))
    assert found == {"max_tokens": 100, "thinking": {"type": "disabled"}}
    assert losses == []
    assert asked(ReasoningConfig(effort="none"), BUDGET, sampling=most(100)) == ({"max_tokens": 100}, [])


def test_a_wish_for_summaries_is_one_for_visible_thinking() -> None:
    found, _ = asked(ReasoningConfig(effort="low", summary="auto"))
    assert found["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert asked(ReasoningConfig(summary="auto"), sampling=most(9)) == ({"max_tokens": 9}, [])


def test_an_unknown_effort_is_a_loss() -> None:
    found, losses = asked(ReasoningConfig(effort="galactic"), sampling=most(9))
    assert (found, losses) == ({"max_tokens": 9}, ["reasoning_effort"])


@pytest.mark.parametrize(
    ("config", "limit", "max_tokens", "budget"),
    [
        (ReasoningConfig(effort="low"), 1_000, 3_048, 2_048),
        (ReasoningConfig(effort="high"), 1_000, 17_384, 16_384),
        (ReasoningConfig(effort="max"), 1_000, 32_000, 31_000),  # never beyond the model's maximum
        (ReasoningConfig(effort="high"), 30_000, 32_000, 16_000),  # half of it where the answer would take all
        (ReasoningConfig(effort="high"), None, 32_000, 16_384),
        (ReasoningConfig(budget_tokens=5_000), 100, 5_100, 5_000),
    ],
)
def test_older_models_take_a_budget(config: ReasoningConfig, limit: int | None, max_tokens: int, budget: int) -> None:
    found, losses = asked(config, BUDGET, sampling=most(limit))
    assert found == {"max_tokens": max_tokens, "thinking": {"type": "enabled", "budget_tokens": budget}}
    assert budget < max_tokens
    assert losses == ([] if limit is None else ["max_tokens"])  # what was asked for has changed


def test_a_model_too_small_to_think() -> None:
    found, losses = asked(ReasoningConfig(effort="low"), target(thinking="budget", most=1_500), sampling=most(500))
    assert (found, losses) == ({"max_tokens": 500}, ["reasoning"])


def test_a_model_that_does_not_think() -> None:
    assert asked(ReasoningConfig(effort="low"), target(thinking="none"), sampling=most(5)) == (
        {"max_tokens": 5},
        ["reasoning"],
    )


def test_thinking_excludes_what_the_api_excludes() -> None:
    tool = Tool(kind="function", name="f", path="tools[0]")
    found, losses = asked(
        ReasoningConfig(effort="low"), BUDGET, tools=(tool,), tool_choice=ToolChoice(mode="required"), sampling=most(50)
    )
    assert (found, losses) == ({"max_tokens": 50}, ["reasoning"])
    body, losses = encode(chat(user(), reasoning=ReasoningConfig(effort="low"), sampling=Sampling(temperature=0.2)), BUDGET)
    assert "temperature" not in body
    assert losses == ["temperature"]  # and the limit was not raised


def test_a_round_of_calls_that_began_without_thinking_goes_on_without() -> None:
    call = ToolCallPart(call_id="c", name="f", arguments="{}")
    result = Turn(role="tool", parts=(ToolResultPart(call_id="c"),), path="messages[2]")
    signed = ReasoningPart(opaque=(Opaque("anthropic", "signature", "S"),))
    for parts, thinks in (((call,), False), ((signed, call), True)):
        body, losses = encode(chat(user(), assistant(*parts), result, reasoning=ReasoningConfig(effort="low")), BUDGET)
        assert ("thinking" in body) is thinks
        assert losses == ([] if thinks else ["reasoning"])


def test_a_messages_caller_of_an_older_model() -> None:
    request: dict[str, Any] = {
        "model": "upstream-model",
        "max_tokens": 1_000,
        "messages": [{"role": "user", "content": "x"}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "medium"},
    }
    sent, losses = again(request, BUDGET)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 8_192}
    assert sent["max_tokens"] == 9_192
    assert "output_config" not in sent
    assert losses == ["max_tokens"]
    request["thinking"] = {"type": "enabled", "budget_tokens": 1_024}
    sent, losses = again(request, BUDGET)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 1_024}
    assert losses == ["output_config.effort"]


OPEN: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}, "b": {"$ref": "#/$defs/B"}},
    "$defs": {"B": {"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}]}},
}


def test_schemas_are_closed_where_they_are_open() -> None:
    body, losses = encode(
        chat(user(), response_format=ResponseFormat(type="json_schema", name="n", schema=OPEN, strict=True))
    )
    schema = body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["a"]["items"]["additionalProperties"] is False
    assert schema["$defs"]["B"]["anyOf"] == [{"type": "object", "additionalProperties": False}, {"type": "null"}]
    assert losses == ["response_format.$defs.B.anyOf[0].additionalProperties"]
    assert "additionalProperties" not in OPEN  # the caller's own is left alone


def test_free_json_is_an_instruction() -> None:
    body, losses = encode(chat(user(), response_format=ResponseFormat(type="json_object")))
    assert "JSON object" in body["system"]
    assert "output_config" not in body
    assert losses == []
    assert encode(chat(user(), response_format=ResponseFormat(type="text")))[0].keys() == {"model", "max_tokens", "messages"}


def test_a_schema_that_the_provider_does_not_enforce() -> None:
    wish = ResponseFormat(type="json_schema", schema=OPEN)
    for rule in ("instruction", "json_object"):
        body, losses = encode(chat(user(), response_format=wish), target(json_schema=rule))
        assert '"$ref"' in body["system"]
        assert losses == ["response_format"]
    body, losses = encode(chat(user(), response_format=wish), target(json_schema="omit"))
    assert "system" not in body
    assert losses == ["response_format"]
