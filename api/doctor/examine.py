"""All checks, side by side, each within its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from hyperinfer.api.doctor import (
    catalogue,
    certificate,
    data_folder,
    gateway,
    machine,
    postgres,
    providers,
    proxies,
    redis,
    telemetry,
    variables,
)
from hyperinfer.api.doctor.finding import Finding, Findings

if TYPE_CHECKING:
    from hyperinfer.api.doctor.surroundings import Surroundings

Check: TypeAlias = "Callable[[Surroundings, Findings], Awaitable[None]]"

CHECKS: Final[Sequence[tuple[str, Check]]] = (
    ("machine", machine.look),
    ("settings", variables.look),
    ("catalogue", catalogue.look),
    ("way out", proxies.look),
    ("providers", providers.look),
    ("data folder", data_folder.look),
    ("recordings", data_folder.look_at_recordings),
    ("postgres", postgres.look),
    ("redis", redis.look),
    ("tls", certificate.look),
    ("metrics", telemetry.look_at_metrics),
    ("traces", telemetry.look_at_traces),
    ("gateway", gateway.look),
)
"""By area, in the order in which they are told. Each adds what it finds as it goes."""


async def examine(surroundings: Surroundings, checks: Sequence[tuple[str, Check]] = CHECKS) -> list[Finding]:
    """What all of them found, in their order. One that does not end in its time, or has a bug, is a finding too."""
    all_findings = [Findings(area) for area, _ in checks]
    async with trio.open_nursery() as nursery:
        for findings, (_, check) in zip(all_findings, checks, strict=True):
            nursery.start_soon(_within, surroundings, findings, check)
    return [each for findings in all_findings for each in findings.found]


async def _within(surroundings: Surroundings, findings: Findings, check: Check) -> None:
    with trio.move_on_after(surroundings.seconds) as scope:
        try:
            await check(surroundings, findings)
        except Exception as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            findings.problem("check", f"this check itself failed: {what}", "report this as a bug of `hyperinfer doctor`")
    if scope.cancelled_caught:
        what = f"no answer within {surroundings.seconds:g} s"
        findings.problem(
            "check", what, "look whether what it waits for is overloaded, or give it longer: --patience SECONDS"
        )
