"""The output of a response as it grows: done items, ids, and the frames that tell of each step.

`Frames` makes the bytes of a stream, `Silent` makes none: a whole reply is built by the same steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.piece_runs import numbered_texts
from hyperinfer.formats.reply_losses import CONTRADICTED

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Extra

Wire = dict[str, Any]

encode_json = msgspec.json.Encoder().encode


class Output:
    """What all item writers share. `native`: the upstream speaks Responses, so private extras and ids of it are used.

    `tells_steps`: whether each step is told, or only the end, whose status may then be any (`queued`).
    """

    tells_steps: ClassVar[bool] = True

    def __init__(self, request_id: str, upstream: Dialect) -> None:
        self.items: list[Wire] = []
        self.losses: list[Loss] = []
        self.native = False
        self.upstream: Dialect = upstream
        self._request_id = request_id
        self._ids: set[str] = set()
        self._lost: set[tuple[str, str]] = set()

    @property
    def index(self) -> int:
        """`output_index` of the item that is open."""
        return len(self.items)

    def item_id(self, theirs: str | None, prefix: str) -> str:
        """The upstream's id where it is the only one of its name, else ours. Every item gets one, once."""
        found = theirs if theirs and theirs not in self._ids else f"{prefix}_{self._request_id}_{self.index}"
        self._ids.add(found)
        return found

    def added(self, item: Wire, extra: Extra = None) -> bytes:
        """The item opens."""
        return self.frame("response.output_item.added", {"output_index": self.index, "item": item}, extra)

    def done(self, item: Wire, extra: Extra = None) -> bytes:
        """The item is complete and stands in the output."""
        frame = self.frame("response.output_item.done", {"output_index": self.index, "item": item}, extra)
        self.items.append(item)
        return frame

    def reserve(self, item: Wire) -> int:
        """A place for an item that ends later, whatever else comes before that; no other item is open."""
        self.items.append(item)
        return self.index - 1

    def lose(self, path: str, reason: str) -> None:
        """Something cannot be said; each thing once."""
        if (path, reason) not in self._lost:
            self._lost.add((path, reason))
            self.losses.append(Loss(path, reason))

    def group(self, extra: Extra, name: str) -> Extra:
        """One group of private fields, if they are ours to read."""
        return extra.get(name) if self.native and extra else None

    def contradicted(self, extra: Extra) -> None:
        """The losses of a block whose last state is another text than its deltas were: the deltas stand."""
        for path in self.group(extra, "contradicted") or ():
            self.lose(f"response.{path}", CONTRADICTED)

    def frame(self, kind: str, body: Wire, extra: Extra = None) -> bytes:
        """One event."""
        raise NotImplementedError

    def delta_head(self, kind: str, body: Wire) -> bytes:
        """The start of the delta frames of one block, up to the text."""
        raise NotImplementedError

    def delta(self, head: bytes, text: str) -> bytes:
        """One delta frame: `head`, then the text."""
        raise NotImplementedError

    def deltas(self, head: bytes, texts: Sequence[str]) -> bytes:
        """The frames of several texts."""
        raise NotImplementedError


class Silent(Output):
    """Says nothing on the way."""

    tells_steps = False

    def frame(self, kind: str, body: Wire, extra: Extra = None) -> bytes:
        return b""

    def delta_head(self, kind: str, body: Wire) -> bytes:
        return b""

    def delta(self, head: bytes, text: str) -> bytes:
        return b""

    def deltas(self, head: bytes, texts: Sequence[str]) -> bytes:
        return b""


class Frames(Output):
    """Server-sent events, numbered from 0."""

    def __init__(self, request_id: str, upstream: Dialect) -> None:
        super().__init__(request_id, upstream)
        self._sequence = 0

    def frame(self, kind: str, body: Wire, extra: Extra = None) -> bytes:
        event: Wire = {"type": kind, "sequence_number": self._sequence, **body}
        if extra:
            event = {**extra, **event}
        self._sequence += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode_json(event))

    def delta_head(self, kind: str, body: Wire) -> bytes:
        fields = encode_json({"type": kind, **body})
        return b'event: %b\ndata: %b,"delta":' % (kind.encode(), fields[:-1])

    def delta(self, head: bytes, text: str) -> bytes:
        number = self._sequence
        self._sequence = number + 1
        return b'%b%b,"sequence_number":%d}\n\n' % (head, encode_json(text), number)

    def deltas(self, head: bytes, texts: Sequence[str]) -> bytes:
        number = self._sequence
        self._sequence = number + len(texts)
        return b"%b%b}\n\n" % (head, numbered_texts(texts, number, b"}\n\n" + head))
