"""Whether each provider can be reached, and takes our key: by asking for its list of models, which costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
import trio

from hyperinfer.api.doctor import clocks
from hyperinfer.api.doctor.ask import Answer, Silence, ask
from hyperinfer.providers.client import ANTHROPIC_VERSION
from hyperinfer.providers.error_body import is_html
from hyperinfer.providers.proxies import Proxies, ProxySettingError
from hyperinfer.providers.status import classify
from hyperinfer.providers.upstreams import open_upstreams
from hyperinfer.providers.user_agent import user_agent

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings
    from hyperinfer.providers.catalogue import Catalogue, Provider
    from hyperinfer.providers.secret import Secret

AT_ONCE: Final = 16
_MARGIN: Final = 0.5
"""Seconds that a request ends before its check does, so that it says itself why."""
PROOFS: Final = {"openrouter.ai": "/key"}
"""Where a provider tells of the key itself, below `base_url`, by host: its list of models is for everybody. (Its API
reference, `GET /api/v1/key`.)"""


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """All providers that are on, at once. Those that are off are counted."""
    catalogue = surroundings.catalogue
    if catalogue is None:
        return
    called = [each for each in catalogue.providers.values() if each.transport == "network"]
    on = [each for each in called if each.available]
    off = [each.name for each in called if not each.available]
    if not on:
        fix = (
            "to call real models, set a provider's key and restart: export OPENAI_API_KEY=… (`hyperinfer check` lists them)"
        )
        findings.note("none", f"none of {len(off)} is on: only the demo models answer", fix, off=off)
        return
    if surroundings.offline:
        findings.note("asked", f"{len(on)} on, none was asked (--offline)", on=[each.name for each in on], off=off)
        return
    try:
        proxies = Proxies.of(surroundings.environ)
    except ProxySettingError:
        return  # told by the check of the way out, and nothing could be asked
    places = trio.CapacityLimiter(AT_ONCE)
    async with (
        open_upstreams(environ=surroundings.environ, now=surroundings.now) as upstreams,
        trio.open_nursery() as nursery,
    ):
        for provider in on:
            one = _Examination(surroundings, catalogue, provider, upstreams.network, proxies, findings)
            nursery.start_soon(one.run, places)
    if off:
        findings.note("off", f"{len(off)} without a key: {', '.join(off)}", off=off)


class _Examination:
    """Of one provider."""

    def __init__(
        self,
        surroundings: Surroundings,
        catalogue: Catalogue,
        provider: Provider,
        network: httpx2.AsyncBaseTransport,
        proxies: Proxies,
        findings: Findings,
    ) -> None:
        self._surroundings, self._provider, self._findings = surroundings, provider, findings
        self._network, self._proxies = network, proxies
        routes = [route for model in catalogue.models.values() for route in model.routes]
        self._wanted = sorted({route.model for route in routes if route.provider.name == provider.name})

    async def run(self, places: trio.CapacityLimiter) -> None:
        """Each key is one request."""
        keys: tuple[Secret | None, ...] = self._provider.keys or (None,)
        compared = False
        for number, key in enumerate(keys, 1):
            name = self._provider.name if len(keys) == 1 else f"{self._provider.name} key {number}"
            if key is not None and self._is_no_key(name, key):
                continue
            async with places:
                answer = await self._ask(key, PROOFS.get(urlsplit(self._provider.base_url).hostname or "", "/models"))
            if isinstance(answer, Silence):
                self._findings.problem(name, answer.what, answer.fix, kind=answer.kind)
                return  # the other keys go the same way
            await self._judge(name, key, answer, places)
            date = clocks.http_date(answer.headers.get("date"))
            if date is not None and not compared:
                compared = True
                if abs(date - answer.answered) >= clocks.WARN_SECONDS:
                    clocks.compare(self._findings, f"{self._provider.name} clock", date, answer.asked, answer.answered)

    async def _ask(self, key: Secret | None, path: str) -> Answer | Silence:
        provider = self._provider
        headers = [(name, value.reveal()) for name, value in provider.headers]
        headers += [("user-agent", user_agent()), ("accept", "application/json"), ("accept-encoding", "identity")]
        if provider.protocol == "anthropic_messages":
            headers.append(("anthropic-version", ANTHROPIC_VERSION))
        if key is not None:
            name, value = provider.sign(key)
            headers.append((name, value.reveal()))
        return await ask(
            self._network,
            provider.base_url + path,
            headers,
            proxies=self._proxies,
            seconds=self._surroundings.seconds - _MARGIN,
            now=self._surroundings.now,
        )

    def _is_no_key(self, name: str, key: Secret) -> bool:
        """What no key of any provider looks like, before it is sent anywhere."""
        text = key.reveal()
        variable = self._variable(key)
        wrong = (
            "in quotes" if text[:1] in "\"'" and text[:1] == text[-1:]
            else "with a blank or a line's end in it" if text != text.strip() or any(each.isspace() for each in text)
            else "with `Bearer` before it" if text.lower().startswith("bearer")
            else "with characters in it that no header takes" if not (text.isascii() and text.isprintable())
            else ""
        )  # fmt: skip
        if wrong:
            self._findings.problem(name, f"its key is set {wrong}", f"export {variable}=… with the bare key")
        return bool(wrong)

    def _variable(self, key: Secret | None) -> str:
        """The variable that a key came from."""
        if key is not None:
            for name, value in self._surroundings.environ.items():
                if value == key.reveal():
                    return name
        return f"the key of {self._provider.name}"

    async def _judge(self, name: str, key: Secret | None, answer: Answer, places: trio.CapacityLimiter) -> None:
        findings, host = self._findings, urlsplit(self._provider.base_url).hostname
        status, milliseconds = answer.status, round((answer.answered - answer.asked) * 1000)
        facts: dict[str, object] = {"status": status, "ms": milliseconds}
        if is_html(answer.body, answer.headers.get("content-type", "")) and status not in (401, 403, 429):
            what = f"a web page answered in the place of {host} (status {status})"
            fix = "look whether base_url is right, and whether a proxy or a sign-in page of this network is in between"
            findings.problem(name, what, fix, **facts)
        elif status < 300:
            await self._works(name, key, answer, places, facts)
        elif status < 400:
            leads = _host_in(answer.headers.get("location", "")) or "elsewhere"
            findings.problem(name, f"{host} sends requests on to {leads} (status {status})", "correct base_url", **facts)
        elif self._refuses_key(status, answer):
            variable = self._variable(key)
            fix = f"look at {variable}: the provider's own pages say which keys work; then restart the gateway"
            if key is None:
                fix = "give this provider an api_key in the catalogue"
            findings.problem(name, f"{host} does not take the key ({status}: {self._words(answer)})", fix, **facts)
        elif status == 407:
            findings.problem(name, "the proxy wants a user and a password", "put them into HTTPS_PROXY", **facts)
        elif status == 402:
            findings.problem(name, f"no credit left at {host} ({self._words(answer)})", "pay for more there", **facts)
        elif status == 429:
            fix = "look at limits and credit of this key on the provider's pages"
            findings.warning(name, f"{host} takes no more requests now (429: {self._words(answer)})", fix, **facts)
        elif status >= 500:
            fix = "look at the provider's status page, and ask again later"
            findings.warning(name, f"{host} is in trouble ({status}: {self._words(answer)})", fix, **facts)
        else:
            fix = "nothing to do, if requests work: it has no list of models to ask for"
            findings.note(
                name, f"{host} is reached in {milliseconds} ms; whether it takes the key is not known", fix, **facts
            )

    async def _works(
        self, name: str, key: Secret | None, answer: Answer, places: trio.CapacityLimiter, facts: dict[str, object]
    ) -> None:
        listed = _listed(answer.body)
        absent = [] if not listed else [each for each in self._wanted if not _is_among(each, listed)]
        text = f"reached in {facts['ms']} ms"
        if key is not None:
            open_to_all = False
            if listed is not None:
                async with places:
                    without = await self._ask(None, "/models")
                open_to_all = isinstance(without, Answer) and without.status < 300
            text += (
                ", and lists models to anybody: whether it takes the key is not known" if open_to_all else ", takes the key"
            )
            facts["key"] = "unproven" if open_to_all else "works"
        if listed is not None:
            text += f"; {len(listed)} models"
            facts["models"] = len(listed)
        if absent:
            some = ", ".join(absent[:3]) + (", …" if len(absent) > 3 else "")
            text += f", not among them {some} of the catalogue"
            facts["not_listed"] = absent
        self._findings.ok(name, text, **facts)

    def _refuses_key(self, status: int, answer: Answer) -> bool:
        # Some say 400 of a wrong key.
        return status in (401, 403) or (status == 400 and b"api key" in answer.body.lower().replace(b"_", b" "))

    def _words(self, answer: Answer) -> str:
        private = [each.reveal() for each in (*self._provider.keys, *(value for _, value in self._provider.headers))]
        fault = classify(answer.status, answer.headers, answer.body, private=private)
        text = " ".join((fault.detail or fault.message).split())
        return text if len(text) <= 160 else text[:160] + "…"


def _host_in(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None


def _listed(body: bytes) -> list[str] | None:
    """The ids of a list of models; None for anything else."""
    try:
        document = msgspec.json.decode(body, type=_Models)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return [each.id for each in document.data]


def _is_among(model: str, listed: list[str]) -> bool:
    """Whether a list has a model. Lists name more of it than a route does: a date, a tag, a folder before it."""
    return any(model == each or each.startswith((f"{model}-", f"{model}:")) or each.endswith(f"/{model}") for each in listed)


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]
