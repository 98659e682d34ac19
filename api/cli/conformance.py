"""`hyperinfer conformance`: whether a gateway translates between the three formats as it should."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING, cast

from hyperinfer.api.cli.invocation import DONE, REFUSED, CommandRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.testing.conformance import Report, Target
    from hyperinfer.testing.conformance.check import Check
    from hyperinfer.testing.conformance.said import Format


_SEE = "hyperinfer conformance"


def conformance(invocation: Invocation) -> int:
    """Run it, or say what the gateway needs for it."""
    given = invocation.arguments
    host, port = given.listen
    models = _models(given.models)
    checks = _checks(given.only)
    headers, headers_for = _headers(given.headers or {})
    if given.write_config is not None:
        return _write(invocation, invocation.folder / given.write_config, host, port)
    if given.url is None:
        return _explain(invocation, host, port, models)
    if not given.key:
        raise UsageError("--key is missing: the gateway's API key", see=_SEE)
    from hyperinfer.testing.conformance import Target

    target = Target(url=given.url, key=given.key, models=models, headers=headers, headers_for=headers_for)
    report = _run(invocation, target, checks)
    from hyperinfer.testing.conformance.matrix import LEGEND, findings, matrix, summary

    def show(console: Console) -> None:
        lines = [*matrix(report), "", LEGEND, *findings(report), "", summary(report)]
        console.print("\n".join(lines), soft_wrap=True)

    invocation.output.result(report.document(), show)
    if not report.reached:
        seen = next((result.finding.seen for result in report.results), "").rpartition("was not asked; ")[2]
        needs = "\n".join(_instructions(host, port, models))
        raise CommandRefused(
            "upstream_not_asked", f"the gateway never asked the scripted upstream; it answered: {seen}\n{needs}"
        )
    return DONE if report.clean else REFUSED


def _models(given: Mapping[str, str] | None) -> dict[Format, str]:
    """What a client calls the models, by the upstream's format."""
    from hyperinfer.testing.conformance.configuration import MODELS
    from hyperinfer.testing.conformance.said import FORMATS

    if given is None:
        return dict(MODELS)
    if unknown := given.keys() - set(FORMATS):
        raise UsageError(f"--models: {', '.join(sorted(unknown))}: none of {', '.join(FORMATS)}", see=_SEE)
    return {name: given[name] for name in FORMATS if name in given}


def _headers(given: Mapping[str, object]) -> tuple[dict[str, str], dict[Format, dict[str, str]]]:
    """Those of each request, and those for the model of one upstream."""
    from hyperinfer.testing.conformance.said import FORMATS

    every = {name: value for name, value in given.items() if isinstance(value, str)}
    some: dict[Format, dict[str, str]] = {}
    for name in FORMATS:
        more = given.get(name)
        if isinstance(more, dict):
            some[name] = {header: str(value) for header, value in cast("dict[str, object]", more).items()}
    if unread := given.keys() - every.keys() - some.keys():
        raise UsageError(f"--headers: {', '.join(sorted(unread))}: neither text nor headers for a format", see=_SEE)
    return every, some


def _checks(only: tuple[str, ...] | None) -> tuple[Check, ...]:
    from hyperinfer.testing.conformance import chosen

    try:
        return chosen(tuple(only or ()))
    except ValueError as error:
        raise UsageError(f"--only: {error}", see=_SEE) from None


def _instructions(host: str, port: int, models: Mapping[Format, str]) -> list[str]:
    from hyperinfer.testing.conformance.configuration import instructions

    return instructions(host, port, models)


def _explain(invocation: Invocation, host: str, port: int, models: Mapping[Format, str]) -> int:
    lines = _instructions(host, port, models)
    document = {"listen": f"{host}:{port}", "models": dict(models), "instructions": lines}
    invocation.output.result(document, lambda console: console.print("\n".join(lines), soft_wrap=True))
    return DONE


def _write(invocation: Invocation, file: Path, host: str, port: int) -> int:
    from hyperinfer.testing.conformance.configuration import providers_yaml

    try:
        file.write_text(providers_yaml(host, port), "utf-8")
    except OSError as error:
        raise CommandRefused("unwritable", f"cannot write {file}: {error.strerror or error}") from None
    lines = (f"{file}", f"Next: hyperinfer serve --config {file}, and hyperinfer conformance URL --key KEY beside it.")
    invocation.output.result({"written": str(file)}, lambda console: console.print("\n".join(lines), soft_wrap=True))
    return DONE


def _run(invocation: Invocation, target: Target, checks: tuple[Check, ...]) -> Report:
    import trio

    from hyperinfer.testing.conformance import run, serving
    from hyperinfer.testing.conformance.exchange import client, listens

    given, output = invocation.arguments, invocation.output
    host, port = given.listen
    token = secrets.token_hex(4)
    markers = (f"conformance-{token}-{number}" for number in itertools.count())

    async def main() -> Report | None:
        async with serving(host, port) as upstream:
            for line in _instructions(host, upstream.port, target.models):
                output.note(line)
            async with client() as opened:
                if not await listens(opened, target.url, given.patience):
                    return None
            return await run(target, upstream, checks, markers, leaving=given.within / 1000, patience=given.patience)

    try:
        report = trio.run(main)
    except OSError as error:
        raise CommandRefused("cannot_listen", f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    if report is None:
        raise CommandRefused("gateway_unreachable", f"nothing listens at {target.url}; start the gateway first")
    return report
