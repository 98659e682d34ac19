"""RequestLog of the shared store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import msgspec

from hyperinfer.api.store.errors import StoreUnavailable, reason_of
from hyperinfer.api.store.generations import generation_from_row
from hyperinfer.api.store.messages import GenerationRow
from hyperinfer.api.store.remote.accounts import KEY_COLUMNS, key_record
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.text import as_stored, can_be_stored, exactly
from hyperinfer.api.store.remote.unsettled import pending_generation
from hyperinfer.api.store.request_log import COLUMNS
from hyperinfer.api.store.request_pages import page_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from hyperinfer.api.store.records import KeyRecord
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.ledger import RemoteLedger
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.api.store.remote.reports import RemoteReports
    from hyperinfer.api.store.request_log import RequestsQuestion
    from hyperinfer.api.store.request_pages import RequestsPage
    from hyperinfer.nodes.ports import Generation

T = TypeVar("T")

_TEXTS: Final = ("key", "model", "provider")
_REQUEST: Final = f"SELECT {COLUMNS} FROM generation WHERE id = $1"
_KEYS: Final = f"SELECT {KEY_COLUMNS} FROM api_key WHERE id = ANY($1::text[])"


@final
class RemoteRequestLog:
    """RequestLog over Postgres. What this process has not settled yet is pending; of others' it knows nothing."""

    def __init__(self, queries: Queries, ledger: RemoteLedger, reports: RemoteReports) -> None:
        self._queries, self._ledger, self._reports = queries, ledger, reports

    async def requests(self, question: RequestsQuestion) -> RequestsPage:
        """See RequestLog."""
        stored = {name: as_stored(text) for name in _TEXTS if (text := getattr(question, name)) is not None}
        found = await self._reports.requests(msgspec.structs.replace(question, **stored))
        if any(as_stored("\0") in text for text in stored.values()):  # others have the sign itself there
            rows = tuple(row for row in found.rows if question.fits(generation_from_row(exactly(row))))
            found = msgspec.structs.replace(found, rows=rows)
        pending = [pending_generation(record.body) for record in self._ledger.owner.records()]
        return page_of(found, question, pending, exactly)

    async def request(self, id: str) -> Generation | None:
        """See RequestLog."""
        if not can_be_stored(id):
            return None
        pending = self._ledger.pending(id)
        try:
            row = await self._ask(lambda connection: connection.fetchrow(_REQUEST, id))
        except StoreUnavailable:
            if pending is None:
                raise
            return pending
        return pending if row is None else generation_from_row(exactly(GenerationRow(*row)))

    async def keys_by_id(self, ids: Collection[str]) -> Mapping[str, KeyRecord]:
        """See RequestLog."""
        asked = [id_ for id_ in ids if can_be_stored(id_)]
        rows: Sequence[Sequence[Any]] = await self._ask(lambda connection: connection.fetch(_KEYS, asked))
        return {key.id: key for key in map(key_record, rows)}

    async def _ask(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            return await self._queries.run(query)
        except (TimeoutError, Busy) as error:
            raise StoreUnavailable(reason_of(error)) from error
