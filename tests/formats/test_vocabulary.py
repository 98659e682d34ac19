"""An unknown word in a known enum field: through as it came to an upstream of the same format, a Loss elsewhere (RULES)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, Encoded, Target
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS

WORD = "galactic"
USER: dict[str, Any] = {"role": "user", "content": "hi"}
IMAGE = "data:image/png;base64,aGk="
CALL: dict[str, Any] = {"id": "call_1", "type": WORD, "function": {"name": "f", "arguments": "{}"}}
CHAT_TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
RESPONSES_TOOL: dict[str, Any] = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
MESSAGES_TOOL: dict[str, Any] = {"name": "f", "input_schema": {"type": "object"}}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [USER], **fields}


def responses(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"input": list(items) or "hi", "store": False, **fields}


def messages(*sent: Any, **fields: Any) -> dict[str, Any]:
    return {"max_tokens": 64, "messages": list(sent) or [USER], **fields}


def said(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": [*parts]}


def allowed(**fields: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", **fields}


# (where the Loss is told, request)
CASES: dict[Dialect, list[tuple[str, dict[str, Any]]]] = {
    "openai_chat": [
        ("messages[0].role", chat({"role": WORD, "content": "x"}, USER)),
        ("messages[1].role", chat(USER, {"role": WORD, "content": "x", "tool_calls": [CALL], "refusal": "no"}, USER)),
        ("messages[0].role", chat({"role": WORD, "content": [{"type": "text", "text": "x"}], "name": "n", "k": 1}, USER)),
        ("messages[0].content[0].detail", chat(said({"type": "image_url", "image_url": {"url": IMAGE, "detail": WORD}}))),
        ("messages[0].content[0]", chat(said({"type": WORD, "x": 1}, {"type": "text", "text": "hi"}))),
        ("messages[1].tool_calls[0].type", chat(
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "x"},
        )),
        ("messages[0].content[0].cache_control", chat(said({"type": "text", "text": "x", "cache_control": {"type": WORD}}))),
        ("messages[0].content[0].cache_control", chat(
            said({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": WORD}})
        )),
        ("tool_choice", chat(tools=[CHAT_TOOL], tool_choice=WORD)),
        ("tool_choice", chat(tools=[CHAT_TOOL], tool_choice={"type": WORD})),
        ("tool_choice", chat(tools=[CHAT_TOOL], tool_choice=allowed(allowed_tools={"mode": WORD, "tools": [CHAT_TOOL]}))),
        ("tools[1]", chat(tools=[CHAT_TOOL, {"type": WORD, WORD: {"name": "g"}}])),
        ("response_format", chat(response_format={"type": WORD})),
        ("reasoning_effort", chat(reasoning_effort=WORD)),
        ("reasoning.effort", chat(reasoning={"effort": WORD})),
        ("service_tier", chat(service_tier=WORD)),
        ("verbosity", chat(verbosity=WORD)),
    ],
    "openai_responses": [
        ("input[0].role", responses({"role": WORD, "content": "x"}, USER)),
        ("input[1].role", responses(
            USER, {"type": "message", "role": WORD, "content": [{"type": "input_text", "text": "x"}], "k": 1}, USER
        )),
        ("input[0].content[0].detail", responses(said({"type": "input_image", "image_url": IMAGE, "detail": WORD}))),
        ("input[0].content[0]", responses(said({"type": WORD, "x": 1}, {"type": "input_text", "text": "hi"}))),
        ("input[0]", responses({"type": WORD, "x": 1}, USER)),
        ("input[1].output[0].detail", responses(
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": "call_1",
                "output": [{"type": "input_image", "image_url": IMAGE, "detail": WORD}],
            },
        )),
        ("input[1].phase", responses(USER, {"role": "assistant", "content": "x", "phase": WORD}, USER)),
        ("tool_choice", responses(tools=[RESPONSES_TOOL], tool_choice=WORD)),
        ("tool_choice", responses(tools=[RESPONSES_TOOL], tool_choice={"type": WORD})),
        ("tool_choice", responses(tools=[RESPONSES_TOOL], tool_choice=allowed(mode=WORD, tools=[RESPONSES_TOOL]))),
        ("tools[1]", responses(tools=[RESPONSES_TOOL, {"type": WORD}])),
        ("text", responses(text={"format": {"type": WORD}})),
        ("text.verbosity", responses(text={"verbosity": WORD})),
        ("reasoning.effort", responses(reasoning={"effort": WORD})),
        ("reasoning.summary", responses(reasoning={"summary": WORD})),
        ("service_tier", responses(service_tier=WORD)),
        ("truncation", responses(truncation=WORD)),
    ],
    "anthropic_messages": [
        ("messages[0].role", messages({"role": WORD, "content": "x"}, USER)),
        ("messages[1].role", messages(USER, {"role": WORD, "content": [{"type": "text", "text": "x"}], "k": 1}, USER)),
        ("messages[0].content[0]", messages(said({"type": WORD, "x": 1}, {"type": "text", "text": "hi"}))),
        ("messages[0].content[0]", messages(
            said({"type": "image", "source": {"type": WORD}}, {"type": "text", "text": "x"})
        )),
        ("messages[0].content[0]", messages(
            said({"type": "document", "source": {"type": WORD}}, {"type": "text", "text": "x"})
        )),
        ("messages[0].content[0].cache_control", messages(
            said({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": WORD}})
        )),
        ("cache_control", messages(cache_control={"type": WORD})),
        ("tool_choice", messages(tools=[MESSAGES_TOOL], tool_choice={"type": WORD})),
        ("tools[1]", messages(tools=[MESSAGES_TOOL, {"type": WORD, "name": "g"}])),
        ("thinking.type", messages(thinking={"type": WORD})),
        ("thinking.display", messages(thinking={"type": "adaptive", "display": WORD})),
        ("output_config.effort", messages(output_config={"effort": WORD})),
        ("output_config", messages(output_config={"format": {"type": WORD}})),
        ("service_tier", messages(service_tier=WORD)),
    ],
}  # fmt: skip

EACH = [(dialect, path, sent) for dialect, cases in CASES.items() for path, sent in cases]
ELSEWHERE = [(dialect, target, path, sent) for dialect, path, sent in EACH for target in FORMATS if target != dialect]
PAIRS = [(dialect, target) for dialect in FORMATS for target in FORMATS if target != dialect]


def encoded(dialect: Dialect, target: Dialect, request: dict[str, Any]) -> Encoded:
    conversation = FORMATS[dialect].decode_request(json.dumps({"model": "m", **request}).encode())
    return FORMATS[target].encode_request(
        conversation,
        Target(
            dialect=target,
            model="m",
            vendor=DEFAULT_VENDOR[target],
            streamed=False,
            max_output_tokens=64,
            quirks=PROTOCOL_QUIRKS[target],
        ),
    )


@pytest.mark.parametrize(("dialect", "path", "sent"), EACH, ids=[f"{dialect}-{path}" for dialect, path, _ in EACH])
def test_it_goes_through_to_its_own_format(dialect: Dialect, path: str, sent: dict[str, Any]) -> None:
    found = encoded(dialect, dialect, sent)
    body = json.loads(found.body)
    assert {name: body[name] for name in sent} == sent
    assert found.losses == ()


@pytest.mark.parametrize(
    ("dialect", "target", "path", "sent"),
    ELSEWHERE,
    ids=[f"{dialect}-{target}-{path}" for dialect, target, path, _ in ELSEWHERE],
)
def test_it_is_a_loss_elsewhere(dialect: Dialect, target: Dialect, path: str, sent: dict[str, Any]) -> None:
    encoding = encoded(dialect, target, sent)
    paths = [loss.path for loss in encoding.losses]
    assert [found for found in paths if found == path or found.startswith(f"{path}.")], paths
    assert len(paths) == len(set(paths)), "told once"
    assert WORD.encode() not in encoding.body


@pytest.mark.parametrize(("dialect", "target"), PAIRS)
def test_what_is_said_in_an_unknown_role_is_said_by_the_user_elsewhere(dialect: Dialect, target: Dialect) -> None:
    body = json.loads(encoded(dialect, target, CASES[dialect][0][1]).body)
    turns = body["input" if target == "openai_responses" else "messages"]
    assert {turn["role"] for turn in turns} == {"user"}
    assert '"x"' in json.dumps(turns)
