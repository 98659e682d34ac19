"""A served gateway in front of a scripted upstream, with a model behind each protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.limited import LIMITS, post_json
from tests.support.formats import ROUTES, Route
from tests.support.served import Running, gateway, scripted_upstream

CATALOGUE = """\
providers:
  chat: {{protocol: openai_chat, base_url: "{url}", api_key: sk-upstream}}
  responses: {{protocol: openai_responses, base_url: "{url}", api_key: sk-upstream, count_tokens: true}}
  messages: {{protocol: anthropic_messages, base_url: "{url}", api_key: sk-upstream, count_tokens: true}}
  locked_out: {{protocol: openai_chat, base_url: "{url}", api_key: sk-wrong}}
  nobody: {{protocol: openai_chat, base_url: "http://127.0.0.1:9"}}
  azure_chat:
    protocol: openai_chat
    base_url: "{url}/openai/deployments/upstream-azure_chat?api-version=2024-10-21"
    api_key: sk-upstream
    auth: header:api-key
  azure_responses:
    protocol: openai_responses
    base_url: "{url}/openai/v1/?api-version=preview"
    api_key: sk-upstream
    auth: header:api-key
creators:
  test: {{name: Test}}
models:
"""
MODEL = """\
  - slug: test/{name}
    name: Test {name}
    description: Answered by the scripted upstream.
    context_length: 128000
    max_output_tokens: 8192
    pricing: {{prompt: 2.5, completion: 10, cached_prompt: 1.25}}
    features: [tools, vision, json_mode, reasoning, streaming]
    source: made up for the tests, 2026-11-25
    routes: [{{provider: {name}, model: upstream-{name}}}]
"""
NAMES = ("chat", "responses", "messages", "locked_out", "nobody", "azure_chat", "azure_responses")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The gateway."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    with scripted_upstream() as upstream:
        config = CATALOGUE.format(url=upstream.url) + "".join(MODEL.format(name=name) for name in NAMES)
        with gateway(folder, config) as server:
            yield server


@pytest.fixture(scope="session")
def limited_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the configuration and the data of `server` lie."""
    return tmp_path_factory.mktemp("limited")


@pytest.fixture(scope="session")
def upstream() -> Iterator[Running]:
    """The upstream of `server`."""
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def server(limited_folder: Path, upstream: Running) -> Iterator[Running]:
    """A gateway that takes bodies of 1 MiB, and any number of them. Whatever it went through, it answers at the end."""
    config = CATALOGUE.format(url=upstream.url) + "".join(MODEL.format(name=name) for name in NAMES) + LIMITS
    with gateway(limited_folder, config) as server:
        yield server
        for route in ROUTES:
            assert post_json(server, route, route.body("test/chat")).status == 200


@pytest.fixture(params=ROUTES, ids=lambda route: route.name)
def route(request: pytest.FixtureRequest) -> Route:
    """Each of the three client formats in turn."""
    found: Route = request.param
    return found


@pytest.fixture(params=["test/chat", "test/responses", "test/messages"])
def model(request: pytest.FixtureRequest) -> str:
    """A model behind each of the three protocols in turn."""
    return str(request.param)
