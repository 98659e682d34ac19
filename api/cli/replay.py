"""`hyperinfer replay`: a recording, played again before somebody's eyes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperinfer.api.cli.invocation import DONE, REFUSED, CommandRefused, UsageError
from hyperinfer.api.cli.replay_page import Page
from hyperinfer.api.replay import ReplayError, SeveralEntries, read_scene, replay_scene
from hyperinfer.api.replay.result import incomparable
from hyperinfer.api.replay.wording import detail_of, name_of
from hyperinfer.nodes.money import pico_to_usd_text

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.replay import Replay, Write


def replay(invocation: Invocation) -> int:
    """Plays one file. 1 where `--verify` finds a difference, or there is nothing to compare with."""
    try:
        with _without_log():
            return _replay(invocation)
    except SeveralEntries as error:
        listed = "".join(f"\n  {each}" for each in error.entries)
        details = {"entries": list(error.entries)}
        raise CommandRefused("several_entries", f"{error} (--entry N):{listed}", details) from None
    except ReplayError as error:
        raise CommandRefused("replay", str(error)) from None


@contextmanager
def _without_log() -> Generator[None]:
    """What the gateway would write into its log is told as a reader wants it, or not at all."""
    log = logging.getLogger("hyperinfer")
    before, log.propagate = log.propagate, False
    nowhere = logging.NullHandler()
    log.addHandler(nowhere)
    try:
        yield
    finally:
        log.propagate = before
        log.removeHandler(nowhere)


def _replay(invocation: Invocation) -> int:
    asked, output = invocation.arguments, invocation.output
    if asked.raw and output.json:
        raise UsageError("--raw and --json are two forms of output; choose one", see="hyperinfer replay")
    scene, notes = read_scene(invocation.folder / Path(asked.file), asked.entry)
    format, chunks, speed = getattr(asked, "as"), asked.chunks, asked.speed
    if asked.verify and (why := incomparable(scene, format, chunks)):
        raise CommandRefused("unverifiable", f"{asked.file}: {why}")
    if asked.raw:
        made = replay_scene(scene, notes, as_=format, chunks=chunks, speed=speed, sent=_write)
    elif output.json:
        made = replay_scene(scene, notes, as_=format, chunks=chunks, speed=speed)
        output.document(_document(made))
    else:
        page = Page(output, made_of=scene.recording, format=format)
        made = replay_scene(scene, notes, as_=format, chunks=chunks, speed=speed, hear=page.hear)
        page.close(made, verify=asked.verify)
    if not asked.verify:
        return DONE
    if made.differences and asked.raw:
        output.error("differs", "it does not replay as it was recorded", hint="; ".join(made.differences))
    return REFUSED if made.differences else DONE


def _write(write: Write) -> None:
    sys.stdout.buffer.write(write.data)
    sys.stdout.buffer.flush()


def _document(made: Replay) -> dict[str, Any]:
    """For programs."""
    usage, row, error = made.usage, made.row, made.error
    return {
        "status": made.status,
        "headers": [list(each) for each in made.headers],
        "body_bytes": len(made.body),
        "events": [
            {"at": round(each.at, 6), "event": name_of(each.what), "detail": detail_of(each.what)} for each in made.told
        ],
        "text": made.text,
        "reasoning": made.reasoning,
        "error": None if error is None else {"code": error.code, "message": error.message},
        "usage": None
        if usage is None
        else {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cache_read,
            "reasoning_tokens": usage.reasoning,
            "estimated": usage.estimated,
        },
        "cost": pico_to_usd_text(made.cost),
        "model": None if row is None else row.model,
        "finish_reason": None if row is None else row.finish_reason,
        "losses": [{"path": each.path, "reason": each.reason} for each in made.losses],
        "attempts": list(made.attempts),
        "seconds": round(made.seconds, 6),
        "verified": made.verified,
        "differences": list(made.differences),
        "notes": list(made.notes),
    }
