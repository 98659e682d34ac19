"""RequestLog of the embedded store."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from hyperinfer.api.store.generations import read_generation
from hyperinfer.api.store.request_pages import page_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

    from hyperinfer.api.store.book import Book
    from hyperinfer.api.store.embedded_reports import EmbeddedReports
    from hyperinfer.api.store.records import KeyRecord
    from hyperinfer.api.store.request_log import RequestsQuestion
    from hyperinfer.api.store.request_pages import RequestsPage
    from hyperinfer.nodes.ports import Generation


@final
class EmbeddedRequestLog:
    """RequestLog over one database. What is over is in it within milliseconds."""

    def __init__(self, reader: sqlite3.Connection, book: Book, reports: EmbeddedReports) -> None:
        self._reader, self._book, self._reports = reader, book, reports

    async def requests(self, question: RequestsQuestion) -> RequestsPage:
        """See RequestLog."""
        return page_of(await self._reports.requests(question), question)

    async def request(self, id: str) -> Generation | None:
        """See RequestLog. One lookup by primary key, on the calling thread."""
        return read_generation(self._reader, id)

    async def keys_by_id(self, ids: Collection[str]) -> Mapping[str, KeyRecord]:
        """See RequestLog."""
        return {key.id: key for key in self._book.all_keys() if key.id in ids}
