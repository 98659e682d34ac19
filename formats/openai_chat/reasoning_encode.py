"""Reasoning of earlier turns for a Chat upstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss, Target
from hyperinfer.formats.opaque import Opaque, blob_from_client
from hyperinfer.formats.openai_chat.reasoning import AFTER_CALLS, is_chat_detail

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import ReasoningPart, Turn


def reasoning_fields(
    turn: Turn, parts: Sequence[ReasoningPart], target: Target, same: bool, losses: list[Loss]
) -> dict[str, Any]:
    """The message fields that bring reasoning back, by the quirk `reasoning_field`.

    A blob goes only to its vendor. With one of another vendor the whole item is a Loss (RULES: opaque blobs).
    """
    rule = target.quirks.reasoning_field
    path = f"{turn.path}.reasoning"
    if rule == "omit":
        if any(part.opaque for part in parts):
            losses.append(Loss(path, "this model takes no reasoning of earlier turns"))
        return {}
    kept = [part for part in parts if all(blob.vendor == target.vendor for blob in part.opaque)]
    if len(kept) < len(parts):
        losses.append(Loss(path, "the reasoning holds state of another vendor"))
    if same and rule == "as_sent":
        fields = next((part.extra["fields"] for part in parts if part.extra and "fields" in part.extra), None)
        if fields is not None:
            return _as_sent(fields, target.vendor, whole=len(kept) == len(parts))
    text = "\n\n".join("".join(t.text for t in part.texts) for part in kept if part.texts)
    details = [_detail(blob, part) for part in kept for blob in part.opaque]
    out: dict[str, Any] = {}
    if text and rule in ("as_sent", "reasoning_content"):
        out["reasoning_content"] = text
    elif text and rule == "reasoning":
        out["reasoning"] = text
    elif text and not details:
        out["reasoning_details"] = [{"type": "reasoning.text", "text": text}]
    if details:
        out["reasoning_details"] = details
    return out


def _as_sent(fields: dict[str, Any], vendor: str, *, whole: bool) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, list):
            entries = [entry for item in value if (entry := _untagged(item, vendor)) is not None]
            if entries:
                out[name] = entries
        elif whole:
            out[name] = value
    return out


def _untagged(entry: dict[str, Any], vendor: str) -> dict[str, Any] | None:
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
        return {**(blob.extra or {}), field: blob.data}
    if blob.kind == "signature":
        return {"type": "reasoning.text", "text": "".join(t.text for t in part.texts), "signature": blob.data}
    detail: dict[str, Any] = {"type": "reasoning.encrypted", "data": blob.data}
    if part.item_id:
        detail["id"] = part.item_id
    return detail
