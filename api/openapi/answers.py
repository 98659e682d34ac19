"""The parts of which the description of an operation's answers is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hyperinfer.api.openapi.schemas import Family, Record, Schema

Operation = dict[str, Any]

ID: Final[Schema] = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
"""The header that every answer has."""


def json_answer(description: str, family: Family, record: Record, *, headers: Schema | None = None) -> Operation:
    """A record of a family as JSON."""
    content = {"application/json": {"schema": family.ref(record)}}
    return {"description": description, "headers": ID | (headers or {}), "content": content}


def error_answer(envelope: Schema, description: str = "An error in the format's own envelope; see ErrorCode.") -> Operation:
    """An error."""
    return {"description": description, "headers": ID, "content": {"application/json": {"schema": envelope}}}
