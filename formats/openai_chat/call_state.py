"""State that a vendor wants back with a tool call: Gemini's thought signature (fault F044; wire facts 2.3).

It stands in a field of the call, at one of a few places. It is taken out of there, so that it follows the rule of opaque
blobs like all others, and is put back at its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.opaque import Opaque, blob_to_client
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.reasoning import OpenBlob
    from hyperinfer.formats.openai_chat.scope import Scope

_PLACES = (
    ("extra_content", "google", "thought_signature"),  # Google's OpenAI-compatible endpoint
    ("provider_specific_fields", "thought_signature"),  # LiteLLM
    ("thought_signature",),
)


def take_state(fields: dict[str, Any], open_blob: OpenBlob) -> tuple[dict[str, Any], tuple[Opaque, ...]]:
    """(the unmodelled fields of a call without its state, the state)."""
    if not fields:
        return fields, ()
    found: list[Opaque] = []
    for place in _PLACES:
        data, rest = _without(fields, place)
        if isinstance(data, str) and data:
            fields = rest
            vendor, opened = open_blob(data)
            found.append(Opaque(vendor, "signature", opened, {"place": place}))
    return fields, tuple(found)


def state_to_client(call: dict[str, Any], state: Iterable[Opaque], upstream: str) -> None:
    """Puts the state of a call into the call of a reply."""
    for blob in state:
        _put(call, _place(blob), blob_to_client(blob, "openai_chat", upstream))


def state_to_upstream(call: dict[str, Any], state: Iterable[Opaque], path: str, scope: Scope) -> None:
    """Puts the state of a call into the call of a history; that of another vendor is lost."""
    for blob in state:
        if blob.vendor == scope.target.vendor:
            _put(call, _place(blob), blob.data)
        else:
            scope.lose(f"{path}.{'.'.join(_place(blob))}", "the call holds state of another vendor")


def _place(blob: Opaque) -> Sequence[str]:
    place: Sequence[str] = (blob.extra or {}).get("place", _PLACES[0])
    return place


def _without(fields: dict[str, Any], place: Sequence[str]) -> tuple[object, dict[str, Any]]:
    name, rest = place[0], {key: value for key, value in fields.items() if key != place[0]}
    inner = fields.get(name)
    if len(place) == 1:
        return inner, rest
    if not is_object(inner):
        return None, fields
    found, remaining = _without(inner, place[1:])
    return found, {**rest, name: remaining} if remaining else rest


def _put(fields: dict[str, Any], place: Sequence[str], data: str) -> None:
    if len(place) == 1:
        fields[place[0]] = data
        return
    inner = fields.get(place[0])
    copy: dict[str, Any] = dict(inner) if is_object(inner) else {}
    fields[place[0]] = copy
    _put(copy, place[1:], data)
