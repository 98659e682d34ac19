"""Looking on at one request: what a recorder needs of the nodes that deal with the world outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.engine import Failure
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.nodes.items import Planned
    from hyperinfer.nodes.selection import Ways
    from hyperinfer.nodes.tools.activation import Active
    from hyperinfer.nodes.tools.attached import ReadPdf


class Tap(Protocol):
    """Stands between the nodes of one request (`Ticket.tap`) and what they call. Whatever it gives in place of something
    does the same; it neither waits nor raises of its own."""

    def asked(self, item: Planned, clients: Clients, ways: Ways) -> tuple[Clients, Ways]:
        """A model is about to be asked: through these."""
        ...

    def counted(self, item: Planned, clients: Clients) -> Clients:
        """Tokens are about to be counted: by these."""
        ...

    def equipped(self, tools: Mapping[str, Active]) -> Mapping[str, Active]:
        """The tools that the request has switched on."""
        ...

    def reading(self, read: ReadPdf) -> ReadPdf:
        """PDFs are about to be read."""
        ...

    def refused(self, by: str, failure: Failure, status: int | None = None) -> None:
        """The request is refused for what others did before it. `by`: ledger, idempotency or settlement. `status`: of HTTP,
        where it is not the code's own."""
        ...
