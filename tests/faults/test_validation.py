"""Faults of area validation: what real clients send is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.wire import is_object
from tests.faults.bodies import Called, items_in, quirky, results_in, round_of_calls, texts_in
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, reaching, through
from tests.support.bench import catalogue

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

_USER: dict[str, Any] = {"role": "user", "content": "go"}


def _said(*texts: str) -> Callable[[Any], None]:
    """These texts reach the upstream, in this order, each once."""

    def check(body: Any) -> None:
        head = {name: body.get(name) for name in ("system", "instructions")}
        said = "\n".join([*texts_in(head), *texts_in(body.get("messages") or body.get("input"))])
        places = [said.find(text) for text in texts]
        assert -1 not in places, f"{texts} in {said!r}"
        assert places == sorted(places), f"{texts} in {said!r}"
        assert all(said.count(text) == 1 for text in texts), said

    return check


def _turned_away(message: str = "Invalid input") -> Seen:
    """The gateway itself refuses."""
    body = {"error": {"message": message, "type": "invalid_request_error", "code": "invalid_request"}}
    return Seen(CHAT, False, json.dumps(body).encode(), 400)


def _accepted(
    client: Dialect, ask: dict[str, Any], check: Callable[[Dialect, Any], None], wrong: Any, label: str = ""
) -> list[Case[Any]]:
    """The request is taken whatever its upstream speaks, and its body passes the check. `wrong`: a body, or one for each."""
    return [
        case
        for upstream in ALL
        for case in (
            reaching(
                client,
                upstream,
                partial(check, upstream),
                [_of(upstream, wrong)],
                ask=ask,
                label=label,
            ),
            through(client, upstream, None, _is_answered, [_turned_away()], stream=False, ask=ask, label=f"{label}-taken"),
        )
    ]


def _of(upstream: Dialect, wrong: Any) -> Any:
    return wrong[upstream] if is_object(wrong) and upstream in wrong else wrong


def _is_answered(seen: Seen) -> None:
    assert seen.status == 200, seen.body
    assert len(seen.asked) == 1


# Items and parts of Responses histories

_SEARCH: list[dict[str, Any]] = [
    {"type": "tool_search_call", "call_id": "s", "execution": "client", "status": "completed", "arguments": {"query": "x"}},
    {"type": "tool_search_output", "call_id": "s", "execution": "client", "status": "completed", "tools": []},
]


def _search_kept(upstream: Dialect, body: Any) -> None:
    if upstream == RESPONSES:
        assert body["input"] == [_USER, *_SEARCH, {"role": "user", "content": "on"}]
    else:
        _said("go", "on")(body)


test_F055_a_tool_search_is_history = fault(
    *_accepted(
        RESPONSES,
        {"input": [_USER, *_SEARCH, {"role": "user", "content": "on"}]},
        _search_kept,
        {"input": [_USER], "messages": [_USER]},
    )
)


def _both_texts(upstream: Dialect, body: Any) -> None:
    ((call_id, output),) = results_in(upstream, body)
    assert call_id == "call_1"
    assert texts_in({"content": output}) in (["made", "typed"], ["made\n\ntyped"])


_PARTS: list[dict[str, Any]] = [
    {"type": "output_text", "text": "made", "annotations": []},
    {"type": "input_text", "text": "typed"},
]

test_F058_outputs_take_output_text_and_input_text = fault(
    *_accepted(
        RESPONSES,
        round_of_calls(RESPONSES, Called("call_1", "f", "{}"), results=[("call_1", _PARTS)]),
        _both_texts,
        {one: round_of_calls(one, Called("call_1", "f", "{}"), results=[("call_1", "typed")]) for one in ALL},
    )
)


def _no_blob(upstream: Dialect, body: Any) -> None:
    """RULES has it that an item with the state of another vendor is left out whole."""
    assert "gAAAA" not in json.dumps(body), "a blob of another vendor"
    assert all(item.get("type") != "reasoning" for item in (items_in(body) if "input" in body else ())), "a shell"
    _said("go", "on")(body)


_SHELL: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
_SEALED = {**_SHELL, "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAAA"}


def _elsewhere(upstream: Dialect) -> Case[Any]:
    return reaching(
        RESPONSES,
        upstream,
        lambda body: _no_blob(upstream, body),
        [
            {"input": [_USER, _SEALED, {"role": "user", "content": "on"}]},
            {"input": [_USER, _SHELL, {"role": "user", "content": "on"}]},
        ],
        ask={"input": [_USER, _SEALED, {"role": "user", "content": "on"}]},
        catalogue=catalogue("vendor: vllm"),
    )


test_F144_reasoning_sealed_for_another_vendor_is_no_error = fault(*[_elsewhere(upstream) for upstream in ALL])


_EASY: list[dict[str, Any]] = [
    _USER,
    {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
    {"role": "assistant", "content": "ho"},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "on"}]},
]

test_F146_assistant_messages_in_the_easy_form = fault(
    *_accepted(RESPONSES, {"input": _EASY}, lambda _, body: _said("go", "hi", "ho", "on")(body), {"messages": [_USER]})
)


def _without_summary(upstream: Dialect, body: Any) -> None:
    _said("go", "on")(body)
    if upstream == RESPONSES:
        (item,) = [item for item in items_in(body) if item.get("type") == "reasoning"]
        assert item["summary"] == [], "OpenAI demands the field"
        assert item["encrypted_content"] == "gAAAA"


test_F147_reasoning_without_a_summary = fault(
    *_accepted(
        RESPONSES,
        {"input": [_USER, {"type": "reasoning", "encrypted_content": "gAAAA"}, {"role": "user", "content": "on"}]},
        _without_summary,
        {"input": [_USER], "messages": [_USER]},
    )
)


# Fields and blocks of Messages


def _typed_tool(upstream: Dialect, body: Any) -> None:
    names = [(tool.get("function") or tool).get("name") for tool in body.get("tools") or ()]
    assert names == (["web_search", "bash"] if upstream == MESSAGES else ["bash"])
    for tool in body["tools"]:
        assert upstream == MESSAGES or "parameters" in (tool.get("function") or tool)


_TYPED = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}, {"type": "bash_20250124", "name": "bash"}]

test_F062_typed_tools_need_no_schema = fault(*_accepted(MESSAGES, {"tools": _TYPED}, _typed_tool, {"tools": []}))


_ON: dict[str, Any] = {"role": "user", "content": "on"}
_LATER: dict[str, Any] = {"role": "system", "content": "be brief"}
_LATER_PARTS: dict[str, Any] = {"role": "system", "content": [{"type": "text", "text": "be brief"}]}


def _mid(turn: dict[str, Any]) -> dict[str, Any]:
    return {"system": "top", "messages": [_USER, {"role": "assistant", "content": "ok"}, turn, _ON]}


def _in_place(_: Dialect, body: Any) -> None:
    _said("top", "go", "ok", "be brief", "on")(body)


_MOVED = {"system": "top", "messages": [_LATER, _USER, {"role": "assistant", "content": "ok"}, _ON]}
_DROPPED = {"system": "top", "messages": [_USER, {"role": "assistant", "content": "ok"}, _ON]}


def _folded(upstream: Dialect, rule: str) -> Case[Any]:
    def check(body: Any) -> None:
        _in_place(upstream, body)
        later = [m for m in body.get("messages") or items_in(body) if "be brief" in json.dumps(m)]
        assert [message["role"] for message in later] == ["user"]

    kept = _mid(_LATER)
    rules = quirky(f"system_role: {rule}")
    return reaching(MESSAGES, upstream, check, [kept, _MOVED], ask=kept, catalogue=rules, label=rule)


test_F137_a_later_system_message_keeps_its_place = fault(
    *_accepted(MESSAGES, _mid(_LATER), _in_place, _MOVED),
    *[_folded(upstream, rule) for upstream in ALL for rule in ("fold_later", "fold")],
)
_LONE = {"messages": [_USER]}

test_F138_a_system_message_right_away = fault(
    *_accepted(MESSAGES, {"messages": [_USER, _LATER]}, lambda _, body: _said("go", "be brief")(body), _LONE),
    *_accepted(MESSAGES, {"messages": [_LATER, _USER]}, lambda _, body: _said("be brief", "go")(body), _LONE),
)
test_F139_a_system_message_of_parts = fault(*_accepted(MESSAGES, _mid(_LATER_PARTS), _in_place, _DROPPED))

_MANAGED = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}


def _managed(upstream: Dialect, body: Any) -> None:
    assert body.get("context_management") == (_MANAGED if upstream == MESSAGES else None)
    _said("hi")(body)


test_F141_context_management = fault(
    *_accepted(MESSAGES, {"context_management": _MANAGED}, _managed, {"messages": [], "context_management": {}})
)

_WISHES: dict[str, dict[str, Any]] = {
    "adaptive": {"type": "adaptive", "display": "omitted"},
    "disabled": {"type": "disabled"},
    "enabled": {"type": "enabled", "budget_tokens": 2000},
    "between_tools": {"type": "between_tools"},
}


def _thinks(wish: dict[str, Any]) -> Callable[[Dialect, Any], None]:
    def check(upstream: Dialect, body: Any) -> None:
        if upstream == MESSAGES:
            assert body["thinking"] == wish
        elif wish["type"] == "enabled":
            told = body.get("reasoning", {}).get("effort") if upstream == RESPONSES else body.get("reasoning_effort")
            assert told == "low"
        elif upstream == RESPONSES:
            wanted: dict[str, Any] = {"adaptive": None, "disabled": {"effort": "none"}, "between_tools": {"summary": "auto"}}
            assert body.get("reasoning") == wanted[wish["type"]]
        assert upstream == MESSAGES or "thinking" not in body

    return check


test_F142_every_type_of_thinking = fault(
    *[
        case
        for name, wish in _WISHES.items()
        for case in _accepted(MESSAGES, {"thinking": wish}, _thinks(wish), {"thinking": {"type": "auto"}}, name)
    ]
)
