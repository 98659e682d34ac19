"""The settings that schedules run under: deadlines and limits of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf

from hyperinfer.providers.catalogue import Catalogue, load
from tests.support.bench import DIALECTS, MODEL

_PROVIDER = """\
  {name}: {{protocol: {name}, base_url: "http://127.0.0.1:{port}/v1", api_key: sk-secret-{name}, timeouts: {timeouts}{more}}}
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Deadlines in seconds. `weight`: how often it is drawn. Requests at once: `concurrency` of a provider, `in_flight` in
    all, `of_a_key`; `bodies`: bytes of their bodies."""

    weight: int
    connect: float
    first_token: float
    idle: float
    stream: float
    whole: float
    keepalive: float
    retries: int = 2
    concurrency: int | None = None
    in_flight: int | None = None
    of_a_key: int | None = None
    bodies: float = inf

    @cached_property
    def catalogue(self) -> Catalogue:
        """A model behind each protocol, and `any`, behind all three in their order."""
        usual = f"connect: {self.connect}, first_token: {self.first_token}, idle: {self.idle}"
        usual += f", stream: {self.stream}, whole: {self.whole}"
        more = "" if self.concurrency is None else f", concurrency: {self.concurrency}"
        text = f"limits: {{rate_per_minute: 6000, burst: 6000, keepalive: {self.keepalive}, retries: {self.retries}}}\n"
        text += "demo: false\nproviders:\n"
        for port, name in enumerate(DIALECTS, 1001):
            text += _PROVIDER.format(name=name, port=port, timeouts=f"{{{usual}}}", more=more)
        text += "creators:\n  test: {name: Test}\nmodels:\n"
        for name in DIALECTS:
            text += MODEL.format(slug=name, routes=f"{{provider: {name}, model: up}}")
        every = ", ".join(f"{{provider: {name}, model: up, weight: {int(not n)}}}" for n, name in enumerate(DIALECTS))
        text += MODEL.format(slug="any", routes=every)
        return load(text, {}, "schedules.yaml")


SETTINGS = {
    "quick": Setting(weight=76, connect=2, first_token=8, idle=3, stream=20, whole=6, keepalive=1),
    "usual": Setting(weight=10, connect=10, first_token=300, idle=120, stream=3600, whole=600, keepalive=10),
    "no retries": Setting(weight=10, connect=2, first_token=4, idle=3, stream=20, whole=6, keepalive=100, retries=0),
    "narrow": Setting(
        weight=3, connect=2, first_token=8, idle=3, stream=20, whole=6, keepalive=4, concurrency=1, of_a_key=3
    ),
    "crowded": Setting(
        weight=3, connect=2, first_token=8, idle=3, stream=20, whole=6, keepalive=4, in_flight=4, bodies=250_000
    ),
}
