"""What a conversation says, as a list of facts that can be compared across formats, and what a `Loss` takes away of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import (
    Base64Source,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
    UrlSource,
)

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation, Dialect, Loss


@dataclass(frozen=True)
class Fact:
    """One thing that was said. `kind`: system | user | image | thought | blob | says | state | call | result, where `blob`
    belongs to a thought and `state` to the call behind it.

    `what`: of a call its id and name, of a result the id of its call and whether it is an error. `mark`: the lifetime of
    its cache mark. `path`: its place in the request. `vendor`: of a thought and its blob, who signed it; None for
    nobody.
    """

    kind: str
    text: str
    what: tuple[Any, ...] = ()
    mark: str | None = None
    vendor: str | None = None
    path: str = ""

    @property
    def said(self) -> tuple[str, str, tuple[Any, ...]]:
        """The fact without where it stood."""
        return self.kind, self.text, self.what


def facts(conversation: Conversation) -> list[Fact]:
    """All facts, in order; words that say nothing are none."""
    found = [fact for turn in conversation.turns for fact in _of_turn(turn, conversation.dialect)]
    return [fact for fact in found if fact.text.strip() or fact.kind not in ("user", "says", "thought")]


def _of_turn(turn: Turn, dialect: Dialect) -> Iterable[Fact]:
    role = {"assistant": "says", "developer": "system"}.get(turn.role, turn.role)
    for part, path in zip(turn.parts, _paths(turn, dialect), strict=True):
        for fact in _of_part(part, role):
            yield replace(fact, path=path)


def _paths(turn: Turn, dialect: Dialect) -> Iterable[str]:
    """Where a client finds each part in its own request."""
    calls = contents = 0
    for part in turn.parts:
        beside = isinstance(part, ReasoningPart | ToolCallPart | ToolResultPart)
        if turn.path in ("instructions", "system" if turn.plain else "") or (dialect == "openai_responses" and beside):
            yield turn.path
        elif dialect == "openai_chat" and isinstance(part, ToolCallPart):
            yield f"{turn.path}.tool_calls[{calls}]"
            calls += 1
        elif dialect == "openai_chat" and beside:
            yield f"{turn.path}.reasoning" if isinstance(part, ReasoningPart) else turn.path
        elif turn.path == "system":
            yield f"system[{contents}]"
            contents += 1
        else:
            yield f"{turn.path}.content" if turn.plain else f"{turn.path}.content[{contents}]"
            contents += 1


def _of_part(part: Part, role: str) -> Iterable[Fact]:
    match part:
        case TextPart():
            yield Fact(role, part.text, mark=_ttl(part))
        case ImagePart(source=Base64Source(data=data)):
            yield Fact("image", data)
        case ImagePart(source=UrlSource(url=url)):
            yield Fact("image", url)
        case ReasoningPart():
            vendor = part.opaque[0].vendor if part.opaque else None
            if text := "\n\n".join(text.text for text in part.texts):
                yield Fact("thought", text, vendor=vendor)
            yield from (Fact("blob", blob.data, vendor=vendor) for blob in part.opaque)
        case RefusalPart(text=text):
            yield Fact("says", text)
        case ToolCallPart():
            yield from (Fact("state", blob.data, vendor=blob.vendor) for blob in part.opaque)
            yield Fact("call", json.dumps(json.loads(part.arguments), sort_keys=True), (part.call_id, part.name))
        case ToolResultPart():
            text = "\n\n".join(inner.text for inner in part.content if isinstance(inner, TextPart))
            yield Fact("result", text, (part.call_id, bool(part.is_error)))
        case _:
            raise AssertionError(part)


def _ttl(part: TextPart) -> str | None:
    if part.cache is None:
        return None
    return "default" if part.cache.ttl in (None, "5m") else part.cache.ttl


def without(found: Sequence[Fact], losses: Sequence[Loss], vendor: str) -> list[Fact]:
    """The facts less what the losses name, towards an upstream of `vendor`. A loss that takes nothing fails, and so does
    one that this does not know."""
    left = list(found)
    for loss in dict.fromkeys(losses):
        before = left
        if loss.path == "cache_control":
            left = _last_marks(left)
        else:
            left = [kept for fact in left if (kept := _less(fact, loss, vendor)) is not None]
        assert left != before, f"{loss} takes nothing"
    return left


def _last_marks(found: list[Fact]) -> list[Fact]:
    """Messages takes four cache marks: the last ones stay."""
    marked = [number for number, fact in enumerate(found) if fact.mark]
    return [replace(fact, mark=None) if number in marked[:-4] else fact for number, fact in enumerate(found)]


def _less(fact: Fact, loss: Loss, vendor: str) -> Fact | None:
    path, _, field = loss.path.rpartition(".")
    if field in ("cache_control", "prompt_cache_breakpoint"):
        return replace(fact, mark=None) if path == fact.path else fact
    if loss.path != fact.path or fact.kind not in ("thought", "blob"):
        return fact
    match loss.reason:
        case "reasoning that another vendor made cannot be read by this one":
            lost = fact.vendor not in (None, vendor)
        case "the reasoning holds state of another vendor":
            # A Chat client's text is one field, and goes as a whole.
            lost = fact.vendor not in (None, vendor) or (field == "reasoning" and fact.kind == "thought")
        case "reasoning that the provider's vendor has not signed":
            lost = fact.vendor != vendor
        case "reasoning without its encrypted content is refused by this vendor":
            lost = fact.vendor is None
        case "reasoning text without a signature":
            lost = fact.vendor == vendor and fact.kind == "thought"
        case _:
            raise AssertionError(f"nobody expects {loss}")
    return None if lost else fact


def joined(found: Iterable[Fact]) -> list[tuple[str, str, tuple[Any, ...]]]:
    """What was said, neighbouring texts of one kind as one."""
    out: list[tuple[str, str, tuple[Any, ...]]] = []
    for (kind, _), run in groupby(found, key=lambda fact: (fact.kind, fact.what)):
        said = [fact.said for fact in run]
        words = kind in ("system", "user", "says", "thought")
        out += [(kind, "\n\n".join(text for _, text, _ in said), ())] if words else said
    return out


def marks(found: Iterable[Fact]) -> list[tuple[str, str]]:
    """The cache marks, in order, each with the kind of what it is on."""
    return [(fact.kind, fact.mark) for fact in found if fact.mark]
