"""Checks of what reaches the upstream, in the form of its protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance.check import Check, equal
from hyperinfer.testing.conformance.json_values import short
from hyperinfer.testing.conformance.results import PASSED, Cell, Finding, failed
from hyperinfer.testing.conformance.scenes import OPAQUE, PIXEL

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.exchange import Turn
    from hyperinfer.testing.conformance.said import Object
    from hyperinfer.testing.conformance.scenes import Scene

_BUDGET = 8192  # tokens of thinking that count as high, where the protocol is told a number


def _prompt(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    """The marker stands behind it."""
    prompts = turns[0].asked[-1].prompts
    return PASSED if any(scene.ask.prompt in each for each in prompts) else failed(scene.ask.prompt, short(prompts))


def _system(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    return equal(scene.ask.system, turns[0].asked[-1].system)


def _limit(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    return equal(scene.ask.limit, turns[0].asked[-1].limit)


def _image(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    images = turns[0].asked[-1].images
    return PASSED if [each.rpartition(",")[2] for each in images] == [PIXEL] else failed("the PNG", short(images))


def _schema(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    """Also by a tool that must be called with the JSON, as was usual before Messages had a field for it."""
    asked, wanted = turns[0].asked[-1], scene.ask.schema or {}
    by_tool = [schema for name, _, schema in asked.tools if asked.choice in ("required", f"tool:{name}")]
    for schema in (asked.schema, *by_tool):
        if schema is not None and _has(schema, wanted):
            return PASSED
    return failed(short(wanted), short(asked.schema))


def _has(schema: object, wanted: Object) -> bool:
    """A schema may be rounded out (strict ones list all properties), but what was said must still be said."""
    text = json.dumps(schema, sort_keys=True)
    return all(json.dumps(value, sort_keys=True) in text for value in wanted["properties"].values())


def _declared(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    for wanted, seen in zip(scene.ask.tools, turns[0].asked[-1].tools, strict=False):
        if (wanted.name, wanted.description) != seen[:2]:
            return equal([wanted.name, wanted.description], list(seen[:2]))
        if not _has(seen[2], wanted.parameters):
            return failed(short(wanted.parameters), short(seen[2]))
    return equal(len(scene.ask.tools), len(turns[0].asked[-1].tools))


def _choice(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    asked, choice = turns[0].asked[-1], scene.ask.choice
    if choice == "none" and not asked.tools:
        return PASSED  # a tool that the model does not know of cannot be called
    return equal(choice if choice in ("required", "none") else f"tool:{choice}", asked.choice)


def _results(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    """Each call is there, and its result bears its id."""
    asked = turns[1].asked[-1]
    ids = [call for call, _, _ in asked.calls]
    calls = [(call.name, json.loads(call.arguments)) for call in scene.said().calls]
    seen = [(name, arguments) for _, name, arguments in asked.calls]
    if calls != seen:
        return failed(f"the calls {short(calls)}", short(seen))
    if len(set(ids)) != len(ids):
        return failed("an id for each call", str(ids))
    return equal(dict(zip(ids, scene.ask.results, strict=True)), dict(asked.results))


def _effort(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    asked = turns[0].asked[-1]
    if asked.effort == scene.ask.effort or asked.budget >= _BUDGET:
        return PASSED
    return failed(scene.ask.effort, asked.effort or (f"{asked.budget} tokens" if asked.budget else "nothing"))


def _opaque(turns: Sequence[Turn], cell: Cell, scene: Scene) -> Finding:
    back = [each for each in turns[1].asked[-1].opaque if each]
    if back == [OPAQUE]:
        return PASSED
    if cell.client == "chat" and OPAQUE not in turns[0].body.decode(errors="replace"):
        return Finding("unsupported", OPAQUE, "Chat has no field for it, and the answer has it nowhere")
    return failed(short(OPAQUE, 60), short(back, 120) if back else "nothing came back")


CHECKS: Final = (
    Check(
        id="request.prompt",
        wants="the prompt reaches the upstream, every character of it",
        source="RFC 8259, 8.1: JSON is UTF-8",
        scenes=("unicode",),
        judge=_prompt,
    ),
    Check(
        id="request.system",
        wants="the system prompt reaches the upstream as its system prompt",
        source="Chat role `system` or `developer`; Responses `instructions`; Messages `system`",
        scenes=("text",),
        judge=_system,
    ),
    Check(
        id="request.limit",
        wants="the most tokens that the client wants",
        source="Chat `max_completion_tokens`; Responses `max_output_tokens`; Messages `max_tokens`",
        scenes=("text",),
        judge=_limit,
    ),
    Check(
        id="request.image",
        wants="an image in the prompt",
        source="Chat `image_url`; Responses `input_image`; Messages `image`",
        scenes=("image",),
        judge=_image,
    ),
    Check(
        id="request.schema",
        wants="the schema of the JSON that the answer is to be",
        source="Chat `response_format.json_schema`; Responses `text.format`; Messages `output_config.format`",
        scenes=("schema",),
        judge=_schema,
    ),
    Check(
        id="tools.declared",
        wants="the tools, with names, descriptions and schemas",
        source="Chat `tools[].function.parameters`; Responses `tools[].parameters`; Messages `tools[].input_schema`",
        scenes=("tool",),
        judge=_declared,
    ),
    Check(
        id="tools.required",
        wants="that some tool must be called",
        source="Chat and Responses `required`; Messages `any`",
        scenes=("required",),
        judge=_choice,
    ),
    Check(
        id="tools.named",
        wants="that one tool must be called",
        source="Chat `function.name`; Responses `name`; Messages `{type: tool, name}`",
        scenes=("named",),
        judge=_choice,
    ),
    Check(
        id="tools.none",
        wants="that no tool may be called",
        source="`none` in all three",
        scenes=("none",),
        judge=_choice,
    ),
    Check(
        id="tools.result",
        wants="a call and its result, sent back, reach the upstream as a pair",
        source="Chat role `tool`; Responses `function_call_output`; Messages `tool_result`",
        scenes=("tool",),
        judge=_results,
        turn=1,
    ),
    Check(
        id="tools.results",
        wants="three calls and their results, sent back, reach it as three pairs",
        source="Chat role `tool`; Responses `function_call_output`; Messages `tool_result`",
        scenes=("parallel",),
        judge=_results,
        turn=1,
    ),
    Check(
        id="reasoning.effort",
        wants="how hard the model is to think",
        source="Chat `reasoning_effort`; Responses `reasoning.effort`; Messages `output_config.effort` or a budget",
        scenes=("thinking",),
        judge=_effort,
    ),
    Check(
        id="reasoning.opaque",
        wants="a signature or encrypted reasoning comes back to the upstream that made it, byte for byte",
        source="Messages `thinking.signature`; Responses `reasoning.encrypted_content`",
        scenes=("thinking_tool",),
        judge=_opaque,
        upstreams=("responses", "messages"),
        turn=1,
    ),
)
