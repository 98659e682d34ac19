"""What a caller of one dialect asks for and an upstream of another can never do: always a 400 (RULES: How the contract is
read), so every encoder refuses it alike. What only the parts of a message tell (files of a vendor, audio) is refused where
the parts are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.wire import is_array

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation

_STORED = ("previous_response_id", "conversation", "prompt")
"""What needs something stored at a vendor."""


def refuse_untranslatable(conversation: Conversation) -> None:
    """Raises `RequestError` for several answers, audio output and stored state. For targets of another dialect alone."""
    extra = conversation.extra
    if extra is not None:
        _refuse_fields(extra)
    if conversation.sampling.n is not None and conversation.sampling.n > 1:
        raise RequestError("n: the model's provider gives one answer at a time", param="n")


def _refuse_fields(extra: dict[str, Any]) -> None:
    for name in _STORED:
        if extra.get(name) is not None:
            raise RequestError(f"{name}: this gateway stores nothing between requests", param=name)
    if extra.get("background"):
        raise RequestError("background: this gateway has no background mode", param="background")
    modalities = extra.get("modalities")
    if extra.get("audio") is not None:
        raise RequestError("audio: the model's provider gives no audio", param="audio")
    if is_array(modalities) and "audio" in modalities:
        raise RequestError("modalities: the model's provider gives no audio", param="modalities")
