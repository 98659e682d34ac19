"""The ways in which a request is refused for what it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperinfer.nodes.items import Failed

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Loss
    from hyperinfer.formats.errors import RequestError
    from hyperinfer.nodes.items import Ticket


def refused(error: RequestError, ticket: Ticket) -> Failed:
    """What a codec says of a request."""
    return Failed(error.code, error.message, param=error.param, details=dict(error.details or {}), ticket=ticket)


def shutting_down(ticket: Ticket) -> Failed:
    """The grace of a drain is over."""
    return Failed("provider_unavailable", "The gateway is shutting down; send the request again.", ticket=ticket)


def refused_losses(losses: Sequence[Loss], ticket: Ticket) -> Failed:
    """The 400 of a strict request, which names everything that would be lost (RULES: Headers and ids)."""
    named = "; ".join(f"{loss.path}: {loss.reason}" for loss in losses)
    details = {"losses": [{"path": loss.path, "reason": loss.reason} for loss in losses]}
    message = f"This model cannot express the whole request: {named}"
    return Failed("invalid_request", message, param=losses[0].path, details=details, ticket=ticket)
