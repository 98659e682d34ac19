"""Chat requests: together they have every field."""

from __future__ import annotations

from typing import Any

from tests.fields.example import Example, by_area
from tests.fields.wishes import ROUTING

USER: dict[str, Any] = {"role": "user", "content": "hello"}
BREAKPOINT: dict[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}
CONTROL: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PNG = "data:image/png;base64,iVBORw0KGgozqpng"
PDF = "data:application/pdf;base64,JVBERi0zqpdf"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"zqproperty": {"type": "string"}}, "additionalProperties": False}


def _request(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "zqmodel", "messages": list(messages or (USER,)), **fields}


def _text(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": f"zq{name}", **more}


def _said(role: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": list(parts), **fields}


_LOOK: dict[str, Any] = {
    "type": "function",
    "function": {"name": "zqlook", "description": "zqlooks", "parameters": SCHEMA, "strict": True},
    **CONTROL,
}
_PATCH: dict[str, Any] = {
    "type": "custom",
    "custom": {
        "name": "zqpatch",
        "description": "zqpatches",
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "zqgrammar"}},
    },
}
_FREE: dict[str, Any] = {"type": "custom", "custom": {"name": "zqwrite", "format": {"type": "text"}}}
_CALLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "id": "zqcall1",
        "index": 0,
        "function": {"name": "zqlook", "arguments": '{"zqkey": 1}'},
        "extra_content": {"google": {"thought_signature": "zqsignature"}},
    },
    {"type": "custom", "id": "zqcall2", "custom": {"name": "zqpatch", "input": "zqinput"}},
]
_LAST: dict[str, Any] = {"role": "user", "content": "go on"}


def _history(*answer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return _request(USER, *answer, _LAST, **fields)


_SAMPLING = (
    _request(
        max_completion_tokens=2345,
        temperature=0.4321,
        top_p=0.8765,
        top_k=1234,
        stop=["zqstop"],
        seed=4567,
        frequency_penalty=0.1239,
        presence_penalty=0.2348,
        logit_bias={"zqtoken": 5},
        logprobs=True,
        top_logprobs=3,
    ),
    _request(max_tokens=2345, stop="zqstop"),
    _request(n=2),
    _request(prediction={"type": "content", "content": "zqpredicted"}),
    _request(prediction={"type": "content", "content": [_text("predicted", **BREAKPOINT)]}),
)

_MESSAGES = (
    _request({"role": "system", "content": "zqsystem", "name": "zqname"}, USER),
    _request(
        _said("system", _text("system", **BREAKPOINT)), _said("developer", _text("developer", **CONTROL), name="zqname")
    ),
    _history({"role": "assistant", "content": "hi"}, {"role": "system", "content": "zqlater"}),
    _request({"role": "user", "content": "zquser", "name": "zqname", **CONTROL}),
    _history({"role": "assistant", "content": "zqanswer", "name": "zqname", "refusal": "zqrefusal", "id": "zqid"}),
    _history(_said("assistant", _text("answer", **BREAKPOINT), {"type": "refusal", "refusal": "zqno"})),
    _history({"role": "assistant", "content": "hi", "audio": {"id": "zqaudio"}}),
    _history(
        {"role": "assistant", "content": "hi", "annotations": [{"type": "url_citation", "url_citation": {"url": "zqurl"}}]}
    ),
)

_PARTS = (
    _request(_said("user", _text("said", **BREAKPOINT), _text("marked", **CONTROL))),
    _request(_said("user", {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}, **BREAKPOINT})),
    _request(_said("user", {"type": "image_url", "image_url": {"url": "https://zqhost/a.png"}, **CONTROL})),
    _request(_said("user", {"type": "file", "file": {"file_data": PDF, "filename": "zqname.pdf"}, **BREAKPOINT})),
    _request(_said("user", {"type": "file", "file": {"file_url": "https://zqhost/a.pdf"}, **CONTROL})),
    _request(_said("user", {"type": "file", "file": {"file_id": "zqfile"}})),
    _request(_said("user", {"type": "input_audio", "input_audio": {"data": "zqdata", "format": "mp3"}, **BREAKPOINT})),
    _request(_said("user", {"type": "input_audio", "input_audio": {"data": "zqdata", "format": "mp3"}, **CONTROL})),
)

_TOOL_HISTORY = (
    _history(
        {"role": "assistant", "content": "zqbefore", "tool_calls": _CALLS},
        {"role": "tool", "tool_call_id": "zqcall1", "name": "zqtool", "content": [_text("found", **BREAKPOINT)]},
        {"role": "tool", "tool_call_id": "zqcall2", "content": "zqdone", **CONTROL},
        tools=[_LOOK, _PATCH],
    ),
    _history(
        {"role": "assistant", "function_call": {"name": "zqlook", "arguments": '{"zqkey": 1}'}},
        {"role": "function", "name": "zqlook", "content": "zqfound"},
        tools=[_LOOK],
    ),
    _history({"role": "assistant", "content": "hi", "reasoning": "zqthought"}),
    _history({"role": "assistant", "content": "hi", "reasoning_content": "zqthought"}),
    _history(
        {
            "role": "assistant",
            "content": "hi",
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "zqthought",
                    "signature": "zqsignature",
                    "format": "zqformat",
                    "id": "zqid",
                },
                {"type": "reasoning.summary", "summary": "zqsummary"},
                {"type": "reasoning.encrypted", "data": "zqblob"},
            ],
        }
    ),
    _history(
        {
            "role": "assistant",
            "content": "hi",
            "thinking_blocks": [{"type": "thinking", "thinking": "zqthought", "signature": "zqsignature"}],
        }
    ),
)

_TOOLS = (
    _request(tools=[_LOOK, _PATCH, _FREE], tool_choice="required", parallel_tool_calls=False),
    _request(tools=[_LOOK, _PATCH], tool_choice="none"),
    _request(tools=[_LOOK, _PATCH], tool_choice={"type": "function", "function": {"name": "zqlook"}}),
    _request(tools=[_LOOK, _PATCH], tool_choice={"type": "custom", "custom": {"name": "zqpatch"}}),
    _request(
        tools=[_LOOK, _PATCH],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "zqlook"}}]},
        },
    ),
    _request(
        functions=[{"name": "zqlook", "description": "zqlooks", "parameters": SCHEMA}], function_call={"name": "zqlook"}
    ),
    _request(
        web_search_options={
            "search_context_size": "high",
            "user_location": {
                "type": "approximate",
                "approximate": {"city": "zqcity", "country": "zqcountry", "region": "zqregion", "timezone": "zqzone"},
            },
        }
    ),
    _request(plugins=[{"id": "web_search", "events": True}], hi_tool_events=True),
)

_ANSWER = (
    _request(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "zqname", "description": "zqdescribed", "schema": SCHEMA, "strict": True},
        }
    ),
    _request(response_format={"type": "json_object"}),
    _request(response_format={"type": "text"}),
    _request(reasoning_effort="high", verbosity="low"),
    _request(reasoning={"effort": "high", "exclude": True}),
    _request(reasoning={"max_tokens": 2345}),
    _request(reasoning={"enabled": True}),
    _request(modalities=["text", "audio"]),
    _request(audio={"format": "mp3", "voice": {"id": "zqvoice"}}),
)

_ACCOUNT = (
    _request(
        metadata={"zqkey": "zqvalue"},
        prompt_cache_key="zqcache",
        prompt_cache_retention="24h",
        prompt_cache_options={"mode": "explicit", "ttl": "30m"},
        moderation={"model": "zqmoderator", "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}}},
        service_tier="flex",
        store=True,
    ),
    _request(user="zquser"),
    _request(safety_identifier="zquser"),
    _request(stream=True, stream_options={"include_usage": True, "include_obfuscation": True}),
)

EXAMPLES: tuple[Example, ...] = by_area(
    {
        "Sampling": _SAMPLING,
        "Messages": _MESSAGES,
        "Content parts": _PARTS,
        "Calls, results and reasoning of earlier turns": _TOOL_HISTORY,
        "Tools": _TOOLS,
        "The shape of the answer": _ANSWER,
        "Account and service": _ACCOUNT,
        "Who serves": [_request(**wishes) for wishes in ROUTING],
    }
)
