"""Images of the gateway's own tool in a Chat history: a call and its result, before the message that they stood in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from hyperinfer.formats.conversation import ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.run_history import IMAGE_LEFT_OUT, Lost, image_run
from hyperinfer.formats.run_images import FoundImage
from hyperinfer.formats.tool_records import run_of_id
from hyperinfer.formats.wire import is_array, is_object


def with_runs(turns: Sequence[Turn], lost: Lost) -> Sequence[Turn]:
    """The turns, those of images of ours among them. Images of providers stay as they are."""
    if not any(turn.extra is not None and "images" in turn.extra for turn in turns):
        return turns
    return list(_told_apart(turns, lost))


def _told_apart(turns: Iterable[Turn], lost: Lost) -> Iterator[Turn]:
    for turn in turns:
        listed = (turn.extra or {}).get("images")
        if turn.role != "assistant" or not is_array(listed):
            yield turn
            continue
        found = [(index, image) for index, entry in enumerate(listed) if (image := _ours(entry)) is not None]
        if not found:
            yield turn
            continue
        lost.extend((f"{turn.path}.images[{index}]", IMAGE_LEFT_OUT) for index, _ in found)
        runs = {image.run.call_id: image_run(image) for _, image in found}
        calls = [ToolCallPart(call_id=call.call_id, name=call.name, arguments=call.arguments) for call, _ in runs.values()]
        yield Turn(role="assistant", parts=tuple(calls), path=turn.path)
        for _, result in runs.values():
            answer = ToolResultPart(call_id=result.call_id, content=result.content, plain=True)
            yield Turn(role="tool", parts=(answer,), path=turn.path)
        rest = _without_images(turn, [entry for entry in listed if _ours(entry) is None])
        if rest.parts or rest.extra:
            yield rest


def _ours(entry: Any) -> FoundImage | None:
    run = run_of_id(entry.get("id")) if is_object(entry) else None
    if run is None:
        return None
    prompt = entry.get("prompt")
    return FoundImage(run, prompt if isinstance(prompt, str) else "")


def _without_images(turn: Turn, kept: list[Any]) -> Turn:
    extra = {name: value for name, value in (turn.extra or {}).items() if name != "images"}
    if kept:
        extra["images"] = kept
    return msgspec.structs.replace(turn, extra=extra or None)
