"""Responses requests: together they have every field."""

from __future__ import annotations

from typing import Any

from tests.fields.example import Example, by_area, lines
from tests.fields.wishes import ROUTING

USER: dict[str, Any] = {"type": "message", "role": "user", "content": "hello"}
BREAKPOINT: dict[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}
CONTROL: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PNG = "data:image/png;base64,iVBORw0KGgozqpng"
PDF = "data:application/pdf;base64,JVBERi0zqpdf"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"zqproperty": {"type": "string"}}, "additionalProperties": False}
FUTURE: dict[str, Any] = {
    "async": True,
    "allowed_callers": ["programmatic"],
    "defer_loading": True,
}
LOOK: dict[str, Any] = {"type": "function", "name": "zqlook"}
_RICH: dict[str, Any] = {
    **LOOK,
    "description": "zqlooks",
    "parameters": SCHEMA,
    "strict": True,
    "output_schema": SCHEMA,
}


def request(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The items, or a word of the user's where there are none."""
    return {"model": "zqmodel", "input": list(items or (USER,)), **fields}


def _said(role: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **fields}


def _text(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": f"zq{name}", **more}


_PARTS: tuple[dict[str, Any], ...] = (
    {"type": "input_image", "image_url": PNG, "detail": "high", **BREAKPOINT},
    {"type": "input_image", "image_url": "https://zqhost/a.png", "detail": "low", **CONTROL},
    {"type": "input_image", "file_id": "zqfile", "detail": "auto"},
    {"type": "input_file", "file_data": PDF, "filename": "zqname.pdf", "detail": "high", **BREAKPOINT},
    {"type": "input_file", "file_url": "https://zqhost/a.pdf", **CONTROL},
    {"type": "input_file", "file_id": "zqfile"},
    {"type": "input_audio", "input_audio": {"data": "zqdata", "format": "mp3"}},
)
ANNOTATIONS: list[dict[str, Any]] = [
    {"type": "file_citation", "file_id": "zqfile", "filename": "zqname", "index": 1234},
    {"type": "url_citation", "url": "https://zqhost", "title": "zqtitle", "start_index": 2345, "end_index": 3456},
    {
        "type": "container_file_citation",
        "container_id": "zqcontainer",
        "file_id": "zqfile",
        "filename": "zqname",
        "start_index": 2345,
        "end_index": 3456,
    },
    {"type": "file_path", "file_id": "zqfile", "index": 1234},
]
_LOGPROB: dict[str, Any] = {"token": "zqtoken", "logprob": -1234.5, "bytes": [1234]}
LOGPROBS = [{**_LOGPROB, "top_logprobs": [_LOGPROB]}]
_CALLER: dict[str, Any] = {"type": "program", "caller_id": "zqcaller"}
_CALL: dict[str, Any] = {
    "type": "function_call",
    "id": "fc_zq1",
    "call_id": "zqcall1",
    "name": "zqlook",
    "arguments": '{"zqkey": 1}',
    "status": "incomplete",
}
_CUSTOM: dict[str, Any] = {
    "type": "custom_tool_call",
    "id": "ctc_zq1",
    "call_id": "zqcall1",
    "name": "zqpatch",
    "input": "zqinput",
}
_RESULT: dict[str, Any] = {
    "type": "function_call_output",
    "id": "fc_zq2",
    "call_id": "zqcall1",
    "output": "zqdone",
    "name": "zqlook",
    "status": "incomplete",
}
_CUSTOM_RESULT: dict[str, Any] = {
    "type": "custom_tool_call_output",
    "id": "ctc_zq2",
    "call_id": "zqcall1",
    "name": "zqpatch",
    "output": "zqdone",
}

_SAMPLING = (
    request(
        max_output_tokens=2345, temperature=0.4321, top_p=0.8765, top_logprobs=3, truncation="auto", max_tool_calls=1234
    ),
)

_MESSAGES = (
    {"model": "zqmodel", "input": "zqhello", "instructions": "zqinstructions"},
    request({"role": "user", "content": "zqhello"}),
    request(_said("system", _text("system", **BREAKPOINT), id="msg_zq1"), USER),
    request(_said("developer", _text("developer", **CONTROL)), USER),
    request(USER, _said("assistant", {"type": "output_text", "text": "zqhi"}), _said("developer", _text("later")), USER),
    request(_said("user", _text("said", **BREAKPOINT), _text("marked", **CONTROL), status="incomplete")),
    request(
        USER,
        _said(
            "assistant",
            {"type": "output_text", "text": "zqanswer", "annotations": ANNOTATIONS, "logprobs": LOGPROBS},
            {"type": "refusal", "refusal": "zqrefusal"},
            id="msg_zq1",
            phase="commentary",
            status="incomplete",
        ),
        USER,
    ),
    request(USER, {"type": "item_reference", "id": "zqreference"}),
)

_TOOL_HISTORY = (
    request(USER, _CALL, _RESULT, tools=[{**LOOK, "strict": True}]),
    request(USER, _CUSTOM, _CUSTOM_RESULT, tools=[{"type": "custom", "name": "zqpatch"}]),
    *(
        request(USER, {**call, "async": True, "caller": caller}, {**result, "caller": caller}, USER)
        for call, result in ((_CALL, _RESULT), (_CUSTOM, _CUSTOM_RESULT))
        for caller in (_CALLER, {"type": "direct"})
    ),
    *(
        request(
            USER,
            {**call, "namespace": "zqspace"},
            {**result, "namespace": "zqspace"},
            tools=[{"type": "namespace", "name": "zqspace", "description": "zqtools", "tools": [tool]}],
        )
        for call, result, tool in (
            (_CALL, _RESULT, {**LOOK, "strict": True}),
            (_CUSTOM, _CUSTOM_RESULT, {"type": "custom", "name": "zqpatch"}),
        )
    ),
    *(
        request(USER, call, {**result, "output": [_text("found", **BREAKPOINT)]})
        for call, result in ((_CALL, _RESULT), (_CUSTOM, _CUSTOM_RESULT))
    ),
    *(
        request(USER, call, {**result, "output": [part]})
        for call, result in ((_CALL, _RESULT), (_CUSTOM, _CUSTOM_RESULT))
        for part in _PARTS
        if part["type"] != "input_audio"
    ),
    request(
        USER,
        {
            "type": "reasoning",
            "id": "rs_zq1",
            "summary": [{"type": "summary_text", "text": "zqsummary"}],
            "content": [{"type": "reasoning_text", "text": "zqthought"}],
            "encrypted_content": "zqblob",
            "status": "incomplete",
        },
        _said("assistant", {"type": "output_text", "text": "hi"}),
        USER,
    ),
)

_TOOLS = (
    request(
        tools=[
            {**_RICH, **FUTURE},
            {
                "type": "custom",
                "name": "zqpatch",
                "description": "zqpatches",
                "format": {"type": "grammar", "syntax": "lark", "definition": "zqgrammar"},
                **FUTURE,
            },
            {"type": "custom", "name": "zqwrite", "format": {"type": "text"}},
        ],
        tool_choice="required",
        parallel_tool_calls=False,
    ),
    request(
        tools=[
            {
                "type": "namespace",
                "name": "zqspace",
                "description": "zqtools",
                "tools": [
                    {
                        **LOOK,
                        "description": "zqlooks",
                        "parameters": SCHEMA,
                        "strict": True,
                        "output_schema": SCHEMA,
                        **FUTURE,
                    },
                    {"type": "custom", "name": "zqpatch", "description": "zqpatches", **FUTURE},
                ],
            }
        ]
    ),
    request(tools=[LOOK], tool_choice={"type": "function", "name": "zqlook"}),
    request(tools=[{"type": "custom", "name": "zqpatch"}], tool_choice={"type": "custom", "name": "zqpatch"}),
    request(tools=[LOOK], tool_choice={"type": "allowed_tools", "mode": "required", "tools": [LOOK]}),
    *(
        request(tools=[LOOK], tool_choice=choice)
        for choice in (
            {"type": "file_search"},
            {"type": "mcp", "server_label": "zqlabel", "name": "zqname"},
            {"type": "programmatic_tool_calling"},
            {"type": "apply_patch"},
            {"type": "shell"},
        )
    ),
    request(tools=[{"type": "web_search", "events": True}], hi_tool_events=True),
)

_ANSWER = (
    request(
        text={
            "format": {
                "type": "json_schema",
                "name": "zqname",
                "description": "zqdescribed",
                "schema": SCHEMA,
                "strict": True,
            },
            "verbosity": "low",
        }
    ),
    request(text={"format": {"type": "json_object"}}),
    request(text={"format": {"type": "text"}}),
    request(reasoning={"effort": "high", "summary": "detailed", "context": "all_turns", "mode": "pro"}),
    request(reasoning={"generate_summary": "detailed"}),
    request(include=["file_search_call.results"]),
    request(image={"context_compression": "high"}),
)

_ACCOUNT = (
    request(
        metadata={"zqkey": "zqvalue"},
        prompt_cache_key="zqcache",
        prompt_cache_retention="24h",
        prompt_cache_options={
            "mode": "explicit",
            "ttl": "30m",
            "prewarm": True,
            "comparison_response_id": "zqcomparison",
        },
        moderation={"model": "zqmoderator", "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}}},
        service_tier="flex",
        store=True,
        access_programs={"cyber": "zqprogram"},
        context_management=[{"type": "compaction", "compact_threshold": 2345}],
        client_metadata={"zqkey": "zqvalue"},
    ),
    request(user="zquser"),
    request(safety_identifier="zquser"),
    request(stream=True, stream_options={"include_obfuscation": True}),
)

_STORED = (
    request(previous_response_id="zqprevious"),
    request(conversation="zqconversation"),
    request(conversation={"id": "zqconversation"}),
    request(background=True),
    request(background_options={"completion_window": "24h", "continuation_id": "zqcontinuation"}),
    request(prompt={"id": "zqprompt", "version": "zqversion", "variables": {"zqvariable": "zqvalue"}}),
)

EXAMPLES: tuple[Example, ...] = by_area(
    {
        "Sampling": _SAMPLING,
        "Messages": _MESSAGES,
        "Content parts": [request(_said("user", part)) for part in _PARTS],
        "Calls, results and reasoning of earlier turns": _TOOL_HISTORY,
        "Other items": [request(USER, item, USER) for item in lines("responses_items.jsonl")],
        "Tools": _TOOLS,
        "Hosted tools": [request(tools=[LOOK, tool]) for tool in lines("responses_tools.jsonl")],
        "The shape of the answer": _ANSWER,
        "Account and service": _ACCOUNT,
        "Who serves": [request(**wishes) for wishes in ROUTING],
        "What would have to be stored": _STORED,
    }
)
