"""Why an attempt came to nothing, where the provider itself does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.upstream_errors import UpstreamFault

if TYPE_CHECKING:
    from hyperinfer.engine import Cause, Expired
    from hyperinfer.formats import events as ev
    from hyperinfer.nodes.reply_reader import ReplyReader

_EXPIRED: dict[Cause, str] = {
    "stream": "The provider's stream took longer than {:g} s.",
    "first_token": "The provider sent no output within {:g} s.",
    "idle": "The provider fell silent for {:g} s.",
    "whole": "The provider did not answer within {:g} s.",
}


def timeout(expired: Expired) -> UpstreamFault:
    message = _EXPIRED[expired.cause].format(expired.seconds)
    return UpstreamFault(code="provider_timeout", message=message, detail=message, deadline=expired.cause)


def unfinished(end: ev.MessageEnd, status: int) -> UpstreamFault:
    message = f"The provider's response has not ended: its status is {end.raw_stop}."
    return UpstreamFault(code="provider_unavailable", message=message, detail=message, status=status, failover=True)


def no_count(reason: str) -> UpstreamFault:
    message = "The provider's count of tokens cannot be understood."
    return UpstreamFault(code="provider_unavailable", message=message, detail=f"{message} ({reason})", failover=True)


def unreadable(reader: ReplyReader) -> UpstreamFault:
    reason = reader.error.reason if reader.error is not None else "no reply"
    if reader.cut_short:
        message = "The provider closed the connection before the end of its response."
    else:
        message = "The provider's response cannot be understood."
    return UpstreamFault(
        code="provider_unavailable",
        message=message,
        detail=f"{message} ({reason})",
        retryable=reader.cut_short,
        failover=True,
    )
