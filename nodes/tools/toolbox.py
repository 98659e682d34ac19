"""Which of the gateway's tools can be had: what needs no one else, and what the catalogue says somebody else does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from hyperinfer.nodes.tools.datetime_now import DatetimeTool
from hyperinfer.nodes.tools.image import ImageTool
from hyperinfer.nodes.tools.pdf import PdfTool
from hyperinfer.nodes.tools.web_fetch import WebFetchTool
from hyperinfer.nodes.tools.web_search import WebSearchTool
from hyperinfer.providers.catalogue_records import Tool

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.formats.server_tools import ToolName
    from hyperinfer.nodes.tools.documents.reader import DocumentReader
    from hyperinfer.nodes.tools.port import ServerTool
    from hyperinfer.providers.catalogue import Catalogue
    from hyperinfer.providers.egress import Egress


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
    """Called, gives the tools that the catalogue of the moment has; they are made anew when it has changed."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        *,
        transport: httpx2.AsyncBaseTransport,
        egress: Egress,
        reader: DocumentReader,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue = catalogue
        self._make = partial(toolbox, transport=transport, egress=egress, reader=reader, now=now)
        self._made: tuple[Mapping[str, Tool], Mapping[ToolName, ServerTool]] | None = None

    def __call__(self) -> Mapping[ToolName, ServerTool]:
        configured = self._catalogue().tools
        if self._made is None or self._made[0] is not configured:
            self._made = configured, self._make(configured)
        return self._made[1]


def _price(configured: Mapping[str, Tool], name: ToolName) -> int:
    return configured.get(name, Tool(name)).price
