"""A line in the log for whatever is changed through the console: by which session, and what it is now. Never a secret."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, final

from quart import request

from hyperinfer.api.console.sign_in import current_session, name_of
from hyperinfer.nodes.money import pico_to_usd_text

if TYPE_CHECKING:
    from hyperinfer.api.store.admin import Admin, CreatedKey
    from hyperinfer.api.store.records import KeyRecord, KeyTerms, WorkspaceRecord
    from hyperinfer.providers.secret import Secret

log = logging.getLogger("hyperinfer.console")


@final
class AuditedAdmin:
    """Admin, within a request of the console. What is refused changes nothing, and is not said."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self.workspaces, self.workspace, self.keys = admin.workspaces, admin.workspace, admin.keys
        self.usage, self.verify_ledger = admin.usage, admin.verify_ledger

    async def create_workspace(self, name: str, credits: int = 0) -> WorkspaceRecord:
        """See Admin."""
        return _workspace("workspace made", await self._admin.create_workspace(name, credits))

    async def topup(self, workspace: str, amount: int) -> WorkspaceRecord:
        """See Admin."""
        return _workspace(f"topped up by {pico_to_usd_text(amount)} USD", await self._admin.topup(workspace, amount))

    async def lock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return _workspace("workspace locked", await self._admin.lock(workspace))

    async def unlock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return _workspace("workspace unlocked", await self._admin.unlock(workspace))

    async def create_key(self, workspace: str, terms: KeyTerms) -> CreatedKey:
        """See Admin."""
        created = await self._admin.create_key(workspace, terms)
        _key("key made", created.record)
        return created

    async def enable(self, key: str) -> KeyRecord:
        """See Admin."""
        return _key("key enabled", await self._admin.enable(key))

    async def disable(self, key: str) -> KeyRecord:
        """See Admin."""
        return _key("key disabled", await self._admin.disable(key))

    async def revoke(self, key: str) -> KeyRecord:
        """See Admin."""
        return _key("key revoked", await self._admin.revoke(key))

    async def new_console_token(self) -> Secret:
        """See Admin."""
        token = await self._admin.new_console_token()
        said("another token for the console")
        return token


def said(what: str) -> None:
    """Logs an act of the request's session."""
    log.info("%s session %s: %s", request.headers["x-request-id"], name_of(current_session()), what)


def _workspace(what: str, record: WorkspaceRecord) -> WorkspaceRecord:
    said(f"{what}: {record.id} {json.dumps(record.name)}, balance {pico_to_usd_text(record.balance)} USD")
    return record


def _key(what: str, record: KeyRecord) -> KeyRecord:
    said(f"{what}: {record.id} {json.dumps(record.terms.name)} of {record.workspace}")
    return record
