"""Messages requests: together they have every field."""

from __future__ import annotations

from typing import Any

from tests.fields.example import Example, by_area, lines
from tests.fields.wishes import ROUTING

USER: dict[str, Any] = {"role": "user", "content": "hello"}
CONTROL: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PNG = "iVBORw0KGgozqpng"
PDF = "JVBERi0zqpdf"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"zqproperty": {"type": "string"}}, "additionalProperties": False}
LOOK: dict[str, Any] = {"name": "zqlook", "input_schema": SCHEMA}
_SCOPED: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "zqscope"}}


def request(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The messages, or a word of the user's where there are none."""
    return {"model": "zqmodel", "max_tokens": 2345, "messages": list(messages or (USER,)), **fields}


def _said(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def _text(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": f"zq{name}", **more}


CITATIONS: list[dict[str, Any]] = [
    {
        "type": "char_location",
        "cited_text": "zqcited",
        "document_index": 1234,
        "document_title": "zqtitle",
        "start_char_index": 2345,
        "end_char_index": 3456,
        "file_id": "zqfile",
    },
    {
        "type": "page_location",
        "cited_text": "zqcited",
        "document_index": 1234,
        "document_title": "zqtitle",
        "start_page_number": 2345,
        "end_page_number": 3456,
        "file_id": "zqfile",
    },
    {
        "type": "content_block_location",
        "cited_text": "zqcited",
        "document_index": 1234,
        "document_title": "zqtitle",
        "start_block_index": 2345,
        "end_block_index": 3456,
        "file_id": "zqfile",
    },
    {
        "type": "web_search_result_location",
        "cited_text": "zqcited",
        "encrypted_index": "zqindex",
        "title": "zqtitle",
        "url": "https://zqhost",
    },
    {
        "type": "search_result_location",
        "cited_text": "zqcited",
        "search_result_index": 1234,
        "source": "zqsource",
        "start_block_index": 2345,
        "end_block_index": 3456,
        "title": "zqtitle",
    },
]
_IMAGE: dict[str, Any] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
_SEARCH_RESULT: dict[str, Any] = {
    "type": "search_result",
    "source": "zqsource",
    "title": "zqtitle",
    "content": [_text("found")],
    "citations": {"enabled": True},
    **CONTROL,
}


def _document(source: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **fields}


_PDF = _document({"type": "base64", "media_type": "application/pdf", "data": PDF}, title="zqtitle")
_PARTS: tuple[dict[str, Any], ...] = (
    _text("said", **CONTROL),
    {**_IMAGE, "transformations": {"oversized_image": "error"}, **CONTROL},
    {"type": "image", "source": {"type": "url", "url": "https://zqhost/a.png"}},
    {"type": "image", "source": {"type": "file", "file_id": "zqfile"}},
    {**_PDF, "context": "zqcontext", "citations": {"enabled": True}, **CONTROL},
    _document({"type": "text", "media_type": "text/plain", "data": "zqtext"}, title="zqtitle", context="zqcontext"),
    _document({"type": "content", "content": "zqtext"}),
    _document({"type": "content", "content": [_text("text"), _text("more")]}),
    _document({"type": "content", "content": [_text("text"), _IMAGE]}),
    _document({"type": "url", "url": "https://zqhost/a.pdf"}),
    _document({"type": "file", "file_id": "zqfile"}),
    _SEARCH_RESULT,
)
_CALL: dict[str, Any] = {
    "type": "tool_use",
    "id": "zqcall1",
    "name": "zqlook",
    "input": {"zqkey": 1},
    "toolset_name": "zqset",
}
_RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "zqcall1", "content": "zqdone", "toolset_name": "zqset"}
_TABS: dict[str, Any] = {
    "type": "browser_state",
    "tabs": [{"tab_id": 1234, "title": "zqtitle", "url": "zqurl", "active": True}],
    "state_changes": [
        {"type": "tab_opened", "tab_id": 1234},
        {"type": "download_started", "download_id": "zqdownload", "url": "zqurl"},
        {"type": "download_completed", "download_id": "zqdownload", "url": "zqurl", "path": "zqpath", "size_bytes": 1234},
        {"type": "download_failed", "download_id": "zqdownload", "url": "zqurl", "error": "zqerror"},
    ],
    **CONTROL,
}
_FOUND: tuple[dict[str, Any], ...] = (
    {"type": "image", "source": {"type": "url", "url": "https://zqhost/a.png"}},
    _text("found", **CONTROL),
    _IMAGE,
    _PDF,
    _SEARCH_RESULT,
    {"type": "tool_reference", "tool_name": "zqtool", **CONTROL},
    _TABS,
)

_SAMPLING = (request(temperature=0.4321, top_p=0.8765, top_k=1234, stop_sequences=["zqstop"]),)

_CHANGES: tuple[dict[str, Any], ...] = tuple(
    {"type": kind, "tool": {"type": "tool_reference", "name": "zqname"}} for kind in ("tool_addition", "tool_removal")
)

_MESSAGES = (
    request(system="zqsystem"),
    request(system=[_text("system", **_SCOPED)]),
    request(system=[_text("system", citations=CITATIONS)]),
    request({"role": "user", "content": "zquser"}, {"role": "assistant", "content": "zqanswer"}, USER),
    request(USER, _said(_text("answer", citations=CITATIONS, **CONTROL), role="assistant"), USER),
    request(USER, _said(_text("saw"), _IMAGE, _PDF, _SEARCH_RESULT, role="assistant"), USER),
    request(USER, _said({"type": "tool_result", "tool_use_id": "zqcall1", "content": "zqdone"}, role="assistant"), USER),
    request(USER, {"role": "system", "content": "zqlater"}),
    *(request(USER, _said(_text("changed"), *_CHANGES, role=role), USER) for role in ("user", "system")),
    request(
        USER, {**_said(_text("later"), role="system"), "clear_at": "next_user_message", "output_config": {"effort": "max"}}
    ),
)

_HISTORY = (
    request(
        USER,
        _said(_text("before"), {**_CALL, **CONTROL}, role="assistant"),
        _said({**_RESULT, "is_error": True, **CONTROL}),
        tools=[LOOK],
    ),
    *(
        request(USER, _said({**_CALL, "caller": caller}, role="assistant"), _said(_RESULT, _text("next")))
        for caller in (
            {"type": "direct"},
            {"type": "code_execution_20250825", "tool_id": "zqcaller"},
            {"type": "code_execution_20260120", "tool_id": "zqcaller"},
        )
    ),
    *(request(USER, _said(_CALL, role="assistant"), _said({**_RESULT, "content": [part]})) for part in _FOUND),
    request(
        USER,
        _said({"type": "thinking", "thinking": "zqthought", "signature": "zqsignature"}, _text("hi"), role="assistant"),
        USER,
    ),
    request(USER, _said({"type": "redacted_thinking", "data": "zqblob"}, _text("hi"), role="assistant"), USER),
)

_TOOLS = (
    request(
        tools=[
            {
                **LOOK,
                "type": "custom",
                "description": "zqlooks",
                "strict": True,
                "allowed_callers": ["code_execution_20260120"],
                "defer_loading": True,
                "eager_input_streaming": True,
                "input_examples": [{"zqkey": 1}],
                **CONTROL,
            }
        ],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    ),
    request(tools=[LOOK], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    request(tools=[LOOK], tool_choice={"type": "tool", "name": "zqlook", "disable_parallel_tool_use": True}),
    request(tools=[LOOK], tool_choice={"type": "none"}),
    request(plugins=[{"id": "web_search", "events": True}], hi_tool_events=True),
)

_BOUND: dict[str, Any] = {"block_binding": {"prefix_mismatch_behavior": "error"}}

_ANSWER = (
    request(output_config={"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}}),
    request(output_config={"task_budget": {"type": "tokens", "total": 2345, "remaining": 1234}}),
    request(
        thinking={
            "type": "enabled",
            "budget_tokens": 1234,
            "display": "omitted",
            **_BOUND,
        }
    ),
    request(thinking={"type": "adaptive", "display": "summarized", **_BOUND}),
    request(thinking={"type": "between_tools"}),
    request(thinking={"type": "disabled"}),
)

_ACCOUNT = (
    request(
        service_tier="standard_only",
        inference_geo="zqgeo",
        speed="fast",
        user_profile_id="zqprofile",
        workspace_id="zqworkspace",
        betas=["zqbeta"],
        billing_policy={"type": "billing_policy", "bill_to": "zqpayer"},
        fallback_credit_token={"token": "zqcredit", "mode": "zqmode"},
        diagnostics={"previous_message_id": "zqprevious"},
        **_SCOPED,
    ),
    request(metadata={"user_id": "zquser"}),
    request(stream=True),
    request(
        container={"id": "zqcontainer", "skills": [{"type": "anthropic", "skill_id": "zqskill", "version": "zqversion"}]},
        mcp_servers=[
            {
                "type": "url",
                "name": "zqserver",
                "url": "https://zqhost",
                "authorization_token": "zqsecret",
                "tool_configuration": {"allowed_tools": ["zqtool"], "enabled": True},
            }
        ],
        fallbacks=[
            {
                "model": "zqother",
                "max_tokens": 1234,
                "speed": "fast",
                "output_config": {"effort": "low"},
                "thinking": {"type": "adaptive"},
            }
        ],
    ),
    request(
        compaction={"type": "summarize", "instructions": "zqinstructions"},
        context_management={
            "edits": [
                {
                    "type": "clear_tool_uses_20250919",
                    "clear_at_least": {"type": "input_tokens", "value": 1234},
                    "clear_tool_inputs": True,
                    "exclude_tools": ["zqtool"],
                    "keep": {"type": "tool_uses", "value": 1234},
                    "trigger": {"type": "input_tokens", "value": 2345},
                },
                {"type": "clear_tool_uses_20250919", "trigger": {"type": "tool_uses", "value": 1234}},
                {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1234}},
                {"type": "clear_thinking_20251015", "keep": {"type": "all"}},
                {
                    "type": "compact_20260112",
                    "instructions": "zqinstructions",
                    "pause_after_compaction": True,
                    "trigger": {"type": "input_tokens", "value": 2345},
                },
            ]
        },
    ),
)

_STORED = (
    request(thread={"type": "create"}),
    request(thread={"type": "continue", "previous_message_id": "zqprevious"}),
    request(response_format={"type": "json_object"}),
)

EXAMPLES: tuple[Example, ...] = by_area(
    {
        "Sampling": _SAMPLING,
        "System and messages": _MESSAGES,
        "Content blocks": [request(_said(part, _text("look"))) for part in _PARTS],
        "Calls, results and reasoning of earlier turns": _HISTORY,
        "Blocks of server tools": [
            request(USER, _said(block, _text("hi"), role="assistant"), USER) for block in lines("messages_blocks.jsonl")
        ],
        "Tools": _TOOLS,
        "Typed tools": [request(tools=[tool, LOOK]) for tool in lines("messages_tools.jsonl")],
        "The shape of the answer": _ANSWER,
        "Account and service": _ACCOUNT,
        "Who serves": [request(**wishes) for wishes in ROUTING],
        "What would have to be stored": _STORED,
    }
)
