"""Runs of the gateway's own tools come back in a history as calls and their results, for every provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from hyperinfer.formats import FORMATS, Target
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.run_history import IMAGE_LEFT_OUT, MADE, NO_RESULT
from hyperinfer.formats.server_tools import ToolImage, ToolOutcome, ToolRun, ToolSource
from hyperinfer.formats.tool_data import as_data
from hyperinfer.formats.wire import is_array, is_object
from tests.formats.test_law_replies import hop as reply_hop
from tests.formats.test_law_requests import PAIRS
from tests.formats.test_law_turns import next_request, plainly
from tests.support.pair import Pair
from tests.support.recordings import DIALECTS
from tests.support.strategies import Walk, event_sequences
from tests.support.tool_runs import PIXEL, TOOL_RUNS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Event

SEARCH = ToolRun(call_id="call_1", name="web_search", input={"query": "tides"})
FOUND = ToolOutcome(
    text="1. Tides\nhttps://a.example/\nThe sea rises.",
    summary="1 result",
    sources=(ToolSource("https://a.example/", "Tides", "The sea rises.", "2026-11-01"),),
)
FETCH = ToolRun(call_id="call_2", name="web_fetch", input={"url": "https://a.example/"})
READ = ToolOutcome(text="# Tides\nAll of it.", summary="Tides", sources=(ToolSource("https://a.example/", "Tides"),))
CLOCK = ToolRun(call_id="call_3", name="datetime", input={"timezone": "UTC"})
NOON = ToolOutcome(text="Noon.", summary="Noon.", calls=0)
DRAW = ToolRun(call_id="call_4", name="image", input={"prompt": "a cat"})
CAT = ToolImage(PIXEL, "image/png", "a grey cat")
DRAWN = ToolOutcome(text="Done.", summary="1 image", images=(CAT,))
FAILED = ToolOutcome(text="It took too long.", summary="took too long", error="timeout", calls=0)
NATIVE = ("server_tool_use", "web_search_call", "image_generation_call", "mcp_call", "image", "image_url", "input_image")


def said(text: str) -> tuple[Event, ...]:
    return ev.TextStart(), ev.TextDelta(text), ev.TextEnd()


def reply(*events: Event, upstream: Dialect = "openai_chat", stop: ev.StopReason = "stop") -> list[Event]:
    return [ev.MessageStart(upstream), *events, ev.MessageEnd(stop)]


def run(run: ToolRun, outcome: ToolOutcome, cost: int = 0) -> tuple[Event, ...]:
    return ev.ToolRunStart(run), ev.ToolRunEnd(run, outcome, cost)


def sent(client: Dialect, upstream: Dialect, events: list[Event], changed: Any = None) -> tuple[list[Any], list[str]]:
    """(the history that an upstream gets after a reply with these events was sent back, the losses)."""
    body = json.loads(Pair(client).whole(events))
    if changed is not None:
        changed(body)
    conversation = FORMATS[client].decode_request(next_request(client, body))
    vendor = DEFAULT_VENDOR[upstream]
    target = Target(dialect=upstream, model="m", vendor=vendor, streamed=False, max_output_tokens=0)
    encoded = FORMATS[upstream].encode_request(conversation, target)
    history = json.loads(encoded.body)["input" if upstream == "openai_responses" else "messages"]
    return history, [loss.reason for loss in encoded.losses]


def spoken(history: list[Any]) -> list[tuple[str, Any]]:
    """The calls, results and words of a history, in order."""
    found: list[tuple[str, Any]] = []
    for message in history:
        content = message.get("content")
        blocks: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
        if message.get("role") == "tool":
            found.append(("result", (message["tool_call_id"], content)))
            continue
        for block in [message, *blocks, *(message.get("tool_calls") or ())]:
            match block:
                case {"type": "tool_use"}:
                    found.append(("call", (block["id"], block["name"], block["input"])))
                case {"type": "function_call"}:
                    found.append(("call", (block["call_id"], block["name"], json.loads(block["arguments"]))))
                case {"type": "function", "function": function}:
                    found.append(("call", (block["id"], function["name"], json.loads(function["arguments"]))))
                case {"type": "tool_result"}:
                    found.append(("result", (block["tool_use_id"], block["content"])))
                case {"type": "function_call_output"}:
                    found.append(("result", (block["call_id"], block["output"])))
                case {"text": str(text)}:
                    found.append((message["role"], text))
                case _:
                    pass
    return found


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in PAIRS if pair[0] != "openai_chat"])
def test_rounds_come_back_as_they_were(client: Dialect, upstream: Dialect) -> None:
    overlapping = (ev.ToolRunStart(SEARCH), ev.ToolRunStart(CLOCK), ev.ToolRunEnd(CLOCK, NOON), ev.ToolRunEnd(SEARCH, FOUND))
    events = reply(*said("Let me see."), *overlapping, *said("More."), *run(FETCH, READ), *said("It rises."))
    history, losses = sent(client, upstream, events)
    found = spoken(history)
    texts = {part[1][0]: part[1][1] for part in found if part[0] == "result"}
    assert losses == []
    assert [(kind, value[:2] if kind == "call" else value if kind != "result" else value[0]) for kind, value in found] == [
        ("user", "x"),
        ("assistant", "Let me see."),
        ("call", ("call_1", "web_search")),
        ("call", ("call_3", "datetime")),
        *[("result", call_id) for call_id in texts if call_id != "call_2"],
        ("assistant", "More."),
        ("call", ("call_2", "web_fetch")),
        ("result", "call_2"),
        ("assistant", "It rises."),
        ("user", "And?"),
    ]
    assert [value[2] for kind, value in found if kind == "call"] == [SEARCH.input, CLOCK.input, FETCH.input]
    assert "The sea rises." in texts["call_1"]
    assert texts["call_2"] == as_data("web_fetch", "call_2", READ.text), "it is data from outside still"
    assert texts["call_3"] == as_data("datetime", "call_3", NOON.text)


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", ["openai_responses", "anthropic_messages"])
def test_a_turn_with_calls_of_both_kinds_is_one_round(client: Dialect, upstream: Dialect) -> None:
    theirs = (ev.ToolCallStart("call_9", "lookup"), ev.ArgumentsDelta("{}"), ev.ToolCallEnd())
    history, losses = sent(client, upstream, reply(*theirs, *run(SEARCH, FOUND), stop="tool_calls"))
    kinds = [(kind, value[0]) for kind, value in spoken(history) if kind in ("call", "result")]
    assert losses == []
    assert kinds[:2] == [("call", "call_9"), ("call", "call_1")]
    assert sorted(kinds[2:]) == [("result", "call_1"), ("result", "call_9")]
    if upstream == "anthropic_messages":  # its rule: the results of all calls stand together, right behind them
        _, calls, results, *_ = history
        assert [block["type"] for block in calls["content"]] == ["tool_use", "tool_use"]
        assert [block["type"] for block in results["content"]][:2] == ["tool_result", "tool_result"]


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", ["openai_responses", "anthropic_messages"])
def test_calls_that_are_numbered_anew_in_each_round_are_told_apart(client: Dialect, upstream: Dialect) -> None:
    first = ToolRun(call_id="call_0", name="datetime", input={})
    again = ToolRun(call_id="call_0", name="datetime", input={"timezone": "UTC"})
    history, _ = sent(client, upstream, reply(*run(first, NOON), *said("And?"), *run(again, FOUND)))
    found = [value for kind, value in spoken(history) if kind == "call"]
    assert [value[2] for value in found] == [first.input, again.input]
    assert len({value[0] for value in found}) == 2
    check_rounds(history)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@pytest.mark.parametrize("told", [True, False])
def test_an_image_comes_back_in_words(client: Dialect, upstream: Dialect, *, told: bool) -> None:
    made = (*(run(DRAW, DRAWN) if told else ()), ev.ImageOutput("call_4", CAT))
    history, losses = sent(client, upstream, reply(*said("Wait."), *made, *said("There.")))
    found = spoken(history)
    call = next(value for kind, value in found if kind == "call")
    prompt = "a cat" if told and client != "openai_chat" else "a grey cat"
    assert call == ("call_4", "image", {"prompt": prompt})
    assert [value[0] for kind, value in found if kind == "result"] == ["call_4"]
    assert set(losses) == {IMAGE_LEFT_OUT}
    assert PIXEL not in json.dumps(history)
    if not told:
        assert ("result", ("call_4", MADE)) in found


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", ["openai_responses", "anthropic_messages"])
def test_failures_come_back(client: Dialect, upstream: Dialect) -> None:
    for one in (SEARCH, FETCH, CLOCK, DRAW):
        history, losses = sent(client, upstream, reply(*run(one, FAILED), *said("Sorry.")))
        results = [value for kind, value in spoken(history) if kind == "result"]
        assert losses == []
        assert [call_id for call_id, _ in results] == [one.call_id]
        assert "too long" in results[0][1]


def test_what_clients_drop_is_made_up_for() -> None:
    """The AI SDK keeps the result of a tool that it does not know without its call; others keep the call alone."""

    def without(kind: str) -> Any:
        def change(body: dict[str, Any]) -> None:
            body["content"] = [block for block in body["content"] if not block["type"].endswith(kind)]
            for block in body["content"]:
                block.pop("hi_tool_event", None)

        return change

    events = reply(*run(CLOCK, NOON), *said("It is noon."))
    for upstream in DIALECTS:
        history, _ = sent("anthropic_messages", upstream, events, without("server_tool_use"))
        assert ("call", ("call_3", "datetime", {})) in spoken(history)
        assert ("result", ("call_3", as_data("datetime", "call_3", "Noon."))) in spoken(history)
        history, _ = sent("anthropic_messages", upstream, events, without("_tool_result"))
        assert ("call", ("call_3", "datetime", {"timezone": "UTC"})) in spoken(history)
        assert ("result", ("call_3", NO_RESULT)) in spoken(history)


ODD: list[Any] = [None, 3, "", "x", [], [3], {}, {"type": 3}, {"type": "web_fetch_result"}, {"content": [{"text": 3}]}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_whatever_a_client_makes_of_them_they_are_read(odd: Any) -> None:
    """Ids of ours on blocks and items that are none of ours any more."""
    run_id, asked = "srvtoolu_hi_web_search_call_1", {"role": "user", "content": "x"}
    blocks: list[Any] = [
        {"type": "server_tool_use", "id": run_id, "name": odd, "input": odd},
        {"type": "code_execution_tool_result", "tool_use_id": run_id, "content": odd, "hi_tool_event": odd},
        {"type": "web_search_tool_result", "tool_use_id": run_id, "content": [odd, {"encrypted_content": odd, "url": odd}]},
    ]
    items: list[Any] = [
        {
            "type": kind,
            "id": f"x_hi_image_{kind}",
            "action": odd,
            "arguments": odd,
            "output": odd,
            "error": odd,
            "status": word,
        }
        for kind in ("web_search_call", "mcp_call", "image_generation_call")
        for word in ("failed", odd)
    ]
    entry = {"id": "img_hi_image_call_1", "prompt": odd, "image_url": odd}
    message = {"role": "assistant", "content": "", "images": [entry, odd]}
    bodies: dict[Dialect, dict[str, Any]] = {
        "anthropic_messages": {"max_tokens": 5, "messages": [asked, {"role": "assistant", "content": blocks}, asked]},
        "openai_responses": {"input": [asked, *items, asked]},
        "openai_chat": {"messages": [asked, message, asked]},
    }
    for dialect, body in bodies.items():
        conversation = FORMATS[dialect].decode_request(json.dumps({"model": "m", **body}).encode())
        for upstream in DIALECTS:
            vendor = DEFAULT_VENDOR[upstream]
            target = Target(dialect=upstream, model="m", vendor=vendor, streamed=False, max_output_tokens=0)
            encoded = FORMATS[upstream].encode_request(conversation, target)
            check_rounds(json.loads(encoded.body)["input" if upstream == "openai_responses" else "messages"])


def test_blocks_of_providers_go_on_as_they_came() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "server_tool_use", "id": "srvtoolu_01abc", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_01abc", "content": []},
        {"type": "text", "text": "![x](data:image/png;base64,aGk=)"},
    ]
    asked = {"role": "user", "content": "x"}
    messages: list[Any] = [asked, {"role": "assistant", "content": blocks}, asked]
    body = json.dumps({"model": "m", "max_tokens": 5, "messages": messages})
    conversation = FORMATS["anthropic_messages"].decode_request(body.encode())
    target = Target(dialect="anthropic_messages", model="m", vendor="anthropic", streamed=False, max_output_tokens=0)
    encoded = FORMATS["anthropic_messages"].encode_request(conversation, target)
    assert json.loads(encoded.body)["messages"] == messages
    assert encoded.losses == ()


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_whatever_a_reply_held_goes_back_to_any_provider(client: Dialect, upstream: Dialect) -> None:
    walk = Walk(
        "openai_chat",
        (ev.TextStart, ev.ReasoningStart, ev.ToolCallStart),
        custom_tools=False,
        citations=False,
        tool_runs=TOOL_RUNS,
    )

    @settings(max_examples=25, deadline=None)
    @given(event_sequences(walk))
    def check(made: tuple[Event, ...]) -> None:
        history, _ = sent(client, upstream, plainly(made, "openai_chat"))
        text = json.dumps(history)
        assert "_hi_" not in text
        assert PIXEL not in text
        assert not [kind for kind in kinds(history) if kind in NATIVE or kind.endswith("search_tool_result")]
        check_rounds(history)

    check()


def kinds(value: Any) -> list[str]:
    """The types of all objects of a JSON value."""
    if is_object(value):
        own = [value["type"]] if isinstance(value.get("type"), str) and "input_schema" not in value else []
        return own + [kind for name, inner in value.items() if name not in ("input", "arguments") for kind in kinds(inner)]
    return [kind for inner in value for kind in kinds(inner)] if is_array(value) else []


def check_rounds(history: list[Any]) -> None:
    """Each call is answered once, before the model says anything else."""
    waiting: list[str] = []
    for kind, value in spoken(history):
        match kind:
            case "call":
                waiting.append(value[0])
            case "result":
                assert value[0] in waiting
                waiting.remove(value[0])
            case "assistant":
                pass  # Responses has words of the same turn behind its calls
            case _:
                assert waiting == []
    assert waiting == []


@pytest.mark.parametrize("client", DIALECTS)
def test_a_history_with_calls_and_no_tools_has_stand_ins_for_messages(client: Dialect) -> None:
    call = (ev.ToolCallStart("call_9", "lookup"), ev.ArgumentsDelta("{}"), ev.ToolCallEnd())
    events = reply_hop(reply(*call, stop="tool_calls"), "openai_chat", "openai_chat").events
    conversation = FORMATS[client].decode_request(next_request(client, json.loads(Pair(client).whole(events))))
    target = Target(dialect="anthropic_messages", model="m", vendor="anthropic", streamed=False, max_output_tokens=0)
    body = json.loads(FORMATS["anthropic_messages"].encode_request(conversation, target).body)
    assert [tool["name"] for tool in body["tools"]] == ["lookup"]
    assert body["tools"][0]["input_schema"]["type"] == "object"
    assert body["tool_choice"] == {"type": "none"}
