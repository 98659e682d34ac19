"""Which headers pass, by law and in both directions (RULES: Headers and ids): whatever else a client or a provider sends,
with names that mean something to somebody or to nobody, stays where it is, and so do values that are no header values."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from hyperinfer.api.data_plane import ROUTES
from tests.support.bench import DIALECTS, asked, bench
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

TO_PROVIDERS = {"host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "anthropic-version"}
TO_CLIENTS = {
    "content-type", "content-length", "cache-control", "x-request-id", "request-id", "x-hyperinfer-loss", "retry-after",
    "retry-after-ms", "x-accel-buffering", "x-should-retry",
}  # fmt: skip
OURS = {"content-length", "content-type", "transfer-encoding", "content-encoding", "connection"}
"""Which say how a response is sent, and are not tried here."""

KNOWN = [
    "Anthropic-Version", "anthropic-beta", "anthropic-organization-id", "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-requests-limit", "retry-after", "Retry-After-MS", "x-ratelimit-limit-requests",
    "openai-organization", "openai-processing-ms", "openai-version", "set-cookie", "Cookie", "server", "via",
    "x-forwarded-for", "forwarded", "x-real-ip", "authorization", "x-api-key", "api-key", "x-goog-api-key",
    "proxy-authorization", "cf-ray", "x-request-id", "request-id", "x-hyperinfer-loss", "x-hyperinfer-cost",
    "x-internal-token", "location", "www-authenticate", "strict-transport-security",
    "access-control-allow-origin", "accept", "user-agent", "host", "te", "trailer", "upgrade", "expect",
    "traceparent", "date", "x-stainless-lang", "idempotency-key", "last-event-id", "referer", "origin",
    "x-should-retry", "server-timing", "link",
]  # fmt: skip
MARK = "canary"
names = st.sampled_from(KNOWN) | st.text(string.ascii_letters + string.digits + "-_!#$%&'*+.^`|~", min_size=1, max_size=20)
values = st.builds(
    "{}{}".format, st.just(MARK), st.text(string.ascii_letters + " ,;=\"'\t/%", max_size=20)
) | st.sampled_from(
    ["7", "1.5", "0", "-1", f"{MARK} \x7f", f"{MARK}é", "", f"{MARK}\r\nx-smuggled: {MARK}", f"{MARK}\nx: y", f"{MARK}\x00"]
)
headers = st.dictionaries(names, values, max_size=8)


def _quietly(
    client: Dialect, upstream: Dialect, stream: bool, status: int, sent: dict[str, str], got: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What the provider was sent, and what the client."""
    found: list[dict[str, str]] = []
    media = "text/event-stream" if stream and status == 200 else "application/json"
    body = (b"".join(STREAMS[upstream]) if stream else WHOLES[upstream]) if status == 200 else b'{"error": {}}'
    extra = {name: value for name, value in got.items() if name.lower() not in OURS and value.isascii()}
    script = Script([(0.0, body)], status=status, headers={**extra, "content-type": media})

    async def run() -> None:
        async with bench(*[script] * 3) as gateway:
            usual = {"authorization", "content-type", "x-api-key", "idempotency-key", "x-hyperinfer-strict"}
            own = {name.lower(): value for name, value in sent.items() if name.lower() not in usual}
            exchange = await gateway.send(client, asked(client, upstream, stream=stream), own)
            found.extend([gateway.transport.played[0].headers, exchange.sent_headers])

    trio.run(run, clock=MockClock(autojump_threshold=0))
    up, down = found
    return up, down


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
@given(stream=st.booleans(), status=st.sampled_from([200, 200, 400, 429, 503]), sent=headers, got=headers)
@settings(max_examples=6, deadline=None)
def test_only_what_the_rules_name_passes(
    client: Dialect, upstream: Dialect, stream: bool, status: int, sent: dict[str, str], got: dict[str, str]
) -> None:
    up, down = _quietly(client, upstream, stream, status, sent, got)
    sign = {"x-api-key"} if "x-api-key" in up else {"authorization"}
    messages = {"anthropic-version", "anthropic-beta"} if upstream == "anthropic_messages" else set[str]()
    assert up.keys() <= (TO_PROVIDERS - {"anthropic-version"}) | sign | messages
    for name, value in up.items():
        assert MARK not in value or name in messages, (name, value)
        assert value.isascii(), (name, value)
        assert value.isprintable(), (name, value)
    both = client == upstream == "anthropic_messages"
    for name, value in down.items():
        assert name in TO_CLIENTS or (both and name.startswith("anthropic-ratelimit-")), name
        assert MARK not in value or name.startswith("anthropic-ratelimit-"), (name, value)
        assert re.fullmatch(r"[ -~\t]*", value), (name, value)
    assert re.fullmatch(r"[a-z0-9_-]{1,40}", down["x-request-id"]), "never the client's, nor the provider's"


def test_all_routes_are_tried() -> None:
    assert {format.dialect for format in ROUTES.values()} == set(DIALECTS)
