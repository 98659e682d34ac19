"""The turn after a call that was an item of Responses (fault F049): the client sends the call back as it got it, with its
result, and every upstream takes both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Burst, Dialect, Reply, Target, Upstream
from hyperinfer.formats.acting_items import ActingItems
from hyperinfer.formats.wire import is_array
from tests.support.recordings import DIALECTS

ITEMS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"type": "apply_patch_call", "id": "apc_1", "operation": {"type": "delete_file", "path": "a"}},
        "apply_patch",
        {"operation": {"type": "delete_file", "path": "a"}},
    ),
    ({"type": "shell_call", "id": "sh_1", "action": {"commands": ["ls"]}}, "shell", {"action": {"commands": ["ls"]}}),
    ({"type": "local_shell_call", "id": "l_1", "action": {"env": {}}}, "local_shell", {"action": {"env": {}}}),
    (
        {"type": "computer_call", "id": "cu_1", "actions": [{"type": "click"}], "pending_safety_checks": [{"id": "s"}]},
        "computer",
        {"actions": [{"type": "click"}], "pending_safety_checks": [{"id": "s"}]},
    ),
    ({"type": "tool_search_call", "id": "ts_1", "execution": "client", "arguments": {"q": "x"}}, "tool_search", {"q": "x"}),
]
"""An item, and the call that it is to clients of the other formats."""
USER: dict[str, Any] = {"role": "user", "content": "Go."}
SIGNED_FOR = "openai"


def events() -> Burst:
    output = [{"status": "completed", "call_id": f"call_{index}", **item} for index, (item, _, _) in enumerate(ITEMS)]
    body = json.dumps({"id": "r", "status": "completed", "output": output}).encode()
    step = ActingItems()
    found = FORMATS["openai_responses"].decode_response(body, Upstream(vendor=SIGNED_FOR, id_seed="s"))
    return tuple(out for event in found for out in step.push(event))


def second_turn(client: Dialect) -> bytes:
    """The request that a client makes of the reply."""
    first = {"model": "m", "max_tokens": 99, "messages": [USER]}
    conversation = FORMATS[client].decode_request(json.dumps(first).encode())
    reply = Reply(request_id="1", model="m", created=1, conversation=conversation, upstream="openai_responses")
    told = json.loads(FORMATS[client].encode_response(events(), reply).body)
    messages: list[Any] = [USER]
    if client == "openai_chat":
        (choice,) = told["choices"]
        assert choice["finish_reason"] == "tool_calls"
        messages.append(choice["message"])
        ids = [call["id"] for call in choice["message"]["tool_calls"]]
        messages += [{"role": "tool", "tool_call_id": call_id, "content": f"did {call_id}"} for call_id in ids]
    else:
        assert told["stop_reason"] == "tool_use"
        messages.append({"role": "assistant", "content": told["content"]})
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": f"did {block['id']}"} for block in told["content"]
        ]
        messages.append({"role": "user", "content": results})
    return json.dumps({**first, "messages": messages}).encode()


def pairs(target: Dialect, body: Any) -> list[tuple[str, str, Any, str]]:
    """(id, name, arguments, result) of each call as the upstream reads it."""
    if target == "openai_responses":
        calls = [(item["call_id"], item["name"], item["arguments"]) for item in body["input"] if "arguments" in item]
        results = {item["call_id"]: item["output"] for item in body["input"] if "output" in item}
    elif target == "openai_chat":
        said = [message for message in body["messages"] if message["role"] == "assistant"]
        calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in said[0]["tool_calls"]]
        results = {item["tool_call_id"]: item["content"] for item in body["messages"] if item["role"] == "tool"}
    else:
        contents = [message["content"] for message in body["messages"]]
        blocks = [block for content in contents if is_array(content) for block in content]
        calls = [(item["id"], item["name"], json.dumps(item["input"])) for item in blocks if item["type"] == "tool_use"]
        results = {item["tool_use_id"]: item["content"] for item in blocks if item["type"] == "tool_result"}
    return [(call_id, name, json.loads(arguments), results[call_id]) for call_id, name, arguments in calls]


@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("target", DIALECTS)
def test_the_next_turn_has_each_call_with_its_result(client: Dialect, target: Dialect) -> None:
    conversation = FORMATS[client].decode_request(second_turn(client))
    aim = Target(dialect=target, model="up", vendor=SIGNED_FOR, streamed=False, max_output_tokens=99)
    encoded = FORMATS[target].encode_request(conversation, aim)
    assert pairs(target, json.loads(encoded.body)) == [
        (f"call_{index}", name, arguments, f"did call_{index}") for index, (_, name, arguments) in enumerate(ITEMS)
    ]
    assert encoded.losses == ()
