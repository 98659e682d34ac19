"""Reasoning of earlier turns for a Chat upstream (wire facts 4.6; fault F076)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.opaque import Opaque, blob_from_client
from hyperinfer.formats.openai_chat.reasoning import AFTER_CALLS, is_chat_detail
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import ReasoningPart
    from hyperinfer.formats.openai_chat.scope import Scope


def reasoning_fields(parts: Sequence[tuple[str, ReasoningPart]], scope: Scope) -> dict[str, Any]:
    """The message fields that bring reasoning back, by the quirk `reasoning_field`. `parts`: with their paths.

    A blob goes only to its vendor. With one of another vendor the whole item is a Loss (RULES: opaque blobs).
    """
    rule, vendor = scope.quirks.reasoning_field, scope.target.vendor
    if rule == "omit":
        for path in dict.fromkeys(path for path, _ in parts):
            scope.lose(path, "this model takes no reasoning of earlier turns")
        return {}
    kept: list[ReasoningPart] = []
    for path, part in parts:
        if all(blob.vendor == vendor for blob in part.opaque):
            kept.append(part)
        else:
            scope.lose(path, "the reasoning holds state of another vendor")
    if scope.same and rule == "as_sent":
        fields = next((part.extra["fields"] for _, part in parts if part.extra and "fields" in part.extra), None)
        if fields is not None:
            return _as_sent(fields, vendor, whole=len(kept) == len(parts))
    text = "\n\n".join(words for part in kept if (words := _words(part)))
    details = [_detail(blob, part) for part in kept for blob in part.opaque]
    out: dict[str, Any] = {}
    if text and rule in ("as_sent", "reasoning_content"):
        out["reasoning_content"] = text
    elif text and rule == "reasoning":
        out["reasoning"] = text
    elif text and not any("text" in detail for detail in details):
        details.insert(0, {"type": "reasoning.text", "text": text})
    if details:
        out["reasoning_details"] = details
    return out


def _words(part: ReasoningPart) -> str:
    return "\n\n".join(text.text for text in part.texts)


def _as_sent(fields: dict[str, Any], vendor: str, *, whole: bool) -> dict[str, Any]:
    out: dict[str, Any] = {}
    copy = fields.get("reasoning") == fields.get("reasoning_content")  # we show the text in both: it goes up once
    for name, value in fields.items():
        if name == "reasoning" and copy:
            continue
        if is_array(value):
            if entries := [entry for item in value if (entry := _untagged(item, vendor)) is not None]:
                out[name] = entries
        elif whole:
            out[name] = value
    return out


def _untagged(entry: object, vendor: str) -> object:
    """A detail with its blob opened; None where the blob is of another vendor."""
    if not is_object(entry):
        return entry
    for field in ("signature", "data"):
        value = entry.get(field)
        if isinstance(value, str) and value:
            maker, data = blob_from_client(value, "openai_chat")
            if maker != vendor:
                return None
            return {name: data if name == field else item for name, item in entry.items() if name != AFTER_CALLS}
    return entry


def _detail(blob: Opaque, part: ReasoningPart) -> dict[str, Any]:
    field = "signature" if blob.kind == "signature" else "data"
    if is_chat_detail(blob):
        kept = {name: value for name, value in (blob.extra or {}).items() if name != AFTER_CALLS}
        return {**kept, field: blob.data}
    if blob.kind == "signature":
        return {"type": "reasoning.text", "text": _words(part), "signature": blob.data}
    detail: dict[str, Any] = {"type": "reasoning.encrypted", "data": blob.data}
    if part.item_id:
        detail["id"] = part.item_id
    return detail
