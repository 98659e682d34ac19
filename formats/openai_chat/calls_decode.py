"""The tool calls of one choice: which call a piece belongs to, and whether the open one is complete."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_chat.call_state import take_state
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Extra
    from hyperinfer.formats.opaque import Opaque
    from hyperinfer.formats.openai_chat.reasoning import OpenBlob

_MARKS = re.compile(r'\\.|["\\{}\[\]]', re.DOTALL)
_MODELLED = ("index", "id", "type", "function", "custom")


class CallPiece(NamedTuple):
    """A piece of a call, by the number of the call. The first piece `begins` it and has what the call is."""

    ordinal: int
    arguments: str
    begins: bool = False
    call_id: str = ""
    name: str = ""
    kind: Literal["function", "custom"] = "function"
    state: tuple[Opaque, ...] = ()
    extra: Extra = None


class _Nesting:
    """Where in a JSON text one is, piece by piece: a text that is asked for often is not parsed each time."""

    __slots__ = ("_depth", "_in_string", "_pieces", "_rest", "over")

    def __init__(self) -> None:
        self._depth = self._pieces = 0  # pieces read so far
        self._in_string = False
        self.over = False  # an object or array at the root has ended: what is no JSON now never will be
        self._rest = ""  # a backslash whose character has not come yet

    def read(self, pieces: Sequence[str]) -> bool:
        """Whether the text of all `pieces`, of which some were read before, may be complete."""
        for place in range(self._pieces, len(pieces)):
            text, self._rest = self._rest + pieces[place], ""
            for mark in _MARKS.findall(text):
                if mark == '"':
                    self._in_string = not self._in_string
                elif mark == "\\":
                    self._rest = mark
                elif not self._in_string and mark in "{[":
                    self._depth += 1
                elif not self._in_string and mark in "}]":
                    self._depth -= 1
                    self.over = self.over or self._depth <= 0
        self._pieces = len(pieces)
        return not self._depth and not self._in_string


class CallBook:
    """Remembers the calls of a choice. `id_seed` makes ids for calls without one (`codec.Upstream`)."""

    def __init__(self, id_seed: str) -> None:
        self.current: int | None = None  # number of the open call
        self._id_seed = id_seed
        self._ids: list[str] = []  # of the calls so far
        self._wire: dict[int, int] = {}  # wire index to the number of the last call under it
        self._kind = "function"
        self._arguments: list[str] = []  # of the open call
        self._nesting = _Nesting()  # of them
        self._broken = False  # they can be no JSON any more

    @property
    def any(self) -> bool:
        """Whether there was a call."""
        return bool(self._ids)

    @property
    def complete(self) -> bool:
        """Whether nothing more is to be expected of the open call: its arguments are JSON. Free text never says."""
        if self._kind == "custom":
            return True
        if self._broken or not self._nesting.read(self._arguments):
            return False
        try:
            msgspec.json.decode("".join(self._arguments), type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError):
            self._broken = self._nesting.over
            return False
        return True

    def open(self, piece: CallPiece) -> None:
        """The call of `piece` is open now."""
        self.current, self._kind, self._arguments, self._nesting = piece.ordinal, piece.kind, [], _Nesting()
        self._broken = False

    def add(self, *arguments: str) -> None:
        """Pieces of the open call's arguments."""
        self._arguments.extend(arguments)

    def close(self) -> None:
        """No call is open."""
        self.current, self._arguments = None, []

    def piece(self, call: dict[str, Any], open_blob: OpenBlob) -> CallPiece:
        """A piece from the wire. Raises `PeerError` for a call that begins without a name."""
        inner = call.get("custom") if call.get("type") == "custom" or "function" not in call else call.get("function")
        custom = inner is not None and inner is call.get("custom")
        fields: dict[str, Any] = inner if is_object(inner) else {}
        raw_id, name = call.get("id"), fields.get("name")
        arguments = fields.get("input" if custom else "arguments")
        if arguments is not None and not isinstance(arguments, str):  # Ollama's native form, an object
            arguments = msgspec.json.encode(arguments).decode()
        ordinal = self._ordinal(call.get("index"), raw_id, name)
        if ordinal < len(self._ids):
            return CallPiece(ordinal, arguments or "")
        if not isinstance(name, str) or not name:
            raise PeerError("a tool call begins without a name")
        call_id = raw_id if isinstance(raw_id, str) and raw_id else f"call_{self._id_seed}_{ordinal}"
        self._ids.append(call_id)
        rest, state = take_state({k: v for k, v in call.items() if k not in _MODELLED}, open_blob)
        return CallPiece(
            ordinal,
            arguments or "",
            begins=True,
            call_id=call_id,
            name=name,
            kind="custom" if custom else "function",
            state=state,
            extra=rest or None,
        )

    def _ordinal(self, index: object, raw_id: object, name: object) -> int:
        """The number of an earlier call, or `len(self._ids)` for the next."""
        fresh = len(self._ids)
        has_id = isinstance(raw_id, str) and raw_id != ""
        if isinstance(index, int):
            known = self._wire.get(index)
            if known is None or (has_id and name and self._ids[known] != raw_id):
                self._wire[index] = known = fresh  # also another call under the same index, as Gemini sends
            return known
        if has_id and raw_id in self._ids:
            return self._ids.index(str(raw_id))
        return fresh if has_id or name or not fresh else fresh - 1
