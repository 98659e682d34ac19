"""A strict reader of Responses streams."""

from __future__ import annotations

from typing import Any, TypeAlias

Frames: TypeAlias = list[tuple[str, Any]]
"""(name, data) of each event."""

_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_NO_ITEM = ("response.created", "response.in_progress", "response.queued")
_PARTS = ("response.content_part", "response.reasoning_summary_part")


class _Item:
    """An output item while it streams."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.id, self.type = item["id"], item["type"]
        self.parts: dict[tuple[str, int], str] = {}
        self.texts: dict[tuple[str, int], str] = {}
        self.closed: dict[str, Any] | None = None

    def step(self, kind: str, data: dict[str, Any]) -> None:
        assert data.get("item_id", self.id) == self.id, f"{kind}: item {data['item_id']}, opened as {self.id}"
        family, _, verb = kind.rpartition(".")
        index = data.get("summary_index", data.get("content_index", 0))
        if family in _PARTS:
            key = ("summary" if "summary" in family else "content", index)
            assert (key in self.parts) == (verb == "done"), f"{kind} of part {key}"
            assert self.parts.get(key) != "closed", f"part {key} closed twice"
            self.parts[key] = "open" if verb == "added" else "closed"
            return
        key = ("summary" if "summary" in family else "content", index)
        if self.type in ("message", "reasoning") and "annotation" not in family:
            assert self.parts.get(key) == "open", f"{kind} without an open part"
        if verb == "delta":
            self.texts[key] = self.texts.get(key, "") + data["delta"]
        elif verb == "done":
            said = next((data[name] for name in ("text", "arguments", "input", "refusal") if name in data), "")
            assert said == self.texts.get(key, ""), f"{kind} says {said!r}, the deltas {self.texts.get(key)!r}"

    def close(self, item: dict[str, Any]) -> None:
        assert self.closed is None, f"item {self.id} closed twice"
        assert (item["id"], item["type"]) == (self.id, self.type), f"{item['id']} closes, opened as {self.id}"
        assert "open" not in self.parts.values(), f"item {self.id} closes with a part open"
        self.closed = item


def read_items(frames: Frames) -> dict[str, Any]:
    """The response object that ends the stream, after every event before it was found legal."""
    assert frames, "nothing at all"
    assert frames[0][0] == "response.created", f"first is {frames[0][0]}"
    items: dict[int, _Item] = {}
    for number, (kind, data) in enumerate(frames):
        assert data["sequence_number"] == number, f"sequence_number {data['sequence_number']} at {number}"
        if kind in _TERMINAL:
            assert number == len(frames) - 1, f"{frames[number + 1][0]} after {kind}"
            response: dict[str, Any] = data["response"]
            assert response["status"] == kind.partition(".")[2]
            assert response["id"] == frames[0][1]["response"]["id"], "another response id"
            if kind != "response.failed":
                assert all(item.closed for item in items.values()), "an item is open at the end"
                ids = [item["id"] for item in response["output"]]
                assert ids == [items[index].id for index in sorted(items)], f"the final output has {ids}"
            return response
        if kind in _NO_ITEM:
            continue
        index = data.get("output_index")
        if kind == "response.output_item.added":
            assert index == len(items), f"output_index {index} where {len(items)} was due"
            assert all(item.closed for item in items.values()), "an item opens while another is open"
            assert data["item"]["id"] not in [item.id for item in items.values()], "an id twice"
            items[index] = _Item(data["item"])
        else:
            assert index in items, f"{kind} of an item that was never opened"
            assert items[index].closed is None, f"{kind} after item {index} was closed"
            if kind == "response.output_item.done":
                items[index].close(data["item"])
            else:
                items[index].step(kind, data)
    raise AssertionError("the stream does not end with a terminal event")
