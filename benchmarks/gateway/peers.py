"""Other gateways in the same run, pinned to the same core: LiteLLM's proxy without a database, and Portkey's.

What cannot be installed or does not start is left out, with a reason.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.gateway.installed import PLACE, PORTKEY_SETTINGS, free_port, litellm_program, portkey_program, running
from benchmarks.gateway.measure import Ask, Target
from benchmarks.gateway.wire import SHORT, question

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

Pairs: TypeAlias = Sequence[tuple["Dialect", "Dialect"]]
PAIRS: Pairs = (("openai_chat", "openai_chat"), ("openai_chat", "anthropic_messages"))


@dataclass(frozen=True, kw_only=True)
class LiteLLM(Target):
    """Its proxy, with a master key."""

    def ask(self, client: Dialect, upstream: Dialect, mode: str, *, streamed: bool) -> Ask:
        body = question(client, f"bench-{SHORT[upstream]}", streamed=streamed)
        return Ask("/v1/chat/completions", body, {"authorization": "Bearer sk-bench"})


@dataclass(frozen=True, kw_only=True)
class Portkey(Target):
    """Its gateway, which is told in each request where to go."""

    upstream: int
    headers: Mapping[str, str] = field(default_factory=lambda: {"authorization": "Bearer sk-upstream"})

    def ask(self, client: Dialect, upstream: Dialect, mode: str, *, streamed: bool) -> Ask:
        provider = "anthropic" if upstream == "anthropic_messages" else "openai"
        headers = {
            **self.headers,
            "x-portkey-provider": provider,
            "x-portkey-custom-host": f"http://127.0.0.1:{self.upstream}/{mode}/v1",
        }
        return Ask("/v1/chat/completions", question(client, "upstream", streamed=streamed), headers)


@contextlib.contextmanager
def open_peers(upstream: int, core: int, notes: list[str]) -> Generator[dict[str, tuple[Target, Pairs]]]:
    """Those that run, by name, with the pairs of formats that they are asked for."""
    with contextlib.ExitStack() as stack:
        found: dict[str, tuple[Target, Pairs]] = {}
        for name, start in (("LiteLLM", _litellm), ("Portkey", _portkey)):
            try:
                target = stack.enter_context(start(upstream, core))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                notes.append(f"without {name}: {error}")
            else:
                found[name] = (target, PAIRS)
        yield found


@contextlib.contextmanager
def _litellm(upstream: int, core: int) -> Generator[Target]:
    program, version = litellm_program()
    base = f"http://127.0.0.1:{upstream}/burst-100"
    routes = {"chat": ("openai/upstream", f"{base}/v1"), "messages": ("anthropic/upstream", base)}
    models = [
        {"model_name": f"bench-{name}", "litellm_params": {"model": model, "api_base": address, "api_key": "sk-upstream"}}
        for name, (model, address) in routes.items()
    ]
    config = PLACE / "litellm.json"
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": "sk-bench"}}))
    port = free_port()
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with running(command, core, port, {"LITELLM_LOG": "ERROR"}) as pids:
        yield LiteLLM(name=f"LiteLLM {version}", port=port, pids=pids, foreign=True)


@contextlib.contextmanager
def _portkey(upstream: int, core: int) -> Generator[Target]:
    program, version = portkey_program()
    port = free_port()
    with running([*program, f"--port={port}", "--headless"], core, port, PORTKEY_SETTINGS) as pids:
        yield Portkey(name=f"Portkey {version}", port=port, pids=pids, upstream=upstream, foreign=True)
