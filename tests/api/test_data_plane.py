"""What the data plane says to requests that no upstream sees."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.data_plane import seems_streamed
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.formats import FORMATS
from tests.nodes.envelopes import check_error
from tests.support.bench import DIALECTS, PATHS, asked, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

FRAMES = STREAMS["openai_chat"]


def good(*, stream: bool) -> Script:
    return Script([(1.0, b"".join(FRAMES) if stream else WHOLES["openai_chat"])])


# ---- before the pipeline --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("client", DIALECTS)
async def test_method(client: Dialect, method: str, autojump_clock: object) -> None:
    async with bench() as gateway:
        exchange = await gateway.send(client, b"", method=method)
        check_error(client, exchange, "invalid_request", 405)
        assert exchange.sent_headers["allow"] == "POST"


@pytest.mark.parametrize(
    "given",
    [
        {"authorization": ""},
        {"authorization": "Bearer hi-unknown"},
        {"authorization": "Bearer "},
        {"authorization": "Basic aGk6"},
        {"authorization": "", "x-api-key": "hi-unknown"},
        {"authorization": "Bearer sk-öther"},
    ],
)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_bad_key(client: Dialect, given: dict[str, str], autojump_clock: object) -> None:
    async with bench() as gateway:
        exchange = await gateway.send(client, asked(client, "openai_chat", stream=True), given)
        check_error(client, exchange, "invalid_api_key")
        foreign = given.get("authorization", "").startswith("Bearer sk-")
        assert (b"all of them begin with hi-" in exchange.sent) == foreign


@pytest.mark.parametrize("client", DIALECTS)
async def test_the_forms_of_a_key(client: Dialect, autojump_clock: object) -> None:
    async with bench(good(stream=False), good(stream=False), good(stream=False)) as gateway:
        for given in (
            {"authorization": f"bearer  {gateway.secret}"},
            {"authorization": "", "x-api-key": gateway.secret},
            {"authorization": "Bearer sk-for-somebody-else", "x-api-key": gateway.secret},
        ):
            body = asked(client, "openai_chat", stream=False)
            assert (await gateway.send(client, body, given)).status == 200
        assert not any(gateway.secret in str(played.headers) for played in gateway.transport.played)


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"])
@pytest.mark.parametrize("client", DIALECTS)
async def test_media_type(client: Dialect, media: str, autojump_clock: object) -> None:
    async with bench() as gateway:
        body = asked(client, "openai_chat", stream=True)
        exchange = await gateway.send(client, body, {"content-type": media})
        assert "application/json" in check_error(client, exchange, "invalid_request")


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
async def test_media_types_that_are_json(media: str, autojump_clock: object) -> None:
    async with bench(good(stream=False)) as gateway:
        body = asked("openai_chat", "openai_chat", stream=False)
        assert (await gateway.send("openai_chat", body, {"content-type": media})).status == 200


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_compressed_body(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        body = asked(client, "openai_chat", stream=True)
        check_error(client, await gateway.send(client, body, {"content-encoding": "gzip"}), "invalid_request")


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_body_over_the_limit(client: Dialect, autojump_clock: object) -> None:
    async with bench(catalogue=catalogue(limits="{body_mb: 1}")) as gateway:
        body = asked(client, "openai_chat", stream=True, user="x" * 1024 * 1024)
        assert "1 MB" in check_error(client, await gateway.send(client, body), "payload_too_large")


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_body_that_does_not_come(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        check_error(client, await gateway.send(client, b"", slow=True), "invalid_request", 408)


@pytest.mark.parametrize("client", DIALECTS)
async def test_more_requests_than_are_taken_at_once(client: Dialect, autojump_clock: trio.testing.MockClock) -> None:
    slow = Script([(3.0, WHOLES["openai_chat"])])
    usual = catalogue(limits="{in_flight: 1}")
    async with bench(slow, good(stream=False), catalogue=usual) as gateway, trio.open_nursery() as nursery:
        ended: list[tuple[str, int | None, float]] = []

        async def ask(name: str, comes_at: float) -> None:
            await trio.sleep_until(comes_at)
            exchange = await gateway.ask(client, "openai_chat", stream=False)
            ended.append((name, exchange.status, trio.current_time()))

        nursery.start_soon(ask, "first", 0)
        nursery.start_soon(ask, "waits in vain", 2.25)
        nursery.start_soon(ask, "newest", 2.5)
        await wait_all_tasks_blocked()
        # Neither the key nor the body is looked at, which is work.
        exchange = await gateway.send(client, b"{", {"authorization": ""})
        assert trio.current_time() == 1
        check_error(client, exchange, "provider_overloaded", 529)
        assert exchange.sent_headers["retry-after"] == "1"
        await trio.sleep_until(5)
        assert ended == [("first", 200, 3), ("waits in vain", 529, 3.25), ("newest", 200, 4)]
        assert len(gateway.store.settlements) == 2
        assert not gateway.data_plane.waiting_room.waiting


async def test_a_client_that_leaves_while_it_waits_for_a_place(autojump_clock: object) -> None:
    usual = catalogue(limits="{in_flight: 1}")
    async with bench(Script([(1.5, WHOLES["openai_chat"])]), catalogue=usual) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: gateway.ask("openai_chat", "openai_chat", stream=False))
        await wait_all_tasks_blocked()
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False, leaves_at=0.25)
        assert (exchange.status, trio.current_time()) == (None, 0.25)
        assert not gateway.data_plane.waiting_room.waiting
    assert len(gateway.store.settlements) == 1


# ---- what decode, route and admit refuse ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}", b'{"model": "test/free"}', b"[" * 9999]
)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_body_that_is_no_request(client: Dialect, body: bytes, autojump_clock: object) -> None:
    async with bench() as gateway:
        check_error(client, await gateway.send(client, body), "invalid_request")
        assert gateway.store.settlements == []


@pytest.mark.parametrize(
    ("client", "fields", "param"),
    [
        ("openai_chat", {"messages": 7}, "messages"),
        ("openai_chat", {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ("openai_chat", {"temperature": "hot"}, "temperature"),
        ("openai_responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": 7}]}]}, "input[0]"),
        ("openai_responses", {"max_output_tokens": "many"}, "max_output_tokens"),
        ("openai_responses", {"previous_response_id": "resp_1"}, "previous_response_id"),
        ("anthropic_messages", {"max_tokens": "many"}, "max_tokens"),
        ("anthropic_messages", {"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
async def test_a_wrong_type_names_its_path(
    client: Dialect, fields: dict[str, Any], param: str, autojump_clock: object
) -> None:
    async with bench() as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True, **fields)
        message = check_error(client, exchange, "invalid_request")
        said = json.loads(exchange.sent)["error"].get("param") or message
        assert param in said


@pytest.mark.parametrize("client", DIALECTS)
async def test_nesting(client: Dialect, autojump_clock: object) -> None:
    async with bench(good(stream=False)) as gateway:
        deep = asked(client, "openai_chat", stream=False, extra=7).replace(b"7", b"[" * 127 + b"]" * 127)
        assert (await gateway.send(client, deep)).status == 200
        deeper = deep.replace(b"[]", b"[[]]")
        assert "128" in check_error(client, await gateway.send(client, deeper), "invalid_request")


@pytest.mark.parametrize("client", DIALECTS)
async def test_an_unknown_model(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        for model in ("nothing", "x" * 10_000):
            exchange = await gateway.ask(client, model, stream=True)
            message = check_error(client, exchange, "invalid_request")
            assert len(message) < 300
            if client != "anthropic_messages":
                assert json.loads(exchange.sent)["error"]["param"] == "model"


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_model_that_the_key_may_not_use(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        created = await gateway.store.create_key("lab", KeyTerms(models=("test/free",)))
        given = {"authorization": f"Bearer {created.secret.reveal()}"}
        exchange = await gateway.send(client, asked(client, "openai_chat", stream=True), given)
        check_error(client, exchange, "model_not_allowed")
        exchange = await gateway.send(client, asked(client, "nothing", stream=True), given)
        check_error(client, exchange, "invalid_request")


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_provider_without_its_key(client: Dialect, caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench() as gateway:
        exchange = await gateway.ask(client, "unset", stream=True)
        assert "NO_SUCH_KEY" not in check_error(client, exchange, "provider_unavailable")
        assert exchange.sent_headers["x-should-retry"] == "false"  # the SDKs would, for half a minute of silence
        assert "NO_SUCH_KEY" in caplog.text


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_provider_that_cannot_be_reached(
    client: Dialect, caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    refused = Script(breaks=httpx2.ConnectError("no connection to openai_chat.test:443"))
    async with bench(refused, refused, refused) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        assert "openai_chat.test" not in check_error(client, exchange, "provider_unavailable")
        line = caplog.messages[-1]
        assert line.startswith(f"{gateway.row.id} openai_chat at openai_chat.test, ")
        assert "ConnectError" in line
        assert "sk-secret" not in caplog.text


@pytest.mark.parametrize("client", DIALECTS)
async def test_the_rate_of_a_key(client: Dialect, autojump_clock: object) -> None:
    slow = catalogue(limits="{rate_per_minute: 6, burst: 2}")
    async with bench(good(stream=False), good(stream=False), catalogue=slow) as gateway:
        for _ in range(2):
            assert (await gateway.ask(client, "openai_chat", stream=False)).status == 200
        exchange = await gateway.ask(client, "openai_chat", stream=False)
        check_error(client, exchange, "rate_limit_exceeded")
        assert exchange.sent_headers["retry-after"] == "8"  # two seconds of the ten have passed


@pytest.mark.parametrize("client", DIALECTS)
async def test_accounts_that_may_not(client: Dialect, autojump_clock: object) -> None:
    async with bench(credits=0) as gateway:
        check_error(client, await gateway.ask(client, "openai_chat", stream=True), "insufficient_credits")
        await gateway.store.lock("lab")
        check_error(client, await gateway.ask(client, "openai_chat", stream=True), "workspace_locked")
        assert gateway.store.settlements == []


async def test_which_graph_runs_does_not_change_what_is_asked(autojump_clock: object) -> None:
    # The word elsewhere, and the word with an escape.
    elsewhere = asked("openai_chat", "openai_chat", stream=False, metadata={"a": '"stream": true'})
    escaped = asked("openai_chat", "openai_chat", stream=True).replace(b"stream", b"stre\\u0061m")
    nested = asked("openai_chat", "openai_chat", stream=False, x={"stream": True})
    async with bench(good(stream=False), good(stream=True), good(stream=False)) as gateway:
        for body, streamed in ((elsewhere, False), (escaped, True), (nested, False)):
            exchange = await gateway.send("openai_chat", body)
            assert exchange.status == 200
            assert ("event-stream" in exchange.sent_headers["content-type"]) == streamed


PIECES = ('"stream"', '"stream', ":", " ", "\n", "true", "false", '"', "x", "{", "}")


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_a_stream_is_seen_wherever_it_is_asked_for(text: str) -> None:
    assert seems_streamed(text.encode()) == (re.search(r'"stream"\s*:\s*true', text) is not None)


async def test_a_request_id_of_the_clients_is_not_used(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    caplog.set_level(logging.INFO)
    async with bench(good(stream=False)) as gateway:
        body = asked("openai_chat", "openai_chat", stream=False)
        exchange = await gateway.send("openai_chat", body, {"x-request-id": "theirs\x1b[1m"})
        assert exchange.sent_headers["x-request-id"] == gateway.row.id
        assert "theirs" in caplog.text
        assert "\x1b" not in caplog.text


async def test_a_client_that_leaves_is_no_error(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench(Script([NEVER])) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=1.0)
        assert exchange.status is None
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_routes() -> None:
    assert set(PATHS) == set(FORMATS)
