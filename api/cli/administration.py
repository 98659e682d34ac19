"""Administering accounts from the command line: opening the store, and records as people and scripts see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from hyperinfer.api.cli.invocation import UsageError
from hyperinfer.api.settings import DATA, DEFAULT_DATA, SERVER, SettingError, SettingsConflict, read_flag, shared_servers

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.openapi.admin_records import KeyData, WorkspaceData
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import KeyRecord, WorkspaceRecord

T = TypeVar("T")

TOKEN_VARIABLE: Final = "HYPERINFER_INTERNAL_TOKEN"


def data_folder(invocation: Invocation) -> Path:
    """The data folder that the invocation means. Raises SettingError."""
    given = read_flag(DATA, {"data": invocation.arguments.data}, invocation.environ)
    return invocation.folder / (given or DEFAULT_DATA)


def administer(invocation: Invocation, act: Callable[[Admin], Awaitable[T]]) -> T:
    """What `act` returns: on the server that is named; else on the shared store where the environment names its servers;
    else on a data folder with a store, through the server that runs on it or on the store itself.

    Raises Refused, NoStore, StoreUnavailable, SettingError, SettingsConflict, UsageError.
    """
    from hyperinfer.api.store.open import open_admin

    return _run(_server(invocation) or _shared(invocation) or partial(open_admin, data_folder(invocation)), act)


def administer_or_make(invocation: Invocation, act: Callable[[Admin], Awaitable[T]]) -> T:
    """The same for what may be the first thing that is done: makes the folder and its store when there is none, and
    says so."""
    from hyperinfer.api.store.folder import DataFolder
    from hyperinfer.api.store.open import open_or_make_admin

    elsewhere = _server(invocation) or _shared(invocation)
    if elsewhere is not None:
        return _run(elsewhere, act)
    folder = data_folder(invocation)
    was_there = DataFolder(folder).database.exists()

    async def said(admin: Admin) -> T:
        if not was_there:
            invocation.output.note(f"made a store in the data folder {folder}")
        return await act(admin)

    return _run(partial(open_or_make_admin, folder), said)


def _run(opening: Callable[[], AbstractAsyncContextManager[Admin]], act: Callable[[Admin], Awaitable[T]]) -> T:
    from hyperinfer.api.cli.interrupt import run_until_interrupted

    async def acting() -> T:
        async with opening() as admin:
            return await act(admin)

    return run_until_interrupted(acting)


def _server(invocation: Invocation) -> Callable[[], AbstractAsyncContextManager[Admin]] | None:
    """The server that is named. A flag that names a folder wins over a variable that names a server."""
    given = invocation.arguments.server
    if given is not None and invocation.arguments.data is not None:
        raise UsageError("--server and --data exclude each other: who is administered?")
    if given is None and invocation.arguments.data is not None:
        return None
    url = read_flag(SERVER, {"server": given}, invocation.environ)
    if url is None:
        return None
    token = invocation.environ.get(TOKEN_VARIABLE)
    if not token:
        raise SettingsConflict(f"to administer {url}, {TOKEN_VARIABLE} must be set to its internal token")
    if not (token.isascii() and token.isprintable()):
        raise SettingError(f"{TOKEN_VARIABLE}: must be visible ASCII")
    from hyperinfer.api.http_admin import connect_http_admin
    from hyperinfer.providers.secret import Secret

    return partial(connect_http_admin, url, Secret(token))


def _shared(invocation: Invocation) -> Callable[[], AbstractAsyncContextManager[Admin]] | None:
    """The shared store, where the environment names its servers. Raises SettingsConflict for one without the other."""
    servers = shared_servers(invocation.environ)
    if servers is None:
        return None
    from hyperinfer.api.store.open import open_shared_admin

    return partial(open_shared_admin, servers)


def amount(pico: int) -> object:
    """USD as a JSON number with all its digits."""
    import msgspec

    from hyperinfer.nodes.money import pico_to_usd_text

    return msgspec.Raw(pico_to_usd_text(pico).encode())


def usd_text(pico: int | None) -> str:
    """USD for people, exact, at least two decimals; nothing for no amount."""
    from hyperinfer.nodes.money import pico_to_usd_text

    if pico is None:
        return ""
    whole, _, fraction = pico_to_usd_text(pico).partition(".")
    return f"{whole}.{fraction:0<2}"


def workspace_object(record: WorkspaceRecord) -> WorkspaceData:
    """A workspace in JSON, as over HTTP."""
    from hyperinfer.api.administered import workspace_data

    return workspace_data(record)


def key_object(record: KeyRecord, now: float) -> KeyData:
    """A key in JSON, as over HTTP, without its secret."""
    from hyperinfer.api.administered import key_data

    return key_data(record, now)


def shown_key(record: KeyRecord) -> str:
    """How a key begins and ends."""
    return f"{record.prefix}…{record.last4}"
