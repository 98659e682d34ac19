"""What clients see of the gateway's own tools, frame by frame (docs/tools.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.server_tools import ToolOutcome
from hyperinfer.formats.tool_records import micro_usd, our_id, run_of_id, sealed, unsealed
from hyperinfer.formats.usage import Usage
from tests.formats.test_run_history import (
    CAT,
    CLOCK,
    DRAW,
    DRAWN,
    FAILED,
    FETCH,
    FOUND,
    NOON,
    READ,
    SEARCH,
    reply,
    run,
    said,
)
from tests.support.consumers import read
from tests.support.pair import Pair
from tests.support.recordings import DIALECTS
from tests.support.tool_runs import PIXEL

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Event

START = {"type": "start", "id": "call_1", "name": "web_search", "input": {"query": "tides"}}
END = {
    **START,
    "type": "end",
    "summary": "1 result",
    "error": None,
    "sources": [{"url": "https://a.example/", "title": "Tides", "published": "2026-11-01"}],
    "cost_micro_usd": "5000",
}
COST = 5_000_000_000


def frames(client: Dialect, *events: Event) -> list[dict[str, Any]]:
    stream = Pair(client, upstream="openai_chat").stream(reply(*events))
    return [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: {")]


def whole(client: Dialect, *events: Event) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(Pair(client, upstream="openai_chat").whole(reply(*events)))
    return body


def test_chat_has_a_chunk_for_each_record() -> None:
    found = frames("openai_chat", *said("So."), *run(SEARCH, FOUND, COST), *said("Yes."))
    told = [frame for frame in found if "hi_tool_event" in frame]
    assert [frame["hi_tool_event"] for frame in told] == [START, END]
    assert [frame["choices"] for frame in told] == [[{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}]] * 2
    assert {frame["id"] for frame in told} == {"gen-r1"}
    body = whole("openai_chat", *said("So."), *run(SEARCH, FOUND, COST), *said("Yes."))
    assert body["hi_tool_events"] == [END]
    assert body["choices"][0]["message"]["content"] == "So.Yes."


def test_runs_that_overlap_end_under_their_own_ids_in_chat() -> None:
    overlapping = (
        ev.ToolRunStart(SEARCH),
        ev.ToolRunStart(CLOCK),
        ev.ToolRunEnd(CLOCK, NOON),
        ev.ToolRunEnd(SEARCH, FAILED),
    )
    body = whole("openai_chat", *overlapping)
    assert [(one["id"], one["type"], one["error"]) for one in body["hi_tool_events"]] == [
        ("call_1", "end", "timeout"),
        ("call_3", "end", None),
    ]


def test_an_image_in_chat() -> None:
    entry = {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{PIXEL}"},
        "id": "img_hi_image_call_4",
        "prompt": "a grey cat",
    }
    made = ev.ImageOutput("call_4", CAT)
    deltas = [frame["choices"][0]["delta"] for frame in frames("openai_chat", made, made) if frame["choices"]]
    assert [delta["images"] for delta in deltas if "images" in delta] == [[{**entry, "index": 0}], [{**entry, "index": 1}]]
    assert whole("openai_chat", made)["choices"][0]["message"]["images"] == [entry]


def test_responses_has_native_items_that_keep_their_places() -> None:
    events = (ev.ToolRunStart(SEARCH), ev.ToolRunStart(CLOCK), *said("Wait."), ev.ToolRunEnd(CLOCK, NOON), *said("Still."))
    events = (*events, ev.ToolRunEnd(SEARCH, FOUND, COST), *run(FETCH, READ))
    found = frames("openai_responses", *events)
    assert [frame["sequence_number"] for frame in found] == list(range(len(found)))
    told = [
        (frame["type"].removeprefix("response."), frame["output_index"])
        for frame in found
        if "output_index" in frame and "content" not in frame["type"] and "output_text" not in frame["type"]
    ]
    assert told == [
        ("output_item.added", 0),
        ("web_search_call.in_progress", 0),
        ("web_search_call.searching", 0),
        ("output_item.added", 1),
        ("mcp_call.in_progress", 1),
        ("mcp_call_arguments.delta", 1),
        ("mcp_call_arguments.done", 1),
        ("output_item.added", 2),
        ("mcp_call.completed", 1),
        ("output_item.done", 1),
        ("web_search_call.completed", 0),
        ("output_item.done", 0),
        ("output_item.done", 2),
        ("output_item.added", 3),
        ("web_search_call.in_progress", 3),
        ("web_search_call.searching", 3),
        ("web_search_call.completed", 3),
        ("output_item.done", 3),
    ]
    output = found[-1]["response"]["output"]
    assert output == whole("openai_responses", *events)["output"]
    search, clock, *_, fetch = output
    assert search == {
        "id": "ws_hi_web_search_call_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {
            "type": "search",
            "query": "tides",
            "queries": ["tides"],
            "sources": [{"type": "url", "url": "https://a.example/"}],
        },
        "hi_text": FOUND.text,
        "hi_tool_event": END,
    }
    assert (clock["name"], clock["server_label"], clock["arguments"]) == ("datetime", "hyperinfer", '{"timezone":"UTC"}')
    assert (clock["output"], clock["error"]) == ("Noon.", None)
    assert (fetch["action"], fetch["hi_text"]) == ({"type": "open_page", "url": "https://a.example/"}, READ.text)


def test_failures_in_responses() -> None:
    body = whole("openai_responses", *run(SEARCH, FAILED), *run(CLOCK, FAILED), *run(DRAW, FAILED))
    assert [item["status"] for item in body["output"]] == ["failed"] * 3
    assert body["output"][1]["error"]["content"] == [{"type": "text", "text": FAILED.text}]
    assert [item["hi_tool_event"]["error"] for item in body["output"]] == ["timeout"] * 3


def test_a_run_that_never_ended_is_cut_off() -> None:
    assert whole("openai_responses", ev.ToolRunStart(SEARCH))["output"][0]["status"] == "failed"


@pytest.mark.parametrize("told", [True, False])
def test_an_image_in_responses_is_one_item(*, told: bool) -> None:
    made = (*(run(DRAW, DRAWN) if told else ()), ev.ImageOutput("call_4", CAT))
    (item,) = whole("openai_responses", *made)["output"]
    assert (item["type"], item["status"], item["id"]) == ("image_generation_call", "completed", "ig_hi_image_call_4")
    assert (item["result"], item["output_format"], item["revised_prompt"]) == (PIXEL, "png", "a grey cat")
    names = [frame["type"] for frame in frames("openai_responses", *made) if "image_generation_call" in frame["type"]]
    assert names == [f"response.image_generation_call.{word}" for word in ("in_progress", "generating", "completed")]


def test_messages_has_blocks_and_counts() -> None:
    usage = ev.UsageUpdate(Usage(input_tokens=3, output_tokens=2))
    message = whole("anthropic_messages", *run(SEARCH, FOUND, COST), *run(FETCH, READ), *said("Yes."), usage)
    asked, found, _, fetched, _ = message["content"]
    assert asked == {
        "type": "server_tool_use",
        "id": "srvtoolu_hi_web_search_call_1",
        "name": "web_search",
        "input": {"query": "tides"},
    }
    (result,) = found["content"]
    assert (found["type"], found["tool_use_id"], found["hi_tool_event"]) == ("web_search_tool_result", asked["id"], END)
    assert unsealed(result.pop("encrypted_content")) == "The sea rises."
    assert result == {"type": "web_search_result", "url": "https://a.example/", "title": "Tides", "page_age": "2026-11-01"}
    assert fetched["content"]["content"]["source"] == {"type": "text", "media_type": "text/plain", "data": READ.text}
    assert message["usage"]["server_tool_use"] == {"web_search_requests": 1, "web_fetch_requests": 1}
    assert read("anthropic_messages", Pair("anthropic_messages").stream(reply(*run(SEARCH, FOUND, COST)))).final is not None


def test_what_has_no_result_of_its_own_in_messages_is_output() -> None:
    _, clock, _, failed = whole("anthropic_messages", *run(CLOCK, NOON), *run(DRAW, FAILED))["content"]
    assert clock["type"] == failed["type"] == "code_execution_tool_result"
    assert clock["content"]["stdout"] == "Noon."
    assert failed["content"] == {"type": "code_execution_tool_result_error", "error_code": "execution_time_exceeded"}


def test_errors_in_messages_are_in_its_words() -> None:
    words = {"refused": "url_not_allowed", "too_large": "content_too_large", "timeout": "unavailable", "odd": "unavailable"}
    for word, code in words.items():
        outcome = ToolOutcome(text="No.", summary="no", error=word, calls=0)
        block = whole("anthropic_messages", *run(FETCH, outcome))["content"][1]
        assert block["content"] == {"type": "web_fetch_tool_result_error", "error_code": code}


def test_an_image_in_messages_is_markdown() -> None:
    (block,) = whole("anthropic_messages", ev.ImageOutput("call_4", CAT))["content"]
    assert block == {
        "type": "text",
        "text": f'![a grey cat](data:image/png;base64,{PIXEL} "img_hi_image_call_4")',
    }


@pytest.mark.parametrize("client", DIALECTS)
def test_counts_of_an_upstream_stay_beside_ours(client: Dialect) -> None:
    raw = {"input_tokens": 3, "output_tokens": 2, "server_tool_use": {"web_search_requests": 2}}
    usage = ev.UsageUpdate(Usage(input_tokens=3, output_tokens=2, dialect="anthropic_messages", raw=raw))
    body = whole(client, *run(SEARCH, FOUND), usage)
    if client == "anthropic_messages":
        assert body["usage"]["server_tool_use"] == {"web_search_requests": 3, "web_fetch_requests": 0}


def test_ids_and_money() -> None:
    assert run_of_id(our_id("srvtoolu", "web_search", "call_1")) == ("web_search", "call_1")
    assert run_of_id(our_id("ws", "image", "functions.f:0")) is not None
    assert [run_of_id(other) for other in ("srvtoolu_01", "ws_hi_there_x", "_hi_pdf_x", None, 3)] == [None] * 5
    assert [micro_usd(cost) for cost in (0, 1, 5_000_000_000, -1_500_000)] == ["0", "0.000001", "5000", "-1.5"]
    assert unsealed(sealed("字")) == "字"
    assert [unsealed(other) for other in ("Eu8DCioI", "hi1.hyperinfer.%%%", None)] == ["", "", ""]
