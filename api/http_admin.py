"""Administration of a running server from anywhere, over HTTP and with the platform's token. `HttpAdmin` satisfies the same
Protocol as the store itself; what the store refuses comes back as that same refusal."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from hyperinfer.api import administered
from hyperinfer.api.openapi.admin_records import (
    ConsoleToken,
    KeyData,
    KeyReference,
    Keys,
    LedgerVerdict,
    MadeKey,
    NewWorkspace,
    TopUpAmount,
    UsageReport,
    WorkspaceData,
    Workspaces,
)
from hyperinfer.api.store.admin import CreatedKey
from hyperinfer.api.store.errors import RefusalCode, Refused, StoreUnavailable, no_workspace
from hyperinfer.api.values import day_text
from hyperinfer.nodes.money import pico_to_usd
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hyperinfer.api.store.records import KeyRecord, KeyTerms, LedgerReport, UsageBy, UsageRow, WorkspaceRecord

T = TypeVar("T", bound=msgspec.Struct)

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 600.0
"""A report over a large store may take minutes; anything else is answered at once."""
_PATH: Final = "/api/v1/admin"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class _Details(msgspec.Struct):
    refused: RefusalCode


class _ErrorBody(msgspec.Struct):
    message: str
    details: _Details | None = None


class _Error(msgspec.Struct):
    error: _ErrorBody


class HttpAdmin:
    """Admin through a server's HTTP. Made by `connect_http_admin`."""

    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client, self._url = client, url

    async def create_workspace(self, name: str, credits: int = 0) -> WorkspaceRecord:
        """See Admin."""
        return await self._workspace("POST", "/workspaces", NewWorkspace(name, pico_to_usd(credits)))

    async def workspaces(self) -> tuple[WorkspaceRecord, ...]:
        """See Admin."""
        found = await self._ask("GET", "/workspaces", Workspaces)
        return tuple(map(administered.workspace_record, found.data))

    async def workspace(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return await self._workspace("GET", _of(workspace))

    async def topup(self, workspace: str, amount: int) -> WorkspaceRecord:
        """See Admin."""
        return await self._workspace("POST", _of(workspace) + "/topup", TopUpAmount(pico_to_usd(amount)))

    async def lock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return await self._workspace("POST", _of(workspace) + "/lock")

    async def unlock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return await self._workspace("POST", _of(workspace) + "/unlock")

    async def create_key(self, workspace: str, terms: KeyTerms) -> CreatedKey:
        """See Admin."""
        try:
            asked = administered.new_key(workspace, terms)
        except ValueError as error:
            raise Refused("invalid", str(error)) from None
        made = await self._ask("POST", "/keys", MadeKey, body=asked)
        return CreatedKey(administered.key_record(made), Secret(made.key))

    async def keys(self, workspace: str | None = None) -> tuple[KeyRecord, ...]:
        """See Admin."""
        query = {} if workspace is None else {"workspace": workspace}
        return tuple(map(administered.key_record, (await self._ask("GET", "/keys", Keys, query=query)).data))

    async def enable(self, key: str) -> KeyRecord:
        """See Admin."""
        return await self._key("/keys/enable", key)

    async def disable(self, key: str) -> KeyRecord:
        """See Admin."""
        return await self._key("/keys/disable", key)

    async def revoke(self, key: str) -> KeyRecord:
        """See Admin."""
        return await self._key("/keys/revoke", key)

    async def usage(
        self, by: UsageBy, workspace: str | None = None, *, since: int | None = None, until: int | None = None
    ) -> tuple[UsageRow, ...]:
        """See Admin."""
        query: dict[str, str] = {"by": by}
        if workspace is not None:
            query["workspace"] = workspace
        try:
            if since is not None:
                query["since"] = day_text(since)
            if until is not None:
                query["until"] = day_text(until - 1)
        except ValueError as error:
            raise Refused("invalid", str(error)) from None
        report = await self._ask("GET", "/usage", UsageReport, query=query)
        return tuple(map(administered.usage_row, report.data))

    async def new_console_token(self) -> Secret:
        """See Admin."""
        return Secret((await self._ask("POST", "/console/token", ConsoleToken)).token)

    async def verify_ledger(self) -> LedgerReport:
        """See Admin."""
        return administered.ledger_report(await self._ask("GET", "/ledger/verify", LedgerVerdict))

    async def _workspace(self, method: str, path: str, body: msgspec.Struct | None = None) -> WorkspaceRecord:
        return administered.workspace_record(await self._ask(method, path, WorkspaceData, body=body))

    async def _key(self, path: str, key: str) -> KeyRecord:
        return administered.key_record(await self._ask("POST", path, KeyData, body=KeyReference(key)))

    async def _ask(
        self,
        method: str,
        path: str,
        shape: type[T],
        *,
        query: Mapping[str, str] | None = None,
        body: msgspec.Struct | None = None,
    ) -> T:
        try:
            content = None if body is None else _encode(body)
            response = await self._client.request(
                method,
                self._url + _PATH + path,
                params=query or None,
                content=content,
                headers={} if body is None else {"content-type": "application/json"},
            )
        except UnicodeEncodeError:
            raise Refused("invalid", "a text is not valid Unicode") from None
        except httpx2.InvalidURL:
            # No id and no name is so long that no address can be made of it.
            raise Refused("not_found", "nothing has an id or a name of such length") from None
        except httpx2.ConnectError as error:
            raise StoreUnavailable(f"cannot reach {self._url}: {str(error) or type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise StoreUnavailable(
                f"{self._url} went away without an answer ({type(error).__name__}); look whether the change took effect"
            ) from error
        if response.is_success:
            try:
                return msgspec.json.decode(response.content, type=shape)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise StoreUnavailable(f"{self._url} does not answer as this version of the gateway does") from None
        raise _told(response, self._url)


def _of(workspace: str) -> str:
    if not workspace:
        raise no_workspace(workspace)
    try:
        name = quote(workspace, safe="")
    except UnicodeEncodeError:
        raise Refused("invalid", "a text is not valid Unicode") from None
    # Bare dots would be taken for a way through folders.
    return "/workspaces/" + (name.replace(".", "%2E") if not name.strip(".") else name)


def _told(response: httpx2.Response, url: str) -> Exception:
    """What an answer that is no success says."""
    try:
        error = msgspec.json.decode(response.content, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return StoreUnavailable(f"{url} does not answer as a gateway does: HTTP status {response.status_code}")
    if error.details is not None:
        return Refused(error.details.refused, error.message)
    match response.status_code:
        case 401:
            return StoreUnavailable(f"{url} does not take the token of HYPERINFER_INTERNAL_TOKEN, or has none itself")
        case 404 | 405:
            return Refused("unsupported", f"the server at {url} cannot do this: it is of another version")
        case status if status < 500:
            return Refused("invalid", error.message)
        case _:
            return StoreUnavailable(f"{url} says: {error.message}")


@asynccontextmanager
async def connect_http_admin(url: str, token: Secret) -> AsyncGenerator[HttpAdmin]:
    """Administer the server at `url` (`https://host`, without a path of the API). Connects when it is first asked."""
    async with httpx2.AsyncClient(
        headers={"x-internal-token": token.reveal()},
        timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        # Straight to the server: no proxy sees the token, and no redirect carries it elsewhere.
        trust_env=False,
        follow_redirects=False,
        verify=ssl.create_default_context(),
    ) as client:
        yield HttpAdmin(client, url.rstrip("/"))
