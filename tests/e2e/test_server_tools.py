"""The gateway's own tools from providers.yaml to the ledger: a real process beside a search engine and an images API."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.support.formats import ROUTES, Route
from tests.support.served import KEY, Running, gateway

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\6\0\0\0"
CONFIG = """\
tools:
  web_search: {{kind: searxng, base_url: "{url}/search-engine", price: 0.005}}
  image: {{base_url: "{url}/v1", api_key: "${{IMAGE_KEY}}", model: flux, price: 0.04}}
  datetime: {{price: 0.000001}}
"""


@dataclass
class Vendors:
    """What the search engine and the images API were asked: (path, body), in order."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    seen = Vendors()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.asked.append((self.path.partition("?")[0], {}))
            found = [{"url": "https://cats.example/", "title": "Cats", "content": "Cats sleep a lot."}]
            self._answer({"query": "x", "results": found})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.headers["authorization"] == "Bearer sk-image"
            seen.asked.append((self.path, body))
            self._answer({"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}]})

        def _answer(self, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Not to the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        yield seen
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tooled(vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("tools")
    with gateway(folder, CONFIG.format(url=vendors.url), {"IMAGE_KEY": "sk-image"}) as server:
        yield server


def call(server: Running, route: Route, tool: str, **options: Any) -> httpx2.Response:
    body = route.body("demo/chat", "Use the tool.")
    if route.dialect == "openai_responses":
        body["tools"] = [{"type": tool, **options}]
    else:
        body["plugins"] = [{"id": tool, **options}]
    return httpx2.post(server.url + route.path, json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=60)


def generation(server: Running, answer: httpx2.Response) -> dict[str, Any]:
    asked = httpx2.get(
        server.url + "/api/v1/generation",
        params={"id": answer.json()["id"]},
        headers={"authorization": f"Bearer {KEY}"},
        timeout=60,
    )
    data: dict[str, Any] = asked.json()["data"]
    return data


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.dialect)
def test_a_search(tooled: Running, vendors: Vendors, route: Route) -> None:
    vendors.asked.clear()
    answer = call(tooled, route, "web_search", max_results=3)
    assert answer.status_code == 200
    assert vendors.asked == [("/search-engine/search", {})]
    told = generation(tooled, answer)
    assert told["tool_costs_micro_usd"] == {"web_search": "5000"}
    assert told["cost_micro_usd"] == "5000", "the demo models cost nothing"
    assert len(told["attempts"]) == 2


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.dialect)
def test_an_image(tooled: Running, vendors: Vendors, route: Route) -> None:
    vendors.asked.clear()
    answer = call(tooled, route, "image", size="512x512")
    assert answer.status_code == 200
    ((path, body),) = vendors.asked
    assert path == "/v1/images/generations"
    assert {name: body[name] for name in ("model", "size", "n", "response_format")} == {
        **{"model": "flux", "size": "512x512", "n": 1, "response_format": "b64_json"},
    }
    assert base64.b64encode(PNG).decode() in answer.text, "the client has it"
    assert generation(tooled, answer)["tool_costs_micro_usd"] == {"image": "40000"}


def test_options_that_make_no_sense_are_the_caller_s_mistake(tooled: Running, vendors: Vendors) -> None:
    vendors.asked.clear()
    answer = call(tooled, ROUTES[0], "web_search", max_results=-1)
    assert answer.status_code == 400
    assert "max_results: expected a whole number from 1 to 20" in answer.json()["error"]["message"]
    assert vendors.asked == []


def test_models_say_that_images_can_be_made(tooled: Running) -> None:
    assert httpx2.get(tooled.url + "/api/v1/models").json()["meta"] == {"image_generation_configured": True}
