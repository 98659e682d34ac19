"""Reasoning in Chat: the fields that servers and clients use for it, and its opaque blobs (wire facts 2.3, 4.6).

Text comes in `reasoning` (OpenRouter, Ollama, vLLM), `reasoning_content` (DeepSeek, vLLM, Qwen), `thinking`, in
`reasoning_details` (OpenRouter: text, summary, encrypted) or `thinking_blocks` (LiteLLM); copies of one text count once.
The gateway writes text to `reasoning` and `reasoning_content`, blobs to `reasoning_details` (RULES).

A blob ends its reasoning block: what comes after it belongs to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from hyperinfer.formats.opaque import Opaque, blob_to_client
from hyperinfer.formats.wire import is_array, is_object

FIELDS = ("reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks")
"""Every field that may carry reasoning in a delta or a message."""

AFTER_CALLS = "hi_after_calls"
"""Our field on a reasoning detail: how many of the message's tool calls came before it. Absent for 0."""

OpenBlob = Callable[[str], tuple[str, str]]
"""(vendor, data) of a blob as it stands on the wire."""

Form = Literal["text", "summary"]


class ReasoningPiece(NamedTuple):
    """Text, or one blob. `details`: wire details without a blob, verbatim; `entry`: the wire detail that held the blob.
    `last`: the block ends with this text; with a blob it always does."""

    text: str = ""
    form: Form = "text"
    blob: Opaque | None = None
    details: tuple[dict[str, Any], ...] = ()
    entry: Mapping[str, Any] = {}
    last: bool = False


class _Detail(NamedTuple):
    entry: dict[str, Any]
    words: str
    form: Form
    blob: Opaque | None


def reasoning_pieces(fields: Mapping[str, Any], open_blob: OpenBlob, so_far: Iterable[str] = ()) -> list[ReasoningPiece]:
    """The reasoning of a delta or of a whole message, in order. `so_far`: text of the block that is open, in pieces: a
    detail that brings its signature may repeat it, or the end of it. It is read only for such a one, as it may be long."""
    found = [fields[name] for name in FIELDS if fields.get(name)]
    if not found:
        return []
    plain = "".join(dict.fromkeys(value for value in found if isinstance(value, str)))
    details = [_detail(entry, open_blob) for value in found if is_array(value) for entry in value if is_object(entry)]
    signed = [detail for detail in details if detail.blob and detail.words]
    if not signed:
        return _text_first(plain, details)
    if len(signed) == 1 and _repeats(signed[0].words, so_far, plain or "".join(d.words for d in details if not d.blob)):
        return _text_first(plain, [detail._replace(words="") if detail.blob else detail for detail in details])
    return list(_among(details, _remainder(plain, details)))


def _repeats(words: str, so_far: Iterable[str], more: str) -> bool:
    """Whether a signed detail repeats what was streamed before it: `more`, of its own delta, and pieces of the open block
    back to the one that its words begin with. Unsigned text before that one has no end of its own in a stream."""
    left = _letters(words)
    if more := _letters(more):
        if not left.endswith(more) or left == more:  # what its own delta alone says is told in order
            return False
        left = left.removesuffix(more)
    for piece in reversed(list(so_far)):
        if not left:
            break
        letters = _letters(piece)
        if not left.endswith(letters):
            return False
        left = left.removesuffix(letters)
    return not left


def _text_first(plain: str, details: list[_Detail]) -> list[ReasoningPiece]:
    """Visible text beside blobs that do not say which part of it is theirs: the first one's."""
    loose = tuple(detail for detail in details if detail.blob is None)
    text = plain or "".join(detail.words for detail in loose)
    form: Form = "summary" if any(detail.form == "summary" for detail in loose) else "text"
    pieces: list[ReasoningPiece] = []
    if text or loose:
        pieces.append(ReasoningPiece(text, form, details=tuple(detail.entry for detail in loose)))
    pieces.extend(ReasoningPiece(blob=detail.blob, entry=detail.entry) for detail in details if detail.blob)
    return pieces


def _in_order(detail: _Detail) -> Iterable[ReasoningPiece]:
    if detail.blob is None:
        yield ReasoningPiece(detail.words, detail.form, details=(detail.entry,))
        return
    if detail.words:
        yield ReasoningPiece(detail.words, detail.form)
    yield ReasoningPiece(blob=detail.blob, entry=detail.entry)


def _remainder(plain: str, details: list[_Detail]) -> str:
    """The plain text where it says more than the details."""
    return "" if _letters(plain) == _letters("".join(detail.words for detail in details)) else plain


def _among(details: list[_Detail], plain: str) -> Iterable[ReasoningPiece]:
    """The details in their order, and what the plain text says beyond them: before and behind the words that they share."""
    if not any(detail.words and detail.words in plain for detail in details):
        yield from _unsigned(plain)
        plain = ""
    for detail in details:
        before, found, behind = plain.partition(detail.words) if detail.words else ("", "", "")
        if found:
            yield from _unsigned(before)
            plain = behind
        yield from _in_order(detail)
    yield from _unsigned(plain)


def _unsigned(text: str) -> Iterable[ReasoningPiece]:
    if text := text.strip():
        yield ReasoningPiece(text, last=True)


def _letters(text: str) -> str:
    return "".join(text.split())


def _detail(entry: dict[str, Any], open_blob: OpenBlob) -> _Detail:
    words = entry.get("text") or entry.get("summary") or entry.get("thinking")
    form: Form = "summary" if entry.get("type") == "reasoning.summary" else "text"
    return _Detail(entry, words if isinstance(words, str) else "", form, _blob(entry, open_blob))


def _blob(entry: dict[str, Any], open_blob: OpenBlob) -> Opaque | None:
    """The blob of one entry; its other fields go to `extra`."""
    for field in ("signature", "data"):
        value = entry.get(field)
        if isinstance(value, str) and value:
            vendor, data = open_blob(value)
            extra = {name: item for name, item in entry.items() if name != field}
            return Opaque(vendor, "signature" if field == "signature" else "encrypted", data, extra)
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


def reasoning_length(reasoning: object) -> int:
    """Characters of a field of reasoning: of its text, or of the texts and blobs of its details."""
    if is_array(reasoning):
        fields = [value for entry in reasoning if is_object(entry) for value in entry.values()]
        return sum(len(value) for value in fields if isinstance(value, str))
    return len(reasoning) if isinstance(reasoning, str) else 0
