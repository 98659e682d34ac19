"""Messages replies, whole and as streams: together they have every field."""

from __future__ import annotations

from typing import Any

from tests.fields.example import Example, by_area, lines
from tests.fields.messages_requests import CITATIONS

_COUNTS: dict[str, Any] = {
    "input_tokens": 9100,
    "output_tokens": 5200,
    "cache_read_input_tokens": 1101,
    "cache_creation_input_tokens": 2505,
    "cache_creation": {"ephemeral_5m_input_tokens": 1202, "ephemeral_1h_input_tokens": 1303},
}
_USAGE: dict[str, Any] = {
    **_COUNTS,
    "output_tokens_details": {"thinking_tokens": 1606},
    "server_tool_use": {"web_search_requests": 1707, "web_fetch_requests": 1808},
    "inference_geo": "zqgeo",
    "service_tier": "zqtier",
    "speed": "fast",
}
_AT_END: dict[str, Any] = {name: _USAGE[name] for name in _USAGE if name != "cache_creation"}
_ITERATIONS: list[dict[str, Any]] = [
    {"type": kind, **_COUNTS, "model": "zqmodel"}
    for kind in ("message", "compaction", "advisor_message", "fallback_message")
]
_CALL: dict[str, Any] = {
    "type": "tool_use",
    "id": "zqcall1",
    "name": "zqlook",
    "input": {"zqkey": 1},
    "toolset_name": "zqset",
}
_CALLERS: tuple[dict[str, Any], ...] = (
    {"type": "direct"},
    {"type": "code_execution_20250825", "tool_id": "zqcaller"},
    {"type": "code_execution_20260120", "tool_id": "zqcaller"},
)
_TEXT: dict[str, Any] = {"type": "text", "text": "zqtext"}
_REFUSED: dict[str, Any] = {
    "type": "refusal",
    "category": "zqcategory",
    "explanation": "zqexplanation",
    "fallback_credit_token": "zqcredit",
    "fallback_has_prefill_claim": True,
    "recommended_model": "zqother",
}
_SERVICE: dict[str, Any] = {
    "container": {
        "id": "zqcontainer",
        "expires_at": "zqtime",
        "skills": [{"type": "anthropic", "skill_id": "zqskill", "version": "zqversion"}],
    },
    "context_management": {
        "applied_edits": [
            {"type": "clear_tool_uses_20250919", "cleared_input_tokens": 1234, "cleared_tool_uses": 2345},
            {"type": "clear_thinking_20251015", "cleared_input_tokens": 1234, "cleared_thinking_turns": 2345},
        ]
    },
    "input_transformations": [
        {"type": kind, "path": "zqpath", "reason": "zqreason"} for kind in ("thinking_dropped", "thinking_mismatch_allowed")
    ],
}
_MISSES = ("model_changed", "system_changed", "tools_changed", "messages_changed")
_CREDITS: tuple[dict[str, Any], ...] = (
    {"type": "redeemed"},
    {"type": "not_applied", "reason": "zqreason", "remove_to_redeem": ["zqfield"]},
)


def _reply(*blocks: dict[str, Any], reason: str = "max_tokens", **fields: Any) -> dict[str, Any]:
    return {
        "id": "zqreply",
        "type": "message",
        "role": "assistant",
        "model": "zqmodel",
        "content": list(blocks or [_TEXT]),
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": _USAGE,
        **fields,
    }


def _opened(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(delta: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _stream(*frames: dict[str, Any], reason: str = "max_tokens", **fields: Any) -> list[dict[str, Any]]:
    """A stream with one block, or with none."""
    message: dict[str, Any] = {**_reply(), "content": [], "stop_reason": None, **fields.pop("message", {})}
    closed = [{"type": "content_block_stop", "index": 0}] if frames else []
    return [
        {"type": "message_start", "message": message},
        *frames,
        *closed,
        {"type": "message_delta", "delta": {"stop_reason": reason, **fields.pop("delta", {})}, "usage": _AT_END, **fields},
        {"type": "message_stop"},
    ]


_EMPTY: dict[str, Any] = {"type": "text", "text": ""}
_SAID = (_opened(_EMPTY), _delta({"type": "text_delta", "text": "zqtext"}))

_WHOLE = (
    _reply(**_SERVICE),
    *(
        _reply(diagnostics={"cache_miss_reason": {"type": kind, "cache_missed_input_tokens": 1234}})
        for kind in (*_MISSES, "previous_message_not_found", "unavailable")
    ),
    _reply(usage={**_USAGE, "iterations": _ITERATIONS}),
    *(_reply(usage={**_USAGE, "fallback_credit": {"status": status}}) for status in _CREDITS),
    _reply({**_TEXT, "citations": CITATIONS}, reason="max_tokens"),
    _reply(reason="stop_sequence", stop_sequence="zqstop"),
    _reply(reason="refusal", stop_details=_REFUSED),
    *(_reply({**_CALL, "caller": caller}, reason="tool_use") for caller in _CALLERS),
    _reply({"type": "thinking", "thinking": "zqthought", "signature": "zqsignature"}, {"type": "text", "text": "hi"}),
    _reply({"type": "redacted_thinking", "data": "zqblob"}, {"type": "text", "text": "hi"}),
    *(_reply(block, {"type": "text", "text": "hi"}) for block in lines("messages_content.jsonl")),
)

_STREAM = (
    _stream(*_SAID, message={**_SERVICE, "diagnostics": {"cache_miss_reason": {"type": "unavailable"}}}),
    _stream(*_SAID, delta={"container": _SERVICE["container"], "stop_details": _REFUSED}, reason="refusal"),
    _stream(*_SAID, delta={"stop_sequence": "zqstop"}, reason="stop_sequence"),
    _stream(*_SAID, context_management=_SERVICE["context_management"]),
    _stream(*_SAID, input_transformations=_SERVICE["input_transformations"]),
    _stream(*_SAID, usage={**_AT_END, "iterations": _ITERATIONS}),
    *(_stream(*_SAID, usage={**_AT_END, "fallback_credit": {"status": status}}) for status in _CREDITS),
    *(_stream(*_SAID, _delta({"type": "citations_delta", "citation": citation})) for citation in CITATIONS),
    _stream(
        _opened({**_CALL, "input": {}, "caller": {"type": "direct"}}),
        _delta({"type": "input_json_delta", "partial_json": '{"zqkey": 1}'}),
        reason="tool_use",
    ),
    _stream(
        _opened({"type": "thinking", "thinking": "", "signature": ""}),
        _delta({"type": "thinking_delta", "thinking": "zqthought", "estimated_tokens": 1234}),
        _delta({"type": "signature_delta", "signature": "zqsignature"}),
    ),
    _stream(_opened({"type": "redacted_thinking", "data": "zqblob"})),
    _stream(
        _opened({"type": "compaction", "content": None}),
        _delta({"type": "compaction_delta", "content": "zqcontent", "encrypted_content": "zqblob"}),
    ),
    *(_stream(_opened(block)) for block in lines("messages_content.jsonl")),
)

EXAMPLES: tuple[Example, ...] = by_area({"Whole": _WHOLE, "Stream": _STREAM})
