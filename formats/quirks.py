"""What an upstream does differently from the protocol it speaks, as data.

A quirk is a fact about a server or a model, written in `providers.yaml` at a provider or at one route. Each has a small
closed set of values; the first one listed for a protocol is what that protocol says by itself. Encoders read the
record; nothing asks for a provider by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

Protocol = Literal["openai_chat", "openai_responses", "anthropic_messages"]
"""The wire format a provider speaks."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """One record a route: the protocol's own values, then the provider's, then the route's.

    The text in each annotation is the documentation that `docs/quirks.md` shows.
    """

    tool_id: Annotated[
        Literal["any", "alnum9", "max40"],
        "Shape of tool call ids. `alnum9`: exactly nine characters of a-z, A-Z, 0-9 (Mistral). `max40`: at most 40 "
        "characters (OpenAI Chat). Longer or other ids are renamed, the same way in call and result.",
    ] = "any"
    cache_control: Annotated[
        Literal["as_sent", "full", "no_ttl", "none"],
        "Anthropic-style cache marks. `full`: sent as they are. `no_ttl`: reduced to `{type: ephemeral}`. `none`: left "
        "out. `as_sent`: kept where the client speaks the upstream's own format, else left out. The protocol's own value "
        "is `full` on `anthropic_messages`, else `as_sent`.",
    ] = "as_sent"
    sampling: Annotated[
        Literal["send", "omit"],
        "`temperature`, `top_p`, `top_k` and the penalties. `omit`: the model answers 400 to them, so they are left out.",
    ] = "send"
    thinking: Annotated[
        Literal["adaptive", "budget", "none"],
        "How a Messages upstream is asked to think. `adaptive`: `thinking.type: adaptive` and `output_config.effort`. "
        "`budget`: `thinking.type: enabled` with `budget_tokens`. `none`: the model does not think; the wish is left out.",
    ] = "adaptive"
    reasoning_effort: Annotated[
        Literal["effort", "reasoning_object", "thinking_object", "omit"],
        "How an OpenAI Chat upstream is asked to think. `effort`: `reasoning_effort`. `reasoning_object`: "
        "`reasoning: {effort}` (OpenRouter). `thinking_object`: `thinking: {type: enabled | disabled}`, beside "
        "`reasoning_effort` (DeepSeek). `omit`: it cannot be asked.",
    ] = "effort"
    reasoning_field: Annotated[
        Literal["as_sent", "omit", "reasoning_content", "reasoning", "reasoning_details"],
        "Where an OpenAI Chat upstream wants the reasoning of earlier assistant turns. `as_sent`: in the fields that a "
        "Chat client used; from other formats, text in `reasoning_content` and blobs in `reasoning_details`. `omit`: "
        "nowhere, it is left out.",
    ] = "as_sent"
    system_role: Annotated[
        Literal["keep", "fold_later", "fold"],
        "System turns. `keep`: sent where they stand. `fold_later`: leading ones stay, later ones go into the next user "
        "turn. `fold`: there is no system role at all, every one goes into the next user turn (Gemma templates).",
    ] = "keep"
    developer_role: Annotated[
        Literal["keep", "system"],
        "`system`: the role `developer` is unknown and goes out as `system`.",
    ] = "keep"
    turns: Annotated[
        Literal["free", "alternate"],
        "`alternate`: two turns of one role in a row are refused (strict chat templates), so they are joined.",
    ] = "free"
    null_content: Annotated[
        Literal["null", "empty"],
        'Assistant turns that hold only tool calls. `empty`: `content: null` is refused, so it goes out as `""`.',
    ] = "null"
    content: Annotated[
        Literal["parts", "string"],
        "`string`: text-only content must be one string, a list of text parts is refused, so parts are joined.",
    ] = "parts"
    files: Annotated[
        Literal["file", "file_or_url", "document_url"],
        "Files on OpenAI Chat. `file`: a `file` part holds the bytes in `file_data`; a URL cannot be sent, so the model is "
        "told it in words, and a client that speaks Chat keeps what it sent. `file_or_url`: `file_data` takes a URL as well "
        "(OpenRouter). `document_url`: a `document_url` part, for both (Mistral).",
    ] = "file"
    max_tokens_field: Annotated[
        Literal["as_sent", "max_tokens", "max_completion_tokens"],
        "The field for the output limit on OpenAI Chat. `as_sent`: both are understood; the client's spelling stays, "
        "`max_tokens` where the client spoke another format.",
    ] = "as_sent"
    stop: Annotated[
        Literal["max4", "max5", "max16", "unlimited", "none"],
        "How many stop sequences the upstream takes. `none`: the field is refused. Where the caller has more, none is sent: "
        "the gateway looks for them itself and ends the reply at the first.",
    ] = "max4"
    stream_usage: Annotated[
        Literal["send", "omit"],
        "`stream_options.include_usage`. `omit`: the field is refused; usage comes unasked or not at all.",
    ] = "send"
    strict_tools: Annotated[
        Literal["send", "omit"],
        "`strict` on function tools. `omit`: refused or unknown.",
    ] = "send"
    parallel_tool_calls: Annotated[
        Literal["send", "omit"],
        "The field `parallel_tool_calls`. `omit`: refused or unknown.",
    ] = "send"
    tool_choice: Annotated[
        Literal["full", "no_named", "auto"],
        "Forcing tools. `no_named`: one named tool cannot be forced, only any. `auto`: nothing can be forced.",
    ] = "full"
    json_schema: Annotated[
        Literal["auto", "send", "json_object", "tool", "instruction", "omit"],
        "How an answer of a demanded shape is had. `send`: the API shapes it. `json_object`: only free JSON; a schema is "
        "told to the model besides. `tool`: neither; a hidden tool with that schema is forced, and its arguments come back "
        "as the text of the answer. `instruction`: the model is told, and a code fence around its answer is taken off. "
        "`omit`: the wish is left out. `auto`: by the features of the model in the catalogue: `send` where they are not "
        "given or have `json_mode`, else `tool` where they have `tools`, else `instruction`. What need not bind the model "
        "is a loss: [providers.md](providers.md#answers-of-a-demanded-shape).",
    ] = "auto"
    seed_field: Annotated[
        Literal["seed", "random_seed", "none"],
        "Name of the sampling seed on OpenAI Chat: `random_seed` on Mistral. `none`: refused.",
    ] = "seed"
    openai_only_fields: Annotated[
        Literal["send", "omit"],
        "`store`, `metadata`, `user`, `safety_identifier`, `service_tier`, `prompt_cache_key`, `prediction`, "
        "`verbosity`, `logit_bias`, `moderation`. `omit`: the server answers 4xx to fields it does not know.",
    ] = "send"


PROTOCOL_QUIRKS: Mapping[Protocol, Quirks] = {
    "openai_chat": Quirks(),
    "openai_responses": Quirks(stop="none", seed_field="none"),
    "anthropic_messages": Quirks(cache_control="full", stop="unlimited", seed_field="none"),
}
"""What each protocol says by itself: the record that a provider without quirks gets."""


@dataclass(frozen=True, slots=True)
class QuirkFact:
    """One quirk as documentation: its name, its values (the default of `openai_chat` is `default`) and its meaning."""

    name: str
    values: tuple[str, ...]
    default: str
    text: str


def quirk_facts() -> tuple[QuirkFact, ...]:
    """Every quirk, in the order of the record. What the loader checks against and the documentation is written from."""
    hints = get_type_hints(Quirks, include_extras=True)
    facts: list[QuirkFact] = []
    for item in fields(Quirks):
        hint = hints[item.name]
        assert get_origin(hint) is Annotated
        literal, text = get_args(hint)
        facts.append(QuirkFact(item.name, tuple(str(value) for value in get_args(literal)), str(item.default), str(text)))
    return tuple(facts)


def overlay(quirks: Quirks, changes: Mapping[str, str]) -> Quirks:
    """`quirks` with the checked `changes` of a provider or a route on top."""
    return replace(quirks, **changes)  # type: ignore[arg-type]  # values were checked against quirk_facts()
