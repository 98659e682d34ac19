"""Faults of area cache: marks that a caller sets, and prefixes that stay the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.wire import is_array, is_object
from tests.faults.bodies import SCHEMA, blocks_in, names_of_tools, quirky
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, SHORT, Case, Seen, fault, reaching, through
from tests.support.bench import asked, bench
from tests.support.replies import WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

_PLAIN = {"type": "ephemeral"}
_HOUR = {"type": "ephemeral", "ttl": "1h"}
_SCOPED = {"type": "ephemeral", "scope": "global"}

_THINKING: dict[str, Any] = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
_REDACTED: dict[str, Any] = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
_USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
_RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}


def _history(mark: dict[str, Any], *, thoughts: bool = False) -> dict[str, Any]:
    """A mark in each place that has one: system, a tool, the user's text, a call, its result; `thoughts` too."""
    marked = {"cache_control": mark}
    thinking = [{**block, **marked} if thoughts else block for block in (_THINKING, _REDACTED)]
    return {
        "system": [{"type": "text", "text": "top"}, {"type": "text", "text": "more", **marked}],
        "tools": [{"name": "g", "input_schema": SCHEMA}, {"name": "f", "input_schema": SCHEMA, **marked}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go", **marked}]},
            {"role": "assistant", "content": [*thinking, {**_USE, **marked}]},
            {"role": "user", "content": [{**_RESULT, **marked}]},
        ],
    }


def _marks(value: Any) -> list[Any]:
    """Every `cache_control` in a body."""
    if is_array(value):
        return [mark for inner in value for mark in _marks(inner)]
    if not is_object(value):
        return []
    here = [value["cache_control"]] if "cache_control" in value else []
    return here + [mark for name, inner in value.items() if name != "cache_control" for mark in _marks(inner)]


# F088: thinking takes no mark


def _thinking_unmarked(body: Any) -> None:
    thinking = [*blocks_in(body, "thinking"), *blocks_in(body, "redacted_thinking")]
    assert thinking == [_THINKING, _REDACTED]
    assert len(_marks(body)) == 5, "the other marks stay"


def _marks_on_every_message(body: Any) -> None:
    assert all("cache_control" not in block for block in blocks_in(body, "thinking"))
    assert _marks(body["messages"]) == [_PLAIN]


_CHAT_THOUGHT: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "hi1.anthropic.c2ln"}],
    "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    "cache_control": _PLAIN,
}
_CHAT_HISTORY = [
    {"role": "user", "content": "go"},
    _CHAT_THOUGHT,
    {"role": "tool", "tool_call_id": "toolu_1", "content": "done"},
]
_ON_THOUGHT = {"messages": [{"role": "assistant", "content": [{**_THINKING, "cache_control": _PLAIN}, _USE]}]}

test_F088_thinking_takes_no_mark = fault(
    reaching(
        MESSAGES,
        MESSAGES,
        _thinking_unmarked,
        [_history(_PLAIN, thoughts=True)],
        ask=_history(_PLAIN, thoughts=True),
    ),
    reaching(CHAT, MESSAGES, _marks_on_every_message, [_ON_THOUGHT], ask={"messages": _CHAT_HISTORY}),
)


# F124, F127: marks that arrive


def _mark_is(mark: Any) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        assert body.get("cache_control") == mark

    return check


test_F124_the_mark_of_the_whole_request = fault(
    *[
        reaching(MESSAGES, MESSAGES, _mark_is(mark), [{"messages": []}], ask={"cache_control": mark}, label=str(len(mark)))
        for mark in (_PLAIN, _HOUR)
    ]
)


def _all_are(count: int, mark: Any) -> Callable[[Any], None]:
    def check(body: Any) -> None:
        assert _marks(body) == [mark] * count

    return check


def _invalid(field: str) -> bytes:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": f"{field}: Extra inputs"}}
    return json.dumps(error).encode()


def _taken(seen: Seen) -> None:
    assert seen.status == 200, seen.body
    assert len(seen.asked) == 1


test_F127_unknown_keys_of_a_mark = fault(
    reaching(MESSAGES, MESSAGES, _all_are(5, _SCOPED), [_history(_PLAIN)], ask=_history(_SCOPED)),
    *[
        through(
            MESSAGES,
            upstream,
            None,
            _taken,
            [Seen(MESSAGES, False, _invalid("system.2.cache_control.scope"), 400)],
            stream=False,
            ask=_history(_SCOPED),
            label="taken",
        )
        for upstream in ALL
    ],
)


# F126, F128: marks that a provider refuses

_CHAT_MARKED: dict[str, Any] = {
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}, "cache_control": _HOUR}],
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "top", "cache_control": _HOUR}]},
        {"role": "user", "content": [{"type": "text", "text": "go", "cache_control": _HOUR}]},
    ],
}
_MARKED: dict[Dialect, tuple[dict[str, Any], int]] = {MESSAGES: (_history(_HOUR), 5), CHAT: (_CHAT_MARKED, 3)}
_FIVE_MINUTES = {"type": "ephemeral", "ttl": "5m"}


def _without_lifetime(client: Dialect, upstream: Dialect) -> Case[Any]:
    ask, count = _MARKED[client]
    limited = min(count, 4) if client != upstream and upstream == MESSAGES else count
    wrong = [ask, json.loads(json.dumps(ask).replace('"1h"', '"5m"')), {"messages": [{"role": "user", "content": "go"}]}]
    rules = quirky("cache_control: no_ttl")
    return reaching(client, upstream, _all_are(limited, _PLAIN), wrong, ask=ask, catalogue=rules)


_PAIRS: list[tuple[Dialect, Dialect]] = [(MESSAGES, MESSAGES), (MESSAGES, CHAT), (CHAT, MESSAGES), (CHAT, CHAT)]

test_F126_a_provider_without_lifetimes = fault(
    *[_without_lifetime(client, upstream) for client, upstream in _PAIRS],
)


def _unmarked_and_said(client: Dialect, upstream: Dialect) -> Case[Seen]:
    ask, count = _MARKED[client]

    def check(seen: Seen) -> None:
        assert seen.status == 200, seen.body
        assert b"cache_control" not in seen.asked[0]
        assert int(seen.headers["x-hyperinfer-loss"]) >= count, "left out without a word"

    sent = json.dumps({"tools": ask["tools"]}).encode()
    wrong = [
        Seen(client, False, asked=[sent], headers={"x-hyperinfer-loss": "9"}),
        Seen(client, False, asked=[b"{}"], headers={"x-hyperinfer-loss": "0"}),
    ]
    rules = quirky("cache_control: none")
    return through(client, upstream, None, check, wrong, stream=False, ask=ask, catalogue=rules)


test_F128_a_provider_without_marks = fault(
    *[_unmarked_and_said(client, upstream) for client in (MESSAGES, CHAT) for upstream in ALL]
)


# F130: the same bytes for the same request

_NAMES = ("zeta", "alpha", "mid", "beta")


def _many_tools(client: Dialect) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in _NAMES}, "required": list(_NAMES)}
    functions: list[dict[str, Any]] = [{"name": name, "parameters": schema} for name in _NAMES]
    if client == CHAT:
        return {"tools": [{"type": "function", "function": function} for function in functions]}
    if client == RESPONSES:
        return {"tools": [{"type": "function", **function} for function in functions]}
    return {"tools": [{"name": name, "input_schema": schema} for name in _NAMES]}


def _asked_again(client: Dialect, upstream: Dialect) -> Case[list[bytes]]:
    async def right() -> list[bytes]:
        answer = Script([(0.1, WHOLES[upstream])], headers={"content-type": "application/json"})
        async with bench(*[answer] * 3) as gateway:
            for _ in range(3):
                await gateway.send(client, asked(client, upstream, stream=False, **_many_tools(client)))
            return [attempt.body for attempt in gateway.transport.played]

    def check(bodies: list[bytes]) -> None:
        assert len(set(bodies)) == 1, "another order"
        body = json.loads(bodies[0])
        assert names_of_tools(upstream, body) == list(_NAMES), "not the caller's order"
        assert [_properties(tool) for tool in body["tools"]] == [list(_NAMES)] * 4, "not the caller's order"

    once, other = _many_tools(upstream), {"tools": _many_tools(upstream)["tools"][::-1]}
    shuffled = [json.dumps(once).encode(), json.dumps(other).encode()]
    ordered = json.dumps(once, sort_keys=True).encode()
    return Case(f"{SHORT[client]}-{SHORT[upstream]}", right, check, [shuffled, [shuffled[1]] * 3, [ordered] * 3])


def _properties(tool: dict[str, Any]) -> list[str]:
    function: dict[str, Any] = tool.get("function") or tool
    schema: dict[str, Any] = function.get("parameters") or function["input_schema"]
    return list(schema["properties"])


test_F130_the_same_tools_are_the_same_bytes = fault(*[_asked_again(client, upstream) for client in ALL for upstream in ALL])
