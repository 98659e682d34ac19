"""The canonical request: what every dialect's request decodes to and every dialect's request is made from.

A `Conversation` holds turns in the order of the wire. One turn is one wire message (Chat, Messages) or one wire item
(Responses); encoders write neighbouring turns as one message where their dialect wants that.

`extra` on any record holds the wire fields that are not modelled, verbatim, in the dialect of the whole conversation
(`Conversation.dialect`). An encoder of that dialect writes them back; any other encoder reports each as a `Loss`.
The records are made of JSON and hold no cycles, so the garbage collector need not walk them (`gc=False`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from hyperinfer.formats.events import Dialect, Extra
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.routing import Routing
from hyperinfer.formats.sources import Base64Source as Base64Source
from hyperinfer.formats.sources import FileIdSource as FileIdSource
from hyperinfer.formats.sources import PlainTextSource as PlainTextSource
from hyperinfer.formats.sources import Source as Source
from hyperinfer.formats.sources import UrlSource as UrlSource


class CacheMark(msgspec.Struct, frozen=True, gc=False):
    """A caller's prompt cache breakpoint. `raw` is `cache_control` (Anthropic shape) or `prompt_cache_breakpoint`.

    `ttl`: `5m`, `1h` or None for the default.
    """

    style: Literal["cache_control", "prompt_cache_breakpoint"]
    raw: dict[str, Any]
    ttl: str | None = None


class TextPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Text. `citations`: as the wire had them (Anthropic citations, OpenAI annotations). `logprobs`: Responses replay."""

    text: str
    citations: list[Any] | None = None
    logprobs: list[Any] | None = None
    cache: CacheMark | None = None
    extra: Extra = None


class ImagePart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An image. `detail`: OpenAI's low | high | auto | original."""

    source: Source
    detail: str | None = None
    cache: CacheMark | None = None
    extra: Extra = None


class FilePart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A document or file. `name`: file name or title. `context`: Anthropic's note beside a document."""

    source: Source
    name: str | None = None
    context: str | None = None
    citations: dict[str, Any] | None = None
    cache: CacheMark | None = None
    extra: Extra = None


class AudioPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Audio input of OpenAI's dialects. `data`: base64. `format`: wav, mp3, …"""

    data: str
    format: str
    cache: CacheMark | None = None
    extra: Extra = None


class RefusalPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A refusal in an earlier assistant turn."""

    text: str
    extra: Extra = None


class ReasoningText(msgspec.Struct, frozen=True, gc=False):
    """One part of a reasoning item: the model's own `text`, or a `summary`."""

    text: str
    form: Literal["text", "summary"] = "text"


class ReasoningPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Reasoning of an earlier assistant turn with the state that its vendor wants back. `item_id`: Responses id."""

    texts: tuple[ReasoningText, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    item_id: str | None = None
    extra: Extra = None


class ToolCallPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call in an earlier assistant turn. `arguments`: JSON text (`function`; never empty: `{}`) or raw input
    (`custom`)."""

    call_id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None
    item_id: str | None = None
    opaque: tuple[Opaque, ...] = ()
    cache: CacheMark | None = None
    extra: Extra = None


class ToolResultPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of a call. `content`: text, images, files; empty when the caller sent none.

    `kind` is that of the call it answers. `name`: tool name where the wire carries one. `plain`: the content was one
    string on the wire, not a list of one text. `is_error`: None where the caller did not say.
    """

    call_id: str
    content: tuple[Part, ...] = ()
    is_error: bool | None = None
    kind: Literal["function", "custom"] = "function"
    name: str | None = None
    item_id: str | None = None
    plain: bool = False
    cache: CacheMark | None = None
    extra: Extra = None


class NativePart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A block or item that only its own dialect knows (server tool history, compaction, …), verbatim.

    `text`: its meaning in words, for the other dialects (a search result, the summary of a compaction); None where there
    is none to give, and then it is a `Loss` there. `unsaid`: the fields that the words leave out, each a `Loss` there.
    `tools`: those that it declares (Responses `additional_tools`, `tool_search_output`).
    """

    type: str
    raw: dict[str, Any]
    text: str | None = None
    unsaid: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()


Part: TypeAlias = (
    TextPart | ImagePart | FilePart | AudioPart | RefusalPart | ReasoningPart | ToolCallPart | ToolResultPart | NativePart
)
"""What a turn is made of, in order."""

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
"""Who speaks. `tool`: the results of calls."""


class Turn(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message or item. `path`: where it stood in the request (`messages[3]`, `input[0]`, `system`), for errors and
    losses.

    Tool results are turns of role `tool`; a Messages user turn that mixes results and text decodes to two turns of one
    path. A role that nobody knows stands in `extra["role"]` of a user turn.

    `item_id`, `phase`: Responses. `name`: OpenAI's participant name. `plain`: the content was one string on the
    wire, not a list of one text. `quiet`: like `extra`, but of no meaning to a model (`status`, a redundant `type`):
    never a `Loss`.
    """

    role: Role
    parts: tuple[Part, ...]
    path: str
    name: str | None = None
    item_id: str | None = None
    phase: str | None = None
    plain: bool = False
    quiet: Extra = None
    extra: Extra = None


class Tool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool that the caller declares.

    `function`: `parameters` is a JSON schema, None for no arguments. `custom`: free text, `grammar` is OpenAI's `format`.
    `native`: a hosted or typed tool of the caller's dialect, `type` and `raw` as on the wire.
    `namespace`: the Responses namespace it was declared in; `namespace_description` of that namespace.
    """

    kind: Literal["function", "custom", "native"]
    name: str
    path: str
    type: str = "function"
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    grammar: dict[str, Any] | None = None
    namespace: str | None = None
    namespace_description: str | None = None
    cache: CacheMark | None = None
    raw: dict[str, Any] | None = None
    extra: Extra = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which tool the model must call. `named`: `name` (and `kind`). `allowed`: only the tools of `allowed`, in
    `allowed_mode`.

    `native`: a choice that only its own dialect knows. `raw`: the choice as it was on the wire, in the form of the dialect
    that decoded it; always there for `native`, elsewhere where the fields say less.
    """

    mode: Literal["auto", "none", "required", "named", "allowed", "native"]
    name: str | None = None
    kind: Literal["function", "custom"] = "function"
    allowed: tuple[str, ...] = ()
    allowed_mode: Literal["auto", "required"] = "auto"
    raw: dict[str, Any] | None = None
    extra: Extra = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The shape that the answer must have. `json_schema` carries `schema`; Anthropic has no `name` and no `strict`.

    `field`: the field of `Conversation.extra` that it was read from, where it still stands as it came.
    """

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None
    field: str | None = None
    extra: Extra = None


class ReasoningConfig(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How much to think. `effort`: none | minimal | low | medium | high | xhigh | max. `budget_tokens`: Anthropic's.

    `mode`: Anthropic's `thinking.type` (enabled | disabled | adaptive | between_tools); None from OpenAI dialects.
    `summary`: Responses auto | concise | detailed. `display`: Anthropic summarized | omitted.
    """

    effort: str | None = None
    budget_tokens: int | None = None
    mode: str | None = None
    summary: str | None = None
    display: str | None = None
    extra: Extra = None


class Sampling(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Sampling parameters that more than one dialect knows, under the names of Chat Completions (`top_k`: of Messages).
    None: not given. `max_tokens`: of output, with reasoning. `n`: answers. `stop`: at least one string, or None.

    `max_tokens_field`: as a Chat client spelt it. `stop_alone`: that client wrote the one stop string as a string.
    """

    max_tokens: int | None = None
    max_tokens_field: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] | None = None
    stop_alone: bool = False
    n: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Plugin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A server tool of the gateway that the request switches on. `id`: web_search | web_fetch | pdf | datetime | image."""

    id: str
    events: bool = False
    options: dict[str, Any] = {}
    path: str = ""


class Conversation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A whole request. `model`: what the caller asked for, a catalogue slug. `routing`: who may serve it. `extra`: top-level
    fields not modelled.

    `streamed`: the reply is to come as a stream. `tools`, `tool_choice`: what the caller's own tools are; `plugins`: those
    of the gateway, with their runs told in the stream where `tool_events`. `sampling`, `reasoning`, `response_format`,
    `verbosity`: how to answer. `cache`: a breakpoint behind the whole prompt. `lost`: (path, reason) of what the decoder had
    to leave out, for a target of whatever dialect. The others are fields of that name on the wire; None: not given."""

    dialect: Dialect
    model: str
    turns: tuple[Turn, ...]
    streamed: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    reasoning: ReasoningConfig | None = None
    response_format: ResponseFormat | None = None
    plugins: tuple[Plugin, ...] = ()
    tool_events: bool = False
    metadata: dict[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    prompt_cache_key: str | None = None
    cache: CacheMark | None = None
    include: tuple[str, ...] = ()
    stream_options: dict[str, Any] | None = None
    store: bool | None = None
    routing: Routing | None = None
    extra: Extra = None
    lost: tuple[tuple[str, str], ...] = ()

    def map_text(self, change: Callable[[str], str]) -> Conversation:
        """The conversation with `change` applied to every text of its turns, wherever it stands: of people, of tools and of
        the model, documents that are given as text, and the arguments of calls.

        Arguments of functions are JSON text: what `change` puts there must be legal within a JSON string. Reasoning stays
        as it is, since its vendor has signed it.
        """

        def changed(turn: Turn) -> Turn:
            return msgspec.structs.replace(turn, parts=tuple([_changed(part, change) for part in turn.parts]))

        return msgspec.structs.replace(self, turns=tuple([changed(turn) for turn in self.turns]))


def _changed(part: Part, change: Callable[[str], str]) -> Part:
    if isinstance(part, TextPart | RefusalPart):
        return msgspec.structs.replace(part, text=change(part.text))
    if isinstance(part, ToolCallPart):
        return msgspec.structs.replace(part, arguments=change(part.arguments))
    if isinstance(part, ToolResultPart):
        return msgspec.structs.replace(part, content=tuple(_changed(inner, change) for inner in part.content))
    if isinstance(part, FilePart) and isinstance(part.source, PlainTextSource):
        return msgspec.structs.replace(part, source=PlainTextSource(change(part.source.text)))
    return part
