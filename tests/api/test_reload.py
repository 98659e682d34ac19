"""What a reload of the catalogue changes, and that a bad one changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from hyperinfer.api.gateway import GatewaySettings, open_gateway
from hyperinfer.engine import Drain
from hyperinfer.nodes import translate
from hyperinfer.providers.catalogue import CatalogueErrors, Limits
from tests.api.control_plane.kit import KEY, served
from tests.support.rawserver import Hold, Reply, Request, raw_server
from tests.support.replies import WHOLES


async def test_limits_reach_the_nodes_and_the_buckets(tmp_path: Path) -> None:
    config = tmp_path / "providers.yaml"
    config.write_text("limits: {json_depth: 20}\n")
    settings = GatewaySettings(config=config, data=tmp_path / "data", environ={})
    async with open_gateway(settings, Drain()) as gateway:
        before = gateway.pipelines.stream
        assert gateway.drain.most == Limits().in_flight
        config.write_text("limits: {json_depth: 2, bodies_mb: 9, in_flight: 7, in_flight_per_key: 3}\ndemo: false\n")
        await gateway.reload()
        assert gateway.catalogue.current().limits.json_depth == 2
        assert gateway.pipelines.stream is not before
        assert gateway.data_plane.body_room.most == 9 * 1024 * 1024
        assert (gateway.drain.most, gateway.data_plane.key_places.most) == (7, 3)
        assert gateway.data_plane.pipelines is gateway.pipelines
        assert gateway.catalogue.current().model("demo/chat") is None
        after = gateway.pipelines.stream
        config.write_text("limits: {json_depth: no}\n")
        with pytest.raises(CatalogueErrors):
            await gateway.reload()
        assert gateway.pipelines.stream is after
        assert gateway.catalogue.current().limits.json_depth == 2


def test_settings_that_are_printed_show_no_key(tmp_path: Path) -> None:
    settings = GatewaySettings(config=None, data=tmp_path, environ={"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(settings)


async def test_a_graph_that_was_assigned_stays(tmp_path: Path) -> None:
    config = tmp_path / "providers.yaml"
    config.write_text("limits: {json_depth: 20}\n")
    settings = GatewaySettings(config=config, data=tmp_path / "data", environ={})
    async with open_gateway(settings, Drain()) as gateway:
        own = gateway.pipelines.stream.replace("translate", translate().named("ours"))
        built = gateway.pipelines.whole
        gateway.pipelines.stream = own
        await gateway.reload()
        assert gateway.pipelines.stream is own
        assert gateway.pipelines.whole is not built


async def test_a_reload_leaves_the_connections_to_where_no_provider_is_any_more(tmp_path: Path) -> None:
    body = WHOLES["openai_chat"]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with raw_server([Request(), Reply(head + body), Hold()]) as upstream:
        config = tmp_path / "providers.yaml"
        config.write_text(
            f"providers: {{up: {{protocol: openai_chat, base_url: '{upstream.url}/v1'}}}}\n"
            "creators: {test: {name: Test}}\n"
            "models: [{slug: test/up, context_length: 1000, pricing: {prompt: 1, completion: 1}, source: made up,"
            " routes: [{provider: up, model: up}]}]\n"
        )
        async with served(tmp_path / "data", config=config) as server:
            asked = {"model": "test/up", "messages": [{"role": "user", "content": "hi"}]}
            headers = {"authorization": f"Bearer {KEY}"}
            answer = await server.client.post("/api/v1/chat/completions", json=asked, headers=headers)
            assert answer.status_code == 200
            (peer,) = upstream.connections
            assert not peer.closed.is_set(), "it is kept for the next request"
            config.write_text("demo: true\n")
            await server.gateway.reload()
            with trio.fail_after(5):
                await peer.closed.wait()
