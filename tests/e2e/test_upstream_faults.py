"""Upstreams that fail in every way, seen from the clients of each format: the right code, and always a well-formed end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import pytest

from tests.e2e.faults import AFTER_OUTPUT, BEFORE_OUTPUT, HARMLESS, SECOND_ROUTE, Fault
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.formats import AUTHORIZED, ROUTES, Route
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer, ask
from tests.support.served import gateway
from tests.support.wire_replies import TEXT

PROTOCOLS = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
FAULTS = {**BEFORE_OUTPUT, **AFTER_OUTPUT}


@dataclass(frozen=True)
class Setting:
    """The gateway and its upstream."""

    url: str
    upstream: FaultyUpstream


def catalogue(upstream: str) -> str:
    """A provider and a model for each fault and protocol. JSON is YAML too."""
    places: dict[str, tuple[str, dict[str, float]]] = {
        **{name: (f"{upstream}/{name}", {}) for name in HARMLESS},
        **{name: (f"{upstream}/{name}", fault.timeouts) for name, fault in FAULTS.items()},
        "refused": ("http://127.0.0.1:9", {}),
        "no-tls": (upstream.replace("http:", "https:"), {}),
    }
    cells = list(itertools.product(places.items(), PROTOCOLS.items()))
    providers = {
        f"{place}-{name}": {
            "protocol": protocol,
            "base_url": f"{url}/v1",
            "api_key": "sk-upstream",
            "timeouts": timeouts,
            "breaker": {"faults": 0},  # every request meets its fault
        }
        for (place, (url, timeouts)), (name, protocol) in cells
    }
    models = [model(f"{place}/{name}", f"{place}-{name}") for (place, _), (name, _) in cells]
    models += [
        model(f"two-routes/{place}-{name}", f"{place}-{name}", f"plain-{name}")
        for place, name in itertools.product(SECOND_ROUTE, PROTOCOLS)
    ]
    creators = {place: {"name": place} for place in (*places, "two-routes")}
    limits = {"rate_per_minute": 1_000_000, "burst": 1_000_000}
    return json.dumps({"providers": providers, "creators": creators, "models": models, "limits": limits})


def model(slug: str, *providers: str) -> dict[str, Any]:
    """A model whose routes are tried in this order."""
    routes = [
        {"provider": name, "model": "upstream", "weight": weight} for name, weight in zip(providers, (1, 0), strict=False)
    ]
    return {
        "slug": slug,
        "name": slug,
        "description": "Goes wrong.",
        "context_length": 1000,
        "pricing": {"prompt": 1, "completion": 2},
        "source": "made up for the tests, 2026-11-25",
        "routes": routes,
    }


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    plays = {**HARMLESS, **{name: fault.play for name, fault in FAULTS.items()}}
    with (
        faulty_upstream(plays) as upstream,
        gateway(tmp_path_factory.mktemp("faults"), catalogue(upstream.url)) as server,
    ):
        yield Setting(server.url, upstream)


Check: TypeAlias = Callable[[Route, str, bool], None]


@dataclass(frozen=True)
class Cells:
    """A check under way for each client format, protocol and way of answering, side by side."""

    running: list[tuple[tuple[Route, str, bool], Future[None]]]

    @classmethod
    def start(cls, pool: ThreadPoolExecutor, check: Check, streamed: tuple[bool, ...] = (False, True)) -> Cells:
        cells = itertools.product(ROUTES, PROTOCOLS, streamed)
        return cls([(cell, pool.submit(check, *cell)) for cell in cells])

    def finish(self) -> None:
        """Waits for all, and fails with all that failed."""
        errors = [(cell, error) for cell, future in self.running if (error := future.exception())]
        failures = [f"{route.name} to {to}, streamed={stream}: {error!r}"[:1500] for (route, to, stream), error in errors]
        assert not failures, "\n" + "\n".join(failures)


def in_all_cells(check: Check, *, streamed: tuple[bool, ...] = (False, True)) -> None:
    """Runs a check in all cells."""
    with ThreadPoolExecutor(18) as pool:
        Cells.start(pool, check, streamed).finish()


def asked(setting: Setting, route: Route, model: str, stream: bool) -> tuple[str, Answer]:
    """The mark of the request, and its answer."""
    mark = f"{route.name}-{model.replace('/', '-')}-{stream}"
    body = json.dumps(route.body(model, f"request {mark} please", stream=stream)).encode()
    return mark, ask(setting.url, "POST", route.path, AUTHORIZED, body)


def row(setting: Setting, answer: Answer) -> Any:
    path = f"/api/v1/generation?id={answer.headers['x-request-id']}"
    return ask(setting.url, "GET", path, AUTHORIZED).document["data"]


def check_row(setting: Setting, answer: Answer, code: str, attempts: int | None) -> None:
    seen = row(setting, answer)
    assert (seen["status"], seen["error_code"]) == ("failed", code), seen
    if attempts is not None:
        assert len(seen["attempts"]) == attempts, seen


def check_text(answer: Answer, fault: Fault, message: str, *, streamed: bool) -> None:
    for secret in (*fault.secret, "sk-upstream", "127.0.0.1"):
        assert secret not in answer.body.decode()
        assert not any(secret in value for value in answer.headers.values())
    assert fault.says in message
    if fault.deadline:
        assert (fault.deadline if streamed else "did not answer within 0.6 s") in message


def check_before_output(setting: Setting, name: str, route: Route, protocol: str, stream: bool) -> None:
    fault = BEFORE_OUTPUT[name]
    mark, answer = asked(setting, route, f"{name}/{protocol}", stream)
    told = route.told(answer)
    assert told.code == fault.code, answer
    if fault.attempts is not None:
        assert setting.upstream.attempts(name, mark) == fault.attempts
    check_row(setting, answer, fault.code, setting.upstream.attempts(name, mark))
    check_text(answer, fault, told.message, streamed=stream)
    if fault.retry_after is not None:
        assert answer.headers["retry-after"] == fault.retry_after
    assert "location" not in answer.headers


@pytest.fixture(scope="module")
def before_output(setting: Setting) -> Iterator[dict[str, Cells]]:
    """All of them at once: most of the time goes into waiting between attempts."""
    with ThreadPoolExecutor(54) as pool:
        yield {name: Cells.start(pool, partial(check_before_output, setting, name)) for name in BEFORE_OUTPUT}


@pytest.mark.parametrize("name", BEFORE_OUTPUT)
def test_before_any_output(before_output: dict[str, Cells], name: str) -> None:
    before_output[name].finish()


@pytest.mark.parametrize("place", ["refused", "no-tls"])
def test_nobody_there(setting: Setting, place: str) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        _, answer = asked(setting, route, f"{place}/{protocol}", stream)
        told = route.told(answer)
        assert told.code == "provider_unavailable"
        assert "127.0.0.1" not in told.message
        check_row(setting, answer, "provider_unavailable", 3 if place == "refused" else None)

    in_all_cells(check)


@pytest.mark.parametrize("name", AFTER_OUTPUT)
def test_in_mid_stream(setting: Setting, name: str) -> None:
    fault = AFTER_OUTPUT[name]

    def check(route: Route, protocol: str, stream: bool) -> None:
        mark, answer = asked(setting, route, f"{name}/{protocol}", stream)
        assert answer.status == 200, answer
        assert breaches_if_judged(route.dialect, answer.body, failed=True) == []
        message = check_ending(route, answer, fault.code)
        assert TEXT[:5].encode() in answer.body
        assert setting.upstream.attempts(name, mark) == 1
        check_row(setting, answer, fault.code, 1)
        check_text(answer, fault, message, streamed=True)

    in_all_cells(check, streamed=(True,))


def check_ending(route: Route, answer: Answer, code: str) -> str:
    """The error at the end of a stream, and nothing like a success beside it; what it says."""
    frames = answer.body.decode().strip().split("\n\n")
    request_id = answer.headers["x-request-id"]
    if route.name == "chat":
        assert frames[-1] == "data: [DONE]"
        assert '"finish_reason":"' not in answer.body.decode()
        told = route.told_in(json.loads(frames[-2].removeprefix("data: ")), request_id)
    elif route.name == "messages":
        name, data = frames[-1].split("\n")
        assert name == "event: error"
        assert b"message_stop" not in answer.body
        told = route.told_in(json.loads(data.removeprefix("data: ")), request_id)
    else:
        name, data = frames[-1].split("\n")
        assert name == "event: response.failed"
        assert b"response.completed" not in answer.body
        response = json.loads(data.removeprefix("data: "))["response"]
        assert response["status"] == "failed"
        found = response["error"]
        # Its `code` is the protocol's own word where it has one.
        assert (found["hi_code"], found["request_id"]) == (code, request_id)
        assert found["code"] == {"provider_rate_limit": "rate_limit_exceeded"}.get(code, code)
        return str(found["message"])
    assert told.code == code
    return told.message


@pytest.mark.parametrize("name", AFTER_OUTPUT)
def test_in_the_middle_of_what_was_to_be_whole(setting: Setting, name: str) -> None:
    """The upstream streams although nobody asked; the client still gets one error."""
    fault = AFTER_OUTPUT[name]

    def check(route: Route, protocol: str, stream: bool) -> None:
        mark, answer = asked(setting, route, f"{name}/{protocol}", stream)
        told = route.told(answer)
        assert told.code == fault.code
        assert TEXT[:5].encode() not in answer.body
        check_row(setting, answer, fault.code, setting.upstream.attempts(name, mark))
        check_text(answer, fault, told.message, streamed=stream)

    in_all_cells(check, streamed=(False,))


@pytest.mark.parametrize("name", HARMLESS)
def test_odd_but_harmless(setting: Setting, name: str) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        _, answer = asked(setting, route, f"{name}/{protocol}", stream)
        assert answer.status == 200, answer
        if stream:
            assert breaches_if_judged(route.dialect, answer.body) == []
        for piece in (TEXT[:5], TEXT[5:]) if stream else (TEXT,):
            assert piece.encode() in answer.body
        seen = row(setting, answer)
        assert (seen["status"], seen["tokens_prompt"], seen["tokens_completion"]) == ("completed", 10, 4)
        assert seen["total_cost"] == 18e-6
        assert len(seen["attempts"]) == {"second-time": 2, "third-time": 3}.get(name, 1)

    in_all_cells(check)


@pytest.mark.parametrize(("name", "goes_on"), SECOND_ROUTE.items())
def test_the_second_route(setting: Setting, name: str, goes_on: bool) -> None:
    def check(route: Route, protocol: str, stream: bool) -> None:
        mark, answer = asked(setting, route, f"two-routes/{name}-{protocol}", stream)
        assert setting.upstream.attempts(name, mark) == 1
        assert setting.upstream.attempts("plain", mark) == goes_on
        assert (answer.status == 200 and TEXT[5:].encode() in answer.body) == goes_on, answer
        seen = row(setting, answer)
        assert [attempt["code"] for attempt in seen["attempts"]] == [FAULTS[name].code, None][: 1 + goes_on]
        assert seen["provider"] == f"{'plain' if goes_on else name}-{protocol}"

    in_all_cells(check, streamed=(True,) if name in AFTER_OUTPUT else (False, True))
