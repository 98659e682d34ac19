"""A provider's reply on its way to a client of each of the three formats, whole and as a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from hyperinfer.formats import FORMATS, Dialect, PeerError, Reply, Upstream
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.wire import is_array
from hyperinfer.nodes.items import Answering, Ticket
from hyperinfer.nodes.translate import Translate
from hyperinfer.providers import shipped_catalogue
from tests.fields.outcome import Side
from tests.support.bench import DIALECTS
from tests.support.pair import ASKED, decode_stream
from tests.support.wire_replies import frame

if TYPE_CHECKING:
    from hyperinfer.formats import Event
    from hyperinfer.providers.catalogue_records import Route

_DEMO: dict[Dialect, str] = {
    "openai_chat": "demo/chat",
    "openai_responses": "demo/responses",
    "anthropic_messages": "demo/messages",
}


def clients_see(upstream: Dialect, document: Any) -> dict[Dialect, Side]:
    """What a client of each format gets whole: of a whole reply (an object) or of a stream (the list of its frames)."""
    return {client: _whole(client, upstream, events) for client, events in _each(upstream, document)}


def clients_hear(upstream: Dialect, document: Any) -> dict[Dialect, Side]:
    """What a client of each format gets as a stream: the list of its frames."""
    return {client: _stream(client, upstream, events) for client, events in _each(upstream, document)}


def _each(upstream: Dialect, document: Any) -> list[tuple[Dialect, Sequence[Event] | str]]:
    found = events_of(upstream, document)
    return [(client, found if isinstance(found, str) else _translated(client, upstream, found)) for client in DIALECTS]


def events_of(upstream: Dialect, document: Any) -> Sequence[Event] | str:
    """The events of a reply, or why it is none."""
    if is_array(document):
        named = upstream != "openai_chat"
        found = decode_stream(upstream, [frame(each, named=named) for each in document])
        events = [event for event in found if not isinstance(event, str)]
        return str(found[-1]) if len(events) < len(found) else events
    try:
        return FORMATS[upstream].decode_response(
            json.dumps(document).encode(), Upstream(vendor=DEFAULT_VENDOR[upstream], id_seed="seed")
        )
    except PeerError as error:
        return error.reason


def _translated(client: Dialect, upstream: Dialect, events: Sequence[Event]) -> Sequence[Event]:
    """As the node between provider and client leaves them."""
    translate = Translate()
    tuple(translate.push(_answering(client, upstream)))
    return [event for burst in translate.push(tuple(events)) if not isinstance(burst, Answering) for event in burst]


@cache
def _answering(client: Dialect, upstream: Dialect) -> Answering:
    ticket = Ticket(request_id="r1", format=FORMATS[client], created=0.0, started=0.0)
    conversation = FORMATS[client].decode_request(ASKED[client])
    return Answering(ticket=ticket, conversation=conversation, slug="a/model", route=_route(upstream), route_index=0)


@cache
def _route(upstream: Dialect) -> Route:
    return shipped_catalogue().models[_DEMO[upstream]].routes[0]


def _reply(client: Dialect, upstream: Dialect) -> Reply:
    conversation = _answering(client, upstream).conversation
    return Reply(request_id="r1", model="a/model", created=0, conversation=conversation, upstream=upstream)


def _whole(client: Dialect, upstream: Dialect, events: Sequence[Event] | str) -> Side:
    if isinstance(events, str):
        return Side(refused=events)
    encoded = FORMATS[client].encode_response(events, _reply(client, upstream))
    return Side(json.loads(encoded.body), tuple((loss.path, loss.reason) for loss in encoded.losses))


def _stream(client: Dialect, upstream: Dialect, events: Sequence[Event] | str) -> Side:
    if isinstance(events, str):
        return Side(refused=events)
    encoder = FORMATS[client].stream_encoder(_reply(client, upstream))
    stream = b"".join(encoder.send(event) for event in events) + encoder.end()
    lines = [line.removeprefix("data: ") for line in stream.decode().splitlines() if line.startswith("data: {")]
    return Side([json.loads(line) for line in lines], tuple((loss.path, loss.reason) for loss in encoder.losses))
