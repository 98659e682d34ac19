"""Reasoning in Chat: the fields that servers and clients use for it, and its opaque blobs (wire facts 2.3, 4.6).

Text comes in `reasoning` (OpenRouter, Ollama, vLLM), `reasoning_content` (DeepSeek, vLLM, Qwen), `thinking`, in
`reasoning_details` (OpenRouter: text, summary, encrypted) or `thinking_blocks` (LiteLLM); copies of one text count
once.
The gateway writes text to `reasoning` and `reasoning_content`, blobs to `reasoning_details` (RULES).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from hyperinfer.formats.opaque import Opaque, blob_to_client

FIELDS = ("reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks")
"""Every field that may carry reasoning in a delta or a message."""

AFTER_CALLS = "hi_after_calls"
"""Our field on a reasoning detail: how many of the message's tool calls came before it. Absent for 0."""

OpenBlob = Callable[[str], tuple[str, str]]
"""(vendor, data) of a blob as it stands on the wire."""


class ReasoningPiece(NamedTuple):
    """Text, or one blob. `details`: wire details without a blob, verbatim."""

    text: str = ""
    form: Literal["text", "summary"] = "text"
    blob: Opaque | None = None
    details: tuple[dict[str, Any], ...] = ()


def reasoning_pieces(delta: dict[str, Any], open_blob: OpenBlob) -> list[ReasoningPiece]:
    """Takes the reasoning out of a delta or message: at most one piece of text, then its blobs."""
    found = [delta.pop(name) for name in FIELDS if name in delta]
    if not any(found):
        return []
    text = next((value for value in found if isinstance(value, str) and value), "")
    pieces: list[ReasoningPiece] = []
    plain: list[dict[str, Any]] = []
    form: Literal["text", "summary"] = "text"
    detail_text = ""
    for entry in (entry for value in found if isinstance(value, list) for entry in value):
        if not isinstance(entry, dict):
            continue
        words = entry.get("text") or entry.get("summary") or entry.get("thinking")
        if isinstance(words, str):
            detail_text += words
        if entry.get("type") == "reasoning.summary":
            form = "summary"
        blob = blob_of_detail(entry, open_blob)
        if blob is not None:
            pieces.append(ReasoningPiece(blob=blob))
        else:
            plain.append(entry)
    text = text or detail_text
    if text or plain:
        pieces.insert(0, ReasoningPiece(text, form, details=tuple(plain)))
    return pieces


def blob_of_detail(entry: dict[str, Any], open_blob: OpenBlob) -> Opaque | None:
    """The blob of one `reasoning_details` or `thinking_blocks` entry; its other fields go to `extra`."""
    for field, kind in (("signature", "signature"), ("data", "encrypted")):
        value = entry.get(field)
        if isinstance(value, str) and value:
            vendor, data = open_blob(value)
            extra = {name: item for name, item in entry.items() if name != field}
            return Opaque(vendor, "signature" if kind == "signature" else "encrypted", data, extra)
    return None


def is_chat_detail(blob: Opaque) -> bool:
    """Whether the blob came from a `reasoning_details` entry, whose fields are in `extra`."""
    return str((blob.extra or {}).get("type", "")).startswith("reasoning.")


def detail_to_client(
    blob: Opaque, upstream: str, *, text: str, item_id: str | None, index: int, after_calls: int
) -> dict[str, Any]:
    """The `reasoning_details` entry for a blob. `text`: of its block, so that the entry alone gives the block back."""
    data = blob_to_client(blob, "openai_chat", upstream)
    field = "signature" if blob.kind == "signature" else "data"
    if is_chat_detail(blob):
        return {**(blob.extra or {}), field: data}
    detail: dict[str, Any] = {"type": "reasoning.text" if blob.kind == "signature" else "reasoning.encrypted"}
    if blob.kind == "signature":
        detail["text"] = text
    detail[field] = data
    if item_id:
        detail["id"] = item_id
    detail["index"] = index
    if after_calls:
        detail[AFTER_CALLS] = after_calls
    return detail
