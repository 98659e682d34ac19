"""Whether what the gateway tells others about itself can reach them: metrics, traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio

from hyperinfer.api.doctor.ask import Silence, ask
from hyperinfer.providers.proxies import Proxies, ProxySettingError
from hyperinfer.providers.upstreams import open_upstreams

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings

_MARGIN: Final = 0.5


async def look_at_metrics(surroundings: Surroundings, findings: Findings) -> None:
    """Who may read them."""
    await trio.lowlevel.checkpoint()
    mode = surroundings.settings.metrics
    token = bool(surroundings.environ.get("HYPERINFER_METRICS_TOKEN"))
    if mode == "open":
        findings.note("who reads", "everybody who reaches the port", "--metrics token, where others reach it too")
    elif mode == "token" and not token:
        findings.ok("who reads", "nobody, until HYPERINFER_METRICS_TOKEN is set (docs/metrics.md)")
    else:
        findings.ok("who reads", "nobody: they are off" if mode == "off" else "who has HYPERINFER_METRICS_TOKEN")


async def look_at_traces(surroundings: Surroundings, findings: Findings) -> None:
    """Whether the collector answers, where traces are sent to one. Nothing where they are off."""
    from hyperinfer.api.tracing.settings import CONTENTS, TracingSettingError, tracing_settings

    try:
        settings = tracing_settings(surroundings.environ)
        proxies = Proxies.of(surroundings.environ)
    except TracingSettingError as error:
        findings.problem("settings", str(error), "correct or unset this variable; docs/tracing.md has all of them")
        return
    except ProxySettingError:
        return  # told by the check of the way out
    if settings is None:
        return
    if settings.contents is not None:
        fix = f"unset {CONTENTS}, where whoever reads traces may not read that (docs/tracing.md)"
        findings.note("contents", "traces hold what people ask and are answered", fix)
    if surroundings.offline:
        return
    place, seconds = urlsplit(settings.url), surroundings.seconds - _MARGIN
    async with open_upstreams(environ=surroundings.environ, now=surroundings.now) as upstreams:
        # Without the headers: they may hold a key, and any answer shows that somebody is there.
        answer = await ask(upstreams.network, settings.url, (), proxies=proxies, seconds=seconds, now=surroundings.now)
    if isinstance(answer, Silence):
        fix = f"{answer.fix}; until then traces are dropped, and requests go on"
        findings.warning("collector", answer.what, fix, kind=answer.kind)
    elif answer.status == 404:
        fix = "look at the path: collectors take traces at /v1/traces"
        findings.warning("collector", f"{place.hostname} answers that there is no {place.path}", fix, status=answer.status)
    else:
        findings.ok("collector", f"{place.hostname} answers", status=answer.status)
