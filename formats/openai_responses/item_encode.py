"""Reasoning, tool calls and hosted tools to output items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.ids import DistinctIds, responses_call_id
from hyperinfer.formats.openai_responses.foreign_tools import foreign_item
from hyperinfer.formats.openai_responses.reasoning import blob_text

if TYPE_CHECKING:
    from hyperinfer.formats import events as ev
    from hyperinfer.formats.openai_responses.output import Output, Wire


class ReasoningWriter:
    """Writes reasoning items.

    Text of another protocol becomes the summary, which is what clients show (contract). Each blob beyond the first makes
    an item of its own, since an item has one string for it.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._id = ""
        self._item: Wire = {}
        self._lists: dict[str, list[Wire]] = {}
        self._part: tuple[str, int] | None = None  # (list, number of the upstream) of the open part
        self._form = ""  # of the last piece of the open part
        self._head = b""
        self._said: list[str] = []

    def start(self, event: ev.ReasoningStart) -> bytes:
        """The block opens."""
        output = self._output
        self._id = output.item_id(event.item_id, "rs")
        self._lists, self._part, self._form = {"summary": [], "content": []}, None, ""
        fields = output.group(event.extra, "item") or {}
        self._item = {"id": self._id, "type": "reasoning", "summary": [], **fields}
        return output.added(self._item, output.group(event.extra, "item_event"))

    def delta(self, event: ev.ReasoningDelta) -> bytes:
        """A piece of text; a part opens where it is the first of its part."""
        output = self._output
        if event.text and event.extra is None and event.form == self._form and self._part and event.part == self._part[1]:
            self._said.append(event.text)
            return output.delta(self._head, event.text)
        field = "content" if output.native and event.form == "text" else "summary"
        part = (field, event.part)
        opened = b""
        if part != self._part and (event.text or output.native):
            opened = self._close_part() + self._open_part(part)
        self._form = event.form
        if not event.text:
            return opened
        self._said.append(event.text)
        if output.native and event.extra:
            kind = _delta_kind(field)
            return opened + output.frame(kind, {**self._place(field), "delta": event.text}, event.extra)
        return opened + output.delta(self._head, event.text)

    def more(self, first: ev.ReasoningDelta, texts: list[str]) -> bytes:
        """More pieces like `first`, none of them empty; nothing where they must be written one by one."""
        if first.form != self._form or self._part is None or first.part != self._part[1]:
            return b""
        self._said.extend(texts)
        return self._output.deltas(self._head, texts)

    def _place(self, field: str) -> Wire:
        name = "summary_index" if field == "summary" else "content_index"
        return {"item_id": self._id, "output_index": self._output.index, name: len(self._lists[field])}

    def _open_part(self, part: tuple[str, int]) -> bytes:
        self._part, self._said = part, []
        field = part[0]
        place = self._place(field)
        self._head = self._output.delta_head(_delta_kind(field), place)
        if field == "summary":
            return self._output.frame(
                "response.reasoning_summary_part.added", {**place, "part": {"type": "summary_text", "text": ""}}
            )
        return self._output.frame("response.content_part.added", {**place, "part": {"type": "reasoning_text", "text": ""}})

    def _close_part(self) -> bytes:
        if self._part is None:
            return b""
        field = self._part[0]
        self._part = None
        place, text = self._place(field), "".join(self._said)
        if field == "summary":
            part = {"type": "summary_text", "text": text}
            names = ("response.reasoning_summary_text.done", "response.reasoning_summary_part.done")
        else:
            part = {"type": "reasoning_text", "text": text}
            names = ("response.reasoning_text.done", "response.content_part.done")
        frame = self._output.frame(names[0], {**place, "text": text})
        frame += self._output.frame(names[1], {**place, "part": part})
        self._lists[field].append(part)
        return frame

    def end(self, event: ev.ReasoningEnd) -> bytes:
        """The block closes: the item is done."""
        output = self._output
        frame = self._close_part()
        output.contradicted(event.extra)
        fields = output.group(event.extra, "item")
        item: Wire = {**self._item, "summary": self._lists["summary"]}
        if self._lists["content"]:
            item["content"] = self._lists["content"]
        if fields is not None:
            item.pop("encrypted_content", None)
            item.update(fields)
        elif "status" in item:
            item["status"] = "completed"
        if event.opaque:
            item["encrypted_content"] = blob_text(event.opaque[0], output.upstream)
        frame += output.done(item, output.group(event.extra, "item_event"))
        for blob in event.opaque[1:]:
            frame += self.carrier(blob_text(blob, output.upstream))
        return frame

    def carrier(self, blob: str) -> bytes:
        """An item that only carries a blob."""
        item: Wire = {"id": self._output.item_id(None, "rs"), "type": "reasoning", "summary": []}
        return self._output.added(item) + self._output.done({**item, "encrypted_content": blob})


def _delta_kind(field: str) -> str:
    return "response.reasoning_summary_text.delta" if field == "summary" else "response.reasoning_text.delta"


class CallWriter:
    """Writes `function_call` and `custom_tool_call` items."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._call_ids = DistinctIds(responses_call_id)
        self._item: Wire = {}
        self._field = "arguments"
        self._kind = ""
        self._head = b""
        self._said: list[str] = []

    def start(self, event: ev.ToolCallStart) -> bytes:
        """The call opens."""
        output = self._output
        custom = event.kind == "custom"
        self._kind = "custom_tool_call_input" if custom else "function_call_arguments"
        self._field = "input" if custom else "arguments"
        self._said = []
        item: Wire = {
            "id": output.item_id(event.item_id, "ctc" if custom else "fc"),
            "type": "custom_tool_call" if custom else "function_call",
            "status": "in_progress",
            "call_id": self._call_ids.give(event.call_id),
            "name": event.name,
            self._field: "",
        }
        if event.namespace is not None:
            item["namespace"] = event.namespace
        fields = output.group(event.extra, "item")
        if fields is not None:
            if custom and "status" not in fields:
                del item["status"]
            item.update(fields)
        if not custom:
            item["status"] = "in_progress"
        self._item = item
        self._head = output.delta_head(f"response.{self._kind}.delta", self._place())
        return output.added(item, output.group(event.extra, "item_event"))

    def _place(self) -> Wire:
        return {"item_id": self._item["id"], "output_index": self._output.index}

    def delta(self, event: ev.ArgumentsDelta) -> bytes:
        """A piece of the arguments."""
        if not event.text:
            return b""
        self._said.append(event.text)
        if event.extra and self._output.native:
            body = {**self._place(), "delta": event.text}
            return self._output.frame(f"response.{self._kind}.delta", body, event.extra)
        return self._output.delta(self._head, event.text)

    def more(self, texts: list[str]) -> bytes:
        """More pieces of the arguments, none of them empty."""
        self._said.extend(texts)
        return self._output.deltas(self._head, texts)

    def end(self, event: ev.ToolCallEnd) -> bytes:
        """The call is complete. Arguments that are no JSON were cut short: the call is `incomplete`."""
        output = self._output
        output.contradicted(event.extra)
        text, frame = "".join(self._said), b""
        function = self._field == "arguments"
        if function and not text.strip():
            frame = output.delta(self._head, "{}")
            text += "{}"
        body: Wire = {**self._place(), self._field: text}
        if function and not output.native:
            body["name"] = self._item["name"]
        frame += output.frame(f"response.{self._kind}.done", body, output.group(event.extra, "args_event"))
        item = {**self._item, self._field: text}
        item["status"] = "completed" if not function or _is_json(text) else "incomplete"
        item.update(output.group(event.extra, "item") or {})
        return frame + output.done(item, output.group(event.extra, "item_event"))


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


class NativeWriter:
    """Writes items that only Responses knows, as they came. Those of another protocol in the form of its like, or not."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._id = ""
        self._verbatim = False

    def start(self, event: ev.ServerToolStart) -> bytes:
        """The block opens."""
        output = self._output
        self._verbatim = event.dialect == "openai_responses"
        if not self._verbatim:
            return b""
        theirs = event.item.get("id")
        self._id = output.item_id(theirs if isinstance(theirs, str) else None, "item")
        return output.added({**event.item, "id": self._id})

    def delta(self, event: ev.ServerToolDelta) -> bytes:
        """An event of the item."""
        if not self._verbatim:
            return b""
        body = {k: v for k, v in event.raw.items() if k != "type"}
        if "item_id" in body or "output_index" in body:  # else it speaks of the response, as far as anybody can know
            body.update(item_id=self._id, output_index=self._output.index)
        return self._output.frame(str(event.raw.get("type")), body)

    def end(self, event: ev.ServerToolEnd) -> bytes:
        """The block closes."""
        if self._verbatim:
            return self._output.done({**event.item, "id": self._id})
        found = foreign_item(event.item)
        if found is None:
            self._output.lose("response.output", f"a `{event.item.get('type')}` block has no form in Responses")
            return b""
        item: Wire = {"id": self._output.item_id(None, found.prefix), **found.fields}
        return self._output.added({**item, "status": "in_progress"}) + self._output.done(item)
