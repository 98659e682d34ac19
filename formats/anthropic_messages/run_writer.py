"""Runs of the gateway's own tools as content blocks: `server_tool_use`, then a result of a type that clients know.

Search and fetch have the results of Anthropic's own tools; a PDF that was read is a fetched document. What has no result
type of its own (`datetime`, `image`) tells it as `code_execution_tool_result`, the one that is made of plain text: blocks of
types that they do not know make some clients give up a reply. Beside them stands the record of the run (`tool_records`).

Messages has no images in replies, and clients fail on an `image` block, so an image is Markdown in a text block of its own,
with a title by which it is known when it comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.run_images import image_markdown
from hyperinfer.formats.tool_records import FIELD, distinct_ids, end_record, our_id, sealed
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats import events as ev
    from hyperinfer.formats.anthropic_messages.reply_sink import Sink
    from hyperinfer.formats.server_tools import ToolOutcome, ToolRun, ToolSource

Wire = dict[str, Any]

_RESULTS = {"web_search": "web_search", "web_fetch": "web_fetch", "pdf": "web_fetch"}
_ERRORS = {
    "web_search": {"bad_arguments": "invalid_tool_input", "too_large": "request_too_large"},
    "web_fetch": {
        "bad_arguments": "invalid_tool_input",
        "refused": "url_not_allowed",
        "not_found": "url_not_accessible",
        "too_large": "content_too_large",
        "unsupported": "unsupported_content_type",
    },
    "code_execution": {"bad_arguments": "invalid_tool_input", "timeout": "execution_time_exceeded"},
}
"""The words of the format for what went wrong; anything else is `unavailable`."""
_COUNTED = {"web_search": "web_search_requests", "web_fetch": "web_fetch_requests"}


class RunWriter:
    """Writes the runs of one reply. `requests`: how many of them ended, as `usage.server_tool_use` counts them."""

    def __init__(self, sink: Sink) -> None:
        self.requests: dict[str, int] = {}
        self._sink = sink
        self._ids = distinct_ids()
        self._given: dict[str, list[str]] = {}  # ids of open runs, by call

    def start(self, event: ev.ToolRunStart) -> None:
        """A run begins. Its input is one delta, as Anthropic streams it."""
        run = event.run
        given = self._ids.give(our_id("srvtoolu", run.name, run.call_id))
        self._given.setdefault(run.call_id, []).append(given)
        self._sink.open({"type": "server_tool_use", "id": given, "name": run.name, "input": {}}, {})
        arguments = msgspec.json.encode(run.input).decode()
        self._sink.delta({"type": "input_json_delta", "partial_json": arguments}, {})
        self._sink.close({})

    def end(self, event: ev.ToolRunEnd) -> None:
        """A run is over."""
        given = self._given.get(event.run.call_id)
        if not given:
            return
        kind = _RESULTS.get(event.run.name, "code_execution")
        if event.run.name in _COUNTED:
            self.requests[event.run.name] = self.requests.get(event.run.name, 0) + 1
        block: Wire = {
            "type": f"{kind}_tool_result",
            "tool_use_id": given.pop(0),
            "content": _content(kind, event.run, event.outcome),
            FIELD: end_record(event.run, event.outcome, event.cost),
        }
        self._sink.open(block, {})
        self._sink.close({})

    def image(self, event: ev.ImageOutput) -> None:
        """An image."""
        self._sink.open({"type": "text", "text": ""}, {})
        self._sink.delta({"type": "text_delta", "text": image_markdown(event.call_id, event.image)}, {})
        self._sink.close({})

    def counted(self, usage: Wire) -> Wire:
        """The usage object with the requests of our tools beside those of the upstream's own."""
        if not self.requests:
            return usage
        theirs = usage.get("server_tool_use")
        counts: Wire = {name: 0 for name in _COUNTED.values()}
        if is_object(theirs):
            counts.update({name: value for name, value in theirs.items() if value is not None})
        for name, field in _COUNTED.items():
            counts[field] += self.requests.get(name, 0)
        return {**usage, "server_tool_use": counts}


def _content(kind: str, run: ToolRun, outcome: ToolOutcome) -> Any:
    if outcome.error is not None:
        code = _ERRORS[kind].get(outcome.error, "unavailable")
        return {"type": f"{kind}_tool_result_error", "error_code": code}
    if kind == "web_search":
        return [_found(source) for source in outcome.sources]
    if kind == "web_fetch":
        return _fetched(run, outcome)
    return {
        "type": "code_execution_result",
        "stdout": outcome.text,
        "stderr": "",
        "return_code": 0,
        "content": [],
    }


def _found(source: ToolSource) -> Wire:
    return {
        "type": "web_search_result",
        "url": source.url,
        "title": source.title,
        "encrypted_content": sealed(source.text),
        "page_age": source.published,
    }


def _fetched(run: ToolRun, outcome: ToolOutcome) -> Wire:
    first = outcome.sources[0] if outcome.sources else None
    given = run.input.get("url")
    document = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": outcome.text},
        "title": first.title if first is not None else None,
    }
    url = first.url if first is not None else given if isinstance(given, str) else ""
    return {"type": "web_fetch_result", "url": url, "content": document, "retrieved_at": None}
