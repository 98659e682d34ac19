"""Conversations with tools, reasoning and cache marks, for hypothesis, and how a client of each format writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from hyperinfer.formats.opaque import DEFAULT_VENDOR, TAG
from tests.support.strategies import JSON_VALUES, TEXT

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

Wire = dict[str, Any]
WORDS = TEXT.map(lambda text: f"w{text}w")  # never blank
TTLS = st.sampled_from([None, None, "default", "1h"])
"""A cache mark: none, one without a lifetime, one of an hour."""
PNG = "iVBORw0KGgo="


@dataclass(frozen=True)
class Say:
    """Text of a person or a model. `ttl`: of its cache mark."""

    text: str
    ttl: str | None = None


@dataclass(frozen=True)
class Show:
    """An image of a person: base64 data, or an address."""

    source: str


@dataclass(frozen=True)
class Think:
    """Reasoning, with a blob of `vendor` that signs it; an empty blob is none."""

    text: str
    blob: str
    vendor: str


@dataclass(frozen=True)
class Call:
    """A call and its result."""

    call_id: str
    name: str
    arguments: Wire
    result: str
    failed: bool = False


@dataclass(frozen=True)
class History:
    """`system`: before all. `steps`: a person's turn, or a model's turn with the results of its calls."""

    system: Say | None
    steps: tuple[tuple[Say | Show, ...] | tuple[Say | Think | Call, ...], ...]


_ids = st.sampled_from(["call_{}", "toolu_{}", "functions.f:{}", "{}" + "é" * 64])
_thoughts = st.builds(Think, WORDS, st.sampled_from(["", "c2ln+/=", "QmxvYg=="]), st.sampled_from(["anthropic", "openai"]))
_calls = st.builds(
    Call,
    _ids,
    st.sampled_from(["f", "get_weather", "a-b_9"]),
    st.dictionaries(WORDS, JSON_VALUES, max_size=2),
    WORDS,
    st.booleans(),
)
_persons = st.lists(
    st.builds(Say, WORDS, TTLS) | st.builds(Show, st.sampled_from([PNG, "https://example.org/i.png"])),
    min_size=1,
    max_size=3,
)
_says = st.builds(Say, WORDS)


@st.composite
def _model_turns(draw: st.DrawFn) -> list[Say | Think | Call]:
    """As models speak: thoughts, then words, then calls, between which they may think again."""
    turn: list[Say | Think | Call] = [*draw(st.lists(_thoughts, max_size=2)), *draw(st.lists(_says, max_size=1))]
    for call in draw(st.lists(_calls, max_size=2)):
        turn += [*draw(st.lists(_thoughts, max_size=1)), call]
    return turn if any(not isinstance(part, Think) for part in turn) else [*turn, draw(_says)]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Turns of persons and models in alternation, with ids that are all different."""
    steps: list[tuple[Any, ...]] = []
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        steps.append(tuple(draw(_persons)))
        turn: list[Any] = []
        for part in draw(_model_turns()):
            if isinstance(part, Call):
                number += 1
                part = Call(part.call_id.format(number), part.name, part.arguments, part.result, part.failed)
            turn.append(part)
        steps.append(tuple(turn))
    steps.append(tuple(draw(_persons)))
    return History(draw(st.none() | st.builds(Say, WORDS, TTLS)), tuple(steps))


def wire(dialect: Dialect, history: History) -> bytes:
    """The request of a client."""
    match dialect:
        case "openai_chat":
            body: Wire = {"messages": _chat(history)}
        case "openai_responses":
            body = _responses(history)
        case "anthropic_messages":
            body = _messages(history)
    return json.dumps({"model": "m", **body}).encode()


def _mark(ttl: str | None) -> Wire:
    if ttl is None:
        return {}
    return {"cache_control": {"type": "ephemeral", **({} if ttl == "default" else {"ttl": ttl})}}


def _breakpoint(ttl: str | None) -> Wire:
    if ttl is None:
        return {}
    return {"prompt_cache_breakpoint": {"mode": "explicit", **({} if ttl == "default" else {"ttl": ttl})}}


def _blob(dialect: Dialect, thought: Think) -> str:
    """The blob as a client of the format got it from this gateway; empty for none."""
    if not thought.blob:
        return ""
    return thought.blob if DEFAULT_VENDOR[dialect] == thought.vendor else f"{TAG}{thought.vendor}.{thought.blob}"


def _url(source: str) -> str:
    return source if source.startswith("https") else f"data:image/png;base64,{source}"


# -- Chat


def _chat(history: History) -> list[Wire]:
    messages: list[Wire] = []
    if history.system:
        messages.append({"role": "system", "content": [_chat_part(history.system)]})
    for number, step in enumerate(history.steps):
        if number % 2 == 0:
            messages.append({"role": "user", "content": [_chat_part(part) for part in step]})
        else:
            messages += _chat_answer(step)
    return messages


def _chat_part(part: Any) -> Wire:
    if isinstance(part, Show):
        return {"type": "image_url", "image_url": {"url": _url(part.source)}}
    return {"type": "text", "text": part.text, **_mark(part.ttl)}


def _chat_answer(step: tuple[Any, ...]) -> list[Wire]:
    message: Wire = {"role": "assistant", "content": "".join(part.text for part in step if isinstance(part, Say)) or None}
    thoughts = [part for part in step if isinstance(part, Think)]
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thought.text for thought in thoughts)
    details: list[Wire] = []
    calls: list[Wire] = []
    for part in step:
        if isinstance(part, Call):
            function = {"name": part.name, "arguments": json.dumps(part.arguments)}
            calls.append({"id": part.call_id, "type": "function", "function": function})
        elif isinstance(part, Think) and part.blob:
            field, more = ("signature", {"text": part.text}) if part.vendor == "anthropic" else ("data", {})
            kind = "reasoning.text" if field == "signature" else "reasoning.encrypted"
            after = {"hi_after_calls": len(calls)} if calls else {}
            detail = {"type": kind, **more, field: _blob("openai_chat", part), "index": len(details), **after}
            details.append(detail)
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    results = [part for part in step if isinstance(part, Call)]
    return [message, *({"role": "tool", "tool_call_id": call.call_id, "content": call.result} for call in results)]


# -- Responses


def _responses(history: History) -> Wire:
    items: list[Wire] = []
    for number, step in enumerate(history.steps):
        if number % 2 == 0:
            items.append({"type": "message", "role": "user", "content": [_input_part(part) for part in step]})
        else:
            items += [_item(part) for part in step]
            results = [part for part in step if isinstance(part, Call)]
            items += [{"type": "function_call_output", "call_id": c.call_id, "output": c.result} for c in results]
    body: Wire = {"input": items}
    return {"instructions": history.system.text, **body} if history.system else body


def _input_part(part: Any) -> Wire:
    if isinstance(part, Show):
        return {"type": "input_image", "image_url": _url(part.source), "detail": "auto"}
    return {"type": "input_text", "text": part.text, **_breakpoint(part.ttl)}


def _item(part: Any) -> Wire:
    if isinstance(part, Think):
        item: Wire = {"type": "reasoning", "summary": [{"type": "summary_text", "text": part.text}]}
        return {**item, "encrypted_content": _blob("openai_responses", part)} if part.blob else item
    if isinstance(part, Call):
        arguments = json.dumps(part.arguments)
        return {"type": "function_call", "call_id": part.call_id, "name": part.name, "arguments": arguments}
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": part.text}]}


# -- Messages


def _messages(history: History) -> Wire:
    messages: list[Wire] = []
    for number, step in enumerate(history.steps):
        if number % 2 == 0:
            blocks = [_block(part) for part in step]
            if messages and messages[-1]["role"] == "user":  # the results of the calls before it
                messages[-1]["content"] += blocks
            else:
                messages.append({"role": "user", "content": blocks})
            continue
        messages.append({"role": "assistant", "content": [_block(part) for part in step]})
        if results := [_result(part) for part in step if isinstance(part, Call)]:
            messages.append({"role": "user", "content": results})
    body: Wire = {"max_tokens": 100, "messages": messages}
    return {"system": [_block(history.system)], **body} if history.system else body


def _block(part: Any) -> Wire:
    match part:
        case Show(source=source):
            base64 = {"type": "base64", "media_type": "image/png", "data": source}
            return {"type": "image", "source": {"type": "url", "url": source} if source.startswith("https") else base64}
        case Think():
            return {"type": "thinking", "thinking": part.text, "signature": _blob("anthropic_messages", part)}
        case Call():
            call_id = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in part.call_id)
            return {"type": "tool_use", "id": call_id, "name": part.name, "input": part.arguments}
        case _:
            return {"type": "text", "text": part.text, **_mark(part.ttl)}


def _result(call: Call) -> Wire:
    failed = {"is_error": True} if call.failed else {}
    return {"type": "tool_result", "tool_use_id": _block(call)["id"], "content": call.result, **failed}
