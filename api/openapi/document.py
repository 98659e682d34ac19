"""The whole description, as `/openapi.json` serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.api.openapi import chat, control, messages, responses
from hyperinfer.api.openapi.errors import ERROR_CODE, ERRORS, error_code
from hyperinfer.api.openapi.operations import paths

if TYPE_CHECKING:
    from hyperinfer.api.openapi.schemas import Family, Schema

FAMILIES: tuple[Family, ...] = (
    ERRORS,
    chat.REQUEST,
    chat.REPLY,
    responses.REQUEST,
    responses.REPLY,
    messages.REQUEST,
    messages.REPLY,
    control.RECORDS,
)

_TAGS = {
    "Gateway": "Model calls in three formats: any model in any of them.",
    "Catalog": "The models.",
    "Metadata": "What became of a request, and this document.",
    "Account": "What a key may do and has spent, and what its workspace has left.",
    "Health": "Liveness and readiness.",
    "Internal": "For the platform's own services; API keys do not open them.",
}

_SECURITY: Schema = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a one-time playground key: `Authorization: Bearer hi-…`.",
    },
    "apiKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same keys, where Anthropic's SDKs put theirs.",
    },
    "internalToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Internal-Token",
        "description": "The secret that the platform shares with the gateway.",
    },
}

_HEADERS: Schema = {
    "RequestId": {
        "description": "The request's id. GET /api/v1/generation takes it.",
        "schema": {"type": "string", "pattern": "^[a-z0-9_-]{1,40}$"},
    },
    "Loss": {
        "description": "How many fields of the request the upstream's format could not express, as known when the headers "
        "go out. GET /api/v1/generation lists them all.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Estimated": {
        "description": "`true`: the number is an estimate, within 0.8 to 2 times of what a provider would count. `false`: a "
        "provider counted.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "ETag": {"description": "For If-None-Match.", "schema": {"type": "string"}},
    "CacheControl": {"description": "How long everybody may keep it.", "schema": {"type": "string"}},
}


def document() -> dict[str, Any]:
    """The description in OpenAPI 3.1.0, the same each time."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HyperInfer API",
            "version": "1",
            "description": "An AI gateway: OpenAI Chat Completions, OpenAI Responses and Anthropic Messages, each against "
            "any model of the catalogue. Generated from the records that validate requests.",
            "contact": {"name": "HyperInfer", "url": "https://hyperinfer.ai/contact", "email": "sales@hyperinfer.ai"},
        },
        "servers": [{"url": "/", "description": "This gateway"}],
        "security": [{"bearerAuth": []}, {"apiKeyHeader": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths(),
        "components": {"schemas": _schemas(), "securitySchemes": _SECURITY, "headers": _HEADERS},
    }


def _schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {ERROR_CODE: error_code()}
    for family in FAMILIES:
        for name, schema in family.schemas().items():
            if found.setdefault(name, schema) != schema:
                raise ValueError(f"two schemas are called {name}")
    return dict(sorted(found.items()))
