"""Turns in the shape of the stricter dialects."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, Target
from hyperinfer.formats.conversation import Part, Role, TextPart, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.quirks import Quirks
from hyperinfer.formats.turns import joined_content, results_first
from tests.support.recordings import DIALECTS


def turn(role: Role, *parts: Part) -> Turn:
    return Turn(role=role, parts=parts, path="")


def text(words: str) -> TextPart:
    return TextPart(text=words)


def call(call_id: str) -> ToolCallPart:
    return ToolCallPart(call_id=call_id, name="f", arguments="{}")


def result(call_id: str) -> ToolResultPart:
    return ToolResultPart(call_id=call_id)


def shape(turns: list[Turn]) -> list[str]:
    def word(part: Part) -> str:
        if isinstance(part, TextPart):
            return part.text
        return f"+{part.call_id}" if isinstance(part, ToolCallPart) else f"-{getattr(part, 'call_id', '?')}"

    return [f"{turn.role[0]}:{' '.join(word(part) for part in turn.parts)}" for turn in turns]


def test_results_move_up_to_their_calls() -> None:
    turns = [
        turn("user", text("q")),
        turn("assistant", call("1"), call("2")),
        turn("developer", text("d")),
        turn("tool", result("2")),
        turn("user", text("u")),
        turn("tool", result("1")),
        turn("assistant", text("b")),
    ]
    assert shape(results_first(turns)) == ["u:q", "a:+1 +2", "t:-2", "t:-1", "d:d", "u:u", "a:b"]


def test_results_do_not_pass_the_next_assistant_turn_and_strays_stay() -> None:
    turns = [
        turn("assistant", call("1")),
        turn("user", text("u")),
        turn("assistant", call("2")),
        turn("user", text("v")),
        turn("tool", result("1")),
        turn("tool", result("2")),
        turn("tool", result("9")),
    ]
    assert shape(results_first(turns)) == ["a:+1", "u:u", "a:+2", "t:-2", "u:v", "t:-1", "t:-9"]


def test_a_second_result_of_a_call_is_a_stray() -> None:
    turns = [turn("assistant", call("1")), turn("user", text("u")), turn("tool", result("1")), turn("tool", result("1"))]
    assert shape(results_first(turns)) == ["a:+1", "t:-1", "u:u", "t:-1"]


TURNS = st.lists(
    st.one_of(
        st.sampled_from([turn("user", text("u")), turn("system", text("s")), turn("assistant", text("a"))]),
        st.lists(st.sampled_from("123"), min_size=1, max_size=2, unique=True).map(
            lambda ids: turn("assistant", *[call(i) for i in ids])
        ),
        st.sampled_from("123").map(lambda i: turn("tool", result(i))),
    ),
    max_size=10,
)


@given(TURNS)
def test_nothing_is_lost_and_every_kind_keeps_its_order(turns: list[Turn]) -> None:
    moved = results_first(turns)
    assert sorted(map(repr, moved)) == sorted(map(repr, turns))
    for role in ("user", "system", "assistant"):
        assert [one for one in moved if one.role == role] == [one for one in turns if one.role == role]
    assert results_first(moved) == moved


def test_a_long_history_costs_linear_time() -> None:
    turns = [turn("assistant", call("1")), turn("user", text("u")), turn("tool", result("1"))] * 50_000
    start = time.process_time()
    assert len(results_first(turns)) == len(turns)
    assert time.process_time() - start < 5


def text_part(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("contents", "joined"),
    [
        (["a"], "a"),
        (["a", "b"], "a\n\nb"),
        (["a", None, "", "b"], "a\n\nb"),
        (["a", [text_part("b")], "c"], [text_part("a"), text_part("b"), text_part("c")]),
        ([[text_part("a")], []], [text_part("a")]),
        (["", None], None),
    ],
)
def test_contents_of_neighbours_are_joined(contents: list[Any], joined: Any) -> None:
    assert joined_content(contents, text_part) == joined


CONFIGURED: dict[str, Any] = {"type": "configuration_update", "reasoning": {"effort": "low"}}
BRIEF: dict[str, Any] = {"role": "developer", "content": "Be brief."}


def encoded(dialect: Dialect, items: list[Any], rule: Any) -> dict[str, Any]:
    conversation = FORMATS["openai_responses"].decode_request(json.dumps({"model": "m", "input": items}).encode())
    target = Target(
        dialect=dialect,
        model="up",
        vendor="x",
        streamed=False,
        max_output_tokens=9,
        quirks=Quirks(system_role=rule),
    )
    body: dict[str, Any] = json.loads(FORMATS[dialect].encode_request(conversation, target).body)
    return body


@pytest.mark.parametrize("silent", [[CONFIGURED], [CONFIGURED, {"type": "compaction_trigger"}], [BRIEF, CONFIGURED]])
@pytest.mark.parametrize("rule", ["keep", "fold_later"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_item_that_is_no_message_does_not_end_the_head(dialect: Dialect, rule: str, silent: list[Any]) -> None:
    body = encoded(dialect, [*silent, BRIEF, {"role": "user", "content": "Go."}], rule)
    if dialect == "anthropic_messages":
        assert json.dumps(body["system"]).count("Be brief.") == 1 + silent.count(BRIEF)
        assert body["messages"] == [{"role": "user", "content": "Go."}]
    else:
        messages = [each for each in body.get("messages") or body["input"] if "role" in each]
        assert [each["role"] for each in messages] == ["developer"] * (1 + silent.count(BRIEF)) + ["user"]


def test_neighbours_of_one_role_lose_nothing_when_they_are_joined() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": None, "reasoning_content": "r1", "tool_calls": [call]},
        {"role": "assistant", "content": "a", "reasoning_content": "r2", "refusal": "no"},
    ]
    conversation = FORMATS["openai_chat"].decode_request(json.dumps({"model": "m", "messages": said}).encode())
    target = Target(
        dialect="openai_chat",
        model="up",
        vendor="x",
        streamed=False,
        max_output_tokens=9,
        quirks=Quirks(turns="alternate"),
    )
    sent = json.loads(FORMATS["openai_chat"].encode_request(conversation, target).body)["messages"][1]
    assert (sent["content"], sent["refusal"], sent["tool_calls"]) == ("a", "no", [call])
    assert sent["reasoning_content"] == "r1\n\nr2"
