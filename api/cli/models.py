"""`hyperinfer models`"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import usd_text
from hyperinfer.api.cli.catalogue_choice import choose_catalogue, load_catalogue
from hyperinfer.api.cli.invocation import DONE
from hyperinfer.api.cli.output import many, table
from hyperinfer.api.settings import CONFIG, read_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.providers.catalogue import Model, Pricing

_MILLION = 1_000_000
_WIDE = 130
"""Columns from which on the features have room."""


def models(invocation: Invocation) -> int:
    """The catalogue's models; as JSON what `GET /api/v1/models` answers."""
    from hyperinfer.providers.listing import public_models

    named = read_flag(CONFIG, {"config": invocation.arguments.config}, invocation.environ)
    catalogue = load_catalogue(choose_catalogue(named, invocation.folder), invocation.environ)
    if invocation.arguments.available:
        callable_ones = {slug: model for slug, model in catalogue.models.items() if model.available}
        catalogue = replace(catalogue, models=callable_ones)
    found = tuple(catalogue.models.values())

    def show(console: Console) -> None:
        wide = console.width >= _WIDE
        console.print(_rows(found, wide=wide) if found else "no models")
        off = sum(not model.available for model in found)
        if off and console.is_terminal:
            line = f"{off} of {many(len(found), 'model')} cannot be called yet: `hyperinfer check` says what each needs."
            console.print(line, style="dim")
        if found and not wide:
            console.print(f"FEATURES is left out: it needs {_WIDE} columns. --json has everything.", style="dim")

    invocation.output.result(public_models(catalogue), show)
    return DONE


def _rows(found: Sequence[Model], *, wide: bool) -> Table:
    numbers = ("CONTEXT", "PROMPT", "CACHED", "OUTPUT")
    rows = table("MODEL", *numbers, "AVAILABLE", *(["FEATURES"] if wide else []), right=numbers)
    for model in found:
        rows.add_row(
            model.slug,
            _tokens(model.context_length),
            *_prices(model.pricing),
            "yes" if model.available else "no",
            *([", ".join(model.features)] if wide else []),
            style="" if model.available else "dim",
        )
    return rows


def _tokens(number: int) -> str:
    """`128k`, `131k`, `8.19k`, `1.05M`: in thousands, from a million on in millions, to three digits."""
    # A number that rounds up to a million is one.
    for unit, letter, least in ((1_000_000, "M", 999_500), (1_000, "k", 1_000)):
        if number >= least:
            amount = number / unit
            digits = 0 if amount >= 100 else 1 if amount >= 10 else 2
            text = f"{amount:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if digits else text) + letter
    return str(number)


def _prices(pricing: Pricing) -> tuple[str, str, str]:
    """USD for a million prompt, cached and completion tokens, exact."""
    if pricing.is_free:
        return "free", "", ""
    prompt, cached, completion = pricing.prompt, pricing.cached_prompt, pricing.completion
    return usd_text(prompt * _MILLION), usd_text(cached * _MILLION), usd_text(completion * _MILLION)
