"""Chat replies, whole and as streams: together they have every field."""

from __future__ import annotations

from typing import Any

from tests.fields.example import Example, by_area

_USAGE: dict[str, Any] = {
    "prompt_tokens": 9100,
    "completion_tokens": 5200,
    "total_tokens": 14300,
    "prompt_tokens_details": {
        "cached_tokens": 1101,
        "cache_write_tokens": 1202,
        "audio_tokens": 1303,
        "image_tokens": 1404,
        "text_tokens": 1505,
    },
    "completion_tokens_details": {
        "reasoning_tokens": 1606,
        "audio_tokens": 1707,
        "text_tokens": 1808,
        "accepted_prediction_tokens": 1909,
        "rejected_prediction_tokens": 2010,
    },
}
_LOGPROB: dict[str, Any] = {"token": "zqtoken", "logprob": -1234.5, "bytes": [1234]}
_LOGPROBS = [{**_LOGPROB, "top_logprobs": [_LOGPROB]}]
_RESULT: dict[str, Any] = {
    "type": "moderation_result",
    "categories": {"zqcategory": True},
    "category_applied_input_types": {"zqcategory": ["text"]},
    "category_scores": {"zqcategory": 0.1234},
    "flagged": True,
    "model": "zqmoderator",
}
_MODERATED: dict[str, Any] = {"type": "moderation_results", "model": "zqmoderator", "results": [_RESULT]}
_FAILED: dict[str, Any] = {"type": "error", "code": "zqcode", "message": "zqmessage"}
_SERVICE: dict[str, Any] = {"service_tier": "zqtier", "system_fingerprint": "zqfingerprint"}
_CITATION: dict[str, Any] = {
    "type": "url_citation",
    "url_citation": {"url": "https://zqhost", "title": "zqtitle", "start_index": 0, "end_index": 6},
}
_AUDIO: dict[str, Any] = {"id": "zqaudio", "data": "zqdata", "expires_at": 1234567, "transcript": "zqtranscript"}
_CALL: dict[str, Any] = {
    "type": "function",
    "id": "zqcall1",
    "function": {"name": "zqlook", "arguments": '{"zqkey": 1}'},
    "extra_content": {"google": {"thought_signature": "zqsignature"}},
}
_CUSTOM: dict[str, Any] = {"type": "custom", "id": "zqcall2", "custom": {"name": "zqpatch", "input": "zqinput"}}
_DETAILS: list[dict[str, Any]] = [
    {
        "type": "reasoning.text",
        "text": "zqthought",
        "signature": "zqsignature",
        "format": "zqformat",
        "id": "zqid",
        "index": 0,
    },
    {"type": "reasoning.encrypted", "data": "zqblob", "index": 1},
]


def _choice(message: dict[str, Any], reason: str, **fields: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason, **fields}


def _reply(*choices: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "zqreply",
        "object": "chat.completion",
        "created": 1234567,
        "model": "zqmodel",
        "choices": list(choices or [_choice({"content": "zqtext"}, "length")]),
        "usage": _USAGE,
        **fields,
    }


def _chunk(delta: dict[str, Any], reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "zqreply",
        "object": "chat.completion.chunk",
        "created": 1234567,
        "model": "zqmodel",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **fields}],
    }


def _stream(*deltas: dict[str, Any], reason: str = "length", **fields: Any) -> list[dict[str, Any]]:
    first = _chunk({"role": "assistant", "content": ""})
    last: dict[str, Any] = {**_chunk({}), "choices": [], "usage": _USAGE}
    return [{**first, **fields}, *(_chunk(delta) for delta in deltas), _chunk({}, reason), last]


_IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,enFpbWFnZQ=="}}

_WHOLE = (
    _reply(**_SERVICE, metadata={"zqkey": "zqvalue"}),
    _reply(moderation={"input": _MODERATED, "output": _FAILED}),
    _reply(moderation={"input": _FAILED, "output": _MODERATED}),
    _reply(_choice({"content": "zqtext", "annotations": [_CITATION]}, "length", logprobs={"content": _LOGPROBS})),
    _reply(_choice({"content": None, "refusal": "zqrefusal"}, "content_filter", logprobs={"refusal": _LOGPROBS})),
    _reply(_choice({"content": None, "tool_calls": [_CALL, _CUSTOM]}, "tool_calls")),
    _reply(_choice({"content": None, "function_call": {"name": "zqlook", "arguments": '{"zqkey": 1}'}}, "function_call")),
    _reply(_choice({"content": None, "audio": _AUDIO}, "stop")),
    _reply(_choice({"content": "hi", "images": [_IMAGE]}, "stop")),
    _reply(_choice({"content": "hi", "reasoning": "zqthought"}, "stop")),
    _reply(_choice({"content": "hi", "reasoning_content": "zqthought"}, "stop")),
    _reply(_choice({"content": "hi", "reasoning_details": _DETAILS}, "stop")),
    _reply(_choice({"content": "hi"}, "stop", stop_reason="zqstop")),
    _reply(_choice({"content": "hi"}, "stop", matched_stop="zqstop")),
    _reply(_choice({"content": "hi"}, "stop"), {**_choice({"content": "zqfurther"}, "length"), "index": 1}),
)

_STREAM = (
    _stream({"content": "zqtext"}, **_SERVICE, obfuscation="zqpadding"),
    _stream({"content": "hi"}, moderation={"input": _MODERATED, "output": _FAILED}),
    _stream({"content": "hi"}, moderation={"input": _FAILED, "output": _MODERATED}),
    _stream({"refusal": "zqrefusal"}, reason="content_filter"),
    _stream({"content": "zqtext"}, {"annotations": [_CITATION]}),
    _stream({"tool_calls": [{**_CALL, "index": 0}]}, reason="tool_calls"),
    _stream({"function_call": {"name": "zqlook", "arguments": '{"zqkey": 1}'}}, reason="function_call"),
    _stream({"audio": _AUDIO}),
    _stream({"images": [{**_IMAGE, "index": 0}]}, {"content": "hi"}),
    _stream({"reasoning": "zqthought"}, {"content": "hi"}),
    _stream({"reasoning_content": "zqthought"}, {"content": "hi"}),
    _stream({"reasoning_details": _DETAILS}, {"content": "hi"}),
    [*_stream({"content": "a"})[:1], _chunk({"content": "zqtext"}, logprobs={"content": _LOGPROBS}), *_stream()[1:]],
    [*_stream({"content": "a"})[:1], _chunk({"refusal": "zqno"}, logprobs={"refusal": _LOGPROBS}), *_stream()[1:]],
)

EXAMPLES: tuple[Example, ...] = by_area({"Whole": _WHOLE, "Stream": _STREAM})
