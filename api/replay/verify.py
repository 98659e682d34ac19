"""Whether a replay's client got what the one that was recorded got, byte by byte; and where not, from which event on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from zlib import crc32

from hyperinfer.api.replay.wording import describe
from hyperinfer.engine import recording as rec

if TYPE_CHECKING:
    from hyperinfer.api.replay.play import Played
    from hyperinfer.engine.recording import Recording


def unverifiable(recording: Recording) -> str | None:
    """Why there is nothing to compare with; None where there is."""
    if recording.truncated is not None:
        return f"the recording is not whole: {recording.truncated}"
    if recording.end is None:
        return "the recording does not say what the client was sent"
    if recording.end.status is not None and not recording.end.sha256:
        return "the recording has no digest of what the client was sent"
    return None


def differences(recording: Recording, played: Played) -> tuple[str, ...]:
    """A line for each thing that is other than it was, also in what the upstreams said; none where all is the same. For a
    recording that is not `unverifiable`."""
    end = recording.end
    if end is None:
        return ()
    found: list[str] = []
    if played.departed is not None:
        found.append(played.departed)
    if played.status != end.status:
        found.append(f"the status is {played.status}, and was {end.status}")
    then, now = dict(end.headers), dict(played.head)
    if end.redacted:  # what was taken out of the body had another length
        then.pop("content-length", None)
        now.pop("content-length", None)
    found += _headers(then, now)
    body = b"".join(write.data for write in played.writes)
    if (len(body), hashlib.sha256(body).hexdigest()) != (end.length, end.sha256 or hashlib.sha256(b"").hexdigest()):
        size = f"{len(body)} bytes, and had " + (f"{end.length}" if len(body) != end.length else "as many, but others")
        found.append(f"the body has {size}: {_where(recording, body, played)}")
        if end.redacted:
            found.append("secrets were taken out of the recording; one that came in several events differs for that alone")
    found += [
        f"attempt {line.attempt + 1}: its bytes at {line.at:.3f} s are not those that were recorded"
        for line in recording.lines
        if isinstance(line, rec.Bytes) and line.crc32 is not None and crc32(line.data.data) != line.crc32
    ]
    return tuple(found)


def _headers(then: dict[str, str], now: dict[str, str]) -> list[str]:
    return [
        f"the header {name} is {now.get(name)!r}, and was {then.get(name)!r}"
        for name in dict.fromkeys((*then, *now))
        if then.get(name) != now.get(name)
    ]


def _where(recording: Recording, body: bytes, played: Played) -> str:
    """Where the bodies part."""
    sent = [line for line in recording.lines if isinstance(line, rec.Sent)]
    if not sent:
        return "where they part is not known, as the recording has only their digest"
    begin = 0
    for line in sent:
        end = begin + line.size
        if crc32(body[begin:end]) != line.crc32:
            return f"the first difference is at {_event(played, begin, end)}"
        begin = end
    return f"they are the same as far as it went, and then there is {_event(played, begin, len(body))}"


def _event(played: Played, begin: int, end: int) -> str:
    """What was told within these bytes of the body."""
    place = told = 0
    for write in played.writes:
        place += len(write.data)
        if place > begin:
            shown = [describe(each.what) for each in played.told[told : write.told]]
            first = f"event {told + 1} ({', '.join(shown[:3])}{', …' if len(shown) > 3 else ''})" if shown else "an end"
            return f"{first}, {write.at:.3f} s, within bytes {begin} to {end}"
        told = write.told
    return f"its end, after event {told}"
