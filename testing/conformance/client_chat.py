"""OpenAI Chat Completions from a client's side: what it asks, and how it reads the answer.

Sources: the types of openai-python (`ChatCompletionChunk`, `CompletionUsage`), OpenAI's reference of chat streaming.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.testing.conformance.event_stream import document, frames
from hyperinfer.testing.conformance.heard import Heard, HeardCall
from hyperinfer.testing.conformance.json_values import count, record, records, string, texts

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Ask, Object

PATH = "/chat/completions"
# By usage, of DeepSeek and vLLM, OpenRouter, Ollama; Portkey's `content_blocks` are looked into where there is none of them.
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CARRIED = ("reasoning_details", "thinking_blocks")
_FINISHES = ("stop", "length", "tool_calls", "content_filter", "function_call")


def body(ask: Ask, model: str, *, streamed: bool) -> Object:
    """The first request."""
    content: object = ask.prompt
    if ask.image:
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ask.image}"}}
        content = [{"type": "text", "text": ask.prompt}, image]
    messages: list[Object] = [{"role": "system", "content": ask.system}] if ask.system else []
    value: Object = {
        "model": model,
        "messages": [*messages, {"role": "user", "content": content}],
        "max_completion_tokens": ask.limit,
    }
    if streamed:
        value |= {"stream": True, "stream_options": {"include_usage": True}}
    if ask.effort:
        value["reasoning_effort"] = ask.effort
    if ask.schema is not None:
        shape = {"name": "answer", "schema": ask.schema}
        value["response_format"] = {"type": "json_schema", "json_schema": shape}
    if ask.tools:
        value["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in ask.tools
        ]
    if ask.choice:
        named = {"type": "function", "function": {"name": ask.choice}}
        value["tool_choice"] = ask.choice if ask.choice in ("required", "none") else named
    return value


def again(before: Object, heard: Heard, results: list[tuple[str, str]]) -> Object:
    """The second request: the model's turn as it was heard, and what the tools returned."""
    told = [{"role": "tool", "tool_call_id": call, "content": text} for call, text in results]
    return {**before, "messages": [*before["messages"], *heard.turn, *told]}


def read_whole(value: Object) -> Heard:
    """A whole answer."""
    heard = Heard()
    heard.must(value.get("object") == "chat.completion", "fields", f"object is {value.get('object')!r}")
    for name in ("id", "model"):
        heard.must(string(value.get(name)), "fields", f"{name} is {value.get(name)!r}")
    heard.must(count(value.get("created")), "fields", f"created is {value.get('created')!r}")
    choices = records(value.get("choices"))
    heard.must(len(choices) == 1, "fields", f"{len(choices)} choices")
    choice = choices[0] if choices else {}
    message = record(choice.get("message"))
    heard.must(choice.get("index") == 0, "fields", f"index is {choice.get('index')!r}")
    heard.must(message.get("role") == "assistant", "fields", f"role is {message.get('role')!r}")
    heard.must("content" in message, "fields", "the message has no content (null is meant)")
    for call in records(message.get("tool_calls")):
        function = record(call.get("function"))
        heard.must(call.get("type") == "function", "fields", f"type of a tool call is {call.get('type')!r}")
        found = HeardCall(string(call.get("id")), string(function.get("name")), string(function.get("arguments")))
        heard.calls.append(found)
    heard.text = texts(message.get("content"))
    blocks = [string(block.get("thinking")) for block in records(message.get("content_blocks"))]
    shown = next((string(message.get(name)) for name in _REASONING if string(message.get(name))), "")
    heard.reasoning = shown or "".join(blocks)
    heard.stop = string(choice.get("finish_reason"))
    heard.must(heard.stop in _FINISHES, "fields", f"finish_reason is {choice.get('finish_reason')!r}")
    heard.finished = bool(heard.stop)
    _usage(value.get("usage"), heard)
    heard.turn = [{name: each for name, each in message.items() if each is not None or name == "content"}]
    return heard


class _Reader:
    """Puts a stream together."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.ids: set[str] = set()
        self.began = self.done = False
        self.message: Object = {"role": "assistant"}

    def read(self, raw: bytes) -> Heard:
        heard = self.heard
        for frame in frames(raw, heard):
            if not heard.must(not self.done, "terminal", "an event after [DONE]"):
                continue
            heard.must(frame.name in ("", "message", "error"), "framing", f"event name {frame.name!r}: Chat has none")
            if frame.data == "[DONE]":
                self.done = True
                continue
            self.chunk(document(frame, heard))
        if heard.error is None:
            heard.must(heard.finished, "terminal", "no finish_reason")
            heard.must(self.done, "terminal", "no [DONE]")
        heard.must(len(self.ids) <= 1, "ids", f"id, model or created change: {sorted(self.ids)}")
        if heard.error is not None and heard.stop != "error":
            heard.must(not heard.finished, "terminal", f"an error, and finish_reason {heard.stop}")
        self.message["content"] = heard.text or None
        if heard.calls:
            self.message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in heard.calls
            ]
        heard.turn = [self.message]
        return heard

    def chunk(self, value: Object) -> None:
        heard = self.heard
        if value.get("error"):
            heard.error = record(value["error"])
            return
        heard.must(heard.error is None, "terminal", "a chunk after the error")
        heard.must(value.get("object") == "chat.completion.chunk", "fields", f"object is {value.get('object')!r}")
        self.ids.add(f"{value.get('id')} {value.get('model')} {value.get('created')}")
        choices = records(value.get("choices"))
        if record(value.get("usage")):
            heard.must(heard.finished, "order", "usage before the finish_reason")
            heard.must(not choices, "order", "usage in a chunk that has choices")
            _usage(value.get("usage"), heard)
        else:
            heard.must(choices, "order", "a chunk that has neither choices nor usage")
            heard.must(not heard.usage, "order", "a chunk after the usage")
        for choice in choices:
            heard.must(choice.get("index") == 0, "fields", f"choice {choice.get('index')!r}")
            self.delta(record(choice.get("delta")), choice)

    def delta(self, delta: Object, choice: Object) -> None:
        heard = self.heard
        heard.must(not heard.finished, "order", "a delta after the finish_reason")
        if self.began:
            heard.must(not delta.get("role"), "order", "the role comes again")
        else:
            heard.must(delta.get("role") == "assistant", "order", f"the first delta has role {delta.get('role')!r}")
        self.began = True
        heard.text += string(delta.get("content"))
        if name := next((name for name in _REASONING if string(delta.get(name))), ""):
            heard.reasoning += delta[name]
            self.message[name] = string(self.message.get(name)) + delta[name]
        else:
            pieces = [record(block.get("delta")) for block in records(delta.get("content_blocks"))]
            heard.reasoning += "".join(string(piece.get("thinking")) for piece in pieces)
        for name in _CARRIED:
            for piece in records(delta.get(name)):
                _carry(self.message.setdefault(name, []), piece)
        for call in records(delta.get("tool_calls")):
            self.call(call)
        heard.must("finish_reason" in choice, "fields", "a choice without finish_reason (null is meant)")
        if finish := choice.get("finish_reason"):
            heard.must(finish in _FINISHES, "terminal", f"finish_reason {finish!r}")
            heard.stop, heard.finished = str(finish), True

    def call(self, call: Object) -> None:
        heard, at, function = self.heard, count(call.get("index")), record(call.get("function"))
        if not heard.must(at is not None, "blocks", f"a tool call has index {call.get('index')!r}") or at is None:
            at = max(0, len(heard.calls) - 1) if not call.get("id") else len(heard.calls)
        if at >= len(heard.calls):
            heard.must(at == len(heard.calls), "blocks", f"tool call {at} begins where {len(heard.calls)} was due")
            heard.must(string(call.get("id")), "ids", f"the first delta of tool call {at} has no id")
            heard.must(string(function.get("name")), "blocks", f"the first delta of tool call {at} has no name")
            heard.must(call.get("type") == "function", "fields", f"type of a tool call is {call.get('type')!r}")
            heard.calls.append(HeardCall(string(call.get("id")), string(function.get("name"))))
            at = len(heard.calls) - 1
        else:
            same = call.get("id") in (None, "", heard.calls[at].id)
            heard.must(same, "ids", f"the id of tool call {at} changes to {call.get('id')!r}")
        heard.calls[at].arguments += string(function.get("arguments"))


def read_stream(raw: bytes) -> Heard:
    """A streamed answer."""
    return _Reader().read(raw)


def error_of(value: Object) -> tuple[Object, str]:
    """The error of an answer, and what is wrong with its envelope."""
    error = record(value.get("error"))
    if not string(error.get("message")):
        return error, "no error.message"
    return error, "" if string(error.get("type")) else "no error.type"


def _carry(found: list[Object], piece: Object) -> None:
    """Appends a detail, or goes on with the one before: of the same kind, and not signed yet."""
    last = found[-1] if found else {}
    text = next((name for name in ("thinking", "text", "summary") if isinstance(piece.get(name), str)), "")
    if text and last.get("type") == piece.get("type") and not last.get("signature") and isinstance(last.get(text), str):
        merged = {**last, **{name: value for name, value in piece.items() if value}, text: last[text] + piece[text]}
        found[-1] = merged
    else:
        found.append(dict(piece))


def _usage(usage: object, heard: Heard) -> None:
    told = record(usage)
    prompt, completion = record(told.get("prompt_tokens_details")), record(told.get("completion_tokens_details"))
    heard.usage = {
        "input": count(told.get("prompt_tokens")),
        "output": count(told.get("completion_tokens")),
        "total": count(told.get("total_tokens")),
        "cached": count(prompt.get("cached_tokens")),
        "written": count(prompt.get("cache_write_tokens")),
        "reasoning": count(completion.get("reasoning_tokens")),
    }
