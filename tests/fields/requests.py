"""A request on its way to each of the three protocols."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperinfer.formats import FORMATS, Dialect, RequestError, Target
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS, Quirks
from tests.fields.outcome import Side
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation

RUN_BY_PROVIDERS = frozenset({"web_search", "web_fetch", "code_execution", "mcp", "file_search", "code_interpreter"})
"""Hosted tools of a route that lists some in `native_tools`."""


def target(dialect: Dialect, quirks: Quirks | None = None, native_tools: frozenset[str] = frozenset()) -> Target:
    """An upstream of this protocol, of its default vendor."""
    return Target(
        dialect=dialect,
        model="the-route's-model",
        vendor=DEFAULT_VENDOR[dialect],
        streamed=False,
        max_output_tokens=100_000,
        quirks=quirks or PROTOCOL_QUIRKS[dialect],
        native_tools=native_tools,
    )


def upstreams_see(client: Dialect, document: Any) -> dict[Dialect, Side]:
    """What an upstream of each protocol gets of a client's request."""
    asked = read(client, document)
    return {upstream: sent(asked, target(upstream)) for upstream in DIALECTS}


def read(dialect: Dialect, document: Any) -> Conversation | RequestError:
    """A client's request, understood or refused."""
    try:
        return FORMATS[dialect].decode_request(json.dumps(document).encode())
    except RequestError as error:
        return error


def sent(conversation: Conversation | RequestError, to: Target) -> Side:
    """What the upstream gets of a request."""
    if isinstance(conversation, RequestError):
        return Side(refused=conversation.message)
    try:
        encoded = FORMATS[to.dialect].encode_request(conversation, to)
    except RequestError as error:
        return Side(refused=error.message)
    return Side(json.loads(encoded.body), tuple((loss.path, loss.reason) for loss in encoded.losses))
