"""CPU time of a large request through the codecs: ms to decode and to encode 400 kB, for every pair of formats.

    python -m benchmarks.codec_requests [--rounds 25] [--size 400] [--json FILE]

The request is a long session of a coding agent as it is sent on its last turn: some twenty tools with their schemas, a long
system prompt, and turns of reasoning, a sentence, a call and what the tool printed, in the form that the agents of each
format use. The floor is msgspec decoding the same body to plain values and encoding them again. Everything is process CPU
time, the median of the rounds; `best` is the sum of the rounds that other load of the machine disturbed least.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from hyperinfer.formats import FORMATS, Dialect, Target
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS

TOOLS = 22
SHORT = {"openai_chat": "chat", "openai_responses": "responses", "anthropic_messages": "messages"}
TEXT = (
    "the request is read once and every part of it keeps its place in the order that the caller gave , so a second reader "
    'finds `what` the first one found ; "quoted" names ( and {braces} ) stay ; def main() -> None: return value [0] # why'
)
WORDS = TEXT.split()

Wire = dict[str, Any]


class Session:
    """What was said, in the words of no format."""

    def __init__(self, kilobytes: int) -> None:
        self._draw = random.Random(3)
        self.system = self.text(2000)
        self.tools = [self._tool(number) for number in range(TOOLS)]
        left = kilobytes * 1000 - len(self.system) - len(json.dumps(self.tools))
        self.steps: list[tuple[str, str, Wire, str]] = []
        while left > 0:
            step = (self.text(40), self.text(25), self._arguments(), self.lines(self._draw.randint(5, 60)))
            self.steps.append(step)
            left -= len(json.dumps(step)) + 900

    def text(self, words: int) -> str:
        return " ".join(self._draw.choices(WORDS, k=words))

    def lines(self, count: int) -> str:
        return "\n".join(f"{number:>6}\t{self.text(9)}" for number in range(count))

    def blob(self) -> str:
        return self._draw.randbytes(300).hex()

    def _arguments(self) -> Wire:
        return {"path": f"/srv/project/{self.text(1)}.py", "old": self.lines(3), "new": self.lines(3), "all": False}

    def _tool(self, number: int) -> Wire:
        fields: Wire = {f"field_{n}": {"type": "string", "description": self.text(15)} for n in range(5)}
        fields["mode"] = {"type": "string", "enum": ["fast", "careful"], "description": self.text(10)}
        schema = {"type": "object", "properties": fields, "required": ["field_0"], "additionalProperties": False}
        return {"name": f"tool_{number}", "description": self.text(90), "schema": schema}


def chat(session: Session) -> Wire:
    turns: list[Wire] = [{"role": "system", "content": session.system}, {"role": "user", "content": session.text(60)}]
    for number, (thought, text, arguments, output) in enumerate(session.steps):
        function = {"name": f"tool_{number % TOOLS}", "arguments": json.dumps(arguments)}
        call = {"id": f"call_{number:024}", "type": "function", "function": function}
        turns.append({"role": "assistant", "content": text, "reasoning_content": thought, "tool_calls": [call]})
        turns.append({"role": "tool", "tool_call_id": call["id"], "content": output})
    tools = [
        {"type": "function", "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]}}
        for t in session.tools
    ]
    return {"model": "m", "stream": True, "messages": turns, "tools": tools, "stream_options": {"include_usage": True}}


def messages(session: Session) -> Wire:
    mark = {"type": "ephemeral"}
    turns: list[Wire] = [{"role": "user", "content": [{"type": "text", "text": session.text(60)}]}]
    for number, (thought, text, arguments, output) in enumerate(session.steps):
        call_id = f"toolu_{number:024}"
        turns += [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": thought, "signature": session.blob()},
                    {"type": "text", "text": text},
                    {"type": "tool_use", "id": call_id, "name": f"tool_{number % TOOLS}", "input": arguments},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": output}]},
        ]
    turns[-1]["content"][-1]["cache_control"] = mark
    tools = [{"name": t["name"], "description": t["description"], "input_schema": t["schema"]} for t in session.tools]
    system = {"type": "text", "text": session.system, "cache_control": mark}
    return {
        "model": "m",
        "max_tokens": 32000,
        "stream": True,
        "system": [{"type": "text", "text": "You are an agent."}, system],
        "messages": turns,
        "tools": tools,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "metadata": {"user_id": "u"},
    }


def responses(session: Session) -> Wire:
    def message(role: str, kind: str, text: str) -> Wire:
        return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}

    items: list[Wire] = [message("developer", "input_text", session.system), message("user", "input_text", session.text(60))]
    for number, (thought, text, arguments, output) in enumerate(session.steps):
        summary = [{"type": "summary_text", "text": thought}]
        call = {"type": "function_call", "name": f"tool_{number % TOOLS}", "call_id": f"call_{number:024}"}
        items += [
            {"type": "reasoning", "summary": summary, "encrypted_content": session.blob()},
            message("assistant", "output_text", text),
            {**call, "arguments": json.dumps(arguments)},
            {"type": "function_call_output", "call_id": call["call_id"], "output": output},
        ]
    tools = [
        {"type": "function", "name": t["name"], "description": t["description"], "strict": False, "parameters": t["schema"]}
        for t in session.tools
    ]
    return {
        "model": "m",
        "stream": True,
        "store": False,
        "input": items,
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k",
    }


REQUEST: dict[Dialect, Callable[[Session], Wire]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic_messages": messages,
}


def body(dialect: Dialect, kilobytes: int) -> bytes:
    """The request, as near to the size as whole turns get."""
    session = Session(kilobytes)
    while len(found := json.dumps(REQUEST[dialect](session), separators=(",", ":")).encode()) > kilobytes * 1000:
        session.steps.pop()
    return found


def target(dialect: Dialect) -> Target:
    return Target(
        dialect=dialect,
        model="m",
        vendor=DEFAULT_VENDOR[dialect],
        streamed=True,
        max_output_tokens=32_000,
        quirks=PROTOCOL_QUIRKS[dialect],
    )


def plain(request: bytes) -> bytes:
    """What cannot be left out."""
    return msgspec.json.encode(msgspec.json.decode(request))


def measurements(kilobytes: int) -> Iterator[tuple[tuple[str, ...], Callable[[], object]]]:
    for client in REQUEST:
        request, source = body(client, kilobytes), FORMATS[client]
        yield (client, "floor"), partial(plain, request)
        yield (client, "decode"), partial(source.decode_request, request)
        conversation = source.decode_request(request)
        for upstream in REQUEST:
            yield (client, upstream), partial(FORMATS[upstream].encode_request, conversation, target(upstream))


def measure(rounds: int, kilobytes: int) -> dict[tuple[str, ...], list[float]]:
    """Milliseconds, in every round."""
    found: dict[tuple[str, ...], list[float]] = {}
    cells = list(measurements(kilobytes))
    for turn in range(rounds + 1):
        for name, once in cells:
            start = time.process_time()
            once()
            if turn:  # the first one warms up
                found.setdefault(name, []).append((time.process_time() - start) * 1e3)
    return found


def table(rounds: dict[tuple[str, ...], list[float]]) -> Iterator[str]:
    found = {name: statistics.median(values) for name, values in rounds.items()}
    yield f"\nms{'':<26}decode   encode   whole    best   floor  times"
    for client in REQUEST:
        decode, least = found[client, "decode"], found[client, "floor"]
        for upstream in REQUEST:
            whole = decode + found[client, upstream]
            best = min(rounds[client, "decode"]) + min(rounds[client, upstream])
            yield (
                f"{SHORT[client]:>13} → {SHORT[upstream]:<9}{decode:8.2f}{found[client, upstream]:9.2f}"
                f"{whole:8.2f}{best:8.2f}{least:8.2f}{whole / least:7.1f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--size", type=int, default=400, help="of the request, in kB")
    parser.add_argument("--json", help="where to write the figures, too")
    asked = parser.parse_args()
    about = f"Python {platform.python_version()}, msgspec {msgspec.__version__}, {platform.system()} {platform.machine()}"
    found = measure(asked.rounds, asked.size)
    print(f"{about}, {asked.size} kB, median of {asked.rounds} rounds", *table(found), sep="\n")
    if asked.json:
        figures = {" ".join(name): round(statistics.median(values), 3) for name, values in found.items()}
        with open(asked.json, "w", encoding="utf-8") as out:
            json.dump({"about": about, "kB": asked.size, "unit": "ms", "figures": figures}, out, indent=1)


if __name__ == "__main__":
    main()
