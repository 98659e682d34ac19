"""Faults of area tools: the order of a history, and server tools in a reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults import wire as w
from tests.faults.bodies import calls_in, results_in
from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen, fault, reaching, through
from tests.faults.reading import read

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F068: reasoning and calls as items of their own

_USER = {"role": "user", "content": "go"}
_TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]}


def _reasoning(number: int) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": f"thought {number}"}]
    return {"type": "reasoning", "summary": summary, "encrypted_content": f"hi1.anthropic.sig{number}"}


def _call(number: int) -> dict[str, Any]:
    return {"type": "function_call", "call_id": f"call_{number}", "name": "f", "arguments": "{}"}


def _output(number: int) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": f"result {number}"}


_HISTORIES = {
    "one": ([_USER, _reasoning(1), _TEXT, _call(1), _output(1)], 1),
    "parallel": ([_USER, _reasoning(1), _call(1), _call(2), _output(2), _output(1)], 2),
    "rounds": ([_USER, _reasoning(1), _call(1), _output(1), _reasoning(2), _call(2), _output(2)], 2),
    "results-early": ([_USER, _call(1), _output(1), _call(2), _output(2), _TEXT], 2),
    "user-between": ([_USER, _reasoning(1), _call(1), _USER, _output(1)], 1),
}


def _each_result_right_behind_its_call(upstream: Dialect, calls: int) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        ids = [f"call_{number}" for number in range(1, calls + 1)]
        assert [call.id for call in calls_in(upstream, body)] == ids
        assert sorted(id for id, _ in results_in(upstream, body)) == ids
        assert all(content == f"result {id[-1]}" for id, content in results_in(upstream, body))
        (_check_chat if upstream == CHAT else _check_messages)(body["messages"])

    return check


def _check_chat(messages: list[Any]) -> None:
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in waiting, "a result before its call"
            waiting.discard(message["tool_call_id"])
        else:
            assert not waiting, f"a {message['role']} message before the results"
        waiting |= {call["id"] for call in message.get("tool_calls") or ()}
    assert not waiting


_RANK = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}


def _check_messages(messages: list[Any]) -> None:
    waiting: set[str] = set()
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text"}] if isinstance(content, str) else content
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert set(answered) == waiting, f"{answered} answered, {waiting} were called"
        assert all(block["type"] == "tool_result" for block in blocks[: len(answered)]), "results do not come first"
        waiting = {block["id"] for block in blocks if block["type"] == "tool_use"}
        if message["role"] == "assistant":
            ranks = [_RANK[block["type"]] for block in blocks]
            assert ranks[0] == min(ranks), "thinking comes behind what it led to"
            if "thinking" in [block["type"] for block in blocks]:
                assert blocks[0]["signature"].startswith("sig")
    assert not waiting


def _results_first() -> dict[str, Any]:
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "result 1"}]}
    use: dict[str, Any] = {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]}
    return {"messages": [_USER, result, use]}


def _results_first_chat() -> dict[str, Any]:
    result = {"role": "tool", "tool_call_id": "call_1", "content": "result 1"}
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {"messages": [_USER, result, {"role": "assistant", "content": None, "tool_calls": [call]}]}


test_F068_thinking_then_text_then_calls_then_results = fault(
    *[
        reaching(
            RESPONSES,
            upstream,
            _each_result_right_behind_its_call(upstream, calls),
            [_results_first() if upstream == MESSAGES else _results_first_chat()],
            ask={"input": history},
            label=label,
        )
        for upstream in (MESSAGES, CHAT)
        for label, (history, calls) in _HISTORIES.items()
    ]
)


# F166: a search among the tools, on the provider's side

_SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_regex", "input": {"query": "weather"}}
_REFERENCES = [{"type": "tool_reference", "tool_name": "get_weather"}]
_FOUND = {
    "type": "tool_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {"type": "tool_search_tool_search_result", "tool_references": _REFERENCES},
}
_USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
_TOOL: dict[str, Any] = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def _searched(stream: bool) -> bytes:
    if not stream:
        return w.message_whole(_SEARCH, _FOUND, _USE, stop="tool_use")
    opened = {name: value for name, value in _SEARCH.items() if name not in ("type", "input")}
    search = w.block(0, "server_tool_use", ("input_json", '{"query": "weather"}'), input={}, **opened)
    found = w.block(1, "tool_search_tool_result", **{name: value for name, value in _FOUND.items() if name != "type"})
    call = w.block(2, "tool_use", id="toolu_1", name="get_weather")
    return w.message_start() + search + found + call + w.message_ending("tool_use")


def _search_is_told(seen: Seen) -> None:
    reading = read(seen)
    assert reading.calls == [("get_weather", {})]
    if seen.client == RESPONSES:
        output = reading.whole["output"]
        assert [item["type"] for item in output] == ["tool_search_call", "tool_search_output", "function_call"]
        assert output[0]["call_id"] == output[1]["call_id"]
        assert [tool["name"] for tool in output[1]["tools"]] == ["get_weather"]
    elif seen.client == MESSAGES:
        assert [block["type"] for block in reading.blocks] == ["server_tool_use", "tool_search_tool_result", "call"]
    else:
        assert seen.row is not None
        paths = {loss.path for loss in seen.row.losses}
        assert {"response.server_tool_use", "response.tool_search_tool_result"} <= paths


def _only_the_call(client: Dialect, stream: bool) -> bytes:
    if client == CHAT:
        call = w.chat_call(0, "toolu_1", "get_weather", "{}")
        whole = [{"id": "toolu_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
        if stream:
            return w.chunk(call) + w.chat_ending("tool_calls")
        return w.chat_whole({"content": None, "tool_calls": whole}, "tool_calls")
    if client == RESPONSES:
        item = w.call_item("fc_1", "toolu_1", "get_weather", "{}")
        if not stream:
            return w.response_whole(item)
        return w.response_stream(*w.call_events(0, "fc_1", "toolu_1", "get_weather", "{}"), w.completed(item))
    call_block = w.block(0, "tool_use", id="toolu_1", name="get_weather")
    streamed = w.message_start() + call_block + w.message_ending("tool_use")
    return streamed if stream else w.message_whole(_USE, stop="tool_use")


_DECLARED: dict[Dialect, dict[str, Any]] = {
    RESPONSES: {"type": "function", **_TOOL},
    MESSAGES: {"name": "get_weather", "input_schema": _TOOL["parameters"]},
    CHAT: {"type": "function", "function": _TOOL},
}

test_F166_a_tool_search_of_the_provider_is_not_dropped = fault(
    *[
        through(
            client,
            MESSAGES,
            _searched(stream),
            _search_is_told,
            [_only_the_call(client, stream)],
            stream=stream,
            ask={"tools": [tool]},
        )
        for client, tool in _DECLARED.items()
        for stream in (True, False)
    ]
)
