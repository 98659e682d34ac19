"""Checks of the form of answers: the grammar of streams, the fields of whole answers, and that a stream is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance.check import Check
from hyperinfer.testing.conformance.results import PASSED, Cell, Finding, failed
from hyperinfer.testing.conformance.said import FORMATS

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.check import Judge
    from hyperinfer.testing.conformance.exchange import Turn
    from hyperinfer.testing.conformance.heard import Rule
    from hyperinfer.testing.conformance.said import Format
    from hyperinfer.testing.conformance.scenes import Scene

_SCENES = ("text", "length", "tool", "parallel", "thinking", "mixed")


def _keeps(*rules: Rule) -> Judge:
    def judge(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
        found = [what for rule, what in turns[0].heard.breaches if rule in rules]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return failed("the format's rules", found[0] + more) if found else PASSED

    return judge


def _early(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    return PASSED if turns[0].early else failed("the first text before the reply is whole", "it was held back")


def _rule(rule: Rule, wants: str, source: str, clients: tuple[Format, ...] = FORMATS) -> Check:
    return Check(
        id=f"stream.{rule}",
        wants=wants,
        source=source,
        scenes=_SCENES,
        judge=_keeps(rule),
        clients=clients,
        modes=(True,),
    )


CHECKS: Final = (
    _rule("framing", "server-sent events of JSON objects, named as the format names them", "WHATWG HTML 9.2"),
    _rule(
        "order",
        "events in their order: opening, content, end, usage",
        "openai-python `ChatCompletionChunk`, `ResponseStreamEvent`; anthropic-sdk-python `RawMessageStreamEvent`",
    ),
    _rule(
        "terminal",
        "one end, and nothing after it",
        "Chat `finish_reason` and `[DONE]`; Responses `response.completed` or `.incomplete`; Messages `message_stop`",
    ),
    _rule(
        "ids",
        "ids that stay the same over a stream",
        "Chat `id`; Responses `id` and `item_id`; Messages `tool_use.id`",
    ),
    _rule(
        "blocks",
        "what is opened is closed, one at a time, by indexes that count from 0",
        "Chat `tool_calls[].index`; Responses `output_index`, `content_index`; Messages `index`",
    ),
    _rule(
        "numbers",
        "events numbered from 0 without a gap",
        "openai-python `ResponseStreamEvent`: `sequence_number`",
        clients=("responses",),
    ),
    _rule("fields", "the fields that events always have", "the types of openai-python and anthropic-sdk-python"),
    Check(
        id="stream.early",
        wants="text is handed on as it comes",
        source="that is what a stream is for",
        scenes=("waiting",),
        judge=_early,
        modes=(True,),
    ),
    Check(
        id="whole.fields",
        wants="the fields that a whole answer always has",
        source="the types of openai-python (`ChatCompletion`, `Response`) and anthropic-sdk-python (`Message`)",
        scenes=_SCENES,
        judge=_keeps("fields", "framing"),
        modes=(False,),
    ),
)
