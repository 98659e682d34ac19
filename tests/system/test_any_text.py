"""SQL, controls, half characters and very long text in every field that may come near a database, on a served gateway of
each store: kept as it is or refused, never a mistake of ours, and the books agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.store.text_laws import NOWHERE, PRINTABLE, UNPRINTABLE
from tests.e2e.slow import SLOW, slow_catalogue
from tests.support.faulty_upstream import faulty_upstream
from tests.support.formats import ROUTES, Route
from tests.support.rawclient import Answer, ask
from tests.support.served import KEY, command_line, gateway

TOKEN = "token-of-the-platform"
JSON = {"content-type": "application/json"}
TEXTS = (*PRINTABLE, *UNPRINTABLE, "x" * 100_000, "")
MODELS = ("slow/plain-chat", "slow/plain-responses", "slow/plain-messages")


@dataclass(frozen=True)
class Served:
    """A gateway, and how its command line reaches its store."""

    url: str
    folder: Path
    environ: Mapping[str, str]

    def platform(self, method: str, path: str, body: bytes = b"") -> Answer:
        return ask(self.url, method, f"/api/v1{path}", {"x-internal-token": TOKEN, **JSON}, body)

    def post(self, route: Route, body: bytes, key: str = KEY, **headers: str) -> Answer:
        return ask(self.url, "POST", route.path, {"authorization": f"Bearer {key}", **JSON, **headers}, body)

    def generation(self, id_: str, key: str = KEY) -> Answer:
        path = f"/api/v1/generation?id={quote(id_, safe='', errors='surrogatepass')}"
        return ask(self.url, "GET", path, {"authorization": f"Bearer {key}"})

    def cli(self, *words: str) -> Any:
        return command_line(self.folder, *words, environ=self.environ)


@pytest.fixture(scope="module", params=["embedded", "shared"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    environ = {"HYPERINFER_INTERNAL_TOKEN": TOKEN}
    if request.param == "shared":
        postgres, valkey = request.getfixturevalue("postgres"), request.getfixturevalue("valkey")
        valkey.run("FLUSHALL")
        url = postgres.url(postgres.new_database())
        environ |= {"HYPERINFER_POSTGRES_URL": url, "HYPERINFER_REDIS_URL": valkey.url}
    config = json.loads(slow_catalogue("UPSTREAM", "plain"))
    with faulty_upstream(SLOW) as upstream:
        text = json.dumps(config).replace("UPSTREAM", upstream.url)
        with gateway(folder, text, environ) as server:
            yield Served(server.url, folder, environ)
            assert command_line(folder, "ledger", "verify", environ=environ)["ok"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_any_text_in_a_request(served: Served, route: Route) -> None:
    """In the fields that say who asks, in names that nobody knows (the paths of losses) and in what is said."""
    for number, text in enumerate(TEXTS):
        model = MODELS[number % len(MODELS)]
        body = route.body(model, text or "…", user=text, metadata={"user_id": text}) | {f"unknown {text}": text}
        answer = served.post(route, json.dumps(body).encode())
        assert answer.status == 200, (text, answer.body)
        found = served.generation(answer.headers["x-request-id"])
        assert (found.status, found.document["data"]["status"]) == (200, "completed")
        losses = found.document["data"]["losses"]
        assert int(answer.headers["x-hyperinfer-loss"]) == len(losses)
    for raw in ('"\\ud800"', '"\\udc00x"'):
        for field in ("user", "unknown", "metadata"):
            said = f'{{"a": {raw}}}' if field == "metadata" else raw
            body_text = json.dumps(route.body(MODELS[0]))[:-1] + f', "{field}": {said}}}'
            assert served.post(route, body_text.encode()).status in (200, 400)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_any_text_as_a_model(served: Served, route: Route) -> None:
    for text in (*TEXTS, "slow/plain-chat\0", "slow/plain-chat' --"):
        told = route.told(served.post(route, json.dumps(route.body(text)).encode()))
        assert (told.code, len(told.message) < 2_000) == ("invalid_request", True), text


def test_any_text_as_an_id(served: Served) -> None:
    known = served.post(ROUTES[0], json.dumps(ROUTES[0].body(MODELS[0])).encode()).headers["x-request-id"]
    assert served.generation(known).status == 200
    for text in (*TEXTS, *NOWHERE, f"{known}\0", f"{known}' OR '1'='1", f"{known}%", "gen-%", "resp_\0", f"{known[:-1]}_"):
        answer = served.generation(text)
        # The longest are more than the head of a request may have.
        expected = 431 if len(quote(text, safe="", errors="surrogatepass")) > 65_000 else 404
        assert answer.status == (expected if text else 400), (text[:50], answer.body)
        assert b"internal_error" not in answer.body


def test_any_text_as_a_key(served: Served) -> None:
    for text in ("' OR '1'='1", "hi-'; DROP TABLE api_key; --", "hi-%", "hi-\xff\xfe", "hi-" + "x" * 30_000, f"{KEY}' --"):
        for headers in ({"authorization": f"Bearer {text}"}, {"x-api-key": text}):
            answer = ask(served.url, "POST", ROUTES[0].path, {**headers, **JSON}, b"{}")
            assert (answer.status, answer.document["error"]["code"]) == (401, "invalid_api_key")
            for path in ("/api/v1/generation?id=x", "/api/v1/key", "/api/v1/credits"):
                assert ask(served.url, "GET", path, headers).status == 401


def test_any_text_as_an_idempotency_key(served: Served) -> None:
    body = json.dumps(ROUTES[0].body(MODELS[0], "once")).encode()
    for text in ("'; DROP TABLE idempotency; --", "$1 :name ? %s", "%", "_", "NULL", "\xfcn\xef", "k" * 255):
        first, again = (served.post(ROUTES[0], body, **{"idempotency-key": text}) for _ in range(2))
        assert (first.status, again.status) == (200, 409), (text, first.body, again.body)
        assert again.document["error"]["details"] == {"first_request_id": first.headers["x-request-id"]}
    for text in ("", "k" * 256, "a\x7fb", "a\tb", "\x85"):
        refused = served.post(ROUTES[0], body, **{"idempotency-key": text})
        # A control character is no part of a field: no HTTP to the edge.
        expected = None if "\x7f" in text else "Idempotency-Key"
        assert (refused.status, refused.document["error"]["param"]) == (400, expected), text


def test_any_text_in_administration(served: Served) -> None:
    formula = '=HYPERLINK("http://evil.test","x")'
    for text in (*PRINTABLE, formula):
        made = served.platform("POST", "/admin/workspaces", json.dumps({"name": text, "credits": 1}).encode())
        assert made.status == 201, made.body
        id_ = made.document["id"]
        assert served.platform("GET", f"/admin/workspaces/{quote(text, safe='')}").document == made.document
        asked = {"workspace": text, "name": text, "models": [text, MODELS[0]]}
        key = served.platform("POST", "/admin/keys", json.dumps(asked).encode()).document
        assert (key["name"], key["models"]) == (text, [text, MODELS[0]])
        mine = served.post(ROUTES[0], json.dumps(ROUTES[0].body(MODELS[0])).encode(), key["key"])
        assert mine.status == 200
        request_id = mine.headers["x-request-id"]
        # What is another workspace's is nobody else's, by whatever form of its id.
        for form in (request_id, f"gen-{request_id}"):
            assert served.generation(form, key["key"]).status == 200
            assert served.generation(form).status == 404
        asked = {"workspace_id": id_, "user_id": text, "source": "chat"}
        one_time = served.platform("POST", "/playground-keys", json.dumps(asked).encode()).document["key"]
        played = served.post(ROUTES[0], json.dumps(ROUTES[0].body(MODELS[0])).encode(), one_time)
        assert served.generation(played.headers["x-request-id"], one_time).document["data"]["source"] == "chat"
        assert served.generation(played.headers["x-request-id"]).status == 404
    for text in UNPRINTABLE:
        for body in ({"name": text}, {"name": "x" * 101}, {"name": "ok", "credits": text}):
            assert served.platform("POST", "/admin/workspaces", json.dumps(body).encode()).status == 400
        asked = {"workspace": formula, "name": text}
        assert served.platform("POST", "/admin/keys", json.dumps(asked).encode()).status == 400
        for verb in ("revoke", "enable", "disable"):
            assert served.platform("POST", f"/admin/keys/{verb}", json.dumps({"key": text}).encode()).status == 404
        assert served.platform("GET", f"/admin/workspaces/{quote(text, safe='')}").status == 404
        asked = {"workspace_id": text, "user_id": text}
        assert served.platform("POST", "/playground-keys", json.dumps(asked).encode()).status == 400
        assert served.platform("GET", f"/admin/usage?workspace={quote(text)}").status == 404
    for raw in (b'{"name": "\\ud800"}', b'{"name": "\xff"}', b'{"name": "\xed\xa0\x80"}'):
        assert served.platform("POST", "/admin/workspaces", raw).status == 400
    listed = served.cli("workspaces", "list")["data"]
    assert [each["name"] for each in listed] == ["default", *PRINTABLE, formula]
    used = served.cli("usage", "--by", "workspace")["data"]
    assert {each["label"] for each in used} >= {*PRINTABLE, formula}
