"""Which of the gateway's tools can be had: what needs no one else, and what the catalogue says somebody else does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hyperinfer.nodes.tools.datetime_now import DatetimeTool
from hyperinfer.nodes.tools.image import ImageTool
from hyperinfer.nodes.tools.pdf import PdfTool, attached_pdf
from hyperinfer.nodes.tools.web_fetch import WebFetchTool
from hyperinfer.nodes.tools.web_search import WebSearchTool
from hyperinfer.providers.catalogue_records import Tool

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.formats.server_tools import ToolName, ToolOutcome
    from hyperinfer.nodes.tools.documents.reader import DocumentReader
    from hyperinfer.nodes.tools.port import ServerTool
    from hyperinfer.providers.catalogue import Catalogue
    from hyperinfer.providers.egress import Egress
    from hyperinfer.providers.egress.addresses import Network


def toolbox(
    configured: Mapping[str, Tool],
    *,
    transport: httpx2.AsyncBaseTransport,
    egress: Egress,
    reader: DocumentReader,
    now: Callable[[], float] = time.time,
) -> dict[ToolName, ServerTool]:
    """The tools by their names in the contract, made of `tools` of a catalogue.

    `datetime`, `web_fetch` and `pdf` are always there; `web_search` and `image` where they are configured and nothing that
    they need is missing. `transport`: to the APIs behind those, at the operator's addresses. `egress`: to what callers aim.
    `reader`: reads documents. `now`: Unix seconds.
    """
    made: dict[ToolName, ServerTool] = {
        "datetime": DatetimeTool(now=now, price=_price(configured, "datetime")),
        "web_fetch": WebFetchTool(egress, reader, price=_price(configured, "web_fetch")),
        "pdf": PdfTool(egress, reader, price=_price(configured, "pdf")),
    }
    search, image = configured.get("web_search"), configured.get("image")
    if search is not None and search.available:
        made["web_search"] = WebSearchTool(search, transport, now=now)
    if image is not None and image.available:
        made["image"] = ImageTool(image, transport, egress, now=now)
    return made


class CurrentTools:
    """Called, gives the tools that the catalogue of the moment has; they are made anew when it has changed.

    `egress`: makes the way out, given the networks that the operator opens beside the public ones.
    """

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        *,
        transport: httpx2.AsyncBaseTransport,
        reader: DocumentReader,
        egress: Callable[[Sequence[Network]], Egress],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue, self._egress, self._reader = catalogue, egress, reader
        self._make = partial(toolbox, transport=transport, reader=reader, now=now)
        self._made: tuple[Catalogue, Egress, Mapping[ToolName, ServerTool]] | None = None

    def __call__(self) -> Mapping[ToolName, ServerTool]:
        return self._current()[1]

    async def read_pdf(self, source: bytes | str) -> ToolOutcome:
        """The text of a PDF of a request: its bytes, or where it is."""
        return await attached_pdf(self._current()[0], self._reader, source)

    def _current(self) -> tuple[Egress, Mapping[ToolName, ServerTool]]:
        catalogue = self._catalogue()
        if self._made is None or self._made[0] is not catalogue:
            egress = self._egress(catalogue.egress.allow)
            self._made = catalogue, egress, self._make(catalogue.tools, egress=egress)
        return self._made[1:]


def _price(configured: Mapping[str, Tool], name: ToolName) -> int:
    return configured.get(name, Tool(name)).price
