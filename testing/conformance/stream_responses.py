"""OpenAI Responses: how a client reads a stream.

Sources: the types and the stream accumulator of openai-python (`ResponseStreamEvent`), OpenAI's reference of its events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hyperinfer.testing.conformance import client_responses
from hyperinfer.testing.conformance.event_stream import Frame, document, frames
from hyperinfer.testing.conformance.heard import Heard
from hyperinfer.testing.conformance.json_values import count, parsed, record, records, short, string

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Object

_TERMINALS = ("response.completed", "response.incomplete", "response.failed")
_DELTAS = {
    "response.output_text": ("text", "content_index"),
    "response.refusal": ("refusal", "content_index"),
    "response.reasoning_text": ("text", "content_index"),
    "response.reasoning_summary_text": ("text", "summary_index"),
    "response.function_call_arguments": ("arguments", ""),
}
_PARTS = {"response.content_part": "content_index", "response.reasoning_summary_part": "summary_index"}


@dataclass(slots=True)
class _Item:
    """`texts`: by what kind of delta and which part; `parts`: by the kind of index and the part, whether it is open."""

    id: str
    added: Object
    texts: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    ended: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    parts: dict[tuple[str, int], bool] = field(default_factory=dict[tuple[str, int], bool])
    done: Object | None = None


class _Reader:
    """Puts a stream together."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.items: dict[int, _Item] = {}
        self.seen = 0
        self.number = -1
        self.id = ""
        self.final: Object | None = None

    def read(self, raw: bytes) -> Heard:
        heard = self.heard
        for frame in frames(raw, heard):
            if frame.data == "[DONE]" and self.final is not None:
                continue  # no part of the protocol, and harmless: the SDKs stop there
            self.event(frame, document(frame, heard))
        if heard.error is None:
            heard.must(self.final is not None, "terminal", "no response.completed, .incomplete or .failed")
            for index, item in self.items.items():
                heard.must(item.done is not None, "blocks", f"item {index} is never done")
            if self.final is not None:
                self.compare(records(self.final.get("output")))
        heard.turn = [item.done for _, item in sorted(self.items.items()) if item.done is not None]
        client_responses.parts(heard)
        return heard

    def event(self, frame: Frame, value: Object) -> None:
        heard, kind = self.heard, string(value.get("type"))
        heard.must(frame.name == kind, "framing", f"event {frame.name!r} has type {kind!r}")
        ended = self.final is not None or (heard.error is not None and kind != "response.failed")  # OpenAI tells both
        heard.must(not ended, "terminal", f"{kind} after the end")
        number = value.get("sequence_number")
        heard.must(number == self.number + 1, "numbers", f"sequence_number {number!r} after {self.number} ({kind})")
        self.number = number if isinstance(number, int) else self.number + 1
        if self.seen == 0:
            heard.must(kind in ("response.created", "error"), "order", f"the first event is {kind}")
        self.seen += 1
        if kind == "error":
            heard.error = value
        elif isinstance(value.get("response"), dict):
            self.response(kind, record(value["response"]))
        elif kind == "response.output_item.added":
            self.added(value)
        elif kind.startswith("response."):
            self.within(kind, value)

    def response(self, kind: str, response: Object) -> None:
        heard = self.heard
        client_responses.envelope(response, heard)
        self.id = self.id or string(response.get("id"))
        heard.must(response.get("id") == self.id, "ids", f"the response's id changes to {response.get('id')!r} in {kind}")
        if kind in _TERMINALS:
            self.final = response
            status = response.get("status")
            heard.must(status == kind.removeprefix("response."), "terminal", f"{kind} has status {status!r}")
            client_responses.ended(response, heard)
        else:
            heard.must(not self.items, "order", f"{kind} after items")

    def added(self, value: Object) -> None:
        heard, at, item = self.heard, count(value.get("output_index")), record(value.get("item"))
        heard.must(at == len(self.items), "blocks", f"item {value.get('output_index')!r} where {len(self.items)} was due")
        heard.must(string(item.get("id")), "ids", f"item {at} has no id")
        others = [each.id for each in self.items.values()]
        heard.must(item.get("id") not in others, "ids", f"two items have the id {item.get('id')!r}")
        self.items[len(self.items) if at is None else at] = _Item(string(item.get("id")), item)

    def within(self, kind: str, value: Object) -> None:
        """An event of an item."""
        heard = self.heard
        item = self.items.get(-1 if (at := count(value.get("output_index"))) is None else at)
        if not heard.must(item is not None, "blocks", f"{kind} of item {value.get('output_index')!r}, never added"):
            return
        assert item is not None
        heard.must(item.done is None, "blocks", f"{kind} after its item is done")
        name, _, what = kind.rpartition(".")
        if kind == "response.output_item.done":
            self.done(item, record(value.get("item")))
            return
        if name not in _PARTS and name not in _DELTAS:
            return  # of a server's tools, which nothing here asks for
        heard.must(value.get("item_id") == item.id, "ids", f"{kind} has item_id {value.get('item_id')!r}, not {item.id!r}")
        if name in _PARTS:
            self.part(item, what, _PARTS[name], value)
        else:
            self.text(item, name, what, value)

    def part(self, item: _Item, what: str, index: str, value: Object) -> None:
        heard, at = self.heard, count(value.get(index))
        key = (index, -1 if at is None else at)
        if what == "added":
            due = sum(1 for kind, _ in item.parts if kind == index)
            heard.must(at == due, "blocks", f"{index} {value.get(index)!r} where {due} was due")
            item.parts[key] = True
            return
        heard.must(item.parts.get(key), "blocks", f"part {key[1]} is done, and not open")
        item.parts[key] = False
        text = record(value.get("part")).get("text")
        told = "".join(each for (name, n), each in item.texts.items() if n == key[1] and _DELTAS[name][1] == index)
        heard.must(text is None or text == told, "blocks", f"a part's text {short(text, 60)!r} is not its deltas'")

    def text(self, item: _Item, name: str, what: str, value: Object) -> None:
        heard = self.heard
        last, index = _DELTAS[name]
        at = count(value.get(index)) if index else 0
        key = (name, -1 if at is None else at)
        if index:
            heard.must(item.parts.get((index, key[1])), "blocks", f"{name} of part {value.get(index)!r}, which is not open")
        heard.must(key not in item.ended, "blocks", f"{name}.{what} after its done")
        if what == "delta":
            heard.must(string(value.get("delta")), "fields", f"{name}.delta is {value.get('delta')!r}")
            item.texts[key] = item.texts.get(key, "") + string(value.get("delta"))
            return
        item.ended.add(key)
        told = item.texts.get(key, "")
        heard.must(
            value.get(last) == told, "blocks", f"{name}.done has {short(value.get(last), 60)!r}, not its deltas' text"
        )

    def done(self, item: _Item, value: Object) -> None:
        heard = self.heard
        item.done = value
        for name in ("id", "type", "call_id", "name"):
            same = value.get(name) == item.added.get(name)
            heard.must(same, "ids", f"{name} of an item changes: {item.added.get(name)!r}, {value.get(name)!r}")
        heard.must(not any(item.parts.values()), "blocks", "an item is done while a part of it is open")
        heard.must(set(item.texts) <= item.ended, "blocks", "an item is done before what its deltas made is")
        if value.get("type") == "function_call":
            arguments = string(value.get("arguments"))
            told = item.texts.get(("response.function_call_arguments", 0), "")
            heard.must(arguments == told, "blocks", f"arguments {short(arguments, 60)!r} are not the deltas'")
            good = parsed(arguments or "{}") is not None
            heard.must(good or value.get("status") == "incomplete", "blocks", f"no JSON: {short(arguments, 60)!r}")

    def compare(self, output: list[Object]) -> None:
        """Of the final response with the items as they were done."""
        told = [(item.id, item.added.get("type")) for _, item in sorted(self.items.items())]
        last = [(item.get("id"), item.get("type")) for item in output]
        self.heard.must(told == last, "ids", f"the items {told} are {last} in the final response")


def read_stream(raw: bytes) -> Heard:
    """A streamed answer."""
    return _Reader().read(raw)
