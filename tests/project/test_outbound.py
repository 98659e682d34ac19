"""There is one way out for what a caller can aim, and these are all the others, with who says where they lead.

A module that begins to connect, to look names up or to start programs fails here until it has its line, and a line that has
become untrue fails too. What a caller can aim has no line of its own: it goes through `hyperinfer.providers.egress`.
`tests/e2e/test_outbound.py` watches the same from outside while requests with all tools are served.
"""

from __future__ import annotations

import pytest

from tests.project.outbound import ways_out
from tests.project.tree import imports_of, module_name, source_files

DYNAMIC = "a module by a name that is not written here"

GUARDED = {
    "hyperinfer.providers.egress.egress": {"hyperinfer.providers.transport_connection.connect"},
    "hyperinfer.providers.egress.lookup": {"socket.getaddrinfo"},
}
"""The guarded way out itself: it looks up, checks, and connects to the address that it has checked."""

# Who says where it leads: the catalogue.
PROVIDERS = {
    "hyperinfer.providers.transport_connection": {".connect", "trio.open_tcp_stream", "trio.socket.socket"},
    # `.connect`: a deadline of that name, here and in the client
    "hyperinfer.providers.transport": {".connect", "hyperinfer.providers.transport_connection.connect"},
    "hyperinfer.providers.upstreams": {"hyperinfer.providers.transport.Transport"},
    # Asks the transport that it is given, our own by a shorter way.
    "hyperinfer.providers.client": {".connect", ".handle_async_request", "hyperinfer.providers.transport.Transport"},
    "hyperinfer.providers.tool_api": {".handle_async_request"},
    "hyperinfer.providers.ways": {
        ".handle_async_request",
        "httpx2.AsyncHTTPTransport",
        "hyperinfer.providers.transport.Transport",
    },
    "hyperinfer.providers.ways_left": {".handle_async_request"},
}
# The collector of traces, which the environment names.
COLLECTOR = {"hyperinfer.api.tracing.exporter": {".handle_async_request"}}
# The settings of the stores.
STORES = {
    "hyperinfer.api.store.database": {".connect"},  # a file, for SQLite
    "hyperinfer.api.store.remote.driver": {".connect", "asyncpg", "redis"},
    "hyperinfer.api.store.remote.redis_session": {".connect"},
}
# The command line: a person at the keyboard.
COMMAND_LINE = {
    "hyperinfer.api.cli.serve": {".connect", "socket.socket"},  # the service manager's socket (sd_notify)
    "hyperinfer.api.cli.verb": {DYNAMIC},  # the verb's module
    # Providers of the catalogue, as its own requests go, and the gateway that is looked at.
    "hyperinfer.api.doctor.ask": {".handle_async_request"},
    "hyperinfer.api.doctor.gateway": {"hyperinfer.providers.transport.Transport", "socket.socket"},  # and the port of serve
    "hyperinfer.api.control": {".connect", "socket.socket", "trio.socket.socket"},  # the data folder's own socket
    "hyperinfer.api.http_admin": {"httpx2.AsyncClient"},  # --server URL
}
# Nothing leads out: sockets that listen or that were handed down, their types, and our own programs as children.
INSIDE = {
    "hyperinfer.api.custom_nodes.loading": {DYNAMIC},  # the operator's modules, which the catalogue names
    "hyperinfer.api.custom_nodes.process": {"subprocess.run"},  # this program, to look at those modules
    "hyperinfer.api.edge.address": {"socket.socket"},
    "hyperinfer.api.edge.listener": {"socket.socket"},
    "hyperinfer.api.probe": {"socket.create_connection", "socket.socket"},  # where `serve` listens
    "hyperinfer.api.recording.scribe": {"socket.socket"},  # its worker's
    "hyperinfer.api.recording.scribe_client": {"trio.lowlevel.open_process"},
    "hyperinfer.api.service_notify": {".sendto", "socket.socket"},  # the socket that systemd has made
    "hyperinfer.api.store.outbox": {"socket.socket"},  # the writer's
    "hyperinfer.api.store.report_process": {"trio.run_process"},
    "hyperinfer.api.store.syncer": {"socket.socket", "trio.lowlevel.open_process"},
    "hyperinfer.api.store.writer": {"socket.socket"},
    "hyperinfer.api.store.writer_client": {"socket.socket", "trio.lowlevel.open_process"},
    "hyperinfer.api.supervisor": {"socket.socket", "trio.lowlevel.open_process"},
    "hyperinfer.api.worker": {DYNAMIC, "socket.socket"},  # modules that are loaded before the first request
    # Their own modules, when a name is first asked for: a table.
    "hyperinfer.api.edge": {DYNAMIC},
    "hyperinfer.formats": {DYNAMIC},
    "hyperinfer.providers": {DYNAMIC},
    "hyperinfer.nodes.tools.documents.reader": {"trio.lowlevel.open_process"},
    # A program of its own that may not connect (tests/nodes/documents/test_document_reader.py). Its libraries: a table.
    "hyperinfer.nodes.tools.documents.worker": {DYNAMIC, "trafilatura"},
}
# Programs' own tests: no part of a gateway that serves.
TESTS = {
    "hyperinfer.testing": {DYNAMIC},  # its own modules, when a name is first asked for: a table
    "hyperinfer.testing.loopback": {"socket.socket"},
    "hyperinfer.testing.transports": {"httpx"},  # the base class of a transport that leads nowhere
    "hyperinfer.testing.conformance.exchange": {"httpx2.AsyncClient"},  # the URL of the gateway that is tested
}
KNOWN = {**GUARDED, **PROVIDERS, **COLLECTOR, **STORES, **COMMAND_LINE, **INSIDE, **TESTS}


def test_the_ways_out_are_these_and_no_others() -> None:
    found: dict[str, set[str]] = {}
    for file in source_files():
        name = module_name(file)
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        if ways := ways_out(file.read_text("utf-8"), package):
            found[name] = ways
    assert found == KNOWN


def test_tools_reach_the_transport_of_providers_only_for_the_operators_addresses() -> None:
    """What a model calls gets the guard, or what asks an API of the catalogue; never the means to connect by itself."""
    low = ("hyperinfer.providers.transport", "hyperinfer.providers.client", "hyperinfer.providers.egress.lookup")
    for file in source_files():
        name = module_name(file)
        if name.startswith("hyperinfer.nodes.tools."):
            assert not [each for each in imports_of(file) if each.module.startswith(low)], name


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import httpx2\nhttpx2.get('http://x')", {"httpx2.get"}),
        ("import httpx2 as h\nasync def f():\n    async with h.AsyncClient() as c: ...", {"httpx2.AsyncClient"}),
        ("from httpx2 import get as fetch\nfetch('http://x')", {"httpx2.get"}),
        ("def f():\n    from httpx2 import AsyncClient\n    AsyncClient()", {"httpx2.AsyncClient"}),
        ("import trio\ntrio.open_tcp_stream('x', 1)", {"trio.open_tcp_stream"}),
        ("from trio import open_tcp_stream\nopen_tcp_stream", {"trio.open_tcp_stream"}),
        ("import trio.socket as s\ns.socket()", {"trio.socket.socket"}),
        ("from trio.socket import socket\nsocket()", {"trio.socket.socket"}),
        ("import socket\nsocket.create_connection(('x', 1))", {"socket.create_connection"}),
        ("import socket as s\nx = s.socket()\nx.connect(('x', 1))", {"socket.socket", ".connect"}),
        ("import asyncio\nasyncio.open_connection('x', 1)", {".open_connection"}),
        ("import urllib.request", {"urllib.request"}),
        ("from urllib import request", {"urllib.request"}),
        ("import urllib\nurllib.request.urlopen('http://x')", {"urllib.request", ".urlopen"}),
        ("import requests", {"requests"}),
        ("import importlib\nimportlib.import_module('requests')", {"requests"}),
        ("from importlib import import_module\nimport_module(name)", {DYNAMIC}),
        ("__import__('urllib3')", {"urllib3"}),
        ("import trafilatura\ntrafilatura.fetch_url('http://x')", {"trafilatura", ".fetch_url"}),
        ("import trio\ngetattr(trio, 'open_tcp_stream')", {"trio.open_tcp_stream"}),
        ("import subprocess\nsubprocess.run(['curl'])", {"subprocess.run"}),
        ("import os\nos.execv('x', [])", {"os.execv"}),
        ("from hyperinfer.providers import Transport\nTransport()", {"hyperinfer.providers.Transport"}),
        ("async def f(t, r): await t.handle_async_request(r)", {".handle_async_request"}),
        ("import httpx2\ndef f(x: httpx2.Response) -> httpx2.URL: ...", set[str]()),
        ("import trio\nimport socket\ntrio.sleep(socket.AF_INET)", set[str]()),
    ],
)
def test_a_new_one_would_be_found(source: str, found: set[str]) -> None:
    assert ways_out(source, "hyperinfer.nodes") == found
