from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import anthropic
import httpx2
import openai
import pytest

from hyperinfer.api.control_plane import control_plane
from tests.api.control_plane.kit import KEY, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.control_plane.kit import Served

MODELS = "/api/v1/models"


async def test_the_list_is_public_and_may_be_kept_for_a_minute(gateway: Served) -> None:
    response = await gateway.client.get(MODELS)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=60"
    listed = response.json()
    slugs = [model["slug"] for model in listed["data"]]
    assert slugs == list(gateway.gateway.catalogue.current().models)
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, slugs[0], slugs[-1])
    assert listed["meta"] == {"image_generation_configured": False}


async def test_an_unchanged_document_is_not_sent_again(gateway: Served) -> None:
    for path in (MODELS, f"{MODELS}/demo/chat", "/openapi.json"):
        first = await gateway.client.get(path)
        etag = first.headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await gateway.client.get(path, headers={"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
            assert again.headers["cache-control"] == first.headers["cache-control"]
            assert "content-type" not in again.headers
        other = await gateway.client.get(path, headers={"if-none-match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content)


async def test_one_model_by_its_slug(gateway: Served) -> None:
    listed = (await gateway.client.get(MODELS)).json()["data"]
    for written in ("demo/chat", "demo%2Fchat", "demo%2fchat"):
        response = await gateway.client.get(f"{MODELS}/{written}")
        assert response.status_code == 200
        assert response.json() == next(model for model in listed if model["slug"] == "demo/chat")


async def test_the_tokens_of_a_week_are_told_a_minute_late_at_most(gateway: Served) -> None:
    now = gateway.gateway.now()
    plane = control_plane(dataclasses.replace(gateway.gateway, now=lambda: now))
    transport = httpx2.ASGITransport(cast("Any", plane))

    def volumes(listed: dict[str, Any]) -> dict[str, int]:
        return {each["slug"]: each["weekly_token_volume"] for each in listed["data"] if "weekly_token_volume" in each}

    async with httpx2.AsyncClient(transport=transport, base_url=gateway.url) as client:
        assert volumes((await client.get(MODELS)).json()) == {}
        body = {"model": "demo/chat", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {KEY}"}
        sent = await gateway.client.post("/api/v1/chat/completions", json=body, headers=headers)
        tokens = sent.json()["usage"]["total_tokens"]
        assert volumes((await client.get(MODELS)).json()) == {}, "what was sent may be kept for a minute"
        now += 60
        assert volumes((await client.get(MODELS)).json()) == {"demo/chat": tokens}
        assert (await client.get(f"{MODELS}/demo/chat")).json()["weekly_token_volume"] == tokens
        now += 8 * 86_400
        assert volumes((await client.get(MODELS)).json()) == {}


async def test_an_unknown_model_is_404(gateway: Served) -> None:
    for written in ("nope", "demo", "demo/chat/", "demo/chat/more", "Demo/chat", "%00", "%F0%9F%98%80"):
        response = await gateway.client.get(f"{MODELS}/{written}")
        assert response.status_code == 404
        error = response.json()["error"]
        assert (error["code"], error["type"], error["param"]) == ("invalid_request", "invalid_request_error", "model")


async def test_a_reloaded_catalogue_is_listed(tmp_path: Path) -> None:
    config = tmp_path / "providers.yaml"
    config.write_text("demo: true\n")
    async with served(tmp_path / "data", config=config) as running:
        before = await running.client.get(MODELS)
        assert len(before.json()["data"]) == 3
        await running.application.reload({"catalogue": "demo: false\n"})
        after = await running.client.get(MODELS, headers={"if-none-match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.json() == {
            "data": [],
            "meta": {"image_generation_configured": False},
            "object": "list",
            "has_more": False,
            "first_id": None,
            "last_id": None,
        }


async def test_the_openai_sdk_lists_and_retrieves(gateway: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/api/v1", api_key="none", max_retries=0) as client:
        models = [model async for model in client.models.list()]
        assert [model.id for model in models] == list(gateway.gateway.catalogue.current().models)
        model = await client.models.retrieve("demo/chat")
        assert (model.id, model.object, model.owned_by) == ("demo/chat", "model", "demo")
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("demo/nope")
        assert (caught.value.code, caught.value.param) == ("invalid_request", "model")
        assert caught.value.request_id


async def test_the_anthropic_sdk_lists_and_retrieves(gateway: Served) -> None:
    async with anthropic.AsyncAnthropic(base_url=f"{gateway.url}/api", api_key="none", max_retries=0) as client:
        models = [model async for model in client.models.list(limit=2)]
        assert [model.id for model in models] == list(gateway.gateway.catalogue.current().models)
        model = await client.models.retrieve("demo/messages")
        assert (model.id, model.type, model.display_name) == ("demo/messages", "model", "Demo (Anthropic Messages)")
        assert model.created_at.year == 1970
        with pytest.raises(anthropic.NotFoundError) as caught:
            await client.models.retrieve("demo/nope")
        body = caught.value.body
        assert isinstance(body, dict)
        assert body["type"] == "error"
        assert body["error"]["code"] == "invalid_request"
        assert caught.value.request_id == body["request_id"]
