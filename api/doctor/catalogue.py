"""The catalogue: whether it can be used, and what in it can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """The problems of one that cannot be read are told by whoever has read it."""
    await trio.lowlevel.checkpoint()
    catalogue = surroundings.catalogue
    if catalogue is None:
        return
    for warning in catalogue.warnings:
        findings.warning("file", str(warning), "`hyperinfer check` says more")
    models = catalogue.models.values()
    available = sum(model.available for model in models)
    facts = {"models": len(models), "available": available}
    text = f"{available} of {len(models)} models can be called"
    if available:
        findings.ok("models", text, **facts)
    else:
        findings.problem(
            "models", text, "set the key of a provider (`hyperinfer check` names the variables), or demo: true", **facts
        )
