"""Faults of area tools: what is declared, and which tool may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.bodies import SCHEMA, names_of_tools, quirky, tool_fields
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, reaching, refused, through
from tests.support.bench import catalogue

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F047: a choice among some of the tools


def _allowed(client: Dialect) -> dict[str, Any]:
    fields = tool_fields(client, "a", "b", "c")
    chosen: list[dict[str, Any]] = [{"type": "function", "name": name} for name in ("a", "c")]
    if client == RESPONSES:
        return {**fields, "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": chosen}}
    nested = [{"type": "function", "function": {"name": tool["name"]}} for tool in chosen]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": nested}}
    return {**fields, "tool_choice": choice}


def _may_call_a_and_c(upstream: Dialect, listed: bool) -> Any:
    def check(body: Any) -> None:
        choice = body["tool_choice"]
        if not listed:
            assert names_of_tools(upstream, body) == ["a", "c"]
            assert choice in ("required", {"type": "any"})
            return
        assert names_of_tools(upstream, body) == ["a", "b", "c"]
        asked = _allowed(upstream)["tool_choice"]
        assert choice == asked

    return check


def _choice_emptied(upstream: Dialect) -> dict[str, Any]:
    return {**tool_fields(upstream, "a", "b", "c"), "tool_choice": {"type": "allowed_tools", "function": {"name": ""}}}


_LISTED: list[tuple[Dialect, Dialect, bool]] = [
    (CHAT, CHAT, True),
    (CHAT, CHAT, False),
    (CHAT, RESPONSES, True),
    (CHAT, MESSAGES, False),
    (RESPONSES, CHAT, False),
    (RESPONSES, RESPONSES, True),
    (RESPONSES, MESSAGES, False),
]
"""Whether the list goes out as it is; else the tools are narrowed to it."""

test_F047_a_choice_of_allowed_tools_arrives = fault(
    *[
        reaching(
            client,
            upstream,
            _may_call_a_and_c(upstream, listed),
            [_choice_emptied(upstream), {**tool_fields(upstream, "a", "b", "c"), "tool_choice": "auto"}],
            ask=_allowed(client),
            catalogue=quirky("tool_choice: no_named") if not listed and client == upstream else None,
            label="verbatim" if client == upstream and listed else "",
        )
        for client, upstream, listed in _LISTED
    ]
)


# F051: a freeform tool where there is none


def _freeform(client: Dialect) -> dict[str, Any]:
    custom = {"name": "patch", "description": "Patches.", "format": {"type": "text"}}
    return {"tools": [{"type": "custom", **custom} if client == RESPONSES else {"type": "custom", "custom": custom}]}


def _takes_one_string(body: Any) -> None:
    (tool,) = body["tools"]
    function = tool.get("function") or tool
    schema = function.get("parameters") or function.get("input_schema")
    assert function["name"] == "patch"
    assert schema.get("required") == ["input"], schema
    assert schema["properties"]["input"]["type"] == "string"


def _empty_schema(upstream: Dialect) -> dict[str, Any]:
    nothing: dict[str, Any] = {"type": "object", "properties": {}}
    if upstream == MESSAGES:
        return {"tools": [{"name": "patch", "input_schema": nothing}]}
    return {"tools": [{"type": "function", "function": {"name": "patch", "parameters": nothing}}]}


_WITHOUT_FREEFORM: list[tuple[Dialect, Dialect]] = [(RESPONSES, CHAT), (RESPONSES, MESSAGES), (CHAT, MESSAGES)]

test_F051_a_freeform_tool_takes_one_string = fault(
    *[
        reaching(client, upstream, _takes_one_string, [_empty_schema(upstream)], ask=_freeform(client))
        for client, upstream in _WITHOUT_FREEFORM
    ]
)


# F057: tools in a namespace

_MEMBERS = [{"type": "function", "name": name, "parameters": SCHEMA} for name in ("read", "write")]
_NAMESPACE: dict[str, Any] = {"type": "namespace", "name": "mcp__fs", "description": "Files.", "tools": _MEMBERS}
_WITH_NAMESPACE = {"tools": [{"type": "function", "name": "read", "parameters": SCHEMA}, _NAMESPACE]}


def _every_tool_has_a_name_of_its_own(upstream: Dialect) -> Any:
    def check(body: Any) -> None:
        assert names_of_tools(upstream, body) == ["read", "mcp__fs__read", "mcp__fs__write"]
        if upstream == CHAT:
            assert {tool["type"] for tool in body["tools"]} == {"function"}
        else:
            assert all(tool["input_schema"]["type"] == "object" for tool in body["tools"])

    return check


test_F057_tools_of_a_namespace_are_flattened = fault(
    *[
        reaching(
            RESPONSES,
            upstream,
            _every_tool_has_a_name_of_its_own(upstream),
            [{"tools": [tool_fields(upstream, "read")["tools"][0], _NAMESPACE]}, tool_fields(upstream, "read")],
            ask=_WITH_NAMESPACE,
        )
        for upstream in (CHAT, MESSAGES)
    ]
)


# F061: hosted tools that the backend does not run

_HOSTED: dict[Dialect, list[dict[str, Any]]] = {
    CHAT: [{"type": "web_search"}],
    RESPONSES: [{"type": "web_search"}, {"type": "web_search_preview"}, {"type": "file_search", "vector_store_ids": ["v"]}],
    MESSAGES: [{"type": "web_search_20250305", "name": "web_search"}, {"type": "code_execution_20250825", "name": "code"}],
}


def _none_hosted(count: int) -> Any:
    def check(seen: Seen) -> None:
        (asked,) = seen.asked
        assert seen.status == 200, seen.body
        assert b"search" not in asked
        assert b"code" not in asked
        assert b'"f"' in asked, "the caller's own tool went too"
        assert int(seen.headers["x-hyperinfer-loss"]) == count, "dropped without a word"

    return check


def _hosted(client: Dialect, upstream: Dialect) -> list[Case[Seen]]:
    """Dropped with a loss each; refused under strict."""
    ask = {"tools": [*tool_fields(client, "f")["tools"], *_HOSTED[client]]}
    sent = b'{"tools": [{"name": "f"}, {"type": "web_search_20250305", "name": "web_search"}]}'
    wrong = [
        Seen(client, False, asked=[sent], headers={"x-hyperinfer-loss": "0"}),
        Seen(client, False, asked=[b'{"tools": [{"name": "f"}]}'], headers={"x-hyperinfer-loss": "0"}),
    ]
    return [
        through(client, upstream, None, _none_hosted(len(_HOSTED[client])), wrong, stream=False, ask=ask),
        through(
            client,
            upstream,
            None,
            lambda seen: refused(seen, 400, "invalid_request"),
            wrong,
            stream=False,
            ask=ask,
            headers={"x-hyperinfer-strict": "true"},
            label="strict",
        ),
    ]


def _searches(upstream: Dialect) -> Any:
    def check(body: Any) -> None:
        kinds = [tool["type"] for tool in body["tools"]]
        assert kinds == ["web_search" if upstream == RESPONSES else "web_search_20250305"]

    return check


_NOT_RUN: list[tuple[Dialect, Dialect]] = [
    (CHAT, MESSAGES),
    (CHAT, RESPONSES),
    (RESPONSES, CHAT),
    (RESPONSES, RESPONSES),
    (RESPONSES, MESSAGES),
    (MESSAGES, CHAT),
    (MESSAGES, RESPONSES),
]
_RUN: list[tuple[Dialect, Dialect, str]] = [
    (RESPONSES, RESPONSES, "web_search"),
    (RESPONSES, MESSAGES, "web_search_20250305"),
    (RESPONSES, MESSAGES, "web_search"),
    (MESSAGES, MESSAGES, "web_search_20250305"),
    (MESSAGES, RESPONSES, "web_search"),
]

test_F061_hosted_tools_stay_away_from_backends_without_them = fault(
    *[case for client, upstream in _NOT_RUN for case in _hosted(client, upstream)],
    *[
        reaching(
            client,
            upstream,
            _searches(upstream),
            [{"tools": [{"type": "function", "name": "web_search"}]}],
            ask={"tools": _HOSTED[client][:1]},
            catalogue=catalogue(f"native_tools: [{kind}]"),
            label="run-by-the-route",
        )
        for client, upstream, kind in _RUN
    ],
)


# F167: no tool at all


def _no_calls(body: Any) -> None:
    assert not body.get("tools") or body.get("tool_choice") in ("none", {"type": "none"}), body.get("tool_choice")


test_F167_a_choice_of_none_stays_none = fault(
    *[
        reaching(
            client,
            upstream,
            _no_calls,
            [{**tool_fields(upstream, "a"), "tool_choice": wrong} for wrong in ("auto", {"type": "auto"})],
            ask={**tool_fields(client, "a"), "tool_choice": {"type": "none"} if client == MESSAGES else "none"},
            catalogue=quirky(f"tool_choice: {ability}"),
            label=ability,
        )
        for client in ALL
        for upstream in ALL
        for ability in ("full", "no_named", "auto")
    ]
)
