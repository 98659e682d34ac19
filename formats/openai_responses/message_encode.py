"""Text and refusal blocks to one message item.

The item stays open while blocks of the same item follow: whether it was cut short is known at the end only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Extra
    from hyperinfer.formats.openai_responses.output import Output, Wire


class MessageWriter:
    """Writes message items. `is_open`: an item is not done yet. `refused`: some item had a refusal
    that says something."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.is_open = False
        self.refused = False
        self._source: str | None = None
        self._item: Wire = {}
        self._id = ""
        self._parts: list[Wire] = []
        self._end: Extra = None
        # the open part
        self._kind = ""
        self._head = b""
        self._said: list[str] = []
        self._logprobs: list[Any] = []
        self._annotations: list[Wire] = []
        self._fields: Wire = {}

    def start(self, event: ev.TextStart | ev.RefusalStart) -> bytes:
        """A text or refusal block opens."""
        phase = event.phase if isinstance(event, ev.TextStart) else None
        opened = self._open(event.item_id, phase, event.item_extra)
        if self._output.native and event.extra and "no_part" in event.extra:
            self._kind = ""
            return opened
        kind = "output_text" if isinstance(event, ev.TextStart) else "refusal"
        return opened + self._open_part(kind, event.extra)

    def _open(self, source: str | None, phase: str | None, extra: Extra) -> bytes:
        if self.is_open and source == self._source:
            return b""
        output = self._output
        before = self.close("completed")
        self.is_open, self._source, self._parts, self._end = True, source, [], None
        self._id = output.item_id(source, "msg")
        fields = output.group(extra, "item") or {}
        item: Wire = {"id": self._id, "type": "message", "status": "in_progress", "content": []}
        if phase is not None:
            item["phase"] = phase
        item["role"] = "assistant"
        self._item = {**item, **fields, "status": "in_progress"}
        return before + output.added(self._item, output.group(extra, "item_event"))

    def _place(self) -> Wire:
        return {"item_id": self._id, "output_index": self._output.index, "content_index": len(self._parts)}

    def _open_part(self, kind: str, extra: Extra) -> bytes:
        output = self._output
        self._kind, self._said, self._logprobs, self._annotations = kind, [], [], []
        self._fields = output.group(extra, "part") or {}
        place = self._place()
        if kind == "refusal":
            part: Wire = {"type": kind, "refusal": ""}
            self._head = output.delta_head("response.refusal.delta", place)
        else:
            part = {"type": kind, "annotations": [], "logprobs": [], "text": ""}
            self._head = output.delta_head("response.output_text.delta", {**place, "logprobs": []})
        body = {**place, "part": {**part, **self._fields}}
        return output.frame("response.content_part.added", body, output.group(extra, "part_event"))

    def text(self, event: ev.TextDelta) -> bytes:
        """A piece of text."""
        text = event.text
        if text and self._kind and event.logprobs is None and event.extra is None:
            self._said.append(text)
            return self._output.delta(self._head, text)
        if not text:
            return b""
        if not self._kind:  # its part gave way to one of an unknown kind
            return self._open_part("output_text", None) + self.text(event)
        self._said.append(text)
        logprobs = event.logprobs or []
        self._logprobs.extend(logprobs)
        body = {**self._place(), "delta": text, "logprobs": logprobs}
        return self._output.frame("response.output_text.delta", body, event.extra if self._output.native else None)

    def more(self, texts: list[str]) -> bytes:
        """More pieces of the open text, none of them empty; nothing where they must be written one by one."""
        if self._kind != "output_text":
            return b""
        self._said.extend(texts)
        return self._output.deltas(self._head, texts)

    def refusal(self, event: ev.RefusalDelta) -> bytes:
        """A piece of a refusal."""
        if not event.text:
            return b""
        if not self._kind:
            return self._open_part("refusal", None) + self.refusal(event)
        self.refused = True
        self._said.append(event.text)
        if event.extra and self._output.native:
            return self._output.frame("response.refusal.delta", {**self._place(), "delta": event.text}, event.extra)
        return self._output.delta(self._head, event.text)

    def citation(self, event: ev.Citation) -> bytes:
        """A source of the open text, as an annotation. One without a URL has no form here."""
        if event.dialect == "openai_responses":
            annotation = event.raw
        elif event.url:
            annotation = {
                "type": "url_citation",
                "url": event.url,
                "title": event.title or "",
                "start_index": event.start if event.start is not None else 0,
                "end_index": event.end if event.end is not None else sum(map(len, self._said)),
            }
            if event.cited_text:
                self._output.lose("response.output.content.annotations", "an annotation does not quote what it cites")
        else:
            self._output.lose("response.output.content.annotations", "a citation without a URL has no annotation")
            return b""
        number = len(self._annotations)
        self._annotations.append(annotation)
        body = {**self._place(), "annotation_index": number, "annotation": annotation}
        return self._output.frame("response.output_text.annotation.added", body)

    def end(self, extra: Extra) -> bytes:
        """The block closes: its part is done."""
        output = self._output
        if output.native and extra:
            self._end = extra
            output.contradicted(extra)
        if not self._kind:
            return b""
        kind, self._kind = self._kind, ""
        place = self._place()
        text = "".join(self._said)
        text_event = output.group(extra, "text_event")
        if kind == "refusal":
            part: Wire = {"type": kind, "refusal": text}
            frame = output.frame("response.refusal.done", {**place, "refusal": text}, text_event)
        else:
            part = {"type": kind, "annotations": self._annotations, "logprobs": self._logprobs, "text": text}
            body = {**place, "text": text, "logprobs": self._logprobs}
            if text_event and "logprobs" in text_event:
                body["logprobs"] = text_event["logprobs"]
            frame = output.frame("response.output_text.done", body, text_event)
        theirs = output.group(extra, "part") or {}
        part = theirs if "type" in theirs else {**part, **self._fields, **theirs}
        frame += output.frame(
            "response.content_part.done",
            {**place, "part": {**part, **(output.group(extra, "done_part") or {})}},
            output.group(extra, "part_event"),
        )
        self._parts.append(part)
        return frame

    def foreign_part(self, raw: Wire) -> bytes:
        """A content part of a kind that this version does not know, of an upstream that speaks Responses."""
        part, source = raw.get("part"), raw.get("item_id")
        if not is_object(part):
            return b""
        # A part that is open gives way: its place in the item is before this one.
        before = self.end(None) if self._kind else self._open(source if isinstance(source, str) else None, None, None)
        place = self._place()
        self._parts.append(part)
        return (
            before
            + self._output.frame("response.content_part.added", {**place, "part": part})
            + self._output.frame("response.content_part.done", {**place, "part": part})
        )

    def explain(self, text: str) -> bytes:
        """A refusal part that says why the reply was refused."""
        opened = b"" if self.is_open else self._open(None, None, None)
        opened += self._open_part("refusal", None)
        return opened + self.refusal(ev.RefusalDelta(text)) + self.end(None)

    def close(self, status: str) -> bytes:
        """The item is done; `status` where the upstream does not say it."""
        if not self.is_open:
            return b""
        self.is_open = False
        fields = self._output.group(self._end, "item") or {}
        item = {**self._item, "status": status, "content": self._parts, **fields}
        return self._output.done(item, self._output.group(self._end, "item_event"))
