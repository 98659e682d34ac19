"""Where a served gateway really connects to while it answers with every server tool, seen by Python itself.

Every process of the gateway reports what it connects to, looks up and starts (`sys.addaudithook`), with the modules that did
it. `tests/project/test_outbound.py` says the same by reading the source.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import trio

from tests.providers.egress.world import reply
from tests.support.pdfs import pdf_of
from tests.support.rawserver import End, RawServer, Reply, Request, Script, raw_server
from tests.support.served import KEY, gateway

if TYPE_CHECKING:
    import pytest

WATCH = """
import json, os, sys
FILE = {file!r}
EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
          "socket.gethostbyaddr", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn")

def watch(event, arguments):
    if event not in EVENTS:
        return
    frame, modules = sys._getframe(), []
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name not in modules:
            modules.append(name)
        frame = frame.f_back
    second = ("socket.connect", "socket.sendto", "socket.sendmsg", "subprocess.Popen")
    target = arguments[1 if event in second else 0]
    line = json.dumps([os.getpid(), event, target, modules], default=str) + "\\n"
    file = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, line.encode())
    os.close(file)

sys.addaudithook(watch)
"""
CATALOGUE = """\
providers:
  up: {{protocol: openai_chat, base_url: "http://127.0.0.1:{model}/v1"}}
models:
  - slug: test/model
    context_length: 128000
    pricing: {{prompt: 0, completion: 0}}
    routes: [{{provider: up, model: m}}]
tools:
  web_search: {{kind: searxng, base_url: "http://127.0.0.1:{search}"}}
  image: {{base_url: "http://127.0.0.1:{images}/v1"}}
egress: {{allow: [127.0.0.1, "::1"]}}
"""
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PLUGINS = ("web_search", "web_fetch", "pdf", "datetime", "image")


def watched(folder: Path) -> tuple[Path, dict[str, str]]:
    """The file of reports, and the environment of processes that make them."""
    file = folder / "reports"
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH.format(file=os.fspath(file)))
    path = os.pathsep.join([os.fspath(folder / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return file, {"PYTHONPATH": path}


def reports(file: Path) -> list[tuple[int, str, Any, list[str]]]:
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()]


def completion(message: dict[str, Any], reason: str) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": reason}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return Reply(reply(json.dumps(body).encode(), "Connection: close", kind="application/json"))


def asking_for(calls: dict[str, dict[str, Any]]) -> Reply:
    functions = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for name, arguments in calls.items()
    ]
    return completion({"tool_calls": functions}, "tool_calls")


async def serve(stack: AsyncExitStack, *replies: Reply) -> RawServer:
    """A server that answers each connection with one of these."""
    scripts: list[Script] = [[Request(), each, End()] for each in replies]
    return await stack.enter_async_context(raw_server(*scripts))


async def test_every_connection_is_the_operators_or_guarded(tmp_path: Path) -> None:
    file, environ = watched(tmp_path)
    async with AsyncExitStack() as stack:
        page = await serve(stack, Reply(reply(b"<p>words of a page</p>")))
        paper = await serve(stack, Reply(reply(pdf_of(["words of a paper"]), kind="application/pdf")))
        drawing = await serve(stack, Reply(reply(PNG, kind="image/png")))
        answer = {"results": [{"url": "https://example.com/", "title": "Found", "content": "words of a search"}]}
        search = await serve(stack, Reply(reply(json.dumps(answer).encode(), "Connection: close", kind="application/json")))
        made = {"created": 1, "data": [{"url": f"http://localhost:{drawing.port}/i.png"}]}
        images = await serve(stack, Reply(reply(json.dumps(made).encode(), "Connection: close", kind="application/json")))
        calls = {
            "web_search": {"query": "words"},
            "web_fetch": {"url": f"http://localhost:{page.port}/"},
            "pdf": {"url": f"http://127.0.0.1:{paper.port}/paper.pdf"},
            "datetime": {},
            "image": {"prompt": "a dot"},
        }
        model = await serve(stack, asking_for(calls), completion({"content": "done"}, "stop"))
        config = CATALOGUE.format(model=model.port, search=search.port, images=images.port)
        with gateway(tmp_path, config, environ) as server:
            response = await ask(server.url)
            assert response.status_code == 200, response.text
            told = model.requests[1].decode()
        for words in ("words of a page", "words of a paper", "words of a search", "Current time"):
            assert words in told
        assert len(drawing.requests) == 1, "the image was fetched"

        operators = {each.port for each in (model, search, images)}
        guarded = {each.port for each in (page, paper, drawing)}
    ports: set[int] = set()
    connecting: set[int] = set()
    started: list[str] = []
    for pid, event, target, modules in reports(file):
        if event == "subprocess.Popen":
            # A library finds another by it, before the first request.
            assert target[0] == sys.executable or "ctypes.util" in modules, f"no program but our own: {target}"
            started.append(target[-1])
        elif event == "socket.getaddrinfo":
            assert target in ("localhost", "127.0.0.1"), "a name of a caller's, and what the catalogue says"
            assert target != "localhost" or "hyperinfer.providers.egress.lookup" in modules
        elif event == "socket.connect" and isinstance(target, str):
            assert target.startswith(("/tmp", os.fspath(tmp_path))), "a Unix socket of its own"
        else:
            assert event == "socket.connect", f"{modules} did {event}"
            connecting.add(pid)
            ports.add(target[1])
            if target[1] in guarded:
                assert "hyperinfer.providers.egress.egress" in modules
                assert "trio._highlevel_open_tcp_stream" not in modules, "that would look the name up again"
            else:
                assert target[1] in operators, f"{modules} connected to {target}"
                assert "hyperinfer.providers.egress.egress" not in modules
    assert ports == operators | guarded
    assert [os.path.basename(word) for word in started].count("worker.py") == 2, "the page and the paper"
    assert len(connecting) == 1, "the gateway's worker; those that read documents connect to nothing"


async def ask(url: str) -> httpx2.Response:
    body = {
        "model": "test/model",
        "messages": [{"role": "user", "content": "Go and look."}],
        "plugins": [{"id": name} for name in PLUGINS],
    }
    async with httpx2.AsyncClient(timeout=60) as client:
        with trio.fail_after(60):
            return await client.post(f"{url}/api/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"})


async def test_a_connection_past_the_guard_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, environ = watched(tmp_path)
    async with raw_server([Request(), Reply(reply()), End()]) as server:
        program = f"import httpx2; httpx2.get('{server.url}', trust_env=False)"
        await trio.run_process([sys.executable, "-c", program], env={**os.environ, **environ}, stdout=subprocess.DEVNULL)
        (connected,) = [each for each in reports(file) if each[1] == "socket.connect"]
        assert connected[2] == ["127.0.0.1", server.port]
        assert "hyperinfer.providers.egress.egress" not in connected[3]
