"""Request fields that stand in a request of a format that does not have them, though another one does: `stop` on Responses.

They are fields that nobody knows: an upstream of the caller's format gets them as they are, and says what it makes of them
(vLLM's Responses takes some of Chat's); for any other they are a Loss, never a wish that half of the routes grant.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen
from tests.faults.reading import read
from tests.nodes.envelopes import check_error
from tests.support.bench import DIALECTS, asked, bench
from tests.support.texts import text_frames, text_whole
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

FIELDS: list[tuple[Dialect, str, Any]] = [
    (RESPONSES, "stop", "END"),
    (RESPONSES, "stop", ["END", "FIN"]),
    (RESPONSES, "stop", 7),
    (RESPONSES, "stop_sequences", ["END"]),
    (RESPONSES, "seed", 3),
    (CHAT, "stop_sequences", ["END"]),
    (MESSAGES, "stop", ["END"]),
    (MESSAGES, "seed", 3),
]
fields = pytest.mark.parametrize(("client", "field", "value"), FIELDS, ids=lambda value: str(value))
TEXT = "It is 42. END of it"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("upstream", DIALECTS)
@fields
async def test_such_a_field_is_passed_on_or_lost(
    client: Dialect, field: str, value: Any, upstream: Dialect, stream: bool, autojump_clock: object
) -> None:
    opening, frames, ending = text_frames(upstream, (TEXT[:12], TEXT[12:]))
    says = b"".join((opening, *frames, ending)) if stream else text_whole(upstream, TEXT)
    async with bench(Script([(1.0, says)])) as gateway:
        exchange = await gateway.ask(client, upstream, stream=stream, **{field: value})
        found = read(Seen(client, stream, exchange.sent, exchange.status or 0))
        assert found.text == TEXT, "the gateway looks for no stop string"
        sent = json.loads(gateway.transport.played[0].body)
        if client == upstream:
            assert sent[field] == value
            assert gateway.row.losses == ()
        else:
            assert sent.keys().isdisjoint({field, "stop", "stop_sequences"})
            (loss,) = gateway.row.losses
            assert loss.path == field
            assert "in common" in loss.reason
        assert exchange.sent_headers["x-hyperinfer-loss"] == str(int(client != upstream))


@fields
async def test_and_refused_where_nothing_may_be_lost(
    client: Dialect, field: str, value: Any, autojump_clock: object
) -> None:
    other = CHAT if client != CHAT else RESPONSES
    async with bench() as gateway:
        strict = {"x-hyperinfer-strict": "true"}
        exchange = await gateway.send(client, asked(client, other, stream=False, **{field: value}), strict)
        assert field in check_error(client, exchange, "invalid_request")
