"""Faults of area reasoning: its order, its state, and how it is asked for. `test_two_turns` has the state in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults import test_two_turns as state
from tests.faults import wire as w
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, SHORT, Case, Seen, fault, through
from tests.faults.reading import read
from tests.faults.turns import PROTOCOLS, history, two_turns

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F005: reasoning between other things


def _item(index: int, text: str) -> list[tuple[str, dict[str, Any]]]:
    id = f"rs_{index}"
    at: dict[str, Any] = {"item_id": id, "output_index": index, "summary_index": 0}
    done = {"id": id, "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}
    return [
        ("output_item.added", {"output_index": index, "item": {**done, "summary": []}}),
        ("reasoning_summary_part.added", {**at, "part": {"type": "summary_text", "text": ""}}),
        ("reasoning_summary_text.delta", {**at, "delta": text}),
        ("reasoning_summary_text.done", {**at, "text": text}),
        ("reasoning_summary_part.done", {**at, "part": {"type": "summary_text", "text": text}}),
        ("output_item.done", {"output_index": index, "item": done}),
    ]


def _events(*kinds: str) -> bytes:
    events: list[tuple[str, dict[str, Any]]] = []
    for index, kind in enumerate(kinds):
        if kind == "reasoning":
            events += _item(index, f"thought {index}")
        elif kind == "text":
            events += w.text_events(index, f"text {index}", f"msg_{index}")
        else:
            events += w.call_events(index, f"fc_{index}", f"call_{index}", "f", "{}")
    items = [fields["item"] for name, fields in events if name == "output_item.done"]
    return w.response_stream(*events, w.completed(*items))


def _chunks(*kinds: str) -> bytes:
    """The same order from a Chat upstream."""
    deltas: list[dict[str, Any]] = []
    for index, kind in enumerate(kinds):
        if kind == "call":
            deltas.append(w.chat_call(sum("tool_calls" in delta for delta in deltas), f"call_{index}", "f", "{}"))
        else:
            name = "content" if kind == "text" else "reasoning_content"
            deltas.append({name: f"{'text' if kind == 'text' else 'thought'} {index}"})
    return b"".join(map(w.chunk, deltas)) + w.chat_ending("tool_calls" if "call" in kinds else "stop")


def _in_order(*kinds: str) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        reading = read(seen)
        if seen.client == CHAT:  # a message has its parts in fields: their order is not told
            for kind in ("reasoning", "text"):
                texts = [block["text"] for block in reading.blocks if block["type"] == kind]
                assert [piece in "".join(texts) for piece in _texts(kind, kinds)] == [True] * kinds.count(kind)
            assert reading.kinds.count("call") == kinds.count("call")
        else:
            assert reading.kinds == list(kinds)

    return check


def _texts(kind: str, kinds: tuple[str, ...]) -> list[str]:
    name = "text" if kind == "text" else "thought"
    return [f"{name} {index}" for index, one in enumerate(kinds) if one == kind]


def _into_a_closed_block(client: Dialect) -> bytes:
    """The second thought goes on in the first one's block; on Chat it is lost."""
    if client == CHAT:
        return w.chunk({"reasoning_content": "thought 0", "content": "text 1"}) + w.chat_ending()
    if client == RESPONSES:
        return w.response_stream(*_item(0, "thought 0")[:-1], *w.text_events(1, "text 1"), *_item(0, "thought 2")[2:])
    return (
        w.message_start()
        + w.block(0, "thinking", ("thinking", "thought 0"))
        + w.block_start(1, "text")
        + w.block_delta(0, "thinking", "thought 2")
        + w.block_stop(1)
        + w.message_ending()
    )


_ORDERS = [
    ("reasoning", "call", "reasoning", "call"),
    ("reasoning", "text", "reasoning"),
    ("reasoning", "call", "reasoning"),
]
_WRITERS: dict[Dialect, Callable[..., bytes]] = {RESPONSES: _events, CHAT: _chunks}

test_F005_every_segment_has_a_block_of_its_own = fault(
    *[
        through(client, upstream, says(*kinds), _in_order(*kinds), [_into_a_closed_block(client)], label="-".join(kinds))
        for client in ALL
        for kinds in _ORDERS
        for upstream, says in _WRITERS.items()
    ]
)


# F043: sealed reasoning, streamed and whole


def _sealed(seen: Seen) -> None:
    assert state.SEALED in json.dumps(history(seen)), "the next turn goes without"
    assert read(seen).reasoning.replace("\n\n", "") == "onetwo"
    if seen.client == RESPONSES:
        output = history(seen)["input"][1:]
        assert [item["type"] for item in output[:4]] == ["reasoning", "function_call", "reasoning", "function_call"]


def _unsealed(client: Dialect, stream: bool) -> bytes:
    if client == CHAT:
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        if stream:
            return w.chunk({"reasoning_content": "onetwo"}) + w.chat_ending()
        return w.chat_whole({"content": None, "reasoning_content": "onetwo", "tool_calls": [call]}, "tool_calls")
    if client == RESPONSES:
        items = [{name: value for name, value in item.items() if name != "encrypted_content"} for item in state.ITEMS]
        return w.response_stream(w.completed()) if stream else w.response_whole(*items)
    if stream:
        return w.message_start() + w.block(0, "thinking", ("thinking", "onetwo")) + w.message_ending()
    return w.message_whole({"type": "thinking", "thinking": "onetwo", "signature": ""})


test_F043_sealed_reasoning_is_kept_in_both_modes = fault(
    *[
        through(client, RESPONSES, state.sealed_reply(stream), _sealed, [_unsealed(client, stream)], stream=stream)
        for client in ALL
        for stream in (True, False)
    ]
)


# F044, F075, F076, F078: what the vendor wants back


def _second_turn(
    client: Dialect, model: str, says: bytes, check: Callable[[Any], None], wrong: Any, *, stream: bool
) -> Case[Any]:
    """The check is on the body that the second turn's upstream gets."""

    async def right() -> Any:
        return (await two_turns(client, model, says, stream=stream)).back

    label = f"{SHORT[client]}-{SHORT[PROTOCOLS[model]]}-{'stream' if stream else 'whole'}"
    return Case(label, right, check, [wrong])


def _with_thought(body: Any) -> None:
    (calls,) = [message["tool_calls"] for message in body["messages"] if message.get("tool_calls")]
    assert calls == [state.CALL, state.PLAIN_CALL]


_FORGOTTEN = {name: value for name, value in state.CALL.items() if name != "extra_content"}

test_F044_the_thought_of_a_streamed_call_comes_back = fault(
    *[
        _second_turn(
            client,
            "google",
            state.stateful_reply(stream),
            _with_thought,
            {"messages": [{"role": "assistant", "tool_calls": [_FORGOTTEN, state.PLAIN_CALL]}]},
            stream=stream,
        )
        for client in ALL
        for stream in (True, False)
    ]
)


def _exact(blocks: list[dict[str, Any]]) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        assert [message["content"] for message in body["messages"] if message["role"] == "assistant"] == [blocks]

    return check


_FRONT = [block for block in state.SIGNED if "thinking" in block["type"]]
_THOUGHTS_FIRST = {"messages": [{"role": "assistant", "content": [*_FRONT, *state.SIGNED]}]}

test_F075_thinking_stays_where_it_stood = fault(
    *[
        _second_turn(client, "anthropic", state.signed_reply(stream), _exact(state.SIGNED), _THOUGHTS_FIRST, stream=stream)
        for client in ALL
        for stream in (True, False)
    ]
)


_USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def _thought(signature: str | None, stream: bool) -> bytes:
    """A reply of DeepSeek's Messages endpoint, which signs or does not."""
    thinking = {"type": "thinking", "thinking": "hm", **({"signature": signature} if signature else {})}
    if not stream:
        return w.message_whole(thinking, _USE, stop="tool_use")
    signed = [("signature", signature)] if signature else []
    blocks = w.block(0, "thinking", ("thinking", "hm"), *signed) + w.block(1, "tool_use", id="toolu_1", name="f")
    return w.message_start() + blocks + w.message_ending("tool_use")


def _as_it_was(signature: str | None) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        (content,) = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
        thinking, use = content
        assert (thinking["thinking"], thinking.get("signature") or None) == ("hm", signature)
        assert use == _USE

    return check


test_F076_thinking_of_other_vendors_comes_back = fault(
    *[
        _second_turn(
            client,
            "deepseek",
            _thought(signature, stream),
            _as_it_was(signature),
            {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": ""}, _USE]}]},
            stream=stream,
        )
        for client in ALL
        for stream in (True, False)
        for signature in ("b8c1f7a0", None)
    ]
)


def _blocks_of_litellm(text: str, stream: bool) -> bytes:
    """LiteLLM says signed thinking twice: as text, and in blocks."""
    block = {"type": "thinking", "thinking": text, "signature": "c2ln"}
    if not stream:
        return w.chat_whole({"content": "Hi", "reasoning_content": text, "thinking_blocks": [block]})
    frames = w.chunk({"reasoning_content": text, "thinking_blocks": [{**block, "signature": ""}]}) if text else b""
    frames += w.chunk({"thinking_blocks": [{**block, "thinking": ""}]})
    return frames + w.chunk({"content": "Hi"}) + w.chat_ending()


def _once_and_signed(text: str) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        reading = read(seen)
        assert reading.kinds == ["reasoning", "text"]
        assert reading.reasoning == text
        if seen.stream:
            assert reading.blocks[0]["signature"].endswith("c2ln")
        else:
            assert json.loads(seen.body)["content"][0]["signature"].endswith("c2ln")

    return check


def _twice(text: str, stream: bool) -> bytes:
    if not stream:
        return w.message_whole({"type": "thinking", "thinking": text * 2, "signature": ""}, {"type": "text", "text": "Hi"})
    blocks = w.block(0, "thinking", ("thinking", text), ("thinking", text)) + w.block(1, "text", ("text", "Hi"))
    return w.message_start() + blocks + w.message_ending()


test_F078_thinking_blocks_of_a_chat_server_are_signed = fault(
    *[
        through(
            MESSAGES,
            CHAT,
            _blocks_of_litellm(text, stream),
            _once_and_signed(text),
            [_twice(text, stream)],
            stream=stream,
            label="text" if text else "signature-only",
        )
        for text in ("hm", "")
        for stream in (True, False)
    ]
)
