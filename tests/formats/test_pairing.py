"""Ids that a client left out: the same rule in all three dialects (faults F064, F065)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, RequestError
from hyperinfer.formats.conversation import ToolCallPart, ToolResultPart
from tests.support.recordings import DIALECTS

Step = tuple[str, str | None]
"""`call` or `result` and its id; `user` and a text."""


def body(dialect: Dialect, steps: list[Step]) -> bytes:
    """A history in which neighbouring calls, and neighbouring results, belong together."""
    found: list[dict[str, Any]] = []
    for kind, said in steps:
        if dialect == "openai_responses":
            found.append(_item(kind, said))
        elif dialect == "openai_chat":
            _add_to_chat(found, kind, said)
        else:
            _add_to_messages(found, kind, said)
    field = "input" if dialect == "openai_responses" else "messages"
    return json.dumps({"model": "m", "max_tokens": 9, field: found}).encode()


def _given(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


def _item(kind: str, said: str | None) -> dict[str, Any]:
    match kind:
        case "call":
            return {"type": "function_call", "name": "f", "arguments": "{}", **_given("call_id", said)}
        case "result":
            return {"type": "function_call_output", "output": "x", **_given("call_id", said)}
        case _:
            return {"role": "user", "content": said}


def _add_to_chat(messages: list[dict[str, Any]], kind: str, said: str | None) -> None:
    if kind == "result":
        messages.append({"role": "tool", "content": "x", **_given("tool_call_id", said)})
    elif kind == "user":
        messages.append({"role": "user", "content": said})
    else:
        call = {"type": "function", "function": {"name": "f", "arguments": "{}"}, **_given("id", said)}
        if not messages or messages[-1]["role"] != "assistant":
            messages.append({"role": "assistant", "content": None, "tool_calls": []})
        messages[-1]["tool_calls"].append(call)


def _add_to_messages(messages: list[dict[str, Any]], kind: str, said: str | None) -> None:
    role = "assistant" if kind == "call" else "user"
    block: dict[str, Any] = {"type": "text", "text": said}
    if kind == "call":
        block = {"type": "tool_use", "name": "f", "input": {}, "id": said or ""}
    elif kind == "result":
        block = {"type": "tool_result", "content": "x", **_given("tool_use_id", said)}
    if not messages or messages[-1]["role"] != role:
        messages.append({"role": role, "content": []})
    messages[-1]["content"].append(block)


def answered(dialect: Dialect, *steps: Step) -> list[str]:
    """The ids of the results."""
    turns = FORMATS[dialect].decode_request(body(dialect, list(steps))).turns
    return [part.call_id for turn in turns for part in turn.parts if isinstance(part, ToolResultPart)]


A, B = ("call", "a"), ("call", "b")
NONE: Step = ("result", None)
USER: Step = ("user", "go on")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("steps", "ids"),
    [
        ([A, NONE], ["a"]),
        ([A, B, ("result", "b"), NONE], ["b", "a"]),
        ([A, B, NONE, ("result", "b")], ["a", "b"]),
        ([A, NONE, B, NONE], ["a", "b"]),
        ([A, ("result", "a"), USER, B, NONE], ["a", "b"]),
        ([("call", None), NONE], ["call_unnamed_1"]),
        ([A, ("result", "stranger"), NONE], ["stranger", "a"]),
        ([A, ("result", "a"), A, NONE], ["a", "a"]),  # servers that number calls anew in each answer
    ],
)
def test_a_result_without_an_id_where_one_call_can_be_meant(dialect: Dialect, steps: list[Step], ids: list[str]) -> None:
    assert answered(dialect, *steps) == ids


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "steps",
    [
        [A, B, NONE, NONE],
        [A, B, NONE],
        [NONE],
        [A, ("result", "a"), NONE],
        [A, NONE, ("result", "a")],
        [A, USER, B, NONE, ("result", None)],
        [("call", None), ("call", None), NONE, NONE],
    ],
)
def test_a_result_without_an_id_where_none_or_more_can_be_meant(dialect: Dialect, steps: list[Step]) -> None:
    with pytest.raises(RequestError) as caught:
        answered(dialect, *steps)
    field = {"openai_chat": "tool_call_id", "openai_responses": "call_id", "anthropic_messages": "tool_use_id"}[dialect]
    assert caught.value.param is not None
    assert caught.value.param.endswith(f".{field}")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_path_is_that_of_the_field(dialect: Dialect) -> None:
    with pytest.raises(RequestError) as caught:
        answered(dialect, A, ("result", "a"), USER, A, B, ("result", "stranger"), NONE)
    assert (
        caught.value.param
        == {
            "openai_chat": "messages[5].tool_call_id",
            "openai_responses": "input[6].call_id",
            "anthropic_messages": "messages[3].content[1].tool_use_id",
        }[dialect]
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_calls_without_ids_get_one_each(dialect: Dialect) -> None:
    turns = FORMATS[dialect].decode_request(body(dialect, [("call", None), A, ("call", None), ("result", "a")])).turns
    calls = [part.call_id for turn in turns for part in turn.parts if isinstance(part, ToolCallPart)]
    assert calls == ["call_unnamed_1", "a", "call_unnamed_2"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_open_calls_take_linear_time(dialect: Dialect) -> None:
    def seconds(count: int) -> float:
        calls: list[Step] = [("call", f"c{number}") for number in range(count)]
        results: list[Step] = [("result", f"c{number}") for number in reversed(range(1, count))]
        request = body(dialect, [*calls, NONE, *results])
        started = time.process_time()
        FORMATS[dialect].decode_request(request)
        return time.process_time() - started

    seconds(500)
    small = min(seconds(500) for _ in range(3))
    assert min(seconds(4000) for _ in range(3)) < 40 * small  # the square would be 64
