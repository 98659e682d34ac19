"""Runs of the gateway's own tools for Chat clients, which have no form for them: a documented extension (docs/tools.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.tool_records import end_record, our_id, start_record

if TYPE_CHECKING:
    from hyperinfer.formats.events import ImageOutput, ToolRunEnd, ToolRunStart


def run_record(event: ToolRunStart | ToolRunEnd) -> dict[str, Any]:
    """What the client is told: top-level fields that official SDKs pass by."""
    if isinstance(event, ev.ToolRunStart):
        return start_record(event.run)
    return end_record(event.run, event.outcome, event.cost)


class ToolRuns:
    """The runs of a whole response: each once, with how it ended where it did."""

    def __init__(self) -> None:
        self._open: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []

    def add(self, event: ToolRunStart | ToolRunEnd) -> None:
        """One event. A run that ends takes the place of its beginning."""
        record = run_record(event)
        if isinstance(event, ev.ToolRunStart):
            self._open.append(record)
            self.records.append(record)
            return
        begun = next((open_ for open_ in self._open if open_["id"] == record["id"]), None)
        if begun is None:
            self.records.append(record)
            return
        self._open.remove(begun)
        begun.update(record)


def image_entry(event: ImageOutput) -> dict[str, Any]:
    """An image as an entry of `images`, as OpenRouter has them. By its id it is known to be ours when it comes back."""
    image = event.image
    entry: dict[str, Any] = {
        "type": "image_url",
        "image_url": {"url": f"data:{image.media_type};base64,{image.data}"},
        "id": our_id("img", "image", event.call_id),
    }
    if image.prompt:
        entry["prompt"] = image.prompt
    return entry
