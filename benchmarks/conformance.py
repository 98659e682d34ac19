"""The conformance kit on this gateway and, beside it, on LiteLLM's proxy and Portkey's gateway.

    python -m benchmarks.conformance [--only CHECKS] [--gateways NAMES] [--write]

Each is configured as well as its documentation allows; what is said of it below is what that means. `--write` puts the
result into docs/conformance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from benchmarks.gateway.installed import PLACE, PORTKEY_SETTINGS, free_port, litellm_program, portkey_program, running
from benchmarks.gateway.processes import ROOT, cores, end_when_told
from benchmarks.gateway.serving import KEY, gateway
from hyperinfer import __version__
from hyperinfer.testing.conformance import Report, Target, chosen, run, serving
from hyperinfer.testing.conformance.configuration import KEY as UPSTREAM_KEY
from hyperinfer.testing.conformance.configuration import MODELS, providers_yaml
from hyperinfer.testing.conformance.matrix import LEGEND, findings, matrix, summary
from hyperinfer.testing.conformance.said import FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.testing.conformance.check import Check

PAGE: Final = ROOT / "docs" / "conformance.md"
MARK: Final = "## Beside other gateways\n"


@dataclass(frozen=True)
class Ran:
    """`how`: how it was configured."""

    name: str
    how: str
    report: Report


@dataclass(frozen=True)
class Peer:
    """A gateway that runs."""

    name: str
    how: str
    target: Target


@contextlib.contextmanager
def _ours(upstream: int) -> Generator[Peer]:
    with gateway("HyperInfer", "lean", upstream, cores()[0], config=providers_yaml("127.0.0.1", upstream)) as served:
        target = Target(url=f"http://127.0.0.1:{served.port}/api/v1", key=KEY, models=MODELS)
        yield Peer(f"HyperInfer {__version__}", "As `--write-config` writes it.", target)


_LITELLM: Final[Mapping[Format, tuple[str, str]]] = {
    "chat": ("custom_openai/gpt-5-mini", "/v1"),
    "responses": ("openai/responses/gpt-5-mini", "/v1"),
    "messages": ("anthropic/claude-sonnet-4-6", ""),
}
_LITELLM_HOW: Final = (
    "Its proxy without a database. Upstreams: `custom_openai/` for Chat, which its documentation gives for servers that have"
    " Chat Completions only; `openai/responses/` and `anthropic/`; each with the name of a model that it knows to reason."
    " `cancel_on_disconnect`, `drop_params`, `reasoning_effort` among `allowed_openai_params`; no retries, no cooldowns."
)


@contextlib.contextmanager
def _litellm(upstream: int) -> Generator[Peer]:
    program, version = litellm_program()
    models = [
        {
            "model_name": f"conformance-{name}",
            "litellm_params": {
                "model": model,
                "api_base": f"http://127.0.0.1:{upstream}{path}",
                "api_key": UPSTREAM_KEY,
                "max_retries": 0,
                "allowed_openai_params": ["reasoning_effort"],
            },
        }
        for name, (model, path) in _LITELLM.items()
    ]
    config = PLACE / "conformance.json"
    document = {
        "model_list": models,
        "general_settings": {"master_key": "sk-bench", "cancel_on_disconnect": True},
        "litellm_settings": {"drop_params": True, "num_retries": 0},
        "router_settings": {"disable_cooldowns": True, "num_retries": 0},
    }
    config.write_text(json.dumps(document))
    port = free_port()
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with running(command, cores()[0], port, {"LITELLM_LOG": "ERROR"}):
        names: dict[Format, str] = {name: f"conformance-{name}" for name in FORMATS}
        target = Target(url=f"http://127.0.0.1:{port}/v1", key="sk-bench", models=names)
        yield Peer(f"LiteLLM {version}", _LITELLM_HOW, target)


_PORTKEY_HOW: Final = (
    "Told in each request where to go: `x-portkey-provider` openai or anthropic, and `x-portkey-custom-host`. With"
    " `x-portkey-strict-open-ai-compliance: false` it shows reasoning on Chat, and has Anthropic's stop reasons there:"
    " fewer findings pass. It has no way to say that an OpenAI upstream speaks only one of OpenAI's two APIs: it asks in"
    " the one that the client asked in. Installed with an older `@hono/node-server` (1.13.8) than npm takes for it: with"
    " the newest (1.19.19) each of its streams is a 500."
)


@contextlib.contextmanager
def _portkey(upstream: int) -> Generator[Peer]:
    program, version = portkey_program()
    port = free_port()
    base = {"x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1"}
    providers: Mapping[Format, str] = {"chat": "openai", "responses": "openai", "messages": "anthropic"}
    headers: dict[Format, Mapping[str, str]] = {
        name: {**base, "x-portkey-provider": provider} for name, provider in providers.items()
    }
    names: Mapping[Format, str] = {"chat": "gpt-5-mini", "responses": "gpt-5-mini", "messages": "claude-sonnet-4-6"}
    with running([*program, f"--port={port}", "--headless"], cores()[0], port, PORTKEY_SETTINGS):
        target = Target(url=f"http://127.0.0.1:{port}/v1", key=UPSTREAM_KEY, models=names, headers_for=headers)
        yield Peer(f"Portkey {version}", _PORTKEY_HOW, target)


GATEWAYS: Final[Mapping[str, Callable[[int], contextlib.AbstractContextManager[Peer]]]] = {
    "hyperinfer": _ours,
    "litellm": _litellm,
    "portkey": _portkey,
}


async def measured(names: Sequence[str], checks: Sequence[Check]) -> list[Ran]:
    """One after the other. What cannot be installed or does not start is left out, and said."""
    found: list[Ran] = []
    async with serving("127.0.0.1", 0) as upstream:
        for name in names:
            token = secrets.token_hex(4)
            markers = (f"conformance-{token}-{number}" for number in itertools.count())
            try:
                with GATEWAYS[name](upstream.port) as peer:
                    # A proxy that listens may not be ready yet; its first requests are slow.
                    await run(peer.target, upstream, chosen(("text.equal",)), markers, patience=60, at_once=1)
                    report = await run(peer.target, upstream, checks, markers, at_once=4, patience=30)
                    found.append(Ran(peer.name, peer.how, report))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                sys.stderr.write(f"without {name}: {error}\n")
    return found


def table(ran: Sequence[Ran]) -> list[str]:
    """How many of each group's findings passed, a column a gateway."""
    groups = list(dict.fromkeys(check.id.partition(".")[0] for check in ran[0].report.checks))
    lines = ["| checks | " + " | ".join(each.name for each in ran) + " |", "|---|" + "---|" * len(ran)]
    rows = {group: f"{group}." for group in groups} | {"all": ""}
    lines += [f"| {row} | " + " | ".join(_share(each.report, ids) for each in ran) + " |" for row, ids in rows.items()]
    return lines


def _share(report: Report, group: str) -> str:
    verdicts = [result.finding.verdict for result in report.results if result.check.startswith(group)]
    others = [f"{verdicts.count(verdict)} {verdict}" for verdict in ("unsupported", "unknown") if verdict in verdicts]
    return ", ".join([f"{verdicts.count('pass')} of {len(verdicts)}", *others])


def page(ran: Sequence[Ran], day: str) -> str:
    """The part of docs/conformance.md that is about all of them."""
    lines = [
        f"Of {day}, by `make conformance-peers`, which installs LiteLLM and Portkey by package name, and prints what was"
        " wanted and seen for each mark. The kit comes from the makers of the first column: it asks for what they thought"
        " of, and they run it on each change. How many findings passed, of all; the rest failed, but for what is named:",
        "",
        *table(ran),
    ]
    for each in ran:
        lines += ["", f"### {each.name}", "", each.how, "", "```text", *matrix(each.report), "```"]
    return "\n".join([MARK, *lines, ""])


def main() -> int:
    """Runs, prints, and on request writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="checks or groups, between commas")
    parser.add_argument("--gateways", default=",".join(GATEWAYS), help="between commas")
    parser.add_argument("--write", action="store_true", help="into docs/conformance.md")
    given = parser.parse_args()
    end_when_told()
    ran = trio.run(measured, given.gateways.split(","), chosen(tuple(filter(None, given.only.split(",")))))
    if not ran:
        return 1
    for each in ran:
        print("\n".join([each.name, *matrix(each.report), *findings(each.report), "", summary(each.report), ""]))
    print("\n".join([*table(ran), "", LEGEND]))
    if given.write:
        before = PAGE.read_text("utf-8").partition(MARK)[0]
        PAGE.write_text(before + page(ran, time.strftime("%Y-%m-%d")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
