"""A tracer whose traces are sent, for as long as a worker serves. Loaded where traces are configured."""

from __future__ import annotations

import logging
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import hyperinfer
from hyperinfer.api.tracing.exporter import Exporter, running
from hyperinfer.api.tracing.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from hyperinfer.api.tracing.contents import Contents
    from hyperinfer.api.tracing.exporter import Posts
    from hyperinfer.api.tracing.settings import TracingSettings

log = logging.getLogger("hyperinfer.tracing")


@asynccontextmanager
async def open_tracer(
    settings: TracingSettings,
    transport: Posts,
    *,
    scheme: str,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
    jitter: Callable[[], float] = random.random,
    contents: Contents | None = None,
) -> AsyncGenerator[Tracer]:
    """Never fails for what a collector does. `transport`: leads to it. `scheme`: by which clients come. `now`: unix
    seconds. `contents`: as in `Tracer`. At the end of the block, which comes after the last request, what is left is sent,
    within a few seconds."""
    version = hyperinfer.__version__
    resource = {
        "service.version": version,
        "service.instance.id": entropy(16).hex(),  # each worker is one
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "hyperinfer",
        "telemetry.sdk.version": version,
        **dict(settings.resource),
    }
    exporter = Exporter(settings, transport, resource=resource, version=version, now=now, jitter=jitter)
    with_contents = "" if contents is None else ", with what is asked and answered"
    log.info("traces go to %s%s", settings.host, with_contents)
    async with running(exporter):
        yield Tracer(settings.sampler, exporter, scheme=scheme, entropy=entropy, contents=contents)
    if exporter.dropped or exporter.failed:
        log.warning(
            "%d spans were sent, %d could not be, %d were dropped for want of room",
            exporter.sent,
            exporter.failed,
            exporter.dropped,
        )
