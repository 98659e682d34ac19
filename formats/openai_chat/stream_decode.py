"""Chat streams to events (wire facts 2.2, 2.3).

`extra` of an event is `{"chunk": …, "choice": …, "delta": …}`, each the fields of that object that are not modelled;
`chunk` is left out where it equals that of `MessageStart`, since servers repeat it on every chunk. Fields of a chunk
that
yields no event (Azure's prompt filter results) go with the next event.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import END, NEED_DATA, Upstream, Wait
from hyperinfer.formats.error_text import upstream_error
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.openai_chat.choice_decode import ChoiceDecoder
from hyperinfer.formats.openai_chat.usage import usage_from_wire
from hyperinfer.formats.sse import SSEDecoder

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra
    from hyperinfer.formats.usage import Usage

_decode = msgspec.json.Decoder().decode


class ChatAssembler:
    """Chunks, or one whole response, to events: the part that a stream and a whole response share."""

    def __init__(self, upstream: Upstream) -> None:
        self.events: deque[Event] = deque()
        self.ended = False
        self._upstream = upstream
        self._started = False
        self._base: Extra = None  # chunk fields that every chunk repeats
        self._once: dict[str, Any] = {}  # chunk fields that wait for an event to go with
        self._choices: dict[int, ChoiceDecoder] = {}
        self._usage: Usage | None = None
        self._usage_extra: Extra = None

    def chunk(self, chunk: dict[str, Any], content_field: str) -> None:
        """One chunk (`content_field` "delta") or a whole response ("message"). Raises `PeerError` for a wrong shape."""
        if chunk.get("error") or ("choices" not in chunk and "usage" not in chunk):
            self._fail(chunk)
            return
        choices = chunk.pop("choices", None) or []
        usage = chunk.pop("usage", None)
        identity = {name: chunk.pop(name, None) for name in ("id", "model", "created")}
        chunk.pop("object", None)
        chunk.pop("obfuscation", None)
        if isinstance(usage, dict):
            self._usage = usage_from_wire(usage)
        if not isinstance(choices, list):
            raise PeerError("`choices` is not an array")
        if not choices:
            self._without_choices(chunk, usage is not None)
            return
        if self._usage is None and isinstance(first := choices[0], dict) and isinstance(first.get("usage"), dict):
            self._usage = usage_from_wire(first["usage"])  # Moonshot puts it there
        if not self._started:
            self._start(identity, chunk)
        elif chunk != self._base and chunk:
            self._once.update(chunk)
        for choice in choices:
            if not isinstance(choice, dict):
                raise PeerError("a choice is not an object")
            self._choice(choice, content_field)

    def _without_choices(self, fields: dict[str, Any], is_usage: bool) -> None:
        if is_usage and self._started:
            self._usage_extra = {
                key: value for key, value in fields.items() if (self._base or {}).get(key, ...) != value
            } or None
        else:
            self._once.update({key: value for key, value in fields.items() if value not in ("", None)})

    def _start(self, identity: dict[str, Any], fields: dict[str, Any]) -> None:
        self._started = True
        self._base = fields
        extra: dict[str, Any] = {"chunk": fields} if fields else {}
        if self._once:
            extra["once"] = self._once
            self._once = {}
        created = identity["created"]
        self.events.append(
            ev.MessageStart(
                "openai_chat",
                id=identity["id"] if isinstance(identity["id"], str) else "",
                model=identity["model"] if isinstance(identity["model"], str) else "",
                created=int(created) if isinstance(created, (int, float)) else None,
                extra=extra or None,
            )
        )

    def _choice(self, choice: dict[str, Any], content_field: str) -> None:
        index = choice.pop("index", 0)
        index = index if isinstance(index, int) and index >= 0 else 0
        content = choice.pop(content_field, None)
        if content is None:
            content = {"content": choice.pop("text", None)} if "text" in choice else {}
        if not isinstance(content, dict):
            raise PeerError(f"`{content_field}` is not an object")
        decoder = self._choices.get(index)
        if decoder is None:
            decoder = self._choices[index] = ChoiceDecoder(index, self._upstream)
        finish = choice.pop("finish_reason", None)
        if finish == "error" or choice.get("error"):
            self._fail(choice)
            return
        once, self._once = self._once, {}
        decoder.content(content, choice, finish if isinstance(finish, str) and finish else None, once, self.events)

    def _fail(self, body: dict[str, Any]) -> None:
        self.events.append(upstream_error(body))
        self.ended = True

    @property
    def finished(self) -> bool:
        """Whether the first choice has said how it ended."""
        return 0 in self._choices and self._choices[0].finish_reason is not None

    def end(self) -> None:
        """The upstream's stream ended well: closes what is open and ends the message."""
        if not self._started:
            raise PeerError("the reply is empty")
        for index in sorted(self._choices):
            self._choices[index].close(self.events)
        for index in sorted(self._choices):
            if index:
                self.events.append(self._choices[index].choice_end())
        if self._usage is not None:
            self.events.append(ev.UsageUpdate(self._usage))
        first = self._choices.get(0)
        if first is None:
            first = ChoiceDecoder(0, self._upstream)
        self.events.append(first.message_end(self._once, self._usage_extra))
        self.ended = True


class ChatStreamDecoder:
    """A `StreamDecoder` for Chat. Terminal is a `finish_reason` followed by the end of the stream, or `[DONE]`."""

    def __init__(self, upstream: Upstream) -> None:
        self._sse = SSEDecoder()
        self._assembler = ChatAssembler(upstream)
        self._lifecycle = Lifecycle()
        self._eof = False
        self._error: PeerError | None = None

    def receive_data(self, data: bytes) -> None:
        """Stores bytes."""
        self._sse.receive_data(data)

    def receive_eof(self) -> None:
        """The upstream has closed its stream."""
        self._eof = True
        self._sse.receive_eof()

    def next_event(self) -> Event | Wait:
        """The next event. Raises `PeerError`."""
        if self._error is not None:
            raise self._error
        try:
            return self._next()
        except PeerError as error:
            self._error = error
            raise

    def _next(self) -> Event | Wait:
        assembler = self._assembler
        events = assembler.events
        while not events:
            if assembler.ended:
                return END
            frame = self._sse.next_frame()
            if frame is None:
                if not self._eof:
                    return NEED_DATA
                if not assembler.finished:
                    raise PeerError("the stream ended before the reply did")
                assembler.end()
                continue
            self._frame(frame.data)
        event = events.popleft()
        try:
            self._lifecycle.step(event)
        except OrderError as error:
            raise PeerError(str(error)) from None
        return event

    def _frame(self, data: bytes) -> None:
        if data.strip() == b"[DONE]":
            self._assembler.end()
            return
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise PeerError(f"a frame is not valid JSON: {error}") from None
        if not isinstance(chunk, dict):
            raise PeerError("a frame is not a JSON object")
        self._assembler.chunk(chunk, "delta")
