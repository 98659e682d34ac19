"""Errors as they are published: the codes, and the envelope of OpenAI's formats."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.api.openapi.schemas import Family, Schema, about, component
from hyperinfer.formats.errors import CODES

ERROR_CODE = "ErrorCode"


class OpenAIErrorBody(msgspec.Struct):
    """What went wrong."""

    message: str
    type: str
    code: str
    param: str | None
    request_id: str
    details: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class OpenAIError(msgspec.Struct):
    """The error envelope of OpenAI's formats."""

    error: OpenAIErrorBody


ERRORS = Family(
    records=(OpenAIError,),
    fields={
        OpenAIErrorBody: {
            "type": about("The error class that OpenAI's SDKs know, such as invalid_request_error."),
            "code": component(ERROR_CODE),
            "param": about("Path of the field at fault, such as messages[0].content."),
            "details": about("More about some errors: what would have been lost under X-HyperInfer-Strict, for one."),
        }
    },
)


def error_code() -> Schema:
    """The stable codes, with the HTTP status of each."""
    statuses = ", ".join(f"{code}={status}" for code, status in CODES.items())
    return {
        "type": "string",
        "enum": list(CODES),
        "description": f"Stable, and the same in all formats. Each has one HTTP status: {statuses}. "
        "invalid_request also comes with 404 (no such path, model or generation) and 405 (wrong method).",
    }
