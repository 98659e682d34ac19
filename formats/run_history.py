"""Runs of the gateway's own tools in a history that a client sends back.

Decoders know them by their ids (`tool_records`) and make of each what it was: a call of the model and its result. So any
provider is told in its own form what its model did, and never gets blocks or items as if it had made them itself.

A round of calls is one assistant turn, the results follow it. Calls that come behind results belong to the same round, as
long as the model has said nothing else: providers demand that all calls of a turn stand together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hyperinfer.formats.conversation import Part, TextPart, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.run_images import FoundImage, find_images
from hyperinfer.formats.tool_data import as_data
from hyperinfer.formats.tool_records import FIELD, OurRun
from hyperinfer.formats.wire import is_object

MADE = "The image was made, and shown to the user."
"""What a model reads of an image that it has made: images of a history go to no provider, which may take none."""
NO_RESULT = "(The result of this call was not sent back.)"
IMAGE_LEFT_OUT = "an image that a tool of the gateway made is told to models in words"

Lost = list[tuple[str, str]]
"""(path, reason) of what a decoder leaves out."""


class RunCall(ToolCallPart, frozen=True, kw_only=True, gc=False):
    """A call of ours among the parts of a message, until its rounds are told apart."""


class RunResult(ToolResultPart, frozen=True, kw_only=True, gc=False):
    """A result of ours there. `tool`: whose, for one that has lost its call."""

    tool: str


_RUNS = frozenset((RunCall, RunResult))


def run_call(run: OurRun, given: object, raw: dict[str, Any] | None = None) -> RunCall:
    """The call. `given`: its input, as far as the wire says it; the record of the run beside it (`raw`) says it better."""
    record = (raw or {}).get(FIELD)
    told = record.get("input") if is_object(record) else None
    arguments = told if is_object(told) else given if is_object(given) else {}
    return RunCall(call_id=run.call_id, name=run.name, arguments=msgspec.json.encode(arguments).decode())


def run_result(run: OurRun, text: str, *, failed: bool = False) -> RunResult:
    """What the model read of the run. It is of strangers still, and may have come another way than from us."""
    said = (TextPart(text=as_data(run.name, run.call_id, text) if text and text != MADE else text or NO_RESULT),)
    return RunResult(call_id=run.call_id, content=said, is_error=failed or None, plain=True, tool=run.name)


def told_error(raw: dict[str, Any], code: object) -> str:
    """What is known of a failure: the summary in the record, else the format's word for it."""
    record = raw.get(FIELD)
    summary = record.get("summary") if is_object(record) else None
    return f"The tool failed: {summary or code or 'no reason is known'}."


def in_rounds(turns: Iterable[Turn], lost: Lost) -> Iterator[Turn]:
    """The turns, with assistant turns that hold runs as rounds: calls, results, and what the model said then. Results at
    the end of one take the path of the results that the client sent after it: they are of one round."""
    waiting: Turn | None = None
    for turn in turns:
        if waiting is not None:
            joins = turn.role in ("tool", "user") and ToolResultPart in map(type, turn.parts)
            yield msgspec.structs.replace(waiting, path=turn.path) if joins else waiting
            waiting = None
        if turn.role != "assistant":
            yield turn
            continue
        turn = _with_images_apart(turn, lost)
        if _RUNS.isdisjoint(map(type, turn.parts)):
            yield turn
            continue
        for round_turn in _rounds(turn):
            if waiting is not None:
                yield waiting
                waiting = None
            if round_turn.role == "tool":
                waiting = round_turn
            else:
                yield round_turn
    if waiting is not None:
        yield waiting


def _rounds(turn: Turn) -> Iterator[Turn]:
    answers = {part.call_id: _plain_result(part) for part in reversed(turn.parts) if isinstance(part, RunResult)}
    asked = {part.call_id for part in turn.parts if isinstance(part, RunCall)}
    called: set[str] = set()
    said: list[Part] = []
    results: list[Part] = []
    for part in turn.parts:
        if isinstance(part, (RunCall, RunResult)):
            # Some clients keep a result without its call. What is said twice is one run.
            if part.call_id in called or (isinstance(part, RunResult) and part.call_id in asked):
                continue
            called.add(part.call_id)
            name, arguments = (part.name, part.arguments) if isinstance(part, RunCall) else (part.tool, "{}")
            said.append(ToolCallPart(call_id=part.call_id, name=name, arguments=arguments))
            results.append(answers.get(part.call_id) or _unanswered(part.call_id))
            continue
        if results and not isinstance(part, ToolCallPart):
            yield msgspec.structs.replace(turn, parts=tuple(said), plain=False)
            yield Turn(role="tool", parts=tuple(results), path=turn.path)
            said, results = [], []
        said.append(part)
    if said:
        yield msgspec.structs.replace(turn, parts=tuple(said), plain=False)
    if results:
        yield Turn(role="tool", parts=tuple(results), path=turn.path)


def _plain_result(part: RunResult) -> ToolResultPart:
    return ToolResultPart(call_id=part.call_id, content=part.content, is_error=part.is_error, plain=True)


def _unanswered(call_id: str) -> ToolResultPart:
    return ToolResultPart(call_id=call_id, content=(TextPart(text=NO_RESULT),), plain=True)


def _with_images_apart(turn: Turn, lost: Lost) -> Turn:
    """Texts without the images in them, each of which is a run of its own where no other block tells of it."""
    if not any(type(part) is TextPart and find_images(part.text) != [part.text] for part in turn.parts):
        return turn
    known = {part.call_id for part in turn.parts if isinstance(part, (RunCall, RunResult))}
    parts: list[Part] = []
    for index, part in enumerate(turn.parts):
        if not isinstance(part, TextPart):
            parts.append(part)
            continue
        for piece in find_images(part.text):
            if isinstance(piece, str):
                parts.append(msgspec.structs.replace(part, text=piece) if piece != part.text else part)
                continue
            lost.append((f"{turn.path}.content" if turn.plain else f"{turn.path}.content[{index}]", IMAGE_LEFT_OUT))
            if piece.run.call_id not in known:
                known.add(piece.run.call_id)
                parts += image_run(piece)
    return msgspec.structs.replace(turn, parts=tuple(parts), plain=turn.plain and len(parts) == 1)


def image_run(image: FoundImage) -> tuple[RunCall, RunResult]:
    """The run of an image that comes back on its own."""
    return run_call(image.run, {"prompt": image.prompt} if image.prompt else {}), run_result(image.run, MADE)
