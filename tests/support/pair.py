"""An encoder and a decoder of one dialect, back to back, and the events between them in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hyperinfer.formats import FORMATS, Conversation, Dialect, Event, PeerError, Reply, Upstream, Wait
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import DEFAULT_VENDOR

ASKED: dict[Dialect, bytes] = {
    "openai_chat": b'{"model":"m","messages":[{"role":"user","content":"x"}]}',
    "openai_responses": b'{"model":"m","input":"x"}',
    "anthropic_messages": b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
}


def decode_stream(dialect: Dialect, pieces: Iterable[bytes], vendor: str | None = None) -> list[Event | str]:
    """All events of a stream that ends with the pieces, and the reason of the `PeerError` that ended it, if one did."""
    decoder = FORMATS[dialect].stream_decoder(Upstream(vendor=vendor or DEFAULT_VENDOR[dialect], id_seed="seed"))
    found: list[Event | str] = []

    def drain() -> None:
        while not isinstance(event := decoder.next_event(), Wait):
            found.append(event)

    try:
        for piece in pieces:
            decoder.receive_data(piece)
            drain()
        decoder.receive_eof()
        drain()
    except PeerError as error:
        found.append(error.reason)
    return found


class Pair:
    """Both ends of one dialect. `upstream`: the protocol that the events are said to come from."""

    def __init__(
        self, dialect: Dialect, *, upstream: Dialect | None = None, conversation: Conversation | None = None
    ) -> None:
        self.codec = FORMATS[dialect]
        self.dialect: Dialect = dialect
        self.reply = Reply(
            request_id="r1",
            model="a/model",
            created=1_700_000_000,
            conversation=conversation or self.codec.decode_request(ASKED[dialect]),
            upstream=upstream or dialect,
        )

    def stream(self, events: Sequence[Event]) -> bytes:
        """The client's stream for a whole reply."""
        encoder = self.codec.stream_encoder(self.reply)
        stream = b"".join(encoder.send(event) for event in events)
        return stream if isinstance(events[-1], ev.UpstreamError) else stream + encoder.end()

    def whole(self, events: Sequence[Event]) -> bytes:
        """The client's whole response."""
        return self.codec.encode_response(events, self.reply).body

    def through_stream(self, events: Sequence[Event]) -> list[Event | str]:
        """The events, once through the stream."""
        return decode_stream(self.dialect, [self.stream(events)])

    def through_whole(self, events: Sequence[Event]) -> list[Event]:
        """The events, once through a whole response."""
        upstream = Upstream(vendor=DEFAULT_VENDOR[self.dialect], id_seed="seed")
        return list(self.codec.decode_response(self.whole(events), upstream))


_DELTAS = (ev.TextDelta, ev.ReasoningDelta, ev.RefusalDelta, ev.ArgumentsDelta)
_REOPENED: dict[type[Event], type[Event]] = {ev.TextStart: ev.TextEnd, ev.RefusalStart: ev.RefusalEnd}


def joined(events: Iterable[Event | str]) -> list[Event | str]:
    """The same reply with deltas of one block joined, and neighbouring blocks of text or refusal made one.

    Without the wire fields of a dialect, and with the last usage only: what any two codings of one reply must agree in.
    """
    out: list[Event | str] = []
    usage: Event | None = None
    for event in events:
        if isinstance(event, str):
            out.append(event)
            continue
        if isinstance(event, ev.UsageUpdate):
            usage = event
            continue
        if isinstance(event, ev.MessageEnd) and usage is not None:
            out.append(usage)
        event = _bare(event)
        last = _last_of_choice(out, event.choice)
        if last is None:
            out.append(event)
            continue
        before = out[last]
        if isinstance(event, _DELTAS) and isinstance(before, _DELTAS) and type(before) is type(event):
            out[last] = msgspec.structs.replace(event, text=before.text + event.text)
        elif type(before) is _REOPENED.get(type(event)):
            del out[last]
        else:
            out.append(event)
    return out


def _last_of_choice(out: list[Event | str], choice: int) -> int | None:
    for place in range(len(out) - 1, -1, -1):
        event = out[place]
        if not isinstance(event, str) and event.choice == choice:
            return place
    return None


def _bare(event: Event) -> Event:
    if getattr(event, "extra", None) is not None:
        event = msgspec.structs.replace(event, extra=None)
    return event
