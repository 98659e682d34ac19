"""What a gateway must be told so that its upstream is the scripted one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance.said import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.testing.conformance.said import Format

KEY: Final = "sk-conformance"
"""What the upstream is called with; it takes any."""

MODELS: Final[Mapping[Format, str]] = {name: f"conformance/{name}" for name in FORMATS}
"""What a client calls the models, unless told otherwise."""

_PROTOCOLS: Final[Mapping[Format, str]] = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
}
_WORDS: Final[Mapping[Format, str]] = {
    "chat": "OpenAI Chat Completions",
    "responses": "OpenAI Responses",
    "messages": "Anthropic Messages",
}


def providers_yaml(host: str, port: int) -> str:
    """`providers.yaml` of this project's gateway. Neither limits of its own nor second tries come between: what is judged
    is one exchange with one upstream."""
    providers = {
        f"conformance-{name}": {
            "protocol": _PROTOCOLS[name],
            "base_url": f"http://{host}:{port}/v1",
            "api_key": KEY,
            "breaker": {"faults": 0},
        }
        for name in FORMATS
    }
    models = [
        {
            "slug": MODELS[name],
            "name": f"Conformance, {_WORDS[name]}",
            "context_length": 200_000,
            "max_output_tokens": 64_000,
            "pricing": {"prompt": 1, "completion": 1},
            "source": "made up for the conformance kit",
            "routes": [{"provider": f"conformance-{name}", "model": f"conformance-{name}"}],
        }
        for name in FORMATS
    ]
    limits = {"rate_per_minute": 1_000_000, "burst": 1_000_000, "retries": 0}
    document = {"demo": False, "limits": limits, "providers": providers, "models": models}
    return "# The gateway's part of `hyperinfer conformance`; JSON is YAML.\n" + json.dumps(document, indent=2) + "\n"


def instructions(host: str, port: int, models: Mapping[Format, str]) -> list[str]:
    """What to tell any gateway, a line each."""
    lines = ["The gateway under test needs three models whose upstream is the scripted one:"]
    for name, model in models.items():
        base = f"http://{host}:{port}" + ("/v1" if name != "messages" else "")
        also = f" (or {base}/v1, where the gateway appends only /messages)" if name == "messages" else ""
        lines.append(f"  model {model!r}: {_WORDS[name]} at {base}{also}, upstream model conformance-{name}, key {KEY}")
    lines.append("Turn off its retries, cooldowns, caches and limits: one exchange with one upstream is what is judged.")
    return lines
