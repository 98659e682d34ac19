"""Runs of the gateway's own tools as output items with their native events.

`web_search` and `web_fetch` are `web_search_call` items, as OpenAI's own search tells its queries and the pages that it
opens; `image` is an `image_generation_call`; `pdf` and `datetime` are `mcp_call` items of the server `hyperinfer`, the form
that OpenAI has for tools that it does not know. Runs overlap: each has its place in the output from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.server_tools import ToolOutcome
from hyperinfer.formats.tool_records import FIELD, SERVER_LABEL, TEXT_FIELD, distinct_ids, end_record, our_id

if TYPE_CHECKING:
    from hyperinfer.formats import events as ev
    from hyperinfer.formats.openai_responses.output import Output, Wire
    from hyperinfer.formats.server_tools import ToolImage, ToolRun

_IMAGE = "image_generation_call"
_KINDS = {"web_search": "web_search_call", "web_fetch": "web_search_call", "image": _IMAGE}
_PREFIXES = {"web_search_call": "ws", _IMAGE: "ig", "mcp_call": "mcp"}
_CUT_OFF = ToolOutcome(text="", summary="It was cut off.", error="unavailable", calls=0)


class _Open:
    """A run that goes on."""

    def __init__(self, run: ToolRun, item: Wire, index: int) -> None:
        self.run = run
        self.item = item
        self.index = index


class RunWriter:
    """Writes the items of one reply."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._open: list[_Open] = []
        self._ids = distinct_ids()
        self._shown: dict[str, int] = {}  # images that an item has already, by call

    def start(self, event: ev.ToolRunStart) -> bytes:
        """A run begins: its item opens."""
        run = event.run
        kind = _KINDS.get(run.name, "mcp_call")
        item: Wire = {"id": self._id(kind, run), "type": kind, "status": "in_progress", **_given(kind, run)}
        opened = _Open(run, item, self._output.reserve(item))
        self._open.append(opened)
        frame = self._frame("response.output_item.added", opened, {"item": item})
        return frame + b"".join(self._frame(name, opened, more) for name, more in _beginning(kind, run))

    def _id(self, kind: str, run: ToolRun) -> str:
        return self._ids.give(our_id(_PREFIXES[kind], run.name, run.call_id))

    def _frame(self, name: str, opened: _Open, more: Wire) -> bytes:
        place: Wire = {"output_index": opened.index}
        if "item" not in more:
            place["item_id"] = opened.item["id"]
        return self._output.frame(name, {**place, **more})

    def end(self, event: ev.ToolRunEnd) -> bytes:
        """A run is over: its item is done."""
        opened = next((each for each in self._open if each.run.call_id == event.run.call_id), None)
        if opened is None:
            return b""
        self._open.remove(opened)
        return self._finish(opened, event.outcome, event.cost)

    def _finish(self, opened: _Open, outcome: ToolOutcome, cost: int) -> bytes:
        run, kind = opened.run, str(opened.item["type"])
        fields = _outcome(kind, run, outcome)
        if outcome.images and kind == _IMAGE:
            self._shown[run.call_id] = self._shown.get(run.call_id, 0) + 1
        item: Wire = {**opened.item, **fields, FIELD: end_record(run, outcome, cost)}
        frames = [self._frame(name, opened, {}) for name in _ending(kind, failed=outcome.error is not None)]
        frames.append(self._frame("response.output_item.done", opened, {"item": item}))
        self._output.items[opened.index] = item
        return b"".join(frames)

    def image(self, event: ev.ImageOutput) -> bytes:
        """An image: an item of its own, but for the one that the item of its run has."""
        if self._shown.get(event.call_id):
            self._shown[event.call_id] -= 1
            return b""
        item: Wire = {
            "id": self._ids.give(our_id("ig", "image", event.call_id)),
            "type": _IMAGE,
            "status": "in_progress",
            "result": None,
        }
        index = self._output.reserve(item)
        place: Wire = {"output_index": index, "item_id": item["id"]}
        frames = [self._output.frame("response.output_item.added", {"output_index": index, "item": item})]
        frames += [
            self._output.frame(f"response.{_IMAGE}.{word}", place) for word in ("in_progress", "generating", "completed")
        ]
        done = {**item, "status": "completed", **_drawn(event.image)}
        frames.append(self._output.frame("response.output_item.done", {"output_index": index, "item": done}))
        self._output.items[index] = done
        return b"".join(frames)

    def close(self) -> bytes:
        """The reply is over: runs that go on were cut off."""
        left, self._open = self._open, []
        return b"".join(self._finish(opened, _CUT_OFF, 0) for opened in left)


def _text(run: ToolRun, name: str) -> str:
    value = run.input.get(name)
    return value if isinstance(value, str) else ""


def _given(kind: str, run: ToolRun) -> Wire:
    """The fields of an item that say what the tool is given."""
    if kind == _IMAGE:
        return {"result": None}
    if kind == "mcp_call":
        fields: Wire = {"server_label": SERVER_LABEL, "name": run.name, "arguments": ""}
        return {**fields, "output": None, "error": None, "approval_request_id": None}
    if run.name == "web_fetch":
        return {"action": {"type": "open_page", "url": _text(run, "url")}}
    query = _text(run, "query")
    return {"action": {"type": "search", "query": query, "queries": [query]}}


def _arguments(run: ToolRun) -> str:
    return msgspec.json.encode(run.input).decode()


def _beginning(kind: str, run: ToolRun) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that follow the opening of an item."""
    yield f"response.{kind}.in_progress", {}
    if kind == "web_search_call":
        yield f"response.{kind}.searching", {}
    elif kind == _IMAGE:
        yield f"response.{kind}.generating", {}
    else:
        yield "response.mcp_call_arguments.delta", {"delta": _arguments(run)}
        yield "response.mcp_call_arguments.done", {"arguments": _arguments(run)}


def _ending(kind: str, *, failed: bool) -> tuple[str, ...]:
    """The event before an item is done. Only `mcp_call` has one for a failure."""
    if failed:
        return ("response.mcp_call.failed",) if kind == "mcp_call" else ()
    return (f"response.{kind}.completed",)


def _outcome(kind: str, run: ToolRun, outcome: ToolOutcome) -> Wire:
    """The fields of an item that say what came of it."""
    failed = outcome.error is not None
    fields: Wire = {"status": "failed" if failed else "completed"}
    if kind == "mcp_call":
        fields["arguments"] = _arguments(run)
        if failed:
            content = [{"type": "text", "text": outcome.text or outcome.summary}]
            return {**fields, "error": {"type": "mcp_tool_execution_error", "content": content}}
        return {**fields, "output": outcome.text}
    if kind == _IMAGE:
        if outcome.images:
            return {**fields, **_drawn(outcome.images[0], _text(run, "prompt"))}
        fields["result"] = ""  # the AI SDK demands a string
        return fields
    if run.name == "web_search":
        query = _text(run, "query")
        sources = [{"type": "url", "url": source.url} for source in outcome.sources]
        fields["action"] = {"type": "search", "query": query, "queries": [query], "sources": sources}
    return {**fields, TEXT_FIELD: outcome.text}


def _drawn(image: ToolImage, prompt: str = "") -> Wire:
    """The fields of an image. Formats that OpenAI has no name for are told as they are."""
    kind = image.media_type.removeprefix("image/").partition("+")[0]
    return {
        "result": image.data,
        "output_format": "jpeg" if kind == "jpg" else kind,
        "revised_prompt": image.prompt or prompt or None,
    }
