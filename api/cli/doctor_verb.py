"""The verb `doctor`, as data."""

from __future__ import annotations

from typing import Final

from hyperinfer.api import values
from hyperinfer.api.cli.verb import Argument, Verb
from hyperinfer.api.settings import DATA, JSON, SERVE_FLAGS, SERVER

DOCTOR: Final = Verb(
    path=("doctor",),
    summary="Look at all that a gateway here needs: keys, stores, disk, clocks, the way out. Say what to fix.",
    run="hyperinfer.api.cli.doctor:doctor",
    details="Takes what serve takes, and may run beside it. Each provider that is on is asked for its list of models, which"
    " costs nothing and shows whether it takes the key. Exits with 1 for a problem or a warning. Shows no secrets.",
    arguments=(
        *(Argument(name=f"--{flag.name}", value=flag.value, help=flag.help) for flag in SERVE_FLAGS),
        Argument(name=f"--{SERVER.name}", value=SERVER.value, help="look at a gateway elsewhere too"),
        Argument(name="--offline", help="ask no provider"),
        Argument(
            name="--patience",
            value="SECONDS",
            help="how long each check may take (default: 10)",
            read=values.count,
            default=10,
        ),
        *(Argument(name=f"--{flag.name}", value=flag.value, help=flag.help) for flag in (DATA, JSON)),
    ),
    examples=(
        ("hyperinfer doctor", "everything that serve would use here"),
        ("hyperinfer doctor --offline --json", "without asking a provider, for a program"),
        ("hyperinfer doctor --server https://gateway.example", "a gateway elsewhere beside it"),
    ),
)
