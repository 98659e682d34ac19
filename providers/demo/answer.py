"""What the demo models say, and how much of it fits the limits of the request."""

from dataclasses import dataclass, replace
from math import ceil
from re import findall
from typing import Final, Literal, cast

from hyperinfer.providers.demo.asked import Asked, Malformed, is_table, tokens
from hyperinfer.providers.demo.recording import json_text
from hyperinfer.providers.demo.schema_instance import Unsatisfiable, instance

QUOTE: Final = 80
"""Characters of the caller's text, or of a tool's result, that a reply repeats."""

WORD: Final = "demo"
"""What a tool gets for a free string: nothing of the caller's, since tools do things."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: `arguments` as JSON text, or the free text of a custom tool."""

    name: str
    arguments: str
    custom: bool = False
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply before it is put into a protocol. It holds a call or a text, or neither where the limit left no room.

    `output_tokens` includes `reasoning_tokens`. `stop_sequence`: the caller's string that the text ran into.
    """

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    ended: Literal["stop", "length", "tool_calls"]
    reasoning: str = ""
    text: str = ""
    call: Call | None = None
    stop_sequence: str | None = None


def compose(asked: Asked) -> Answer:
    """The answer to a request. Raises `Malformed` when a schema has no value."""
    room = asked.limit if asked.limit is not None else 1 << 40
    reasoning = _reasoning(asked)[: room * 4] if asked.reasons else ""
    thought = tokens(reasoning)
    answer = Answer(asked.prompt_tokens, thought, thought, "length", reasoning)
    room -= thought
    if asked.tool is not None:
        full = _call(asked)
        written = full.arguments[: max(0, room * 4 - len(full.name))]
        size = tokens(full.name + full.arguments)
        if room < 1:
            return answer
        return replace(
            answer,
            output_tokens=thought + min(room, size),
            call=replace(full, arguments=written),
            ended="tool_calls" if size <= room else "length",
        )
    text = _text(asked)
    hits = [(text.index(stop), stop) for stop in asked.stops if stop and stop in text]
    end, stop = min(hits, default=(len(text), None), key=lambda hit: hit[0])
    whole = text[:end]
    written = whole[: room * 4]
    fits = written == whole and (room > 0 or asked.limit is None)
    return replace(
        answer,
        output_tokens=thought + tokens(written),
        text=written,
        ended="stop" if fits else "length",
        stop_sequence=stop if fits else None,
    )


def pieces(text: str, most: int, size: int = 12) -> tuple[str, ...]:
    """`text` cut for streaming: at most `most` pieces, at words, none of them empty."""
    units: list[str] = findall(rf"\s*\S{{1,{size}}}|\s+", text)
    each = max(1, ceil(len(units) / most))
    return tuple("".join(units[start : start + each]) for start in range(0, len(units), each))


def quote(text: str) -> str:
    """The beginning of `text` on one line."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTE else line[: QUOTE - 1] + "…"


def _text(asked: Asked) -> str:
    if asked.schema is not None:
        return json_text(_instance(asked.schema, quote(asked.said) or WORD))
    if asked.result is not None:
        return (
            f"The tool has answered: “{quote(_unmarked(asked.result))}”. "
            f"That is all the demo model wanted to know, and it says so in {asked.title}."
        )
    heard = f"You wrote: “{quote(asked.said)}”." if asked.said.strip() else "You sent no text."
    return (
        f"Hello! This is the demo model of HyperInfer, speaking {asked.title}. {heard} "
        "Everything on the way to me is real; I am a recording. Choose a provider's model for a real answer."
    )


def _unmarked(result: str) -> str:
    """Without the lines around it that mark a result of the gateway's own tools as data (`nodes/tools/running.py`)."""
    lines = result.split("\n")
    return "\n".join(lines[1:-1]) if len(lines) > 2 and lines[0].startswith("Result of ") else result


def _reasoning(asked: Asked) -> str:
    subject = f"“{quote(asked.said)}”" if asked.said.strip() else "nothing that I can read"
    if asked.tool is not None:
        return f"The caller asks about {subject} and offers the tool {asked.tool.name}. I will call it first."
    if asked.result is not None:
        return "The tool's result is there. All that is left to do is to pass it on."
    return f"The caller asks about {subject}. There is nothing to work out, so a short answer will do."


def _call(asked: Asked) -> Call:
    tool = asked.tool
    assert tool is not None
    if tool.schema is None:
        return Call(tool.name, WORD, custom=True, namespace=tool.namespace)
    arguments: object = _instance(tool.schema, WORD) if tool.schema else None
    return Call(tool.name, json_text(_needed(arguments, tool.schema)), namespace=tool.namespace)


def _needed(arguments: object, schema: object) -> dict[str, object]:
    """The arguments that the tool asks for; it knows better what to take for the others."""
    if not is_table(arguments):
        return {}
    required = schema.get("required") if is_table(schema) else None
    if not isinstance(required, list):
        return {}
    names = cast("list[object]", required)
    return {name: value for name, value in arguments.items() if name in names}


def _instance(schema: object, text: str) -> object:
    try:
        return instance(schema, text)
    except Unsatisfiable as error:
        raise Malformed(f"Invalid schema: {error}") from None
