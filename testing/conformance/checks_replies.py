"""Checks of what reaches the client: text, tool calls, reasoning, usage, stop reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance.check import Check, equal
from hyperinfer.testing.conformance.json_values import same_json
from hyperinfer.testing.conformance.results import PASSED, Cell, Finding, failed

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.check import Judge
    from hyperinfer.testing.conformance.exchange import Turn
    from hyperinfer.testing.conformance.said import Format, Stop
    from hyperinfer.testing.conformance.scenes import Scene

STOPS: Final[dict[Format, dict[Stop, tuple[str, ...]]]] = {
    "chat": {"end": ("stop",), "length": ("length",), "tool": ("tool_calls",), "refusal": ("content_filter",)},
    "responses": {
        "end": ("completed",),
        "length": ("max_output_tokens",),
        "tool": ("completed",),
        "refusal": ("content_filter", "completed"),
    },
    "messages": {"end": ("end_turn",), "length": ("max_tokens",), "tool": ("tool_use",), "refusal": ("refusal",)},
}
"""The words of each format, the best first; on Responses the reason of an incomplete response, else its status."""


def _text(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    return equal(scene.said().text, turns[0].heard.text)


def _reasoning(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    return equal(scene.said().thinking, turns[0].heard.reasoning)


def _stop(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    heard = turns[0].heard
    wanted = STOPS[cell.client][scene.said().stop]
    return PASSED if heard.stop in wanted else failed(" or ".join(wanted), heard.stop or "nothing")


def _calls(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    heard, said = turns[0].heard.calls, scene.said().calls
    if [call.name for call in heard] != [call.name for call in said]:
        return equal([call.name for call in said], [call.name for call in heard])
    for one, other in zip(said, heard, strict=True):
        if not same_json(one.arguments, other.arguments):
            return failed(f"{one.name}({one.arguments})", f"{other.name}({other.arguments})")
    ids = {call.id for call in heard} - {""}
    return PASSED if len(ids) == len(said) else failed(f"{len(said)} different ids", str([call.id for call in heard]))


def _all_of_it(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    found = (judge(turns, cell, scene) for judge in (_text, _reasoning, _calls))
    return next((finding for finding in found if finding.verdict != "pass"), PASSED)


def _usage(*names: str) -> Judge:
    def judge(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
        told = scene.said().usage
        beside = told.cached + told.written if cell.client == "messages" else 0
        wanted = {
            "input": told.prompt - beside,
            "output": told.completion,
            "total": told.prompt + told.completion,
            "cached": told.cached,
            "written": told.written,
            "reasoning": told.reasoning,
        }
        seen = turns[0].heard.usage
        asked = [name for name in names if name in seen]  # Messages has no total
        if not seen:
            return failed("usage", "none")
        return equal({name: wanted[name] for name in asked}, {name: seen[name] for name in asked})

    return judge


CHECKS: Final = (
    Check(
        id="text.equal",
        wants="the text is what the model said, every blank and line end of it",
        source="Chat `choices[].message.content`; Responses `output_text`; Messages `text` blocks",
        scenes=("text",),
        judge=_text,
    ),
    Check(
        id="text.unicode",
        wants="characters whose bytes came in different reads are whole, as are marks that combine",
        source="RFC 3629; WHATWG HTML 9.2.5: the stream is decoded as UTF-8",
        scenes=("unicode",),
        judge=_text,
    ),
    Check(
        id="text.lines",
        wants="an upstream's event stream with CRLF line ends and comments is read as any other",
        source="WHATWG HTML 9.2.5: lines end with CR, LF or both; those that begin with a colon are ignored",
        scenes=("crlf",),
        judge=_text,
        modes=(True,),
    ),
    Check(
        id="stop.end",
        wants="a reply that is whole says so",
        source="Chat `finish_reason`; Responses `status`; Messages `stop_reason`",
        scenes=("text",),
        judge=_stop,
    ),
    Check(
        id="stop.length",
        wants="a reply cut at its limit says so",
        source="Chat `length`; Responses `incomplete_details.reason: max_output_tokens`; Messages `max_tokens`",
        scenes=("length",),
        judge=_stop,
    ),
    Check(
        id="stop.refusal",
        wants="a reply that was stopped by a filter says so",
        source="Chat `content_filter`; Responses `incomplete_details.reason: content_filter`; Messages `refusal`",
        scenes=("refusal",),
        judge=_stop,
    ),
    Check(
        id="stop.tool",
        wants="a reply that waits for tools says so",
        source="Chat `tool_calls`; Responses `completed`; Messages `tool_use`",
        scenes=("tool", "parallel"),
        judge=_stop,
    ),
    Check(
        id="tools.call",
        wants="a tool call whose arguments came in pieces has its name, an id, and arguments of equal value",
        source="Chat `tool_calls[].function.arguments`; Responses `function_call`; Messages `tool_use.input`",
        scenes=("tool",),
        judge=_calls,
    ),
    Check(
        id="tools.parallel",
        wants="three calls in one reply are three calls, in their order, one of them without arguments",
        source="Chat `tool_calls[].index`; Responses one item a call; Messages one block a call",
        scenes=("parallel",),
        judge=_calls,
    ),
    Check(
        id="tools.mixed",
        wants="thinking, text and two calls in one reply are all there",
        source="Chat one message; Responses one item each; Messages one block each",
        scenes=("mixed",),
        judge=_all_of_it,
    ),
    Check(
        id="reasoning.text",
        wants="what the model shows of its thinking reaches the client",
        source="Messages `thinking`; Responses `reasoning.summary`; Chat by usage `reasoning_content` or `reasoning`",
        scenes=("thinking",),
        judge=_reasoning,
    ),
    Check(
        id="usage.counts",
        wants="input, output and total are the upstream's, as the client's format counts them",
        source="Chat and Responses count cached tokens within the input; Messages beside it",
        scenes=("text",),
        judge=_usage("input", "output", "total"),
    ),
    Check(
        id="usage.cached",
        wants="the tokens that were read from a cache",
        source="Chat `prompt_tokens_details`, Responses `input_tokens_details`: `cached_tokens`; Messages"
        " `cache_read_input_tokens`",
        scenes=("text",),
        judge=_usage("cached"),
    ),
    Check(
        id="usage.written",
        wants="the tokens that were written to a cache",
        source="Chat and Responses `cache_write_tokens`; Messages `cache_creation_input_tokens`",
        scenes=("text",),
        judge=_usage("written"),
    ),
    Check(
        id="usage.reasoning",
        wants="the tokens of reasoning",
        source="Chat `completion_tokens_details`, Responses `output_tokens_details`: `reasoning_tokens`; Messages"
        " `output_tokens_details.thinking_tokens`",
        scenes=("text",),
        judge=_usage("reasoning"),
    ),
)
