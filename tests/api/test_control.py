"""Through the control socket administration is the same as on the store itself, laws included."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
import trio

from hyperinfer.api.control import connect_admin, serve_control
from hyperinfer.api.store.admin import CreatedKey
from hyperinfer.api.store.console_access import kept_of, proof_of
from hyperinfer.api.store.errors import FolderInUse, Refused, StoreUnavailable
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.store.frames import FrameReader, frame
from hyperinfer.api.store.open import PATIENCE_SECONDS, open_admin, open_or_make_admin
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal
from tests.api.store.ledger_laws import LAWS
from tests.api.store.samples import USD, a_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.embedded import EmbeddedStore
    from tests.api.store.admission_laws import Store


@asynccontextmanager
async def a_server(path: Path) -> AsyncGenerator[EmbeddedStore]:
    """A store and its control socket."""
    async with a_store(path) as store, trio.open_nursery() as nursery:
        await nursery.start(serve_control, store, path / "control.sock")
        yield store
        nursery.cancel_scope.cancel()


class Both:
    """The data plane of a store and the administration of somebody else."""

    def __init__(self, store: EmbeddedStore, admin: Admin) -> None:
        self._store = store
        self._admin = admin

    def __getattr__(self, name: str) -> object:
        return getattr(
            self._store
            if name
            in {
                "authenticate",
                "admit",
                "take_rate",
                "settle",
                "record",
                "release",
                "generation",
                "claim",
                "has_key",
                "create_key_with",
                "replace_claim",
                "under_way",
                "requests",
                "request",
                "keys_by_id",
            }
            else self._admin,
            name,
        )


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_law(law: Callable[[Store], Awaitable[None]], tmp_path: Path) -> None:
    async with a_server(tmp_path) as store, open_admin(tmp_path) as admin:
        assert admin is not store
        await law(cast("Store", Both(store, admin)))


async def test_a_change_holds_from_the_next_request_on(tmp_path: Path) -> None:
    async with a_server(tmp_path) as store:
        async with open_admin(tmp_path) as admin:
            await admin.create_workspace("lab", USD)
            created = await admin.create_key("lab", KeyTerms())
        key = hashlib.sha256(created.secret.reveal().encode()).digest()
        assert isinstance(await store.authenticate(key), Principal)
        async with open_admin(tmp_path) as admin:
            token = await admin.new_console_token()
            assert await store.console.kept() == kept_of(proof_of(token))
            await admin.revoke(created.record.prefix)
        assert isinstance(await store.authenticate(key), Failure)


async def test_without_a_server_the_store_itself_is_opened(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_or_make_admin(data) as admin:
        workspace = await admin.create_workspace("lab", USD)
        with pytest.raises(FolderInUse):
            FolderLock.acquire(DataFolder(data))
    # The socket of a server that was killed is in nobody's way.
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(data / "control.sock"))
    async with open_admin(data) as admin:
        assert await admin.workspaces() == (workspace,)
    async with a_server(data), open_admin(data) as admin:
        assert await admin.workspaces() == (workspace,)
    assert not (data / "control.sock").exists()


@pytest.mark.parametrize("served", [True, False])
async def test_a_refusal_arrives_alone(tmp_path: Path, served: bool) -> None:
    async with a_server(tmp_path / ("data" if served else "elsewhere")):
        with pytest.raises(Refused, match="no workspace") as refused:
            async with open_or_make_admin(tmp_path / "data") as admin:
                await admin.workspace("nobody")
        assert refused.value.code == "not_found"


async def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "hyperinfer.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        async with open_admin(tmp_path):
            pytest.fail("it opened")


async def test_a_folder_held_in_silence_is_told_in_time(tmp_path: Path, autojump_clock: object) -> None:
    with FolderLock.acquire(DataFolder(tmp_path)):
        with pytest.raises(FolderInUse):
            async with open_admin(tmp_path):
                pytest.fail("it opened")
        assert PATIENCE_SECONDS <= trio.current_time() < PATIENCE_SECONDS + 1


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / ("path" * 30)
    data.mkdir(parents=True)
    async with a_server(data) as store:
        await store.create_workspace("lab")
        async with open_admin(data) as admin:
            assert (await admin.workspace("lab")).name == "lab"


async def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    async with a_server(tmp_path):
        mode = (tmp_path / "control.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        frame(b""),
        frame(b"\xc1"),
        frame(msgspec.msgpack.encode({"verb": "_find", "arguments": {}})),
        frame(msgspec.msgpack.encode({"verb": "topup", "arguments": {"workspace": 5}})),
    ],
)
async def test_nonsense_harms_nobody(tmp_path: Path, sent: bytes) -> None:
    async with a_server(tmp_path):
        stream = await trio.open_unix_socket(os.fspath(tmp_path / "control.sock"))
        async with stream:
            await stream.send_all(sent)
            await stream.send_eof()
            inbox = FrameReader()
            while data := await stream.receive_some():
                inbox.feed(data)
            assert all(b"refused" in answer for answer in inbox.take(10))
        async with connect_admin(tmp_path / "control.sock") as admin:
            assert await admin.workspaces() == ()


async def test_a_server_that_dies_is_told(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with trio.socket.socket(socket.AF_UNIX) as listener:
        await listener.bind(os.fspath(path))
        listener.listen()
        async with trio.open_nursery() as nursery:

            async def hang_up() -> None:
                connection, _ = await listener.accept()
                with connection:
                    await connection.recv(10)

            nursery.start_soon(hang_up)
            async with connect_admin(path) as admin:
                with pytest.raises(StoreUnavailable, match="went away"):
                    await admin.topup("lab", 1)


async def test_a_secret_is_shown_on_purpose_only(tmp_path: Path) -> None:
    async with a_server(tmp_path), open_admin(tmp_path) as admin:
        await admin.create_workspace("lab")
        created = await admin.create_key("lab", KeyTerms(name="k"))
        assert isinstance(created, CreatedKey)
        assert created.secret.reveal() not in repr(created)
        assert created.secret.reveal().startswith(created.record.prefix)
