"""Runs of server tools: many at once, each under its own deadline, and their results as the model may read them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from math import floor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import trio

from hyperinfer.formats.server_tools import ToolOutcome, ToolRun
from hyperinfer.formats.tool_data import as_data, cleaned, one_line
from hyperinfer.formats.wire import is_object
from hyperinfer.nodes.ports import CostLine, ToolTime

if TYPE_CHECKING:
    from hyperinfer.nodes.items import Ticket
    from hyperinfer.nodes.tap import Tap
    from hyperinfer.nodes.tools.activation import Active
    from hyperinfer.nodes.tools.hearing import HeardCall
    from hyperinfer.nodes.tools.port import ServerTool

log = logging.getLogger("hyperinfer.tools")

MOST_CALLS: Final = 16
"""Runs of one round. A model that wants more is told to ask for fewer."""


class Finished(NamedTuple):
    """A run that is over. `text`: what the model is given. `line`: what it costs; None for nothing."""

    run: ToolRun
    outcome: ToolOutcome
    text: str
    line: CostLine | None


def run_of(call: HeardCall, active: Active) -> ToolRun:
    """What is to be run; the input is empty where the model wrote no object."""
    return ToolRun(call_id=call.run_id, name=active.tool.name, input=_arguments(call.arguments) or {})


@asynccontextmanager
async def running(calls: Sequence[tuple[HeardCall, Active]], ticket: Ticket) -> AsyncGenerator[AsyncGenerator[Finished]]:
    """Runs all of them; the results come in the order of the calls, each as soon as it and those before it are there. What
    one costs joins the ticket's tally when it is over, which may be earlier: it is owed whatever becomes of the others.

    Leaving the block ends what still runs.
    """
    over: list[Finished | None] = [None] * len(calls)
    done = [trio.Event() for _ in calls]

    async def one(index: int, call: HeardCall, active: Active) -> None:
        run, running = run_of(call, active), _outcome(call, active, crowded=index >= MOST_CALLS)
        began = trio.current_time()
        outcome = await (running if ticket.tap is None else _looked_on(ticket.tap, run, running))
        ticket.tool_times.append(_time_of(run, outcome, began, ticket))
        finished = over[index] = _finished(run, outcome, active)
        if finished.line is not None:
            ticket.tally.tools.append(finished.line)
        done[index].set()

    async def results() -> AsyncGenerator[Finished]:
        for index, event in enumerate(done):
            await event.wait()
            finished = over[index]
            assert finished is not None
            yield finished

    broken: Exception | None = None
    async with trio.open_nursery() as nursery, aclosing(results()) as finished:
        for index, (call, active) in enumerate(calls):
            nursery.start_soon(one, index, call, active)
        try:
            yield finished
        except Exception as error:  # told as it is: out of the nursery it would come in a group
            broken = error
        nursery.cancel_scope.cancel()
    if broken is not None:
        raise broken


def _time_of(run: ToolRun, outcome: ToolOutcome, began: float, ticket: Ticket) -> ToolTime:
    at, ms = began - ticket.started, trio.current_time() - began
    return ToolTime(run.name, floor(at * 1000), floor(ms * 1000), outcome.error is not None)


async def _looked_on(tap: Tap, run: ToolRun, running: Awaitable[ToolOutcome]) -> ToolOutcome:
    outcome = None
    tap.tool_started(run)
    try:
        outcome = await running
        return outcome
    finally:
        tap.tool_ended(run, outcome)


async def _outcome(call: HeardCall, active: Active, *, crowded: bool) -> ToolOutcome:
    """A run's outcome, whatever happens."""
    if crowded:
        text = f"Not run: at most {MOST_CALLS} tools may be called at once. Call fewer."
        return ToolOutcome(text=text, summary="too many calls at once", error="refused")
    arguments = _arguments(call.arguments)
    if arguments is None:
        text = "The arguments are not a JSON object. Call the tool again with arguments that fit its schema."
        return ToolOutcome(text=text, summary="arguments that are no JSON object", error="bad_arguments")
    tool = active.tool
    with trio.move_on_after(tool.seconds):
        try:
            return await tool.run(arguments, active.options)
        except Exception:  # a bug of a tool's must not end the request
            log.exception("the tool %s failed", tool.name)
            return ToolOutcome(text="The tool failed. Go on without it.", summary="failed", error="unavailable")
    return ToolOutcome(
        text=f"The tool did not answer within {tool.seconds:g} s. Go on without it, or try something else.",
        summary=f"no answer within {tool.seconds:g} s",
        error="timeout",
    )


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        value: object = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if is_object(value) else None


def _finished(run: ToolRun, outcome: ToolOutcome, active: Active) -> Finished:
    text = as_data(run.name, run.call_id, outcome.text)
    return Finished(run, _seen(outcome), text, charge(active.tool, outcome))


def charge(tool: ServerTool, outcome: ToolOutcome) -> CostLine | None:
    """What a run costs; None for nothing, as one that failed."""
    calls = 0 if outcome.error is not None else outcome.calls
    return CostLine(tool.name, calls, tool.price, calls * tool.price) if calls else None


def _seen(outcome: ToolOutcome) -> ToolOutcome:
    """An outcome as clients are told of it: titles and summaries are words of strangers, too."""
    sources = tuple(
        msgspec.structs.replace(
            each,
            url=one_line(each.url),
            title=one_line(each.title),
            text=cleaned(each.text),
            published=None if each.published is None else one_line(each.published),
        )
        for each in outcome.sources
    )
    return msgspec.structs.replace(outcome, text=cleaned(outcome.text), summary=one_line(outcome.summary), sources=sources)


def inputs(calls: Sequence[HeardCall], tools: Mapping[str, Active]) -> list[tuple[HeardCall, Active]]:
    """The calls with their tools."""
    return [(call, tools[call.function]) for call in calls]
