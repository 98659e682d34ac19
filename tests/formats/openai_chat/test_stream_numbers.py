"""What openai-python puts lists of a stream together by: numbers of choices, annotations and details, ids of calls."""

from __future__ import annotations

import json
from typing import Any

from hyperinfer.formats import FORMATS, Event
from hyperinfer.formats import events as ev
from tests.support.pair import Pair

CHAT = FORMATS["openai_chat"]
START, END = ev.MessageStart("openai_chat"), ev.MessageEnd("stop")


def choices(events: list[Event], asked: bytes = b"") -> list[dict[str, Any]]:
    """The choices in the chunks of a stream, one after the other."""
    conversation = CHAT.decode_request(asked) if asked else None
    stream = Pair("openai_chat", conversation=conversation).stream(events)
    return [choice for frame in stream.split(b"\n\n")[:-2] for choice in json.loads(frame[6:])["choices"]]


def numbers(events: list[Event], field: str) -> list[int]:
    """The `index` of each entry of a list in the deltas."""
    deltas = [choice["delta"] for choice in choices([START, *events, END])]
    return [entry["index"] for delta in deltas for entry in delta.get(field, [])]


def test_annotations_are_numbered_over_the_message() -> None:
    cited = ev.Citation("openai_chat", {"type": "url_citation", "url_citation": {"url": "https://x"}}, url="https://x")
    block: list[Event] = [ev.TextStart(), ev.TextDelta("a"), cited, cited, ev.TextEnd()]
    assert numbers([*block, *block], "annotations") == [0, 1, 2, 3]


def test_reasoning_details_without_a_number_get_one() -> None:
    details = [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}, {"type": "x", "index": 1}]
    said = [ev.ReasoningDelta("a", extra={"details": [detail]}) for detail in details]
    assert numbers([ev.ReasoningStart(), *said, ev.ReasoningEnd()], "reasoning_details") == [0, 1, 1]


def test_calls_of_one_id_are_told_apart() -> None:
    call: list[Event] = [ev.ToolCallStart("c", "f"), ev.ToolCallEnd()]
    calls = [call for choice in choices([START, *call, *call, END]) for call in choice["delta"].get("tool_calls", [])]
    assert [call["id"] for call in calls if "id" in call] == ["c", "c#2"]
    whole = json.loads(Pair("openai_chat").whole([START, *call, *call, END]))
    assert [call["id"] for call in whole["choices"][0]["message"]["tool_calls"]] == ["c", "c#2"]


def test_choices_open_in_their_order_up_to_what_was_asked_for() -> None:
    events: list[Event] = [START, ev.ChoiceEnd("stop", choice=2), ev.ChoiceEnd("stop"), END]
    asked = b'{"model":"m","n":3,"messages":[{"role":"user","content":"x"}]}'
    assert [choice["index"] for choice in choices(events, asked)] == [0, 1, 2, 2, 1, 0]
    assert [choice["index"] for choice in choices(events)] == [0, 2, 2, 1, 1, 0]
