"""The loop between the model and the gateway's own tools.

A model is asked with the tools that the request switches on as functions of it. When it calls only these they run, and it
is asked again with what they found, until it answers or calls functions of the client. What it says in every round goes to
the client as it comes, as one reply; its calls of our tools do not, unless the client wants to see them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hyperinfer.engine import Drain, Failure, HardEnd, Node, Sink, Stage, each, stage
from hyperinfer.engine.node import Kind
from hyperinfer.formats import events as ev
from hyperinfer.formats.conversation import Turn
from hyperinfer.formats.ids import DistinctIds, chat_call_id
from hyperinfer.nodes.items import Answering, Failed, Planned, Reply
from hyperinfer.nodes.measures import Measures
from hyperinfer.nodes.refusal import shutting_down
from hyperinfer.nodes.tools.activation import Toolbox, activate
from hyperinfer.nodes.tools.asking import Asking
from hyperinfer.nodes.tools.attached import holds_pdf, reads_pdf, with_pdf_text
from hyperinfer.nodes.tools.citing import Citing
from hyperinfer.nodes.tools.hearing import Hearing
from hyperinfer.nodes.tools.kept import keys, put_back, result_part, turn_to_keep
from hyperinfer.nodes.tools.running import Finished, charge, inputs, run_of, running

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event
    from hyperinfer.nodes.items import Ticket
    from hyperinfer.nodes.ports import ToolMemory
    from hyperinfer.nodes.tools.activation import Active
    from hyperinfer.nodes.tools.attached import ReadPdf
    from hyperinfer.nodes.tools.port import ServerTool
    from hyperinfer.providers.catalogue import Route

ROUNDS: Final = 8
"""How often a model may call server tools for one request."""

_GOES_ON = ("stop", "tool_calls")
"""Ends of a reply whose calls are complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tooling:
    """What the loop needs from outside. `tools`: those of the moment. `read_pdf`: the text of a PDF; None where no tool can
    tell it. `memory`: for turns with calls of both kinds; without it the model calls ours again. `rounds`: `ROUNDS`.
    `measures`: what is counted."""

    tools: Callable[[], Toolbox]
    read_pdf: ReadPdf | None = None
    memory: ToolMemory | None = None
    rounds: int = ROUNDS
    drain: Drain | None = None
    measures: Measures = field(default_factory=Measures)


class ToolLoop(Stage[Planned, Reply | Failure]):
    """Serves one request, with as many calls of the model as it takes."""

    def __init__(self, make: Callable[[], Stage[Planned, Reply | Failure]], tooling: Tooling) -> None:
        self._make, self._tooling = make, tooling
        self._asked: Stage[Planned, Reply | Failure] | None = None  # the call that is under way

    def receive(self, item: Planned, sink: Sink[Reply | Failure]) -> Awaitable[None]:
        """One request."""
        return self._with_tools(item, sink) if item.conversation.plugins else self._ask(item, sink)

    async def abort(self) -> None:
        """The call that was cut short cleans up after itself."""
        if self._asked is not None:
            await self._asked.abort()

    async def _with_tools(self, item: Planned, sink: Sink[Reply | Failure]) -> None:
        found = activate(item, self._tooling.tools() if item.tools is None else item.tools)
        if isinstance(found, Failed):
            await sink.send(found)
            return
        item.ticket.losses.extend(found.losses)
        tap = item.ticket.tap
        await self._rounds(item, found.tools if tap is None else tap.equipped(found.tools), sink)

    async def _ask(self, item: Planned, sink: Sink[Reply | Failure]) -> None:
        self._asked = asked = self._make()
        await asked.receive(item, sink)
        await asked.end(sink)
        self._asked = None

    async def _rounds(self, item: Planned, tools: Mapping[str, Active], sink: Sink[Reply | Failure]) -> None:
        citing, ids, most = Citing(), DistinctIds(chat_call_id), self._tooling.rounds
        history = None
        if self._reads_for(item, tools) is not None:
            # It may take minutes, in which the client is to hear of us.
            await sink.send(_to_be_asked(item))
        with self._until_hard_end():
            history = await self._history(item, tools)
        if history is None:
            await sink.send(shutting_down(item.ticket))
            return
        asking = Asking(item.conversation, tools, history)
        for number in range(most + 1):
            if number == most:
                asking.conclude()
                item.ticket.limit_reached = True
            hearing = Hearing(sink, tools, number, citing, ids)
            await self._ask(msgspec.structs.replace(item, asks=asking.of, round=number), hearing)
            if hearing.end is None or not hearing.calls:
                return
            if number == most or hearing.end.stop not in _GOES_ON:
                await sink.send((_end_without_calls(hearing),))
                return
            finished = await self._run(hearing, tools, item.ticket, sink)
            if finished is None:
                return
            if hearing.theirs:
                await self._keep(hearing, finished, item)
                await sink.send((hearing.end,))
                return
            asking.extend(_said(hearing, finished, item, number))
            item = _going_on(item, hearing)

    def _until_hard_end(self) -> AbstractContextManager[HardEnd | None]:
        drain = self._tooling.drain
        return nullcontext() if drain is None else drain.until_hard_end()

    async def _history(self, item: Planned, tools: Mapping[str, Active]) -> Callable[[Route], tuple[Turn, ...]]:
        """The caller's turns, as each route can read them."""
        turns, ticket, memory = item.conversation.turns, item.ticket, self._tooling.memory
        if memory is not None and ticket.principal is not None and (wanted := keys(turns)):
            turns = put_back(turns, await memory.kept(ticket.principal.workspace, wanted))
        pdf, read = self._reads_for(item, tools), self._tooling.read_pdf
        if pdf is None or read is None:
            return lambda route: turns
        if ticket.tap is not None:
            read = ticket.tap.reading(read)
        told, outcomes = await with_pdf_text(turns, read)
        for outcome in outcomes:
            self._tooling.measures.ran(pdf.name, outcome.error)
        ticket.tally.tools += [line for outcome in outcomes if (line := charge(pdf, outcome)) is not None]
        readers = {id(route) for choice in item.choices for route in choice.routes if reads_pdf(choice.model, route)}
        return lambda route: turns if id(route) in readers else told

    def _reads_for(self, item: Planned, tools: Mapping[str, Active]) -> ServerTool | None:
        """The tool that PDFs of a request are read by, where some route cannot read them itself; None where none are."""
        if self._tooling.read_pdf is None or not holds_pdf(item.conversation):
            return None
        if all(reads_pdf(choice.model, route) for choice in item.choices for route in choice.routes):
            return None
        return next((active.tool for active in tools.values() if active.tool.name == "pdf"), None)

    async def _run(
        self, hearing: Hearing, tools: Mapping[str, Active], ticket: Ticket, sink: Sink[Reply | Failure]
    ) -> list[Finished] | None:
        """The results of a round's calls, in their order. None when the gateway's grace ended before them."""
        calls, done = inputs(hearing.calls, tools), list[Finished]()
        starts = tuple(ev.ToolRunStart(run_of(call, active)) for call, active in calls if active.events)
        await sink.send((ev.UsageUpdate(hearing.usage, round_over=True), *starts))
        with self._until_hard_end() as hard_end:
            async with running(calls, ticket) as results:
                async for finished in results:
                    self._tooling.measures.ran(finished.run.name, finished.outcome.error)
                    hearing.citing.know(finished.outcome.sources)
                    done.append(finished)
                    if told := _told(finished, events=calls[len(done) - 1][1].events):
                        await sink.send(told)
        if hard_end is not None and hard_end.came:
            await sink.send(shutting_down(ticket))
            return None
        return done

    async def _keep(self, hearing: Hearing, finished: list[Finished], item: Planned) -> None:
        memory, ticket = self._tooling.memory, item.ticket
        if memory is not None and ticket.principal is not None:
            key, data = turn_to_keep(item.conversation.turns, ticket.format.dialect, hearing, finished)
            await memory.keep(ticket.principal.workspace, key, data)


def _to_be_asked(item: Planned) -> Answering:
    """The route that is asked first, before it is known what it is asked."""
    route = item.routes[0]
    return Answering(
        ticket=item.ticket,
        conversation=item.conversation,
        slug=item.model.slug,
        route=route,
        route_index=item.model.routes.index(route),
        context_length=item.model.context_length,
    )


def _told(finished: Finished, *, events: bool) -> tuple[Event, ...]:
    """What the client is told of a run: images in any case, all else where it wants to see it."""
    cost = 0 if finished.line is None else finished.line.cost
    end = (ev.ToolRunEnd(finished.run, finished.outcome, cost),) if events else ()
    return (*end, *(ev.ImageOutput(finished.run.call_id, image) for image in finished.outcome.images))


def _said(hearing: Hearing, finished: list[Finished], item: Planned, number: int) -> tuple[Turn, ...]:
    """The model's turn and the results of its calls, as the next round is told them."""
    path = f"tool_rounds[{number}]"
    results = tuple(
        Turn(role="tool", parts=(result_part(call.call_id, found.text, call.function),), path=f"{path}.results")
        for call, found in zip(hearing.calls, finished, strict=True)
    )
    return (*item.ticket.format.reply_turns(hearing.events, path), *results)


def _going_on(item: Planned, hearing: Hearing) -> Planned:
    """The plan of the next round: the model that answered, by the route that did, first; then those of its routes that can
    read what was said, its opaque reasoning included."""
    answering = hearing.answering
    if answering is None:
        return item
    first = answering.route
    speaks, vendor = first.provider.protocol, first.provider.vendor
    choice = next(choice for choice in item.choices if any(route is first for route in choice.routes))
    alike = [route for route in choice.routes if (route.provider.protocol, route.provider.vendor) == (speaks, vendor)]
    routes = (first, *(route for route in alike if route is not first))
    return msgspec.structs.replace(item, model=choice.model, routes=routes, served=choice.served, fallbacks=())


def _end_without_calls(hearing: Hearing) -> ev.MessageEnd:
    """The end of a reply whose calls of ours are not run: there were enough of them, or it was cut off."""
    end = hearing.end
    if end is None:
        raise RuntimeError("the reply has no end")
    if end.stop == "tool_calls" and not hearing.theirs:
        return msgspec.structs.replace(end, stop="stop", raw_stop=None)
    return end


def tool_loop(inner: Node[Planned, Reply | Failure], tooling: Tooling) -> Node[Planned, Reply | Failure]:
    """The node of the gateway's own tools, around the one that asks a provider: `Planned` in, what `inner` gives out.

    For pipelines that serve `plugins`; without it a request that switches one on is served without, and told so by a Loss.
    `inner`: usually `call(…)`, or a race of such, or any other node in its place, also a sub-graph; it is run anew in each
    round. A request that switches no tool on passes straight through.
    """
    make: Callable[[], Stage[Any, Any]] = (inner if inner.kind is Kind.STAGE else each(inner)).work
    return stage(
        lambda: ToolLoop(make, tooling), name="tool_loop", consumes=Planned, produces=Reply | Failure, inner=(inner,)
    )
