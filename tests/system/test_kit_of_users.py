"""The test kit beside what its users have: pytest-asyncio, pytest-trio and anyio's plugin at once, and clients on httpx."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.project.tree import ROOT

TESTS = """
import asyncio

import anthropic
import httpx
import httpx2
import openai
import pytest
import trio

from hyperinfer.testing import Cut, Pause, Reply, Stall, Text

# The SDKs leave their own generators to the collector, which trio remarks.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
BODY = {"model": "m", "stream": True}
SCRIPT = Reply(Text("a", "b"), split=3), Reply("c", Cut()), "whole"


async def words(client):
    stream = await client.responses.create(model="m", input="hi", stream=True)
    return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])


@pytest.mark.asyncio
@pytest.mark.scripted_upstream(Reply(Text("Hel", "lo"), every=0.01))
async def test_pytest_asyncio(scripted_upstream):
    http = httpx2.AsyncClient(transport=scripted_upstream.transport())
    async with openai.AsyncOpenAI(api_key="k", http_client=http) as client:
        assert await words(client) == "Hello"


@pytest.mark.asyncio
@pytest.mark.scripted_upstream("Hello")
async def test_pytest_asyncio_on_a_port(scripted_upstream):
    async with openai.AsyncOpenAI(api_key="k", base_url=scripted_upstream.openai_url) as client:
        assert await words(client) == "Hello"
    assert scripted_upstream.requests[0].said == "hi"


@pytest.mark.asyncio
@pytest.mark.scripted_upstream(Stall())
async def test_pytest_asyncio_cancels(scripted_upstream):
    async with httpx2.AsyncClient(transport=scripted_upstream.transport()) as client:
        asking = asyncio.create_task(client.post("http://a.test/v1/responses", json=BODY))
        while not scripted_upstream.requests:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert scripted_upstream.requests[0].outcome == "left"


@pytest.mark.anyio
@pytest.mark.scripted_upstream("Hello")
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_anyio(scripted_upstream, anyio_backend):
    async with anthropic.AsyncAnthropic(api_key="k", base_url=scripted_upstream.url) as client:
        async with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as stream:
            assert await stream.get_final_text() == "Hello"


@pytest.mark.trio
@pytest.mark.scripted_upstream(Reply("a", Pause(3600.0), "b", wait=0.25), Reply(wait=60.0))
async def test_httpx_on_virtual_time(scripted_upstream, autojump_clock):
    async with httpx.AsyncClient(transport=scripted_upstream.httpx_transport(), timeout=None) as client:
        reply = await client.post("http://a.test/v1/chat/completions", json=BODY)
        assert reply.text.endswith("data: [DONE]\\n\\n")
        assert trio.current_time() == 3600.25
        with pytest.raises(httpx.ReadTimeout):
            await client.post("http://a.test/v1/chat/completions", json=BODY, timeout=5)
        assert trio.current_time() == 3605.25


@pytest.mark.scripted_upstream(*SCRIPT)
def test_httpx(scripted_upstream):
    with httpx.Client(transport=scripted_upstream.httpx_transport()) as client:
        with client.stream("POST", "http://a.test/v1/chat/completions", json=BODY) as reply:
            assert max(len(piece) for piece in reply.iter_raw()) == 3
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("http://a.test/v1/chat/completions", json=BODY)
        reply = client.post("http://a.test/v1/chat/completions", json={"model": "m"})
        assert reply.json()["choices"][0]["message"]["content"] == "whole"


@pytest.mark.asyncio
@pytest.mark.scripted_upstream(*SCRIPT)
async def test_httpx_on_asyncio(scripted_upstream):
    async with httpx.AsyncClient(transport=scripted_upstream.httpx_transport()) as client:
        async with client.stream("POST", "http://a.test/v1/chat/completions", json=BODY) as reply:
            assert max([len(piece) async for piece in reply.aiter_raw()]) == 3
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("http://a.test/v1/chat/completions", json=BODY)
        reply = await client.post("http://a.test/v1/chat/completions", json={"model": "m"})
        assert reply.json()["choices"][0]["message"]["content"] == "whole"
"""
VIRTUAL = """
import asyncio

import httpx
import pytest

from hyperinfer.testing import Pause, Reply


@pytest.mark.asyncio
@pytest.mark.scripted_upstream(Reply("a", Pause(3600.0), "b", wait=0.25))
async def test_pytest_asyncio_on_virtual_time(scripted_upstream):
    async with httpx.AsyncClient(transport=scripted_upstream.httpx_transport(), timeout=None) as client:
        reply = await client.post("http://a.test/v1/chat/completions", json={"model": "m", "stream": True})
    assert reply.text.endswith("data: [DONE]\\n\\n")
    assert asyncio.get_running_loop().time() == 3600.25
"""
VIRTUAL_CONFTEST = """
from hyperinfer.testing import VirtualEventLoop


def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualEventLoop}
"""
PASSED = 9


def test_it_works_with_other_plugins_and_with_httpx(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "virtual").mkdir()
    (tmp_path / "virtual" / "conftest.py").write_text(VIRTUAL_CONFTEST)
    (tmp_path / "virtual" / "test_virtual.py").write_text(VIRTUAL)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")
    done = subprocess.run(
        [kit, "-m", "pytest", "-q", "--strict-markers", "-p", "hyperinfer.testing.plugin"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PASSED} passed" in done.stdout
