"""The official SDKs, pointed at an upstream of the kit: over its port or its transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import anthropic
import httpx2
import openai

if TYPE_CHECKING:
    from hyperinfer.testing import ScriptedUpstream

Carrier: TypeAlias = Literal["port", "transport"]


@dataclass(frozen=True)
class Clients:
    """Synchronous ones. They do not retry."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic


@dataclass(frozen=True)
class AsyncClients:
    """Asynchronous ones. They do not retry."""

    openai: openai.AsyncOpenAI
    anthropic: anthropic.AsyncAnthropic


@contextmanager
def clients(upstream: ScriptedUpstream, carrier: Carrier, seconds: float = 10.0) -> Generator[Clients]:
    """Closed at the end of the block."""
    http = None if carrier == "port" else httpx2.Client(transport=upstream.transport())
    urls = (upstream.openai_url, upstream.url) if carrier == "port" else ("http://openai.test/v1", "http://anthropic.test")
    with (
        openai.OpenAI(base_url=urls[0], api_key="k", max_retries=0, timeout=seconds, http_client=http) as first,
        anthropic.Anthropic(base_url=urls[1], api_key="k", max_retries=0, timeout=seconds, http_client=http) as second,
    ):
        yield Clients(first, second)


@asynccontextmanager
async def async_clients(upstream: ScriptedUpstream, carrier: Carrier, seconds: float = 10.0) -> AsyncGenerator[AsyncClients]:
    """Closed at the end of the block."""
    http = None if carrier == "port" else httpx2.AsyncClient(transport=upstream.transport())
    urls = (upstream.openai_url, upstream.url) if carrier == "port" else ("http://openai.test/v1", "http://anthropic.test")
    async with (
        openai.AsyncOpenAI(base_url=urls[0], api_key="k", max_retries=0, timeout=seconds, http_client=http) as first,
        anthropic.AsyncAnthropic(base_url=urls[1], api_key="k", max_retries=0, timeout=seconds, http_client=http) as second,
    ):
        yield AsyncClients(first, second)
