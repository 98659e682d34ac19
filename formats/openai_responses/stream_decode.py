"""Responses streams to events (wire facts 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import FAILING, Upstream
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.frame_decoder import FrameDecoder
from hyperinfer.formats.openai_responses.again import again, usual_delta
from hyperinfer.formats.openai_responses.assemble import Assembler
from hyperinfer.formats.openai_responses.item_events import ITEM_EVENTS
from hyperinfer.formats.openai_responses.stop import has_not_ended
from hyperinfer.formats.split_characters import SplitCharacters
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.openai_responses.item_decode import Wire
    from hyperinfer.formats.sse import Frame


class ResponsesStreamDecoder(FrameDecoder):
    """See `codec.StreamDecoder`."""

    def __init__(self, upstream: Upstream) -> None:
        self._assembler = Assembler(upstream)
        self._split = SplitCharacters()
        self._pending: ev.UpstreamError | None = None  # an error that a next frame may say better
        super().__init__(self._assembler)

    def _end(self) -> None:
        if self._pending is None:
            raise PeerError("the stream ended before response.completed")
        self._assembler.give_up(self._pending)

    def _frame(self, frame: Frame) -> None:
        if frame.data == b"[DONE]":
            self._done()
            return
        try:
            event = self._split.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise PeerError("an event of the stream is not JSON") from None
        if not is_object(event):
            raise PeerError("an event of the stream is not an object")
        kind = event.get("type")
        if not isinstance(kind, str) or (not kind.startswith("response.") and frame.event.startswith(b"response.")):
            kind = frame.event.decode("utf-8", "replace")
        if kind == "error" or (not kind and event.get("error")):
            self._fail(upstream_error(event))
            return
        if self._pending is not None and kind != "response.failed":
            self._assembler.give_up(self._pending)
            return
        item_event = ITEM_EVENTS.get(kind)
        if item_event is not None:
            say = item_event(self._assembler, event)
            if say is None or event.get("type") != kind or not self._hope:
                return
            if (delta := usual_delta(frame.data)) is not None:
                self._expect(again(self._sse.frame_lines(), delta, say))
        elif kind in _BEGINNINGS:
            self._assembler.begin(_response(event))
        elif kind in _TERMINAL_STATUS:
            self._terminal(event)
        elif not self._assembler.other(event):
            self._unknown(kind, event)

    def _unknown(self, kind: str, event: Wire) -> None:
        if not self._assembler.started:
            return
        raw = {k: v for k, v in event.items() if k not in ("sequence_number", "obfuscation")}
        self._assembler.events.append(ev.Unknown("openai_responses", kind, raw))

    def _done(self) -> None:
        """`[DONE]`: an end where no terminal event came before."""
        if not self._assembler.started:
            raise PeerError("the stream ended before its first event")
        if self._pending is not None:
            self._assembler.give_up(self._pending)
            return
        self._assembler.end({})

    def _fail(self, error: ev.UpstreamError) -> None:
        """An error that says no more than that there was one waits for the frame after it (fault F012)."""
        if self._pending is not None and error.code == "provider_unavailable":
            error = self._pending
        elif error.code == "provider_unavailable" and self._pending is None:
            self._pending, self._wait = error, FAILING
            return
        self._assembler.give_up(error)

    def _terminal(self, event: Wire) -> None:
        response = _response(event)
        kind = event.get("type")
        status = _TERMINAL_STATUS.get(str(kind))
        if status is not None and response.get("status") not in (status, "failed"):
            response = {**response, "status": status}
        if response.get("status") == "failed" or response.get("error"):
            if self._assembler.started:
                self._assembler.usage(response)
            error = response.get("error")
            self._fail(upstream_error({"error": error} if error else {}))
            return
        if has_not_ended(response):
            raise PeerError(f"the stream ended with a response that is {response['status']}")
        self._assembler.end(response)


def _response(event: Wire) -> Wire:
    response = event.get("response")
    if not is_object(response):
        raise PeerError(f"{event.get('type')} without a response")
    return response


_BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
_TERMINAL_STATUS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "failed",
    "response.done": None,
}
