"""A page of requests, as a gateway knows it: the rows of the database, and what is on its way there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from hyperinfer.api.store.generations import generation_from_row
from hyperinfer.api.store.request_log import MOST
from hyperinfer.nodes.ports import Generation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from hyperinfer.api.store.messages import GenerationRow
    from hyperinfer.api.store.records import KeyRecord
    from hyperinfer.api.store.request_log import FoundRows, RequestsQuestion

Exactly: TypeAlias = "Callable[[GenerationRow], GenerationRow]"


class RequestsPage(msgspec.Struct, frozen=True):
    """A page, the latest first. next: the `before` of the page that follows; None where there is nothing more."""

    requests: tuple[Generation, ...]
    next: str | None


class RequestLog(Protocol):
    """The requests of all workspaces, for whoever operates the gateway. All raise StoreUnavailable."""

    async def requests(self, question: RequestsQuestion) -> RequestsPage:
        """Those that are asked for. Also some whose row is not in the database yet, as far as this process knows them."""
        ...

    async def request(self, id: str) -> Generation | None:
        """One of them, of whichever workspace; None when there is none, as far as can be told."""
        ...

    async def keys_by_id(self, ids: Collection[str]) -> Mapping[str, KeyRecord]:
        """The keys of these ids, revoked ones too. An id of a key that is not stored, as of a one-time key, is left out."""
        ...


def page_of(
    found: FoundRows, question: RequestsQuestion, pending: Iterable[Generation] = (), exactly: Exactly | None = None
) -> RequestsPage:
    """A page of the database's, and in their places those that are not in it yet. `exactly`: what a row says before it was
    stored."""
    rows = found.rows if exactly is None else map(exactly, found.rows)
    requests = {row.id: generation_from_row(row) for row in rows}
    lowest = found.next or ""
    for each in pending:
        if each.id not in requests and each.id >= lowest and question.fits(each):
            requests[each.id] = each
    ordered = sorted(requests.values(), key=lambda each: each.id, reverse=True)
    most = max(1, min(question.limit, MOST))
    return RequestsPage(tuple(ordered[:most]), ordered[most - 1].id if len(ordered) > most else found.next)
