"""The canonical stream events: what every dialect's decoder yields and every dialect's encoder takes.

A reply is `MessageStart`, then blocks one after the other (text, reasoning, refusal, tool call, server tool), between them
what the gateway's own tools do (`ToolRunStart`, `ToolRunEnd`, `ImageOutput`), then `UsageUpdate` and `MessageEnd`.
`lifecycle.py` holds the legal order. A whole reply decodes to the same events as its stream.

Fields shared by many events:

- `extra`: wire fields that the canonical form does not model, verbatim. It is private to the dialect that made it
  (`MessageStart.dialect`): only the encoder of that same dialect reads it, which is what makes a hop between equal
  formats lose nothing. `None` when there are none.
- `choice`: 0, except for the further answers of a Chat request with `n` > 1.
- `item_id`: the upstream's id of the output item (Responses) that the block belongs to. Neighbouring text and refusal
  blocks of one id are parts of one message item.

Events are made of JSON and hold no cycles, so the garbage collector need not walk them (`gc=False`): they are made faster,
and those that wait take a quarter less.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.server_tools import ToolImage, ToolOutcome, ToolRun
from hyperinfer.formats.usage import Usage

Dialect: TypeAlias = Literal["openai_chat", "openai_responses", "anthropic_messages"]
"""A wire format, of clients and of upstreams alike: a key of `formats.FORMATS`."""
Extra: TypeAlias = dict[str, Any] | None

StopReason: TypeAlias = Literal[
    "stop",  # the model ended its turn
    "stop_sequence",  # it ran into one of the caller's stop strings
    "length",  # max output tokens
    "context_window",  # the model's context is full
    "tool_calls",  # it waits for results of the caller's tools
    "pause",  # a server tool paused the turn (Anthropic pause_turn)
    "refusal",  # refused or filtered
    "unfinished",  # it was handed over while the upstream still works on it: no other format can tell that
]
"""Why a reply ended."""


class MessageStart(msgspec.Struct, frozen=True, gc=False):
    """The reply begins. `id`, `model` and `created` (unix seconds) are the upstream's own; clients see the gateway's.

    `usage`: the counts that an upstream gives at the start (Anthropic's `message_start`), else None.
    """

    dialect: Dialect
    id: str = ""
    model: str = ""
    created: int | None = None
    usage: Usage | None = None
    extra: Extra = None
    choice: ClassVar[int] = 0


class TextStart(msgspec.Struct, frozen=True, gc=False):
    """A text block opens. `phase`: Responses `commentary` | `final_answer`. `item_extra`: fields of the message item."""

    item_id: str | None = None
    phase: str | None = None
    item_extra: Extra = None
    extra: Extra = None
    choice: int = 0


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of text. `logprobs`: token objects {token, logprob, bytes, top_logprobs}, as both OpenAI dialects have."""

    text: str
    logprobs: list[Any] | None = None
    extra: Extra = None
    choice: int = 0


class Citation(msgspec.Struct, frozen=True, gc=False):
    """A source of the open text block. `raw` is the annotation or citation in the form of `dialect`.

    `url`, `title` and `cited_text` are filled where the raw form has them; `start` and `end` are offsets in characters of
    the block's text, where given.
    """

    dialect: Dialect
    raw: dict[str, Any]
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    choice: int = 0


class TextEnd(msgspec.Struct, frozen=True, gc=False):
    """The text block closes. `logprobs`: of its whole text, where no piece of it had any."""

    extra: Extra = None
    choice: int = 0
    logprobs: list[Any] | None = None


class ReasoningStart(msgspec.Struct, frozen=True, gc=False):
    """A reasoning block opens: one thinking block, one Responses reasoning item, one run of Chat reasoning."""

    item_id: str | None = None
    extra: Extra = None
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of reasoning text. `form`: the model's own `text`, or a `summary` of it; `part` numbers the parts of a
    form.

    Parts other than the first are set apart by an empty line where the dialect has one text only.
    """

    text: str
    form: Literal["text", "summary"] = "text"
    part: int = 0
    extra: Extra = None
    choice: int = 0


class ReasoningEnd(msgspec.Struct, frozen=True, gc=False):
    """The reasoning block closes with what its vendor wants back unchanged on the next turn (signatures, blobs)."""

    opaque: tuple[Opaque, ...] = ()
    extra: Extra = None
    choice: int = 0


class RefusalStart(msgspec.Struct, frozen=True, gc=False):
    """A refusal opens (OpenAI's `refusal` part)."""

    item_id: str | None = None
    item_extra: Extra = None
    extra: Extra = None
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a refusal's text."""

    text: str
    extra: Extra = None
    choice: int = 0


class RefusalEnd(msgspec.Struct, frozen=True, gc=False):
    """The refusal closes."""

    extra: Extra = None
    choice: int = 0


class ToolCallStart(msgspec.Struct, frozen=True, gc=False):
    """A call of one of the caller's tools opens. `call_id` pairs it with its result and is never empty.

    `kind`: `function` has JSON arguments, `custom` has free text. `namespace`: the Responses namespace of the tool.
    `opaque`: state that the vendor wants back with the call (Gemini's thought signature).
    """

    call_id: str
    name: str
    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None
    item_id: str | None = None
    opaque: tuple[Opaque, ...] = ()
    extra: Extra = None
    choice: int = 0


class ArgumentsDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the open call's arguments: JSON text for a function, raw input for a custom tool."""

    text: str
    extra: Extra = None
    choice: int = 0


class ToolCallEnd(msgspec.Struct, frozen=True, gc=False):
    """The tool call closes."""

    extra: Extra = None
    choice: int = 0


class ServerToolStart(msgspec.Struct, frozen=True, gc=False):
    """A block that only the upstream's own format knows opens (a hosted tool's call or result, a compaction, …).

    `type` is the wire type, `item` the content block or output item as it was opened.
    """

    dialect: Dialect
    type: str
    item: dict[str, Any]
    choice: ClassVar[int] = 0


class ServerToolDelta(msgspec.Struct, frozen=True, gc=False):
    """A delta of the open server tool block. `raw`: Messages, the `delta` object; Responses, the whole event."""

    raw: dict[str, Any]
    choice: ClassVar[int] = 0


class ServerToolEnd(msgspec.Struct, frozen=True, gc=False):
    """The server tool block closes. `item`: the complete content block or output item."""

    item: dict[str, Any]
    choice: ClassVar[int] = 0


class ToolRunStart(msgspec.Struct, frozen=True, gc=False):
    """One of the gateway's own tools begins a run. No block: runs may overlap, and other blocks come while one goes on."""

    run: ToolRun
    choice: ClassVar[int] = 0


class ToolRunEnd(msgspec.Struct, frozen=True, gc=False):
    """A run that began is over. `cost`: pico-USD."""

    run: ToolRun
    outcome: ToolOutcome
    cost: int = 0
    choice: ClassVar[int] = 0


class ImageOutput(msgspec.Struct, frozen=True, gc=False):
    """An image of the reply, made by the `image` tool in the call `call_id`. It follows the end of the run, if that is
    told."""

    call_id: str
    image: ToolImage
    choice: ClassVar[int] = 0


class UsageUpdate(msgspec.Struct, frozen=True, gc=False):
    """Token counts so far. They are cumulative: a later update replaces an earlier one.

    `round_over`: the model's turn ends with these counts, and another one follows in the same reply, after tools of the
    gateway have run; never made by a decoder.
    """

    usage: Usage
    round_over: bool = False
    choice: ClassVar[int] = 0


class ChoiceEnd(msgspec.Struct, frozen=True, gc=False):
    """A further choice (`choice` > 0) ends. Choice 0 ends with `MessageEnd`."""

    stop: StopReason
    extra: Extra = None
    choice: int = 1


class MessageEnd(msgspec.Struct, frozen=True, gc=False):
    """The reply is complete. `stop_sequence`: the matched stop string where known.

    `raw_stop`: the upstream's own word, kept for a hop between equal formats. `explanation`: why it was refused.
    """

    stop: StopReason
    stop_sequence: str | None = None
    raw_stop: str | None = None
    explanation: str | None = None
    extra: Extra = None
    choice: ClassVar[int] = 0


class UpstreamError(msgspec.Struct, frozen=True, gc=False):
    """The upstream failed, before or in the middle of the reply. Nothing follows.

    `code`: one of `errors.CODES`. `message`: safe to show. `retry_after`: seconds. `retryable`: whether another attempt
    may help. `failover`: whether another route may; alone for what is wrong with this one. `raw`: the upstream's error
    object, for the log.
    """

    code: str
    message: str
    retry_after: float | None = None
    retryable: bool = False
    failover: bool = False
    param: str | None = None
    raw: Any = None
    choice: ClassVar[int] = 0


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """A wire event that this version does not know. `raw` is passed on to a client of the same dialect."""

    dialect: Dialect
    name: str
    raw: dict[str, Any]
    choice: ClassVar[int] = 0


Event: TypeAlias = (
    MessageStart
    | TextStart
    | TextDelta
    | Citation
    | TextEnd
    | ReasoningStart
    | ReasoningDelta
    | ReasoningEnd
    | RefusalStart
    | RefusalDelta
    | RefusalEnd
    | ToolCallStart
    | ArgumentsDelta
    | ToolCallEnd
    | ServerToolStart
    | ServerToolDelta
    | ServerToolEnd
    | ToolRunStart
    | ToolRunEnd
    | ImageOutput
    | UsageUpdate
    | ChoiceEnd
    | MessageEnd
    | UpstreamError
    | Unknown
)
"""One of the events of a reply, in the order that the top of this module tells."""

Burst: TypeAlias = tuple[Event, ...]
"""All events that one read of the upstream produced: the item that travels over the channels."""
