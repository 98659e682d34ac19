"""The administration over HTTP as it is described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from hyperinfer.api.openapi import admin_records as rec
from hyperinfer.api.openapi.answers import Operation, error_answer, json_answer
from hyperinfer.api.openapi.control import RECORDS
from hyperinfer.api.openapi.errors import ERRORS, OpenAIError
from hyperinfer.api.store.records import UsageBy

if TYPE_CHECKING:
    from hyperinfer.api.openapi.schemas import Record, Schema

_ERROR = ERRORS.ref(OpenAIError)
_ADMIN = "/api/v1/admin"
_WORKSPACE: Schema = {
    "name": "workspace",
    "in": "path",
    "required": True,
    "description": "Its id or its name; a slash in it is written as %2F.",
    "schema": {"type": "string"},
}
_OF_WORKSPACE = "Only this one, by id or name."


def admin_paths() -> dict[str, dict[str, Operation]]:
    """All of them."""
    one = f"{_ADMIN}/workspaces/{{workspace}}"
    return {
        f"{_ADMIN}/workspaces": {
            "get": _operation("listWorkspaces", "List the workspaces", "All, with their balances.", rec.Workspaces),
            "post": _operation(
                "createWorkspace",
                "Make a workspace",
                "No two have the same name, and none begins like an id, with `ws_`.",
                rec.WorkspaceData,
                body=rec.NewWorkspace,
                status="201",
            ),
        },
        one: {
            "get": _operation(
                "getWorkspace", "Show a workspace", "Its balance, and whether it is locked.", rec.WorkspaceData, _WORKSPACE
            )
        },
        f"{one}/topup": {
            "post": _operation(
                "topUpWorkspace",
                "Add credits to a workspace",
                "A negative amount takes credits away. A repeat adds again.",
                rec.WorkspaceData,
                _WORKSPACE,
                body=rec.TopUpAmount,
            )
        },
        f"{one}/lock": {
            "post": _operation(
                "lockWorkspace",
                "Lock a workspace",
                "Its requests are refused from now on; those that run are finished and billed.",
                rec.WorkspaceData,
                _WORKSPACE,
            )
        },
        f"{one}/unlock": {
            "post": _operation(
                "unlockWorkspace", "Unlock a workspace", "Its requests are taken again.", rec.WorkspaceData, _WORKSPACE
            )
        },
        f"{_ADMIN}/keys": {
            "get": _operation(
                "listKeys",
                "List the keys",
                "How each begins and ends and what it may do; never the keys themselves.",
                rec.Keys,
                _query("workspace", _OF_WORKSPACE),
            ),
            "post": _operation(
                "createKey",
                "Make a key",
                "The answer has the key itself, this once; only its SHA-256 is kept.",
                rec.MadeKey,
                body=rec.NewKey,
                status="201",
            ),
        },
        f"{_ADMIN}/keys/enable": {"post": _key("enableKey", "Enable a key", "Lets a key in again that was disabled.")},
        f"{_ADMIN}/keys/disable": {"post": _key("disableKey", "Disable a key", "Refuses it until it is enabled.")},
        f"{_ADMIN}/keys/revoke": {"post": _key("revokeKey", "Revoke a key", "Refuses it from now on, for good.")},
        f"{_ADMIN}/console/token": {
            "post": _operation(
                "newConsoleToken",
                "Make another token for the console",
                "The answer has it, this once. The last one and all sessions of the console end.",
                rec.ConsoleToken,
                status="201",
            )
        },
        f"{_ADMIN}/usage": {
            "get": _operation(
                "getUsage",
                "Sum up usage",
                "Requests, tokens and cost, by day, key, model or workspace, or by the keys or models of each day.",
                rec.UsageReport,
                _query("by", "What to group by; model without it.", {"type": "string", "enum": list(get_args(UsageBy))}),
                _query("workspace", _OF_WORKSPACE),
                _query("since", "The first day (UTC).", {"type": "string", "format": "date"}),
                _query("until", "The last day (UTC).", {"type": "string", "format": "date"}),
            )
        },
        f"{_ADMIN}/ledger/verify": {
            "get": _operation(
                "verifyLedger",
                "Verify the ledger",
                "Recomputes every balance from its rows and every cost from its arithmetic, and says what differs. It may "
                "take minutes.",
                rec.LedgerVerdict,
            )
        },
    }


def _operation(
    id: str,
    summary: str,
    description: str,
    record: Record,
    *parameters: Schema,
    body: Record | None = None,
    status: str = "200",
) -> Operation:
    made: dict[str, Any] = {
        "tags": ["Internal"],
        "operationId": id,
        "summary": f"{summary} (internal)",
        "description": description,
        "x-internal": True,
        "security": [{"internalToken": []}],
        "responses": {
            status: json_answer("It is done; this is how it is now." if body else "What was asked for.", RECORDS, record),
            "400": error_answer(_ERROR, "It cannot be done as asked; `details.refused` says in a word why."),
            "401": error_answer(_ERROR, "The token is not the gateway's, or it has none."),
            "404": error_answer(_ERROR, "There is no such workspace or key."),
            "default": error_answer(_ERROR),
        },
    }
    if parameters:
        made["parameters"] = list(parameters)
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": RECORDS.ref(body)}}}
    return made


def _key(id: str, summary: str, description: str) -> Operation:
    return _operation(id, summary, description, rec.KeyData, body=rec.KeyReference)


def _query(name: str, description: str, schema: Schema | None = None) -> Schema:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema or {"type": "string"},
    }
