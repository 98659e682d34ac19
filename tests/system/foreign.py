"""Upstreams that are not ours, as processes, and a gateway in front of them with a model behind each protocol."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from collections.abc import Generator, Sequence
from pathlib import Path

import httpx2

from tests.support.served import KEY, Running, gateway, running

HERE = Path(__file__).resolve().parent
PROTOCOLS = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
DIALECTS = {"chat/completions": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}


def catalogue(url: str, upstream_model: str) -> str:
    """One provider and one model for each protocol, at the same server."""
    lines = ["creators: {test: {name: Test}}", "providers:"]
    lines += [f'  {name}: {{protocol: {protocol}, base_url: "{url}/v1"}}' for name, protocol in PROTOCOLS.items()]
    lines.append("models:")
    for name in PROTOCOLS:
        lines += [
            f"  - slug: test/{name}",
            f"    name: Test {name}",
            "    description: Answered by a server that is not ours.",
            "    context_length: 4096",
            "    max_output_tokens: 1024",
            "    pricing: {prompt: 0.15, completion: 0.6}",
            "    features: [streaming]",
            "    source: made up for the tests, 2026-11-25",
            f"    routes: [{{provider: {name}, model: {upstream_model}}}]",
        ]
    return "\n".join(lines) + "\n"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def llama_server(environment: Path, folder: Path) -> Generator[Running]:
    """llama.cpp's server."""
    command = [str(environment / "bin" / "python"), str(HERE / "llama_server.py"), str(free_port()), str(folder)]
    with running(command) as server:
        yield server


@contextlib.contextmanager
def aimock_server(folder: Path) -> Generator[str]:
    """The scripted upstream of npm's aimock; its address."""
    port = free_port()
    command = [str(folder / "node_modules/.bin/llmock"), "-p", str(port), "-f", str(HERE / "aimock_fixtures.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"listening on (http\S+)", line):
                    yield found[1]
                    break
        finally:
            process.terminate()


def ask(server: Running, path: str, body: dict[str, object]) -> httpx2.Response:
    """One POST to the gateway."""
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx2.post(f"{server.url}/api/v1/{path}", json=body, headers=headers, timeout=120)


def question(path: str, model: str, text: str, *, streamed: bool, tool: bool = False, tokens: int = 16) -> dict[str, object]:
    """A request in the format of a route."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    messages: Sequence[object] = [{"role": "user", "content": text}]
    body: dict[str, object] = {"model": model, "stream": streamed}
    if path == "responses":
        body |= {"input": text, "max_output_tokens": tokens}
        tools: object = [{"type": "function", "name": "get_weather", "parameters": schema}]
    elif path == "messages":
        body |= {"messages": messages, "max_tokens": tokens}
        tools = [{"name": "get_weather", "input_schema": schema}]
    else:
        body |= {"messages": messages, "max_tokens": tokens}
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]
    if tool:
        body["tools"] = tools
    return body


__all__ = ["DIALECTS", "PROTOCOLS", "aimock_server", "ask", "catalogue", "gateway", "llama_server", "question"]
