"""Faults of area tools: calls and their results, in histories and in replies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults import wire as w
from tests.faults.bodies import (
    IMAGES,
    Called,
    calls_in,
    images_in,
    results_in,
    round_of_calls,
)
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Seen, fault, reaching, refused, through
from tests.faults.reading import frames_of, read
from tests.faults.reading_responses import read_items

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F045: a call without arguments

_NOTHING: dict[str, str | None] = {"empty": "", "space": "  ", "null": "null", "absent": None}


def _no_arguments(upstream: Dialect) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        (call,) = calls_in(upstream, body)
        assert call == Called("call_1", "now", {})

    return check


def _says_no_arguments(seen: Seen) -> None:
    assert read(seen).calls == [("now", {})]


def _called_without(upstream: Dialect) -> bytes:
    if upstream == CHAT:
        made = w.chat_call(0, "call_1", "now")["tool_calls"][0]["function"] | {"arguments": ""}
        call = {"id": "call_1", "type": "function", "function": made}
        return w.chat_whole({"content": None, "tool_calls": [call]}, "tool_calls")
    return w.response_whole(w.call_item("fc_1", "call_1", "now", ""))


_ELSEWHERE: list[tuple[Dialect, Dialect]] = [(MESSAGES, CHAT), (MESSAGES, RESPONSES)]

test_F045_a_call_without_arguments_has_an_empty_object = fault(
    *[
        reaching(
            client,
            upstream,
            _no_arguments(upstream),
            [round_of_calls(upstream, Called("call_1", "now", "" if upstream != MESSAGES else '{"raw": ""}'))],
            ask=round_of_calls(client, Called("call_1", "now", arguments)),
            label=label,
        )
        for client in (CHAT, RESPONSES)
        for upstream in ALL
        for label, arguments in _NOTHING.items()
    ],
    *[
        through(
            client,
            upstream,
            _called_without(upstream),
            _says_no_arguments,
            [w.message_whole({"type": "tool_use", "id": "call_1", "name": "now", "input": ""}, stop="tool_use")]
            if client == MESSAGES
            else [b'{"choices": [], "output": []}'],
            stream=False,
        )
        for client, upstream in _ELSEWHERE
    ],
)


# F049: an item of the upstream's own that the client must act on

_OPERATION = {"type": "update_file", "path": "a.py", "diff": "@@\n-a\n+b"}
_PATCH = {"id": "apc_1", "type": "apply_patch_call", "status": "completed", "call_id": "call_9", "operation": _OPERATION}
_SHELL = {"id": "sh_1", "type": "shell_call", "status": "completed", "call_id": "call_9", "action": {"commands": ["ls"]}}


def _streamed_item(item: dict[str, Any]) -> bytes:
    at = {"output_index": 0}
    opened = ("output_item.added", {**at, "item": {**item, "status": "in_progress"}})
    return w.response_stream(opened, ("output_item.done", {**at, "item": item}), w.completed(item))


def _acts(name: str, arguments: dict[str, Any]) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        reading = read(seen)
        assert reading.calls == [(name, arguments)]
        assert reading.stop in ("tool_calls", "tool_use")

    return check


def _silent(client: Dialect, stream: bool) -> bytes:
    """A reply with nothing in it."""
    if client == CHAT:
        return w.chunk({"role": "assistant"}) + w.chat_ending() if stream else w.chat_whole({"content": ""})
    return w.message_start() + w.message_ending() if stream else w.message_whole()


test_F049_items_to_act_on_become_calls = fault(
    *[
        through(
            client,
            RESPONSES,
            _streamed_item(item) if stream else w.response_whole(item),
            _acts(name, arguments),
            [_silent(client, stream)],
            stream=stream,
            label=name,
        )
        for client in (CHAT, MESSAGES)
        for stream in (True, False)
        for name, item, arguments in (
            ("apply_patch", _PATCH, {"operation": _OPERATION}),
            ("shell", _SHELL, {"action": {"commands": ["ls"]}}),
        )
    ]
)


# F052: a freeform call comes back raw

_RAW = '*** Begin Patch\n"ä"\n*** End'
_WRAPPED = json.dumps({"input": _RAW})
_CUSTOM = {"name": "patch", "description": "Patches."}


def _wrapped_call(upstream: Dialect, stream: bool) -> bytes:
    """The upstream calls the function that stands for the tool, its arguments in two pieces that split an escape."""
    cut = _WRAPPED.index("\\n") + 1
    first, second = _WRAPPED[:cut], _WRAPPED[cut:]
    if upstream == CHAT and stream:
        frames = w.chunk(w.chat_call(0, "call_1", "patch", first)) + w.chunk(w.chat_call(0, arguments=second))
        return frames + w.chat_ending("tool_calls")
    if upstream == CHAT:
        made = {"id": "call_1", "type": "function", "function": {"name": "patch", "arguments": _WRAPPED}}
        return w.chat_whole({"content": None, "tool_calls": [made]}, "tool_calls")
    if stream:
        pieces = (("input_json", first), ("input_json", second))
        block = w.block(0, "tool_use", *pieces, id="toolu_1", name="patch")
        return w.message_start() + block + w.message_ending("tool_use")
    return w.message_whole({"type": "tool_use", "id": "toolu_1", "name": "patch", "input": {"input": _RAW}}, stop="tool_use")


def _is_raw(seen: Seen) -> None:
    if seen.client == RESPONSES:
        frames = frames_of(seen.body, named=True) if seen.stream else []
        (item,) = (read_items(frames) if seen.stream else json.loads(seen.body))["output"]
        assert (item["type"], item["name"], item.get("input")) == ("custom_tool_call", "patch", _RAW)
        deltas = [data["delta"] for kind, data in frames if kind == "response.custom_tool_call_input.delta"]
        assert "".join(deltas) == (_RAW if seen.stream else "")
        return
    (choice,) = json.loads(seen.body)["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "custom"
    assert call["custom"] == {"name": "patch", "input": _RAW}


def _still_wrapped(client: Dialect, stream: bool) -> bytes:
    made = {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": _WRAPPED}}
    if client == CHAT:
        return w.chat_whole({"content": None, "tool_calls": [made]}, "tool_calls")
    item = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": _WRAPPED}
    item["status"] = "completed"
    return _streamed_item(item) if stream else w.response_whole(item)


_UNWRAPPED: list[tuple[Dialect, Dialect, bool]] = [
    (RESPONSES, CHAT, True),
    (RESPONSES, CHAT, False),
    (RESPONSES, MESSAGES, True),
    (RESPONSES, MESSAGES, False),
    (CHAT, MESSAGES, False),
]

test_F052_the_input_of_a_freeform_tool_is_unwrapped = fault(
    *[
        through(
            client,
            upstream,
            _wrapped_call(upstream, stream),
            _is_raw,
            [_still_wrapped(client, stream)],
            stream=stream,
            ask={"tools": [{"type": "custom", **_CUSTOM} if client == RESPONSES else {"type": "custom", "custom": _CUSTOM}]},
        )
        for client, upstream, stream in _UNWRAPPED
    ]
)


# F064, F065: results without an id

_ONE = Called("call_1", "a", "{}")
_TWO = Called("call_2", "b", "{}")


def _paired(upstream: Dialect) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        ids = [call.id for call in calls_in(upstream, body)]
        results = results_in(upstream, body)
        assert ids == ["call_1", "call_2"]
        assert sorted(id for id, _ in results) == ids
        assert {id: json.dumps(content) for id, content in results} == {"call_1": '"one"', "call_2": '"two"'}

    return check


test_F064_a_lone_result_without_an_id_is_paired = fault(
    *[
        reaching(
            client,
            upstream,
            _paired(upstream),
            [round_of_calls(upstream, _ONE, _TWO, results=[("undefined", "one"), ("call_2", "two")])],
            ask=round_of_calls(client, _ONE, _TWO, results=results),
            label=label,
        )
        for client in ALL
        for upstream in ALL
        for label, results in (
            ("last", [("call_1", "one"), (None, "two")]),
            ("empty", [("call_1", "one"), ("", "two")]),
        )
    ],
    *[
        through(
            client,
            MESSAGES,
            None,
            lambda seen: refused(seen, 400, "invalid_request"),
            [Seen(client, False, w.message_whole())],
            stream=False,
            ask=round_of_calls(client, results=[(None, "one")]),
            label="no-call",
        )
        for client in ALL
    ],
)


def _refused_unsent(path: str | None) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        refused(seen, 400, "invalid_request", path)
        assert not seen.asked

    return check


_PATHS: dict[Dialect, str | None] = {
    CHAT: "messages[2].tool_call_id",
    RESPONSES: "input[3].call_id",
    MESSAGES: None,  # its envelope has no place for it
}

test_F065_ambiguous_results_are_refused = fault(
    *[
        through(
            client,
            upstream,
            None,
            _refused_unsent(path),
            [Seen(client, False, w.message_whole())],
            stream=False,
            ask=round_of_calls(client, _ONE, _TWO, results=[(None, "two"), (None, "one")]),
        )
        for client, path in _PATHS.items()
        for upstream in ALL
    ]
)


# F066: results that hold images


def _media_after_all_results(body: Any) -> None:
    roles = [message["role"] for message in body["messages"]]
    assert roles in (["user", "assistant", "tool", "tool", "user"], ["user", "assistant", "tool", "tool"]), roles
    assert [id for id, _ in results_in(CHAT, body)] == ["call_1", "call_2"]
    assert images_in(body["messages"]) == 2


def _interleaved() -> dict[str, Any]:
    body = round_of_calls(CHAT, _ONE, _TWO)
    user, assistant, first, second = body["messages"]
    image = {"role": "user", "content": [IMAGES[CHAT]]}
    return {**body, "messages": [user, assistant, first, image, second, image]}


test_F066_images_of_results_follow_all_results = fault(
    *[
        reaching(
            client,
            CHAT,
            _media_after_all_results,
            [_interleaved()],
            ask=round_of_calls(client, _ONE, _TWO, results=[(id, [IMAGES[client]]) for id in ("call_1", "call_2")]),
        )
        for client in (RESPONSES, MESSAGES)
    ]
)
