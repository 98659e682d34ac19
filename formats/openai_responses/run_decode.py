"""Items of the gateway's own tools in a history that a client sends back: a call and its result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hyperinfer.formats.conversation import ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.run_history import IMAGE_LEFT_OUT, MADE, Lost, run_call, run_result, told_error
from hyperinfer.formats.tool_records import TEXT_FIELD, OurRun, run_of_id
from hyperinfer.formats.wire import is_array, is_object

KINDS = ("web_search_call", "image_generation_call", "mcp_call")
"""Items that may be of a tool of ours."""


class RunDecoder:
    """Walks the items of one input. `lost`: what is left out so far."""

    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self.held: list[Turn] = []  # results, while calls follow that may be of the same round

    def turns(self, value: dict[str, Any], path: str) -> list[Turn] | None:
        """The turns for an item of ours, known by its id; None for any other item."""
        run = run_of_id(value.get("id")) if value.get("type") in KINDS else None
        if run is None:
            return None
        if value.get("result"):
            self._lost.append((f"{path}.result", IMAGE_LEFT_OUT))
        call, (text, failed) = run_call(run, _given(run, value), value), _outcome(run, value)
        result = run_result(run, text, failed=failed)
        answer = ToolResultPart(call_id=call.call_id, content=result.content, is_error=result.is_error, plain=True)
        self.held.append(Turn(role="tool", parts=(answer,), path=path))
        asked = ToolCallPart(call_id=call.call_id, name=call.name, arguments=call.arguments)
        return [Turn(role="assistant", parts=(asked,), path=path)]

    def before(self, turn: Turn) -> Iterable[Turn]:
        """What comes before a turn: the results that wait, unless the turn is a call as well."""
        if self.held and not (turn.role == "assistant" and all(isinstance(part, ToolCallPart) for part in turn.parts)):
            yield from self.rest()

    def rest(self) -> Iterator[Turn]:
        """The results that wait."""
        held, self.held = self.held, []
        yield from held


def _given(run: OurRun, item: dict[str, Any]) -> Any:
    """The input of the call."""
    if item["type"] == "mcp_call":
        try:
            return msgspec.json.decode(item.get("arguments") or "{}")
        except (msgspec.DecodeError, TypeError, RecursionError):
            return {}
    if item["type"] == "image_generation_call":
        prompt = item.get("revised_prompt")
        return {"prompt": prompt} if isinstance(prompt, str) else {}
    action = item.get("action")
    field = "url" if run.name == "web_fetch" else "query"
    value = action.get(field) if is_object(action) else None
    return {field: value} if isinstance(value, str) and value else {}


def _outcome(run: OurRun, item: dict[str, Any]) -> tuple[str, bool]:
    """(what the model read, whether the run failed)."""
    failed = item.get("status") == "failed"
    text = item.get("output" if item["type"] == "mcp_call" else TEXT_FIELD)
    if isinstance(text, str) and text:
        return text, failed
    if failed:
        return _words(item.get("error")) or told_error(item, None), True
    if run.name == "image":
        return MADE, False
    action = item.get("action")
    sources = action.get("sources") if is_object(action) else None
    urls = [source.get("url") for source in sources if is_object(source)] if is_array(sources) else []
    return "\n".join(url for url in urls if isinstance(url, str)), False


def _words(error: Any) -> str:
    content = error.get("content") if is_object(error) else None
    texts = [part.get("text") for part in content if is_object(part)] if is_array(content) else []
    return "\n".join(text for text in texts if isinstance(text, str))
