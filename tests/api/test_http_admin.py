"""Over HTTP administration is the same as on the store itself, laws included."""

from __future__ import annotations

import hashlib
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import httpx2
import msgspec
import pytest
import trio

from hyperinfer.api.control import connect_admin, serve_control
from hyperinfer.api.control_plane import control_plane
from hyperinfer.api.gateway import GatewaySettings, open_gateway
from hyperinfer.api.http_admin import HttpAdmin, connect_http_admin
from hyperinfer.api.store.console_access import kept_of, proof_of
from hyperinfer.api.store.errors import Refused, StoreUnavailable
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine import Drain
from hyperinfer.nodes.ports import Principal
from hyperinfer.providers.secret import Secret
from tests.api.control_plane.kit import TOKEN, served
from tests.api.store.ledger_laws import LAWS
from tests.api.store.samples import NOW, USD, a_generation, an_admission
from tests.api.test_control import Both

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from hyperinfer.api.store.embedded import EmbeddedStore
    from tests.api.store.admission_laws import Store


@asynccontextmanager
async def administered(path: Path, **environ: str) -> AsyncGenerator[tuple[EmbeddedStore, HttpAdmin]]:
    """A gateway's store, its time standing still, and the administration of it through the routes."""
    settings = GatewaySettings(config=None, data=path, environ={"HYPERINFER_INTERNAL_TOKEN": TOKEN, **environ})
    async with open_gateway(settings, Drain(), now=lambda: NOW) as gateway:
        transport = httpx2.ASGITransport(cast("Any", control_plane(gateway)))
        async with httpx2.AsyncClient(transport=transport, headers={"x-internal-token": TOKEN}) as client:
            yield cast("EmbeddedStore", gateway.store), HttpAdmin(client, "http://gateway")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_law(law: Callable[[Store], Awaitable[None]], tmp_path: Path) -> None:
    async with administered(tmp_path) as (store, admin):
        await law(cast("Store", Both(store, admin)))


async def test_what_is_told_is_what_the_store_tells(tmp_path: Path) -> None:
    terms = KeyTerms(
        name="ci ü",
        models=("a/b", "c"),
        rate_per_minute=5,
        burst=6,
        limit_daily=10**9,
        limit_monthly=USD // 3,
        limit_total=9_000_000 * USD,
        expires_at=NOW + 0.125,
    )
    async with administered(tmp_path) as (store, admin):
        lab = await admin.create_workspace("lab", USD // 7)
        assert lab == await store.workspace("lab")
        assert await admin.topup("lab", 1) == await store.workspace("lab")
        assert await admin.lock(lab.id) == await store.workspace("lab")
        assert await admin.unlock("lab") == await store.workspace("lab")
        created = await admin.create_key("lab", terms)
        assert created.record.terms == terms
        principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
        assert isinstance(principal, Principal)
        assert created.secret.reveal() not in repr(created)
        for change, reference in (
            (admin.disable, created.record.prefix),
            (admin.enable, created.record.id),
            (admin.revoke, created.secret.reveal()),
        ):
            assert await change(reference) == (await store.keys())[0]
        assert await admin.keys() == await admin.keys("lab") == await store.keys()
        assert await admin.workspaces() == await store.workspaces()
        for days, cost in ((0, 7), (1, 70), (30, 700)):
            asked = an_admission(f"r{days}", principal, 0)
            assert await store.admit(asked) is None
            row = a_generation(f"r{days}", lab.id, cost, NOW - days * 86_400)
            await store.settle(msgspec.structs.replace(row, key_id=principal.key_id))
        today = int(NOW // 86_400)
        for since, until, cost in ((None, None, 777), (today, None, 7), (None, today, 770), (today - 1, today, 70)):
            used = await admin.usage("key", "lab", since=since, until=until)
            assert used == await store.usage("key", "lab", since=since, until=until)
            assert [row.cost for row in used] == [cost]
        assert await admin.verify_ledger() == await store.verify_ledger()
        token = await admin.new_console_token()
        assert await store.console.kept() == kept_of(proof_of(token))


async def test_a_token_of_the_environment_is_set_there(tmp_path: Path) -> None:
    async with administered(tmp_path, HYPERINFER_CONSOLE_TOKEN="one-of-the-environment") as (store, admin):
        with pytest.raises(Refused, match="HYPERINFER_CONSOLE_TOKEN is set where the gateway runs") as caught:
            await admin.new_console_token()
        assert caught.value.code == "unsupported"
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, store, tmp_path / "other.sock")
            async with connect_admin(tmp_path / "other.sock") as beside:
                with pytest.raises(Refused, match="HYPERINFER_CONSOLE_TOKEN is set where the gateway runs"):
                    await beside.new_console_token()
            nursery.cancel_scope.cancel()
        assert await store.console.kept() is None


NAMES = ("a/b", "a/topup", "/", "..", ".", "a b", "ü?#%2F&", "a//b/lock", "lock")


async def test_any_name_can_be_a_workspace(tmp_path: Path) -> None:
    async with served(tmp_path / "served") as gateway, connect_http_admin(gateway.url + "/", Secret(TOKEN)) as admin:
        for name in NAMES:
            made = await admin.create_workspace(name)
            assert await admin.workspace(name) == await admin.workspace(made.id) == made
            assert (await admin.topup(name, USD)).balance == USD
            assert (await admin.lock(name)).locked
            assert not (await admin.unlock(name)).locked
            assert await admin.keys(name) == ()


async def test_refusals_arrive_as_they_are(tmp_path: Path) -> None:
    async with administered(tmp_path) as (store, admin):
        await admin.create_workspace("lab", USD)
        for _ in range(2):
            await store.create_key_with("lab", KeyTerms(), Secret(f"hi-same-beginning-{os.urandom(8).hex()}"))
        asks: list[Callable[[Any], Awaitable[object]]] = [
            lambda on: on.workspace("nobody"),
            lambda on: on.workspace(""),
            lambda on: on.create_workspace("lab"),
            lambda on: on.create_workspace(" "),
            lambda on: on.create_workspace("more", -1),
            lambda on: on.topup("lab", 0),
            lambda on: on.topup("lab", -2 * USD),
            lambda on: on.create_key("nobody", KeyTerms()),
            lambda on: on.create_key("lab", KeyTerms(burst=0)),
            lambda on: on.create_key("lab", KeyTerms(models=())),
            lambda on: on.keys("nobody"),
            lambda on: on.revoke("hi-same"),
            lambda on: on.disable("key_0"),
            lambda on: on.usage("day", "nobody"),
        ]
        for ask in asks:
            with pytest.raises(Refused) as here:
                await ask(store)
            with pytest.raises(Refused) as there:
                await ask(admin)
            assert (there.value.code, there.value.message) == (here.value.code, here.value.message)
        cannot_be_sent: list[Callable[[HttpAdmin], Awaitable[object]]] = [
            lambda on: on.workspace("\ud800"),
            lambda on: on.create_workspace("\ud800"),
            lambda on: on.create_key("lab", KeyTerms(expires_at=1e300)),
            lambda on: on.usage("day", since=10**12),
        ]
        for send in cannot_be_sent:
            with pytest.raises(Refused) as there:
                await send(admin)
            assert there.value.code == "invalid"


async def test_a_server_that_is_none_is_told(tmp_path: Path) -> None:
    async with served(tmp_path / "served") as gateway:
        async with connect_http_admin(gateway.url, Secret("wrong")) as admin:
            with pytest.raises(StoreUnavailable, match="HYPERINFER_INTERNAL_TOKEN"):
                await admin.workspaces()
        async with connect_http_admin(gateway.url + "/elsewhere", Secret(TOKEN)) as admin:
            with pytest.raises(Refused, match="another version") as refused:
                await admin.workspaces()
            assert refused.value.code == "unsupported"
        gone = gateway.url
    async with connect_http_admin(gone, Secret(TOKEN)) as admin:
        with pytest.raises(StoreUnavailable, match="cannot reach"):
            await admin.workspaces()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "went away"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "this version"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\n<ht>", "HTTP status 502"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "HTTP status 302"),
    ],
)
async def test_answers_that_are_none(said: bytes, words: str) -> None:
    heard: list[bytes] = []

    async def answer(stream: trio.SocketStream) -> None:
        heard.append(await stream.receive_some())
        await stream.send_all(said)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        async with connect_http_admin(f"http://127.0.0.1:{port}", Secret(TOKEN)) as admin:
            with pytest.raises(StoreUnavailable, match=words):
                await admin.topup("lab", 1)
        nursery.cancel_scope.cancel()
    assert len(heard) == 1, "what may have taken effect is not sent again"
