"""Responses replies, whole and as streams: together they have every field."""

from __future__ import annotations

from typing import Any

from tests.fields.example import Example, by_area, lines
from tests.fields.responses_requests import ANNOTATIONS, LOGPROBS, LOOK, SCHEMA

_USAGE: dict[str, Any] = {
    "input_tokens": 9100,
    "input_tokens_details": {
        "cached_tokens": 1101,
        "cache_write_tokens": 1202,
        "cache_write_tokens_details": {"ttl_12h_tokens": 1303, "ttl_30m_tokens": 1404},
    },
    "output_tokens": 5200,
    "output_tokens_details": {"reasoning_tokens": 1606},
    "total_tokens": 14300,
}
_IMAGES: dict[str, Any] = {"image_tokens": 1234, "text_tokens": 2345}
_MODERATED: dict[str, Any] = {
    "type": "moderation_result",
    "categories": {"zqcategory": True},
    "category_applied_input_types": {"zqcategory": ["text"]},
    "category_scores": {"zqcategory": 0.1234},
    "flagged": True,
    "model": "zqmoderator",
}
_FAILED: dict[str, Any] = {"type": "error", "code": "zqcode", "message": "zqmessage"}
_ECHOED: dict[str, Any] = {
    "access_programs": {"cyber": "zqprogram"},
    "background": True,
    "conversation": {"id": "zqconversation"},
    "image": {"context_compression": "high"},
    "instructions": "zqinstructions",
    "max_output_tokens": 2345,
    "max_tool_calls": 1234,
    "metadata": {"zqkey": "zqvalue"},
    "parallel_tool_calls": False,
    "previous_response_id": "zqprevious",
    "prompt": {"id": "zqprompt", "version": "zqversion", "variables": {"zqvariable": "zqvalue"}},
    "prompt_cache_key": "zqcache",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m", "comparison_response_id": "zqcomparison"},
    "prompt_cache_retention": "24h",
    "reasoning": {
        "effort": "high",
        "summary": "detailed",
        "generate_summary": "detailed",
        "context": "all_turns",
        "mode": "pro",
    },
    "safety_identifier": "zqsafety",
    "temperature": 0.4321,
    "text": {"format": {"type": "json_schema", "name": "zqname", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "tool_choice": {"type": "function", "name": "zqlook"},
    "tools": [LOOK],
    "top_logprobs": 3,
    "top_p": 0.8765,
    "truncation": "auto",
    "user": "zquser",
}
_TOLD: dict[str, Any] = {
    "completed_at": 1234567,
    "input_transformations": [{"type": "reasoning", "id": "zqid", "action": "zqaction", "reason": "zqreason"}],
    "moderation": {"input": _MODERATED, "output": _FAILED},
    "prompt_cache_diagnostics": {
        "type": "cache_miss",
        "cache_missed_tokens": 1234,
        "reason": "zqreason",
        "comparison_reusable_tokens": 2345,
    },
    "service_tier": "zqtier",
    "tool_usage": {
        "image_gen": {
            "input_tokens": 1234,
            "input_tokens_details": _IMAGES,
            "output_tokens": 2345,
            "output_tokens_details": _IMAGES,
            "total_tokens": 3579,
            "cached_tokens": 1122,
            "cached_tokens_details": {"cached_image_tokens": 1133, "cached_text_tokens": 1144},
        },
        "web_search": {"num_requests": 1234},
    },
}
_PART: dict[str, Any] = {"type": "output_text", "text": "zqtext", "annotations": [], "logprobs": []}
_RICH: dict[str, Any] = {**_PART, "annotations": ANNOTATIONS, "logprobs": LOGPROBS}
_REFUSAL: dict[str, Any] = {"type": "refusal", "refusal": "zqrefusal"}
_CALLER: dict[str, Any] = {"type": "program", "caller_id": "zqcaller"}
_REASONING: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_zq1",
    "summary": [{"type": "summary_text", "text": "zqsummary"}],
    "content": [{"type": "reasoning_text", "text": "zqthought"}],
    "encrypted_content": "zqblob",
    "status": "completed",
}
_CALL: dict[str, Any] = {
    "type": "function_call",
    "id": "fc_zq1",
    "call_id": "zqcall1",
    "name": "zqlook",
    "arguments": '{"zqkey": 1}',
    "status": "completed",
    "async": True,
    "namespace": "zqspace",
}
_CUSTOM: dict[str, Any] = {
    "type": "custom_tool_call",
    "id": "ctc_zq1",
    "call_id": "zqcall1",
    "name": "zqpatch",
    "input": "zqinput",
    "async": True,
    "namespace": "zqspace",
}


def _message(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_zq1",
        "role": "assistant",
        "status": "completed",
        "content": list(parts or [_PART]),
        **fields,
    }


def _reply(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "zqreply",
        "object": "response",
        "created_at": 1234567,
        "model": "zqmodel",
        "status": "completed",
        "output": list(items or [_message()]),
        "usage": _USAGE,
        **fields,
    }


_HI = _message({**_PART, "text": "hi"})
_WHOLE = (
    _reply(**_ECHOED),
    _reply(**_TOLD),
    _reply(moderation={"input": _FAILED, "output": _MODERATED}),
    *(
        _reply(prompt_cache_diagnostics={"type": kind, "reason": "zqreason"})
        for kind in ("cache_hit", "comparison_response_not_found", "unavailable")
    ),
    _reply(_message(_RICH, phase="commentary"), status="incomplete", incomplete_details={"reason": "content_filter"}),
    _reply(_message(_REFUSAL)),
    _reply(_REASONING, _HI),
    *(_reply({**call, "caller": caller}) for call in (_CALL, _CUSTOM) for caller in (_CALLER, {"type": "direct"})),
    *(_reply(item, _HI) for item in lines("responses_output.jsonl")),
)


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "sequence_number": 12345, **fields}


def _stream(*events: dict[str, Any], done: list[dict[str, Any]], last: str = "completed", **fields: Any) -> list[Any]:
    opened: dict[str, Any] = {**_reply(), "output": [], "status": "in_progress", "usage": None}
    ended = {**_reply(*done), "status": last, **fields}
    return [
        _event("response.created", response=opened),
        _event("response.queued", response=opened),
        _event("response.in_progress", response=opened),
        *events,
        _event(f"response.{last}", response=ended),
    ]


def _item(item: dict[str, Any], opened: dict[str, Any], *events: dict[str, Any], **fields: Any) -> list[Any]:
    """A stream of one item."""
    return _stream(
        _event("response.output_item.added", output_index=0, item={**item, **opened}),
        *events,
        _event("response.output_item.done", output_index=0, item=item),
        done=[item],
        **fields,
    )


def _of(item_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    return _event(f"response.{kind}", item_id=item_id, output_index=0, **fields)


def _text(part: dict[str, Any], *events: dict[str, Any], **fields: Any) -> list[Any]:
    empty: dict[str, Any] = {
        name: value if name == "type" else [] if isinstance(value, list) else "" for name, value in part.items()
    }
    return _item(
        _message(part, phase="commentary"),
        {"content": [], "status": "in_progress"},
        _of("msg_zq1", "content_part.added", content_index=0, part=empty),
        *events,
        _of("msg_zq1", "content_part.done", content_index=0, part=part),
        **fields,
    )


_DELTA = _of("msg_zq1", "output_text.delta", content_index=0, delta="zqtext", logprobs=LOGPROBS, obfuscation="zqpadding")
_SUMMARY: dict[str, Any] = {"type": "summary_text", "text": "zqsummary"}

_STREAM = (
    _text(_PART, _DELTA, _of("msg_zq1", "output_text.done", content_index=0, text="zqtext", logprobs=LOGPROBS)),
    _text(_PART, _DELTA, last="incomplete", incomplete_details={"reason": "content_filter"}),
    *(
        _text(
            {**_PART, "annotations": [annotation]},
            _of("msg_zq1", "output_text.delta", content_index=0, delta="zqtext", logprobs=[]),
            _of("msg_zq1", "output_text.annotation.added", content_index=0, annotation_index=0, annotation=annotation),
        )
        for annotation in ANNOTATIONS
    ),
    _text(
        _REFUSAL,
        _of("msg_zq1", "refusal.delta", content_index=0, delta="zqrefusal"),
        _of("msg_zq1", "refusal.done", content_index=0, refusal="zqrefusal"),
    ),
    _item(
        _CALL,
        {"arguments": "", "status": "in_progress"},
        _of("fc_zq1", "function_call_arguments.delta", delta='{"zqkey": 1}', obfuscation="zqpadding"),
        _of("fc_zq1", "function_call_arguments.done", name="zqlook", arguments='{"zqkey": 1}'),
    ),
    _item(
        _CUSTOM,
        {"input": ""},
        _of("ctc_zq1", "custom_tool_call_input.delta", delta="zqinput"),
        _of("ctc_zq1", "custom_tool_call_input.done", input="zqinput"),
    ),
    _item(
        {**_REASONING, "content": []},
        {"summary": [], "encrypted_content": None, "status": "in_progress"},
        _of("rs_zq1", "reasoning_summary_part.added", summary_index=0, part={**_SUMMARY, "text": ""}),
        _of("rs_zq1", "reasoning_summary_text.delta", summary_index=0, delta="zqsummary"),
        _of("rs_zq1", "reasoning_summary_text.done", summary_index=0, text="zqsummary"),
        _of("rs_zq1", "reasoning_summary_part.done", summary_index=0, part=_SUMMARY, status="incomplete"),
    ),
    _item(
        {**_REASONING, "summary": []},
        {"content": [], "encrypted_content": None, "status": "in_progress"},
        _of("rs_zq1", "content_part.added", content_index=0, part={"type": "reasoning_text", "text": ""}),
        _of("rs_zq1", "reasoning_text.delta", content_index=0, delta="zqthought"),
        _of("rs_zq1", "reasoning_text.done", content_index=0, text="zqthought"),
        _of("rs_zq1", "content_part.done", content_index=0, part={"type": "reasoning_text", "text": "zqthought"}),
    ),
    *(
        _item(
            {
                "type": "web_search_call",
                "id": "zqitem",
                "status": "completed",
                "action": {"type": "search", "query": "zqquery"},
            },
            {"status": "in_progress"},
            {**event, "output_index": 0, **({"item_id": "zqitem"} if "item_id" in event else {})},
        )
        for event in lines("responses_events.jsonl")
        if "output_index" in event
    ),
    *(_text(_PART, event) for event in lines("responses_events.jsonl") if "output_index" not in event),
)

EXAMPLES: tuple[Example, ...] = by_area({"Whole": _WHOLE, "Stream": _STREAM})
