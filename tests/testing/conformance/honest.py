"""What a gateway that hands everything on as it is does in the kit's scenes, where both sides speak one format: without
sockets, from the bytes of the scripted upstream. And what becomes of that when it is doctored."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from hyperinfer.testing.conformance import asked
from hyperinfer.testing.conformance.exchange import CLIENTS, Turn
from hyperinfer.testing.conformance.results import Cell
from hyperinfer.testing.conformance.said import Breaks, Refuses
from hyperinfer.testing.conformance.scenes import SCENES, Scene
from hyperinfer.testing.conformance.upstream import VENDORS

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Format, Object

Doctor: TypeAlias = Callable[[Turn], None]
"""Changes what was sent or received; the answer is read afterwards."""


def cell(form: Format, *, streamed: bool) -> Cell:
    """One whose two sides speak this format."""
    return Cell(form, form, streamed)


def played(scene: Scene, where: Cell, doctor: Doctor | None = None, turn: int = 0) -> list[Turn]:
    """The turns of a scene; one of them doctored."""
    form = CLIENTS[where.client]
    body: Object = form.body(scene.ask, "conformance", streamed=where.streamed)
    turns: list[Turn] = []
    for number in range(len(scene.replies)):
        made = _turn(scene, where, number, copy.deepcopy(body))
        if doctor is not None and number == turn:
            doctor(made)
        made.read(where.client, streamed=where.streamed)
        turns.append(made)
        if number == 0 and made.status == 200:
            ids = [call.id for call in made.heard.calls]
            body = form.again(body, made.heard, list(zip(ids, scene.ask.results, strict=False)))
    return turns


def _turn(scene: Scene, where: Cell, number: int, body: Object) -> Turn:
    vendor, reply = VENDORS[where.upstream], scene.replies[number]
    made = Turn(status=200, early=True, left=0.0, asked=[asked.read(where.upstream, json.dumps(body).encode())])
    if isinstance(reply, Refuses):
        made.status, made.headers, made.body = vendor.refusal(reply.kind)
    elif isinstance(reply, Breaks):
        # What such a gateway must make of it: the start of the stream, and its format's own error.
        made.body = b"".join(vendor.stream(reply.said, body)[:3]) + vendor.error_event()
        if not where.streamed:
            made.status, made.headers, made.body = vendor.refusal("server_error")
    elif where.streamed:
        made.headers = {"content-type": "text/event-stream; charset=utf-8"}
        made.body = b"".join(vendor.stream(reply.said, body))
    else:
        made.body = vendor.whole(reply.said, body)
    return made


def all_played(where: Cell) -> dict[str, list[Turn]]:
    """All scenes that are for this cell."""
    return {
        scene.name: played(scene, where)
        for scene in SCENES.values()
        if where.upstream not in scene.lacking and (not scene.only or (scene.only == "streamed") is where.streamed)
    }


def put(old: str, new: str, times: int = -1) -> Doctor:
    """A doctor that replaces something in the answer, which must be there."""

    def doctor(turn: Turn) -> None:
        assert old.encode() in turn.body, (old, turn.body)
        turn.body = turn.body.replace(old.encode(), new.encode(), times)

    return doctor


def without(mark: str) -> Doctor:
    """A doctor that takes out the first event that has this in it."""

    def doctor(turn: Turn) -> None:
        events = turn.body.split(b"\n\n")
        events.remove(next(event for event in events if mark.encode() in event))
        turn.body = b"\n\n".join(events)

    return doctor


def twice(mark: str) -> Doctor:
    """A doctor that repeats the first event that has this in it."""

    def doctor(turn: Turn) -> None:
        events = turn.body.split(b"\n\n")
        at = next(n for n, event in enumerate(events) if mark.encode() in event)
        turn.body = b"\n\n".join([*events[:at], events[at], *events[at:]])

    return doctor


def last(mark: str) -> Doctor:
    """A doctor that moves the first event that has this in it to the end."""

    def doctor(turn: Turn) -> None:
        events = turn.body.split(b"\n\n")[:-1]
        moved = next(event for event in events if mark.encode() in event)
        events.remove(moved)
        turn.body = b"\n\n".join([*events, moved, b""])

    return doctor


def sent(change: Callable[[Any], object]) -> Doctor:
    """A doctor that changes the body which the upstream got."""

    def doctor(turn: Turn) -> None:
        body = copy.deepcopy(turn.asked[-1].body)
        change(body)
        assert body != turn.asked[-1].body
        turn.asked[-1] = asked.read(turn.asked[-1].protocol, json.dumps(body).encode())

    return doctor


def answered(status: int, **headers: str) -> Doctor:
    """A doctor that changes status and headers."""

    def doctor(turn: Turn) -> None:
        turn.status, turn.headers = status, headers

    return doctor
