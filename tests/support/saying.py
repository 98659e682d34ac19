"""What a reply of any protocol says, read from its bytes alone: independent of the gateway's decoders.

It takes what providers really send, and what the gateway sends: a stream or a whole body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

Wire = dict[str, Any]


@dataclass
class Saying:
    """A reply. `text`: with refusals, in order. `calls`: (name, arguments) of the tools that the caller runs; free text
    counts as `{"input": TEXT}`. `citations`: for each, its address and the words that it quotes, as far as they are
    told. `blobs`: opaque reasoning. `others`: the types of whatever else came. `usage`: tokens (in, of them cached,
    written, out, of them thought), None where nothing was told."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    citations: set[frozenset[str]] = field(default_factory=set[frozenset[str]])
    blobs: set[str] = field(default_factory=set[str])
    others: list[str] = field(default_factory=list[str])
    usage: tuple[int, int, int, int, int] | None = None


def sayings(dialect: Dialect, body: bytes) -> list[Saying]:
    """A reply for each choice; only Chat ever has more than one."""
    streamed = not body.lstrip().startswith(b"{")
    if dialect == "openai_chat":
        return _chat(list(_data(body)) if streamed else [json.loads(body)])
    if dialect == "openai_responses":
        return [_response(_last_response(list(_data(body))) if streamed else json.loads(body))]
    return [_message(_folded(list(_data(body))) if streamed else json.loads(body))]


def _data(body: bytes) -> Iterator[Wire]:
    """The data of each event, comments and [DONE] left out."""
    for line in body.decode().replace("\r\n", "\n").split("\n"):
        if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
            yield json.loads(line[5:])


def value_of(arguments: Any) -> Any:
    """Arguments as JSON data, the text itself where it is none; none at all are `{}`."""
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        return arguments


def _listed(value: Wire, name: str) -> list[Any]:
    """A field that holds a list; null and absent are none."""
    found: list[Any] = value.get(name) or []
    return found


def _inner(value: Wire, name: str) -> Wire:
    """A field that holds an object; null and absent are an empty one."""
    found: Wire = value.get(name) or {}
    return found


def _citation(source: Wire) -> frozenset[str]:
    """What a citation is known by."""
    names = ("url", "source", "file_id", "cited_text", "content")
    # Perplexity's `source` is a word such as "web", Anthropic's an address.
    return frozenset(
        value
        for name in names
        if isinstance(value := source.get(name), str) and value and (name != "source" or "/" in value)
    )


# -- Chat


def _chat(chunks: list[Wire]) -> list[Saying]:
    found: dict[int, Saying] = {}
    calls: dict[int, dict[Any, list[str]]] = {}
    usage: Wire = {}
    addresses: set[frozenset[str]] = set()
    for chunk in chunks:
        usage = _inner(chunk, "usage") or _inner(_inner(chunk, "x_groq"), "usage") or usage
        addresses |= set(_addresses(chunk))
        for choice in _listed(chunk, "choices"):
            said = found.setdefault(choice.get("index", 0), Saying())
            # Perplexity repeats the message so far beside each delta.
            message = _inner(choice, "delta" if "delta" in choice else "message")
            _add_message(said, message, calls.setdefault(choice.get("index", 0), {}))
    for index, said in found.items():
        said.calls = [(name, value_of(arguments)) for name, arguments in calls[index].values()]
        said.citations |= addresses
        said.usage = _chat_usage(usage)
    return [found[index] for index in sorted(found)]


def _addresses(chunk: Wire) -> Iterator[frozenset[str]]:
    """Perplexity, xAI: beside the choices."""
    for cited in [*(_listed(chunk, "citations")), *(_listed(chunk, "search_results"))]:
        yield _citation({"url": cited} if isinstance(cited, str) else cited)


def _add_message(said: Saying, message: Wire, calls: dict[Any, list[str]]) -> None:
    thought: str = next((message[name] for name in ("reasoning", "reasoning_content", "thinking") if message.get(name)), "")
    content: Any = message.get("content") or ""
    if isinstance(content, str):
        said.text += content
    else:
        for part in content:
            if part["type"] == "thinking":
                thought += "".join(inner["text"] for inner in part["thinking"])
            elif "text" in part:
                said.text += part["text"]
            else:
                said.others.append(part["type"])
    said.text += message.get("refusal") or ""
    for detail in _listed(message, "reasoning_details"):
        said.blobs |= {detail[name] for name in ("data", "signature") if detail.get(name)}
        # With its signature comes a text again that was streamed before.
        again = said.reasoning and detail.get("signature")
        if not thought and not again:
            thought = detail.get("text") or detail.get("summary") or ""
    said.reasoning += thought
    for note in _listed(message, "annotations"):
        said.citations.add(_citation(_inner(note, note["type"]) or note))
    if any(_inner(message, "audio").values()):
        said.others.append("audio")
    old: Wire = _inner(message, "function_call")
    if old.get("name") or old.get("arguments"):
        _add_call(calls, "old", old.get("name"), old.get("arguments"))
    for place, call in enumerate(_listed(message, "tool_calls")):
        key = call.get("index")
        if key is None:
            key = call.get("id") or place
        custom: Wire = _inner(call, "custom")
        if custom.get("name"):
            _add_call(calls, key, custom.get("name"), json.dumps({"input": custom.get("input")}))
        else:
            function: Wire = _inner(call, "function")
            _add_call(calls, key, function.get("name"), function.get("arguments"))
        signed = _inner(_inner(call, "extra_content"), "google").get("thought_signature")
        said.blobs |= {signed} if signed else set()


def _add_call(calls: dict[Any, list[str]], key: Any, name: str | None, arguments: Any) -> None:
    call = calls.setdefault(key, ["", ""])
    call[0] = call[0] or name or ""
    call[1] += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""


def _chat_usage(usage: Wire) -> tuple[int, int, int, int, int] | None:
    """As the sums have to be: thinking that only the total has is put into what came out."""
    if not usage:
        return None
    asked: Wire = _inner(usage, "prompt_tokens_details")
    made: Wire = _inner(usage, "completion_tokens_details")
    told: int = usage.get("completion_tokens") or 0
    unseen = max(0, (usage.get("total_tokens") or 0) - usage["prompt_tokens"] - told)
    cached = asked.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0
    thought = made.get("reasoning_tokens") or usage.get("reasoning_tokens") or unseen
    return usage["prompt_tokens"], cached, asked.get("cache_write_tokens") or 0, told + unseen, thought


# -- Responses


def _last_response(events: list[Wire]) -> Wire:
    """The last response, with the items as they were closed one by one: some providers leave them out of it."""
    items = {event["output_index"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    last: Wire = next(event["response"] for event in reversed(events) if "response" in event)
    return {**last, "output": [items[index] for index in sorted(items)] or last.get("output")}


def _response(response: Wire) -> Saying:
    said = Saying()
    for item in _listed(response, "output"):
        _ITEMS.get(item["type"], _add_other)(said, item)
    if usage := response.get("usage"):
        asked: Wire = _inner(usage, "input_tokens_details")
        made: Wire = _inner(usage, "output_tokens_details")
        said.usage = (
            usage["input_tokens"],
            asked.get("cached_tokens") or 0,
            asked.get("cache_write_tokens") or 0,
            usage["output_tokens"],
            made.get("reasoning_tokens") or 0,
        )
    return said


def _add_other(said: Saying, item: Wire) -> None:
    said.others.append(item["type"])


def _add_output(said: Saying, item: Wire) -> None:
    for part in item["content"]:
        said.text += part.get("text") or part.get("refusal") or ""
        for note in _listed(part, "annotations"):
            said.citations.add(_citation(note))


def _add_reasoning(said: Saying, item: Wire) -> None:
    parts: list[Wire] = [*(_listed(item, "summary")), *(_listed(item, "content"))]
    said.reasoning += "".join(part["text"] for part in parts)
    said.blobs |= {item["encrypted_content"]} if item.get("encrypted_content") else set()


_ITEMS: dict[str, Callable[[Saying, Wire], None]] = {
    "message": _add_output,
    "reasoning": _add_reasoning,
    "function_call": lambda said, item: said.calls.append((item["name"], value_of(item["arguments"]))),
    "custom_tool_call": lambda said, item: said.calls.append((item["name"], {"input": item["input"]})),
}


# -- Messages


def _folded(events: list[Wire]) -> Wire:
    """The message that the events of a stream make."""
    message: Wire = next(event["message"] for event in events if event["type"] == "message_start")
    blocks: dict[int, Wire] = {}
    for event in events:
        if event["type"] == "content_block_start":
            blocks[event["index"]] = {**event["content_block"]}
        elif event["type"] == "content_block_delta":
            _add_delta(blocks[event["index"]], event["delta"])
        elif event["type"] == "message_delta":
            given = {name: value for name, value in event["usage"].items() if value is not None}
            message["usage"] = {**message["usage"], **given}
    for block in blocks.values():
        if "json" in block:
            block["input"] = block.pop("json")
    return {**message, "content": [blocks[index] for index in sorted(blocks)]}


def _add_delta(block: Wire, delta: Wire) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["json"] = block.get("json", "") + delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(_listed(block, "citations")), delta["citation"]]
        case _:
            pass


def _message(message: Wire) -> Saying:
    said = Saying()
    for block in message["content"]:
        match block["type"]:
            case "text":
                said.text += block["text"]
                said.citations |= {_citation(cited) for cited in _listed(block, "citations")}
            case "thinking":
                said.reasoning += block["thinking"]
                said.blobs |= {block["signature"]} if block.get("signature") else set()
            case "redacted_thinking":
                said.blobs.add(block["data"])
            case "tool_use":
                said.calls.append((block["name"], value_of(block["input"])))
            case other:
                said.others.append(other)
    said.usage = _message_usage(message["usage"])
    return said


def _message_usage(usage: Wire) -> tuple[int, int, int, int, int]:
    """With the compactions, which the sums at the top leave out (wire facts 1.4)."""
    passes: list[Wire] = [usage, *(each for each in _listed(usage, "iterations") if each["type"] == "compaction")]
    cached = sum(each.get("cache_read_input_tokens") or 0 for each in passes)
    written = sum(each.get("cache_creation_input_tokens") or 0 for each in passes)
    fresh, out = sum(each["input_tokens"] for each in passes), sum(each["output_tokens"] for each in passes)
    thought: int = _inner(usage, "output_tokens_details").get("thinking_tokens") or 0
    return fresh + cached + written, cached, written, out, thought
