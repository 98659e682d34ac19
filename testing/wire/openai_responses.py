"""Replies as OpenAI's Responses API writes them: an output item for each part, and the response at both ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from hyperinfer.formats.wire import is_array
from hyperinfer.testing.parts import (
    CustomToolCall,
    ErrorEvent,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Reply,
    Said,
    Text,
    ToolCall,
)
from hyperinfer.testing.wire import errors
from hyperinfer.testing.wire.frames import Asked, Frame, compact, counted, event, mint, obfuscation, stream_options

Item = dict[str, Any]

_REASON: Final = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
}
_ECHO: Final[Item] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, with the vendor's defaults."""


class ResponsesWriter:
    """One reply. `start`, then each part in its order, then `finish` or `fail`; or `whole`."""

    def __init__(self, reply: Reply, asked: Asked) -> None:
        self._reply, self._asked = reply, asked
        include = asked.body.get("include")
        self._encrypted = is_array(include) and "reasoning.encrypted_content" in include
        options = stream_options(asked)
        self._padded = options.get("include_obfuscation") is not False
        self._status = "incomplete" if reply.stop in _REASON else "completed"
        self._sequence = 0
        self._output: list[Item] = []

    def start(self) -> Iterator[Frame]:
        response = self._response("in_progress")
        yield self._event("response.created", response=response)
        yield self._event("response.in_progress", response=response)

    def part(self, part: Said) -> Iterator[Frame]:
        done = self._item(part, len(self._output))
        match part:
            case Text() | Refusal():
                yield self._added({**done, "status": "in_progress", "content": []})
                yield from self._content(part, done)
            case Reasoning() | RedactedReasoning():
                yield self._added({**done, "summary": []})
                if isinstance(part, Reasoning):
                    yield from self._summary(part, done)
            case ToolCall() | CustomToolCall():
                field, name = "arguments", "function_call_arguments"
                if isinstance(part, CustomToolCall):
                    field, name = "input", "custom_tool_call_input"
                yield self._added({**done, "status": "in_progress", field: ""})
                at: Item = {"item_id": done["id"], "output_index": len(self._output)}
                for piece in part.pieces:
                    yield self._delta(f"response.{name}.delta", piece, at)
                yield self._event(f"response.{name}.done", **at, **{field: part.text})
        yield self._event("response.output_item.done", item=done, output_index=len(self._output))
        self._output.append(done)

    def finish(self) -> Iterator[Frame]:
        yield self._event(f"response.{self._status}", response=self._response(self._status))

    def fail(self, error: ErrorEvent) -> Iterator[Frame]:
        said = errors.openai(error.status, error.message)["error"]
        said["code"] = said["code"] or said["type"]
        yield self._event(
            "error", error={"type": said["type"], "code": said["code"], "message": said["message"], "param": None}
        )
        failed = self._response("failed") | {"error": {"code": said["code"], "message": said["message"]}, "usage": None}
        yield self._event("response.failed", response=failed)

    def whole(self) -> str:
        parts = [part for part in self._reply.parts if isinstance(part, Said)]
        self._output = [self._item(part, place) for place, part in enumerate(parts)]
        return compact(self._response(self._status))

    def _content(self, part: Text | Refusal, done: Item) -> Iterator[Frame]:
        at = {"item_id": done["id"], "output_index": len(self._output), "content_index": 0}
        (content,) = done["content"]
        if isinstance(part, Refusal):
            yield self._event("response.content_part.added", **at, part={**content, "refusal": ""})
            for piece in part.pieces:
                yield self._delta("response.refusal.delta", piece, at)
            yield self._event("response.refusal.done", **at, refusal=part.text)
        else:
            yield self._event("response.content_part.added", **at, part={**content, "annotations": [], "text": ""})
            for piece in part.pieces:
                yield self._delta("response.output_text.delta", piece, at | {"logprobs": []})
            for index, annotation in enumerate(content["annotations"]):
                yield self._event(
                    "response.output_text.annotation.added", **at, annotation_index=index, annotation=annotation
                )
            yield self._event("response.output_text.done", **at, logprobs=[], text=part.text)
        yield self._event("response.content_part.done", **at, part=content)

    def _summary(self, part: Reasoning, done: Item) -> Iterator[Frame]:
        at = {"item_id": done["id"], "output_index": len(self._output), "summary_index": 0}
        for summary in done["summary"]:
            yield self._event("response.reasoning_summary_part.added", **at, part={**summary, "text": ""})
            for piece in part.pieces:
                yield self._delta("response.reasoning_summary_text.delta", piece, at)
            yield self._event("response.reasoning_summary_text.done", **at, text=part.text)
            yield self._event("response.reasoning_summary_part.done", **at, part=summary)

    def _item(self, part: Said, index: int) -> Item:
        number = self._asked.number
        match part:
            case Text():
                content: Item = {
                    "type": "output_text", "annotations": _annotations(part), "logprobs": [], "text": part.text,
                }  # fmt: skip
                return self._message(index, content)
            case Refusal():
                return self._message(index, {"type": "refusal", "refusal": part.text})
            case ToolCall():
                return {
                    "id": mint("fc", number, index),
                    "type": "function_call",
                    "status": self._ended(index),
                    "arguments": part.text,
                    "call_id": mint("call", number, index) if part.id is None else part.id,
                    "name": part.name,
                }
            case CustomToolCall():
                return {
                    "id": mint("ctc", number, index),
                    "type": "custom_tool_call",
                    "status": self._ended(index),
                    "call_id": mint("call", number, index) if part.id is None else part.id,
                    "input": part.text,
                    "name": part.name,
                }
            case Reasoning() | RedactedReasoning():
                item: Item = {"id": mint("rs", number, index), "type": "reasoning", "summary": []}
                if isinstance(part, Reasoning) and part.text:
                    item["summary"] = [{"type": "summary_text", "text": part.text}]
                if self._encrypted:
                    item["encrypted_content"] = part.encrypted if isinstance(part, Reasoning) else part.data
                return item

    def _message(self, index: int, content: Item) -> Item:
        return {
            "id": mint("msg", self._asked.number, index),
            "type": "message",
            "status": self._ended(index),
            "content": [content],
            "role": "assistant",
        }

    def _ended(self, index: int) -> str:
        """Of the items of a reply that was cut short only the last one is incomplete."""
        parts = [part for part in self._reply.parts if isinstance(part, Said)]
        return self._status if index == len(parts) - 1 else "completed"

    def _response(self, status: str) -> Item:
        over = status not in ("in_progress", "failed")
        reason = _REASON.get(self._reply.stop) if over else None
        body = self._asked.body
        return {
            "id": mint("resp", self._asked.number),
            "object": "response",
            "created_at": self._asked.created,
            "status": status,
            "background": False,
            "completed_at": self._asked.created if status == "completed" else None,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self._reply.model or self._asked.model,
            "output": list(self._output),
            **{key: _echo(body.get(key), default) for key, default in _ECHO.items()},
            "service_tier": "default" if over else "auto",
            "usage": self._usage() if over else None,
        }

    def _usage(self) -> Item:
        usage = counted(self._reply)
        output = usage.output or 0
        return {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
            "total_tokens": usage.input + output,
        }

    def _added(self, item: Item) -> Frame:
        return self._event("response.output_item.added", item=item, output_index=len(self._output))

    def _delta(self, name: str, piece: str, at: Item) -> Frame:
        padding = {"obfuscation": obfuscation(self._sequence, len(piece))} if self._padded else {}
        return Frame(self._event(name, delta=piece, **at, **padding).data, delta=True)

    def _event(self, name: str, **fields: Any) -> Frame:
        frame = Frame(event({"type": name, **fields, "sequence_number": self._sequence}))
        self._sequence += 1
        return frame


def _annotations(part: Text) -> list[Item]:
    place = {"start_index": 0, "end_index": len(part.text)}
    return [{"type": "url_citation", **place, "title": citation.title, "url": citation.url} for citation in part.citations]


def _echo(given: Any, default: Any) -> Any:
    """A field as the vendor repeats it: what was not said is filled with the defaults."""
    if given is None:
        return default
    if isinstance(default, dict) and isinstance(given, dict):
        return cast("Item", default) | cast("Item", given)
    return given
