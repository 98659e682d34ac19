"""Faults of area ids: ids of items and of tool calls, in replies and in histories."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults import wire as w
from tests.faults.bodies import Called, calls_in, quirky, results_in, round_of_calls
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, reaching, through
from tests.faults.reading import frames_of, read
from tests.faults.reading_responses import read_items

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F014: one id an item

_PREFIXES = {"reasoning": "rs_", "message": "msg_", "function_call": "fc_"}


def _thinks_speaks_calls(upstream: Dialect, stream: bool) -> bytes:
    made = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    if upstream == CHAT and not stream:
        message: dict[str, Any] = {"reasoning_content": "hm", "content": "Hi", "tool_calls": [made]}
        return w.chat_whole(message, "tool_calls")
    if upstream == CHAT:
        frames = w.chunk({"reasoning_content": "h"}) + w.chunk({"reasoning_content": "m"}) + w.chunk({"content": "H"})
        frames += w.chunk({"content": "i"}) + w.chunk(w.chat_call(0, "call_1", "f", "{}"))
        return frames + w.chat_ending("tool_calls")
    if not stream:
        thinking = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
        use: dict[str, Any] = {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
        return w.message_whole(thinking, {"type": "text", "text": "Hi"}, use, stop="tool_use")
    blocks = w.block(0, "thinking", ("thinking", "h"), ("thinking", "m"), ("signature", "c2ln"))
    blocks += w.block(1, "text", ("text", "H"), ("text", "i")) + w.block(2, "tool_use", id="call_1", name="f")
    return w.message_start() + blocks + w.message_ending("tool_use")


def _ids_stay(seen: Seen) -> None:
    """`read_items` has it that every event of an item, and the last snapshot, say the id with which it was opened."""
    response = read_items(frames_of(seen.body, named=True)) if seen.stream else json.loads(seen.body)
    assert response["id"].startswith("resp_")
    kinds = [item["type"] for item in response["output"]]
    assert kinds == ["reasoning", "message", "function_call"]
    for item in response["output"]:
        assert re.fullmatch(_PREFIXES[item["type"]] + "[A-Za-z0-9_-]{1,60}", item["id"]), item["id"]
    assert len({item["id"] for item in response["output"]}) == len(kinds)


def _ids_change(stream: bool) -> bytes:
    if not stream:
        items = [{"id": "chatcmpl-1", "type": kind} for kind in _PREFIXES]
        return w.response_whole(*items)
    events = w.text_events(0, "Hi", "chatcmpl-1")
    return w.response_stream(*events, w.completed(w.text_item("Hi", "msg_other")))


def _replayed(items: list[dict[str, Any]]) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        assert [(item["type"], item.get("id")) for item in body["input"][1:]] == [(i["type"], i["id"]) for i in items]

    return check


_ITEMS = [w.text_item("Hi", "msg_a"), w.call_item("fc_a", "call_1", "f", "{}")]
_RESULT = {"type": "function_call_output", "id": "fc_b", "call_id": "call_1", "output": "done"}


test_F014_an_item_has_one_id_of_its_own_kind = fault(
    *[
        through(RESPONSES, upstream, _thinks_speaks_calls(upstream, stream), _ids_stay, [_ids_change(stream)], stream=stream)
        for upstream in (CHAT, MESSAGES)
        for stream in (True, False)
    ],
    reaching(
        RESPONSES,
        RESPONSES,
        _replayed([*_ITEMS, _RESULT]),
        [{"input": [{"role": "user"}, {**_ITEMS[0], "id": "chatcmpl-1"}, *_ITEMS[1:], _RESULT]}],
        ask={"input": [{"role": "user", "content": "go"}, *_ITEMS, _RESULT]},
        label="replayed",
    ),
)


# F134, F136: ids that the upstream would refuse


def _paired(upstream: Dialect, pattern: str) -> Callable[[Any], None]:
    """Two calls and their results, in ids of this shape; two ids are never made one."""

    def check(body: Any) -> None:
        ids = [call.id for call in calls_in(upstream, body)]
        assert len(ids) == len(set(ids)) == 2
        assert all(re.fullmatch(pattern, id or "") for id in ids), ids
        assert sorted(id for id, _ in results_in(upstream, body)) == sorted(filter(None, ids))
        assert {id: content for id, content in results_in(upstream, body)} == {ids[0]: "first", ids[1]: "second"}

    return check


def _two_calls(client: Dialect, first: str, second: str) -> dict[str, Any]:
    calls = Called(first, "f", "{}"), Called(second, "f", "{}")
    return round_of_calls(client, *calls, results=[(first, "first"), (second, "second")])


def _cut(upstream: Dialect, length: int, *ids: str) -> list[dict[str, Any]]:
    """As they came; and cut to the length, in calls or everywhere."""
    full, cut = _two_calls(upstream, *ids), _two_calls(upstream, *(id[:length] for id in ids))
    half: dict[str, Any] = {name: [*cut[name][:2], *full[name][2:]] for name in ("messages", "input") if name in full}
    return [full, cut, half]


_LONG = ("c" * 89 + "1", "c" * 89 + "2")
_LIMITS: list[tuple[Dialect, str, str]] = [
    (RESPONSES, "any", r".{1,64}"),
    (RESPONSES, "max40", r".{1,40}"),
    (CHAT, "max40", r".{1,40}"),
    (MESSAGES, "max40", r"[a-zA-Z0-9_-]{1,40}"),
]

test_F134_long_ids_are_shortened_alike_in_call_and_result = fault(
    *[
        reaching(
            client,
            upstream,
            _paired(upstream, pattern),
            _cut(upstream, 40, *_LONG),
            ask=_two_calls(client, *_LONG),
            catalogue=quirky(f"tool_id: {rule}"),
            label=rule,
        )
        for client in ALL
        for upstream, rule, pattern in _LIMITS
    ]
)

_MINTED = ("call_49c89af0", "call_49c89af1")

test_F136_ids_of_nine_letters_and_digits = fault(
    *[
        reaching(
            client,
            upstream,
            _paired(upstream, "[a-zA-Z0-9]{9}"),
            _cut(upstream, 9, *_MINTED),
            ask=_two_calls(client, *_MINTED),
            catalogue=quirky("tool_id: alnum9"),
        )
        for client in ALL
        for upstream in ALL
    ]
)


# F135: ids of other servers in front of a client of Messages

_SERVERS = {
    "openai": ("call_123", "fc_123"),
    "vllm": ("chatcmpl-tool-123", "call_123"),
    "kimi": ("functions.f:0", "functions_f_0"),
    "gemini": ("f 0", "f/0"),
    "bare": ("123", "a"),
}


def _called_by(server: str, stream: bool) -> bytes:
    first, second = _SERVERS[server]
    if stream:
        frames = w.chunk(w.chat_call(0, first, "f", "{}")) + w.chunk(w.chat_call(1, second, "f", "{}"))
        return frames + w.chat_ending("tool_calls")
    made = [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in (first, second)]
    return w.chat_whole({"content": None, "tool_calls": made}, "tool_calls")


def _legal_and_apart(seen: Seen) -> None:
    ids = [block["id"] for block in read(seen).blocks]
    assert len(ids) == len(set(ids)) == 2, ids
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", id) for id in ids), ids


def _shown(stream: bool, *ids: str) -> bytes:
    uses: list[dict[str, Any]] = [{"type": "tool_use", "id": id, "name": "f", "input": {}} for id in ids]
    if not stream:
        return w.message_whole(*uses, stop="tool_use")
    blocks = [w.block(number, "tool_use", id=id, name="f") for number, id in enumerate(ids)]
    return w.message_start() + b"".join(blocks) + w.message_ending("tool_use")


def _back_again(server: str) -> Case[Any]:
    """What the client was shown goes back as two calls that are still apart."""
    shown = through(MESSAGES, CHAT, _called_by(server, False), lambda _: None, [], stream=False)

    async def right() -> Any:
        ids = [block["id"] for block in read(await shown.right()).blocks]
        return await reaching(MESSAGES, CHAT, lambda _: None, [], ask=_two_calls(MESSAGES, *ids)).right()

    return Case(f"back-{server}", right, _paired(CHAT, ".+"), [_two_calls(CHAT, "toolu_123", "toolu_123")])


test_F135_ids_are_legal_and_stay_apart = fault(
    *[
        through(
            MESSAGES,
            CHAT,
            _called_by(server, stream),
            _legal_and_apart,
            [_shown(stream, "toolu_123", "toolu_123"), _shown(stream, "functions.f:0", "toolu_2")],
            stream=stream,
            label=server,
        )
        for server in _SERVERS
        for stream in (True, False)
    ],
    *[_back_again(server) for server in _SERVERS],
)
