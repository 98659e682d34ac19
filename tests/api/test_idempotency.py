"""`Idempotency-Key`: the same request twice is one bill, whatever became of the first."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.idempotency import LOOKUP_SECONDS, SETTLING_SECONDS, Idempotency, Refused
from hyperinfer.api.store.claims import CLAIM_SECONDS
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import NOW, USD, a_generation, a_store, an_admission
from tests.support.bench import DIALECTS, asked, bench
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.store.claims import Claim, Claims
    from hyperinfer.formats import Dialect
    from tests.support.bench import Bench


def _exchange(
    gateway: Bench,
    client: Dialect,
    key: str,
    *,
    stream: bool = False,
    model: Dialect = "openai_chat",
    leaves_at: float = math.inf,
) -> ScriptedExchange:
    return ScriptedExchange(
        asked(client, model, stream=stream),
        {
            "authorization": f"Bearer {gateway.secret}",
            "content-type": "application/json",
            "idempotency-key": key,
        },
        leaves_at=leaves_at,
    )


def _good(stream: bool = False) -> Script:
    return Script([(1.0, b"".join(STREAMS["openai_chat"]) if stream else WHOLES["openai_chat"])])


class _Silent:
    """Claims that are taken, but nobody hears of it."""

    def __init__(self, store: Claims) -> None:
        self._store, self.silent = store, True
        self.replace_claim, self.under_way = store.replace_claim, store.under_way

    async def claim(self, claim: Claim) -> Claim:
        found = await self._store.claim(claim)
        if self.silent:
            await trio.sleep_forever()
        return found


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_repeat_is_refused_in_the_callers_format_and_names_the_first(
    client: Dialect, stream: bool, autojump_clock: object
) -> None:
    async with bench(_good(stream), _good(stream)) as gateway:
        first = _exchange(gateway, client, "k1", stream=stream)
        await gateway.serve(client, first)
        assert first.status == 200
        again = _exchange(gateway, client, "k1", stream=stream)
        await gateway.serve(client, again)
        assert again.status == 409
        assert again.sent_headers["x-should-retry"] == "false"
        error = json.loads(again.sent)["error"]
        assert error["code"] == "invalid_request"
        assert error["details"]["first_request_id"] == gateway.row.id
        other = _exchange(gateway, client, "k2", stream=stream)
        await gateway.serve(client, other)
        assert other.status == 200
        assert len(gateway.transport.played) == 2


async def test_one_that_runs_is_not_run_again(autojump_clock: object) -> None:
    async with bench(_good()) as gateway:
        first, again = _exchange(gateway, "openai_chat", "k"), _exchange(gateway, "openai_chat", "k")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gateway.serve, "openai_chat", first)
            await trio.testing.wait_all_tasks_blocked()
            await gateway.serve("openai_chat", again)
        assert (first.status, again.status) == (200, 409)
        assert "still running" in json.loads(again.sent)["error"]["message"]


async def test_another_body_under_the_same_key_is_an_error(autojump_clock: object) -> None:
    async with bench(_good()) as gateway:
        await gateway.serve("openai_chat", _exchange(gateway, "openai_chat", "k"))
        other = _exchange(gateway, "openai_chat", "k", model="anthropic_messages")
        await gateway.serve("openai_chat", other)
        error = json.loads(other.sent)["error"]
        assert (other.status, error["param"]) == (400, "Idempotency-Key")
        assert "another request" in error["message"]


async def test_a_failure_that_cost_nothing_may_be_repeated(autojump_clock: object) -> None:
    bad = Script([(0.0, b'{"error":{"message":"no"}}')], status=400, headers={"content-type": "application/json"})
    async with bench(bad, _good()) as gateway:
        first, again = _exchange(gateway, "openai_chat", "k"), _exchange(gateway, "openai_chat", "k")
        await gateway.serve("openai_chat", first)
        await gateway.serve("openai_chat", again)
        assert (first.status, again.status) == (400, 200)
        last = _exchange(gateway, "openai_chat", "k")
        await gateway.serve("openai_chat", last)
        assert last.status == 409


@pytest.mark.parametrize("stream", [True, False])
async def test_one_whose_client_left_before_it_got_anything_may_be_repeated(stream: bool, autojump_clock: object) -> None:
    async with bench(_good(stream), _good(stream)) as gateway:
        leaves_at = trio.current_time() + 0.5
        left = _exchange(gateway, "openai_chat", "k", stream=stream, leaves_at=leaves_at)
        again = _exchange(gateway, "openai_chat", "k", stream=stream)
        await gateway.serve("openai_chat", left)
        assert (gateway.row.status, gateway.row.cost) == ("cancelled", 0)
        await gateway.serve("openai_chat", again)
        assert again.status == 200
        last = _exchange(gateway, "openai_chat", "k", stream=stream)
        await gateway.serve("openai_chat", last)
        assert last.status == 409


async def test_one_that_was_not_let_in_may_be_repeated_at_once(autojump_clock: object) -> None:
    async with bench(_good(), credits=0) as gateway:
        refused = _exchange(gateway, "openai_chat", "k")
        await gateway.serve("openai_chat", refused)
        assert refused.status == 402
        await gateway.store.topup(gateway.principal.workspace, USD * 100)
        again = _exchange(gateway, "openai_chat", "k")
        await gateway.serve("openai_chat", again)
        assert again.status == 200


async def test_a_key_that_cannot_be_looked_up_in_time_is_free_afterwards(
    caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    async with bench() as gateway:
        claims = _Silent(gateway.store)
        idempotency = Idempotency(claims, gateway.store, lambda: NOW)

        async def begin(request: str) -> Refused | None:
            return await idempotency.begin(gateway.principal.workspace, "k", "chat_completions", b"{}", request)

        began = trio.current_time()
        refused = await begin("r1")
        assert refused is not None
        assert (refused.failure.code, refused.failure.retry_after, refused.final) == ("internal_error", 1.0, False)
        assert trio.current_time() - began == LOOKUP_SECONDS
        assert caplog.messages == ["r1: its Idempotency-Key could not be looked up: no answer in time"]
        with trio.move_on_after(1):
            await begin("r2")  # its client leaves
        claims.silent = False
        assert await begin("r3") is None


async def test_a_client_that_leaves_while_its_key_is_looked_up_is_seen_at_once(
    caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    caplog.set_level(logging.INFO, "hyperinfer.requests")
    async with bench() as gateway:
        idempotency = Idempotency(_Silent(gateway.store), gateway.store, lambda: NOW)
        gateway.data_plane = replace(gateway.data_plane, idempotency=idempotency)
        exchange = _exchange(gateway, "openai_chat", "k", leaves_at=1.0)
        await gateway.serve("openai_chat", exchange)
        assert trio.current_time() == 1
        assert exchange.status is None
        assert caplog.messages[-1].endswith(" status=cancelled ms=1000 client=left")


@pytest.mark.parametrize("key", ["", "k" * 256, "a\x7fb"])
async def test_a_key_that_is_none_is_refused(key: str, autojump_clock: object) -> None:
    async with bench() as gateway:
        exchange = _exchange(gateway, "openai_chat", key)
        await gateway.serve("openai_chat", exchange)
        assert exchange.status == 400


async def test_keys_outlive_a_restart_and_not_a_day(tmp_path: Path) -> None:
    now = NOW

    async def begin(request: str) -> int | None:
        refused = await idempotency.begin(workspace, "k", "chat_completions", b"{}", request)
        idempotency.end(request)
        return None if refused is None else refused.status

    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        idempotency = Idempotency(store, store, lambda: now)
        assert await begin("r1") is None
        young = await idempotency.begin(workspace, "k", "chat_completions", b"{}", "r2")
        assert young is not None
        assert (young.status, young.failure.retry_after, young.final) == (409, 1.0, False), "it is just being let in"
        await store.settle(a_generation("r1", workspace, 7))
    async with a_store(tmp_path) as store:
        idempotency = Idempotency(store, store, lambda: now)
        now = NOW + CLAIM_SECONDS - 1
        assert await begin("r3") == 409
        assert await idempotency.begin("ws_other", "k", "chat_completions", b"{}", "r4") is not None
        now = NOW + CLAIM_SECONDS + 1
        assert await begin("r5") is None


async def test_what_a_crash_cut_off_does_not_stand_in_the_way(tmp_path: Path) -> None:
    now = NOW
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        idempotency = Idempotency(store, store, lambda: now)
        assert await idempotency.begin(workspace, "k", "chat_completions", b"{}", "r1") is None
        idempotency.end("r1")
        now += SETTLING_SECONDS + 1
        admission = an_admission("r1", principal, 1)
        assert await store.admit(admission) is None
        assert await idempotency.begin(workspace, "k", "chat_completions", b"{}", "r2") is not None, "it is under way"
        await store.settle(admission.interrupted)
        assert await idempotency.begin(workspace, "k", "chat_completions", b"{}", "r3") is None
