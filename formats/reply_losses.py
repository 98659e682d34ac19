"""What a reply has in its upstream's format alone, as losses for clients of the other two.

Decoders keep the fields that the events do not model in `extra`, for a client of the same format. An encoder of another one
notes here what it leaves out. No loss: nulls and empty values; what names the upstream's own run, whose place the gateway's
ids and times take; what a Responses upstream repeats of the request; words that say what happens anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.events import (
    ArgumentsDelta,
    Citation,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.wire import is_object, join

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Event
    from hyperinfer.formats.plain_reply import PlainReply
    from hyperinfer.formats.usage import Usage

_PLACES: Mapping[Dialect, Mapping[str, str]] = {
    "openai_chat": {
        "chunk": "",
        "once": "",
        "usage": "",
        "choice": "choices[0]",
        "delta": "choices[0].message",
        "": "choices[0].message.tool_calls",
    },
    "openai_responses": {
        "response": "",
        "item": "output[]",
        "item_event": "",
        "part": "output[].content[]",
        "done_part": "output[].content[]",
        "part_event": "",
        "text_event": "output[].content[]",
        "args_event": "",
        "": "",
    },
    "anthropic_messages": {"message": "", "delta": "", "event": "", "block": "content[]", "": ""},
}
"""Where the groups of an `extra` stand in the reply; under the empty name, fields that are in no group."""

_INTERNAL = frozenset({"details", "redacted", "no_part", "retold"})
"""Groups that only say how the events were written."""
CONTRADICTED = "its last state says it otherwise than its pieces did, which stand"
"""Why what an upstream's last state of a block says was left out."""
_PART = "output[].content[]"
_REPEATED: Mapping[type, Mapping[str, str]] = {
    ReasoningStart: {"item": "encrypted_content"},
    TextEnd: {"part": "logprobs", "done_part": "logprobs", "text_event": "logprobs"},
    ToolCallEnd: {"args_event": "name"},
}
"""What events say beside what they are about: an early copy of the blob, which comes with the end, whose the arguments are,
and logprobs, where the end of their text has them. By event and group."""
_OWN_RUN = frozenset(
    {
        *("id", "object", "created", "created_at", "completed_at", "model", "system_fingerprint", "type", "role", "status"),
        *("index", "output_index", "content_index", "sequence_number", "item_id", "obfuscation", "incomplete_details"),
        *("stop_reason", "matched_stop", "native_finish_reason", "phase"),
    }
)
_ECHOED = frozenset(
    {
        *("access_programs", "background", "conversation", "frequency_penalty", "image", "instructions", "metadata"),
        *("max_output_tokens", "max_tool_calls", "parallel_tool_calls", "presence_penalty", "previous_response_id"),
        *("prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "store"),
        *("safety_identifier", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"),
    }
)
"""What the response object of Responses repeats of the request."""
_DIRECT = {"type": "direct"}
_NOTHING: Mapping[str, str] = {}
_AS_ANYWAY = frozenset({"default", "auto", "standard", "global", "not_available"})
_COUNTED: Mapping[str, frozenset[str]] = {
    "openai_chat": frozenset(
        {
            *("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens", "text_tokens"),
            *("cache_write_tokens", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
        }
    ),
    "openai_responses": frozenset(
        {"input_tokens", "output_tokens", "total_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"}
    ),
    "anthropic_messages": frozenset(
        {
            *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "thinking_tokens"),
            *("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"),
        }
    ),
}
"""The counts that every format tells in its own words."""
_PRICES = ("cost", "estimated_cost", "is_byok")

PIECES = frozenset((TextDelta, ArgumentsDelta, ReasoningDelta))
"""Events that nearly every burst is made of. Without `extra` they hold nothing to note, and need not be shown."""
_TELLING = frozenset((UsageUpdate, MessageStart, TextStart, Citation, ToolCallStart, MessageEnd))
"""Events that hold something to note beside their `extra`."""


class LostFields:
    """Notes the losses of one reply. `upstream`: the format that the events come from, another one than the client's."""

    __slots__ = ("_losses", "_places", "_seen", "_upstream", "_usage")

    def __init__(self, losses: list[Loss], upstream: Dialect) -> None:
        self._losses = losses
        self._upstream = upstream
        self._places = _PLACES[upstream]
        self._seen: set[tuple[str, str]] = set()
        self._usage: Usage | None = None

    def note_usage(self, usage: Usage | None) -> None:
        """The counts so far."""
        self._usage = usage

    def note(self, event: Event) -> None:
        """Looks at one event."""
        # By type: to ask whether a record is an instance of another kind takes ten times as long.
        if type(event) not in _TELLING:
            if extra := getattr(event, "extra", None):
                plain = type(event) is TextEnd and not event.logprobs
                self._groups(extra, MessageStart if plain else type(event))
            return
        if type(event) is UsageUpdate:
            self._usage = event.usage
        elif type(event) is Citation:
            if isinstance(event.raw.get("encrypted_index"), str):
                self._lose("content[].citations[].encrypted_index")
        elif type(event) is TextStart:
            if event.phase is not None:
                self._lose("output[].phase")
            self._groups(event.item_extra)
            self._groups(event.extra, TextStart)
        elif type(event) is MessageStart:
            self._usage = event.usage
            self._groups(event.extra)
        elif type(event) is ToolCallStart:
            if event.namespace is not None and self._upstream == "openai_responses":
                self._lose("output[].namespace")
            self._groups(event.extra, ToolCallStart)
        elif type(event) is MessageEnd:
            self._counts()
            self._groups(event.extra, MessageEnd)

    def _groups(self, extra: Mapping[str, Any] | None, kind: type[Event] = MessageStart) -> None:
        if not extra:
            return
        repeated = _REPEATED.get(kind, _NOTHING)
        for group, fields in extra.items():
            place = self._places.get(group)
            if group == "contradicted":
                for path in fields:
                    self._lose(path, CONTRADICTED)
            elif place == _PART and "type" in fields:  # the state of a part of another kind than its pieces
                self._lose(place, CONTRADICTED)
            elif place is not None and is_object(fields):
                self._fields(fields, place, repeated.get(group) if repeated else None)
            elif group not in _INTERNAL:
                self._fields({group: fields}, self._places[""])

    def _fields(self, fields: Mapping[str, Any], place: str, but: str | None = None) -> None:
        """`but`: a field that is told elsewhere."""
        echoes = not place and self._upstream == "openai_responses"
        for name, value in fields.items():
            if (
                not value
                or name == but
                or (name in _OWN_RUN and not place.startswith("usage"))
                or (echoes and name in _ECHOED)
            ):
                continue
            if (isinstance(value, str) and value in _AS_ANYWAY) or value == _DIRECT or (place, name) in self._seen:
                continue
            self._seen.add((place, name))
            self._lose(join(place, name))

    def _counts(self) -> None:
        """The counts beside the modelled ones."""
        usage = self._usage
        if usage is None or usage.dialect != self._upstream or not usage.raw:
            return
        known = _COUNTED[self._upstream]
        for name, value in usage.raw.items():
            if type(value) is int and name in known:
                continue
            if is_object(value):
                if not known.issuperset(value) and not name.startswith(_PRICES):
                    self._fields({inner: count for inner, count in value.items() if inner not in known}, f"usage.{name}")
            elif name not in known and not name.startswith(_PRICES):
                self._fields({name: value}, "usage")

    def _lose(self, path: str, reason: str = "the client's format has no such field") -> None:
        place = f"response.{path}"
        # The encoder may have told it already, with a reason of its own.
        if not any(loss.path == place for loss in self._losses):
            lose_once(self._losses, Loss(place, reason))


def losses_of_plain(plain: PlainReply) -> tuple[Loss, ...]:
    """Those of a reply of one text, which is written in one step."""
    start, opened, _, closed, usage, end = plain
    losses: list[Loss] = []
    lost = LostFields(losses, start.dialect)
    if start.extra:
        lost.note(start)
    if opened.extra or opened.item_extra or opened.phase is not None:
        lost.note(opened)
    if closed.extra:
        lost.note(closed)
    lost.note_usage(usage)
    lost.note(end)
    return tuple(losses)
