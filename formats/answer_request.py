"""An answer of a demanded shape from an upstream that cannot be bound to it (quirk `json_schema`; wire facts 4.5).

Two ways. By a hidden tool whose parameters are the schema and which the model must call: its arguments are the answer. By an
instruction: the model is told. `answer_reply` takes the answer out of the reply again.

- Where a call cannot be forced (quirk `tool_choice`; on Messages beside thinking, which answers 400) the model is told to
  call the tool, and may not.
- Beside tools of the caller the model must call one or the other: the hidden one when it has its answer. A caller that
  demands a call gets a call, so there is no answer to shape.
- JSON of any shape (`json_object`) is an instruction in either way: a tool whose parameters say nothing is called with
  nothing, and callers of that mode tell the model what they want, as OpenAI demands it of them.

A Loss says where a guarantee was asked for and cannot be given: a schema that is told, `strict`, a call that cannot be
forced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.answer_schema import parameters_of
from hyperinfer.formats.codec import AnswerShape, Loss
from hyperinfer.formats.conversation import (
    Conversation,
    NativePart,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    Turn,
)
from hyperinfer.formats.losses import caller_path, losses_of_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperinfer.formats.codec import Target
    from hyperinfer.formats.events import Dialect

_NAME = "final_answer"
_ANY_OBJECT = "Answer with a single JSON object and nothing else: no prose and no code fence around it."
_SCHEMA = "Answer with JSON that is valid under this JSON schema and nothing else: no prose and no code fence around it.\n"
_DESCRIPTION = "Gives the final answer. Call it once, when nothing else is left to do: its arguments are the answer."
_ONLY_SO = "Give the final answer by calling the tool `{}` and in no other way: its arguments are the answer."


class Asked(msgspec.Struct, frozen=True):
    """The request as the upstream is asked it. `answer`: None where the upstream itself is to shape the answer."""

    conversation: Conversation
    answer: AnswerShape | None = None
    losses: tuple[Loss, ...] = ()


def with_answer_shape(conversation: Conversation, target: Target, *, thinks: bool = False) -> Asked:
    """What the upstream can be asked of the answer's shape; the rest emulated, or lost where the route says so.

    `thinks`: a forced call is refused, as the request asks for thinking.
    """
    wish = conversation.response_format
    if wish is None or wish.type == "text":
        return Asked(conversation)
    if wish.field is not None:
        extra = {name: value for name, value in (conversation.extra or {}).items() if name != wish.field}
        read = msgspec.structs.replace(wish, field=None)
        plain = msgspec.structs.replace(conversation, extra=extra or None, response_format=read)
        asked = with_answer_shape(plain, target, thinks=thinks)
        # As it came, where it is sent.
        return asked if asked.conversation is not plain or target.dialect != plain.dialect else Asked(conversation)
    path = caller_path(conversation.dialect, "response_format")
    rule = target.quirks.json_schema
    free = wish.type == "json_object" or wish.schema is None
    if rule == "omit":
        loss = Loss(path, "this model's API cannot shape the answer")
        return Asked(msgspec.structs.replace(conversation, response_format=None), losses=(loss,))
    if rule in ("auto", "send") and not (free and _has_no_free_json(conversation, target)):
        return Asked(conversation)
    if rule == "json_object" and target.dialect != "anthropic_messages":
        return Asked(conversation) if free else _told_beside_free_json(conversation, wish, path)
    unknown = tuple(losses_of_extra(wish.extra, path, "not understood by the model's API"))
    if rule == "tool" and not free:
        found = _by_tool(conversation, wish, target, thinks=thinks)
        if found is not None:
            return msgspec.structs.replace(found, losses=found.losses + unknown)
    asked = _told(conversation, wish, path)
    return msgspec.structs.replace(asked, losses=asked.losses + unknown)


def _has_no_free_json(conversation: Conversation, target: Target) -> bool:
    """Messages has schemas only. A caller who speaks it knows that, and gets what it asked for."""
    return target.dialect == "anthropic_messages" != conversation.dialect


# -- by instruction


def _told(conversation: Conversation, wish: ResponseFormat, path: str) -> Asked:
    losses = () if wish.schema is None else (Loss(path, "the schema is told to the model, not enforced"),)
    told = _with_instruction(conversation, _instruction(wish), path)
    return Asked(msgspec.structs.replace(told, response_format=None), AnswerShape(), losses)


def _told_beside_free_json(conversation: Conversation, wish: ResponseFormat, path: str) -> Asked:
    loss = Loss(path, "the schema is told to the model, whose API only sees to it that the answer is JSON")
    told = _with_instruction(conversation, _instruction(wish), path)
    free = msgspec.structs.replace(told, response_format=ResponseFormat(type="json_object"))
    return Asked(free, AnswerShape(), (loss,))


def _instruction(wish: ResponseFormat) -> str:
    if wish.schema is None:
        return _ANY_OBJECT
    described = f"{wish.description}\n" if wish.description else ""
    return described + _SCHEMA + msgspec.json.encode(wish.schema).decode()


def _with_instruction(conversation: Conversation, text: str, path: str) -> Conversation:
    """Behind the caller's own instructions, where it stays the same from turn to turn, as prompt caches want it.

    It joins the last of them: many chat templates know one system message, at the beginning.
    """
    turns = conversation.turns
    place = 0
    while place < len(turns) and turns[place].role in ("system", "developer") and _is_leading(turns[place], conversation):
        place += 1
    if not place:
        told = Turn(role="system", parts=(TextPart(text=text),), path=path, plain=True)
        return msgspec.structs.replace(conversation, turns=(told, *turns))
    told = _joined(turns[place - 1], text)
    return msgspec.structs.replace(conversation, turns=(*turns[: place - 1], told, *turns[place:]))


def _joined(turn: Turn, text: str) -> Turn:
    last = turn.parts[-1] if turn.parts else None
    if turn.plain and isinstance(last, TextPart):
        longer = msgspec.structs.replace(last, text=f"{last.text}\n\n{text}" if last.text else text)
        return msgspec.structs.replace(turn, parts=(*turn.parts[:-1], longer))
    return msgspec.structs.replace(turn, parts=(*turn.parts, TextPart(text=text)))


def _is_leading(turn: Turn, conversation: Conversation) -> bool:
    """Whether it is no message of a Messages request, which may be a system's too."""
    return conversation.dialect != "anthropic_messages" or not turn.path.startswith("messages")


# -- by a hidden tool


def _by_tool(conversation: Conversation, wish: ResponseFormat, target: Target, *, thinks: bool) -> Asked | None:
    """None where the tool cannot take the place of an answer: beside a choice that only one format knows."""
    assert wish.schema is not None
    choice = conversation.tool_choice
    forcing = "auto" if thinks else target.quirks.tool_choice
    tools = (*conversation.tools, *_late(conversation))
    has_tools = bool(tools or conversation.plugins)
    if choice is not None and has_tools and (choice.mode == "native" or _demands_call(choice)):
        if forcing == "auto" or choice.mode == "native" or not any(map(_is_callers, tools)):
            return None
        # The reply will be calls: the answer is for a later turn, and is shaped there.
        return Asked(msgspec.structs.replace(conversation, response_format=None))
    path = caller_path(conversation.dialect, "response_format")
    parameters = parameters_of(wish.schema)
    tool = Tool(
        kind="function",
        name=_free_name(conversation),
        path=path,
        description=f"{_DESCRIPTION}\n{wish.description}" if wish.description else _DESCRIPTION,
        parameters=parameters.schema,
        strict=wish.strict if target.quirks.strict_tools == "send" else None,
    )
    offered, forced = _chosen(conversation, tool, forcing, has_tools=has_tools)
    losses: list[Loss] = []
    if wish.strict:
        losses.append(Loss(_STRICT[conversation.dialect], "the schema is asked for as a tool's, which need not bind it"))
    if forcing == "auto":
        losses.append(Loss(path, "the schema is asked for as a tool's, which the model cannot be made to call"))
        conversation = _with_instruction(conversation, _ONLY_SO.format(tool.name), path)
    changed = msgspec.structs.replace(conversation, tools=offered, tool_choice=forced, response_format=None)
    return Asked(changed, AnswerShape(tool.name, parameters.wrapped), tuple(losses))


def _is_callers(tool: Tool) -> bool:
    """Whether the caller runs it itself, so that every upstream is told of it."""
    return tool.kind != "native" or tool.parameters is not None


def _demands_call(choice: ToolChoice) -> bool:
    return choice.mode in ("required", "named") or (choice.mode == "allowed" and choice.allowed_mode == "required")


def _chosen(
    conversation: Conversation, hidden: Tool, forcing: str, *, has_tools: bool
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools and the choice among them."""
    own, choice = conversation.tools, conversation.tool_choice
    mode = choice.mode if choice is not None else "auto"
    extra = choice.extra if choice is not None else None
    if choice is not None and mode == "allowed":  # told by the list, in which the hidden one stands too
        allowed = set(choice.allowed)
        own = tuple(tool for tool in own if {tool.name, tool.type, f"{tool.namespace}__{tool.name}"} & allowed)
    if mode == "none" and forcing != "full":
        own = ()  # there is no other way to keep the model from them
    tools = (*own, hidden)
    if forcing == "auto":
        return tools, None
    if forcing == "full" and (mode == "none" or not has_tools):
        return tools, ToolChoice(mode="named", name=hidden.name, extra=extra)
    return tools, ToolChoice(mode="required", extra=extra)


def _free_name(conversation: Conversation) -> str:
    """A name that no tool of the caller has, nor would have upstream, where namespaces become part of it."""
    taken: set[str] = set()
    for tool in (*conversation.tools, *_late(conversation)):
        taken |= {tool.name, f"{tool.namespace}__{tool.name}"}
    for turn in conversation.turns:
        taken.update(part.name for part in turn.parts if isinstance(part, ToolCallPart))
    name, number = _NAME, 1
    while name in taken:
        number += 1
        name = f"{_NAME}_{number}"
    return name


def _late(conversation: Conversation) -> Iterator[Tool]:
    """Tools that an item of the conversation declares."""
    for turn in conversation.turns:
        for part in turn.parts:
            if isinstance(part, NativePart):
                yield from part.tools


_STRICT: dict[Dialect, str] = {
    "openai_chat": "response_format.json_schema.strict",
    "openai_responses": "text.format.strict",
    "anthropic_messages": "output_config.format",
}
