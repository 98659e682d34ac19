"""The verb `replay`, as data."""

from __future__ import annotations

from typing import Final

from hyperinfer.api import values
from hyperinfer.api.cli.verb import Argument, Verb
from hyperinfer.api.settings import DATA, JSON

_COMMON = tuple(Argument(name=f"--{flag.name}", value=flag.value, help=flag.help) for flag in (DATA, JSON))

REPLAY: Final = Verb(
    path=("replay",),
    summary="Play a recording again, and show the stream as it came.",
    run="hyperinfer.api.cli.replay:replay",
    details="FILE is a recording of `serve --record`, a HAR file, or a cassette of VCR (YAML or JSON). The request runs"
    " through the gateway once more, on a clock of its own: no network, no store. --verify exits with 1 where a header"
    " or a byte is another than it was, and says at which event.",
    arguments=(
        Argument(name="FILE", help="what to play", required=True),
        Argument(
            name="--as",
            value="FORMAT",
            help="for a client of another format: chat, responses or messages",
            choices=("chat", "responses", "messages"),
        ),
        Argument(
            name="--speed",
            value="SPEED",
            help="real takes as long as it took; fast does not wait (default: fast)",
            choices=("real", "fast"),
            default="fast",
        ),
        Argument(
            name="--chunks",
            value="HOW",
            help="the upstream's bytes as recorded, in single bytes, or as a whole (default: recorded)",
            choices=("recorded", "bytes", "whole"),
            default="recorded",
        ),
        Argument(name="--entry", value="N", help="which exchange of a file that holds several", read=values.count),
        Argument(name="--verify", help="compare with what the client got then"),
        Argument(name="--raw", help="print the bytes that the client is sent"),
        *_COMMON,
    ),
    examples=(
        ("hyperinfer replay recordings/0001.jsonl", "events, times and gaps; then tokens, cost, attempts"),
        ("hyperinfer replay recordings/0001.jsonl --verify", "whether it is still answered the same, byte by byte"),
        ("hyperinfer replay session.har --entry 3 --as messages --raw", "a browser's recording, for another client"),
    ),
)
