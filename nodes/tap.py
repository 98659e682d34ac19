"""Looking on at one request: what the nodes that deal with the world outside tell, and whom they let come between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from hyperinfer.engine.observe import Observers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperinfer.engine import Failure, Observer
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.server_tools import ToolOutcome, ToolRun
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.nodes.items import Answering, Planned
    from hyperinfer.nodes.ports import Generation
    from hyperinfer.nodes.selection import Ways
    from hyperinfer.nodes.tools.activation import Active
    from hyperinfer.nodes.tools.attached import ReadPdf
    from hyperinfer.providers.catalogue import Route

WaitsFor: TypeAlias = Literal["pause", "place"]
"""pause: before a route may be asked again; place: at a provider with a `concurrency`."""


class AttemptTap:
    """Hears of one attempt at a route. Override what you need; nothing of it waits or raises."""

    def head(self, status: int, connected: float | None) -> None:
        """The head of the provider's response is here, its first bytes. `connected`: trio's clock when the connection was
        there: before the attempt where it is used again, None where that is not known."""

    def output(self) -> None:
        """The first output of the model is here; of a reply that is not streamed, all of it."""

    def heard(self, events: Sequence[Event]) -> None:
        """Events of the reply, before they are handed on. Those of a stream once there is output, so that an attempt that
        came to nothing tells of none; those of a reply that is not streamed all at once."""

    def counted(self, tokens: int) -> None:
        """What was asked for was the number of the request's tokens, and it is this."""

    def ended(self, fault: UpstreamFault | None, *, complete: bool) -> None:
        """It is over. `fault`: why it failed, with the deadline that ran out, if one did. Without one and not `complete`:
        the run was cut short, by the client or at the end of a drain's grace."""


class Tap:
    """Looks on at one request (`Ticket.tap`). Override what you need. The hooks are called at once, in the request's own
    tasks, so that `trio.current_time()` is the time; nothing of it waits or raises of its own.

    `observer`: looks on at the run of the request's graph; None: nobody does. It is asked for once, before the run.

    The first four methods stand between the nodes and what they call: whatever they give in place of something does the
    same.
    """

    @property
    def observer(self) -> Observer | None:
        """See above."""
        return None

    def asked(self, item: Planned, clients: Clients, ways: Ways) -> tuple[Clients, Ways]:
        """A model is about to be asked: through these."""
        return clients, ways

    def counted(self, item: Planned, clients: Clients) -> Clients:
        """Tokens are about to be counted: by these."""
        return clients

    def equipped(self, tools: Mapping[str, Active]) -> Mapping[str, Active]:
        """The tools that the request has switched on."""
        return tools

    def reading(self, read: ReadPdf) -> ReadPdf:
        """PDFs are about to be read."""
        return read

    def refused(self, by: str, failure: Failure, status: int | None = None) -> None:
        """The request is refused for what others did before it. `by`: ledger, idempotency or settlement. `status`: of HTTP,
        where it is not the code's own."""

    def admitting(self, item: Planned) -> None:
        """The store is asked whether the request is let in."""

    def admitted(self, refusal: Failure | None) -> None:
        """What it said. None: the request is in."""

    def waits(self, what: WaitsFor, seconds: float) -> None:
        """Before the next attempt, for at most so long."""

    def waited(self) -> None:
        """That wait is over."""

    def attempting(self, answering: Answering) -> AttemptTap | None:
        """A route is being asked. Who gives an object hears through it of this attempt."""
        return None

    def counting(self, item: Planned, route: Route) -> AttemptTap | None:
        """A route is being asked to count tokens. As `attempting`."""
        return None

    def tool_started(self, run: ToolRun) -> None:
        """A server tool runs. Several do at once; `run.call_id` tells them apart. PDFs that are read before the first round
        are not among them (`reading`)."""

    def tool_ended(self, run: ToolRun, outcome: ToolOutcome | None) -> None:
        """It is over. None: it was cut short."""

    def settling(self, row: Generation) -> None:
        """The request is about to be recorded, as this."""

    def settled(self, row: Generation, *, in_time: bool) -> None:
        """It is, or (not `in_time`) that could not be waited for."""


class AttemptTaps(AttemptTap):
    """Several who hear of one attempt, each told in turn."""

    def __init__(self, taps: Sequence[AttemptTap]) -> None:
        self._taps = taps

    def head(self, status: int, connected: float | None) -> None:
        """To each."""
        for tap in self._taps:
            tap.head(status, connected)

    def output(self) -> None:
        """To each."""
        for tap in self._taps:
            tap.output()

    def heard(self, events: Sequence[Event]) -> None:
        """To each."""
        for tap in self._taps:
            tap.heard(events)

    def counted(self, tokens: int) -> None:
        """To each."""
        for tap in self._taps:
            tap.counted(tokens)

    def ended(self, fault: UpstreamFault | None, *, complete: bool) -> None:
        """To each."""
        for tap in self._taps:
            tap.ended(fault, complete=complete)


def _together(taps: Sequence[AttemptTap | None]) -> AttemptTap | None:
    found = [tap for tap in taps if tap is not None]
    return AttemptTaps(found) if len(found) > 1 else found[0] if found else None


class Taps(Tap):
    """Several who look on at one request, each told in turn; what stands between stands one in front of the other."""

    def __init__(self, *taps: Tap) -> None:
        self._taps = taps

    @property
    def observer(self) -> Observer | None:
        """All of theirs."""
        found = [observer for tap in self._taps if (observer := tap.observer) is not None]
        return Observers(*found) if len(found) > 1 else found[0] if found else None

    def asked(self, item: Planned, clients: Clients, ways: Ways) -> tuple[Clients, Ways]:
        """Through each."""
        for tap in self._taps:
            clients, ways = tap.asked(item, clients, ways)
        return clients, ways

    def counted(self, item: Planned, clients: Clients) -> Clients:
        """Through each."""
        for tap in self._taps:
            clients = tap.counted(item, clients)
        return clients

    def equipped(self, tools: Mapping[str, Active]) -> Mapping[str, Active]:
        """Through each."""
        for tap in self._taps:
            tools = tap.equipped(tools)
        return tools

    def reading(self, read: ReadPdf) -> ReadPdf:
        """Through each."""
        for tap in self._taps:
            read = tap.reading(read)
        return read

    def refused(self, by: str, failure: Failure, status: int | None = None) -> None:
        """To each."""
        for tap in self._taps:
            tap.refused(by, failure, status)

    def admitting(self, item: Planned) -> None:
        """To each."""
        for tap in self._taps:
            tap.admitting(item)

    def admitted(self, refusal: Failure | None) -> None:
        """To each."""
        for tap in self._taps:
            tap.admitted(refusal)

    def waits(self, what: WaitsFor, seconds: float) -> None:
        """To each."""
        for tap in self._taps:
            tap.waits(what, seconds)

    def waited(self) -> None:
        """To each."""
        for tap in self._taps:
            tap.waited()

    def attempting(self, answering: Answering) -> AttemptTap | None:
        """To each."""
        return _together([tap.attempting(answering) for tap in self._taps])

    def counting(self, item: Planned, route: Route) -> AttemptTap | None:
        """To each."""
        return _together([tap.counting(item, route) for tap in self._taps])

    def tool_started(self, run: ToolRun) -> None:
        """To each."""
        for tap in self._taps:
            tap.tool_started(run)

    def tool_ended(self, run: ToolRun, outcome: ToolOutcome | None) -> None:
        """To each."""
        for tap in self._taps:
            tap.tool_ended(run, outcome)

    def settling(self, row: Generation) -> None:
        """To each."""
        for tap in self._taps:
            tap.settling(row)

    def settled(self, row: Generation, *, in_time: bool) -> None:
        """To each."""
        for tap in self._taps:
            tap.settled(row, in_time=in_time)
