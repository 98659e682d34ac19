"""The page `docs/quirks.md`, written from the record that the codecs read."""

from hyperinfer.providers.quirks import PROTOCOL_QUIRKS, QuirkFact, quirk_facts

_HEAD = """\
# Quirks

What a server or a model does differently from the protocol it speaks, as data: written in `providers.yaml` at a
provider (`quirks: {tool_id: alnum9}`) or at one route, which lies over the provider's. What a quirk keeps from being
sent is a loss, counted in `X-HyperInfer-Loss` like any other.

This page is written from `formats/quirks.py`; a test compares them. Write it anew with
`.venv/bin/python -c "from hyperinfer.providers.quirks_page import quirks_page as p; print(p(), end='')" > docs/quirks.md`.
"""


def quirks_page() -> str:
    """The whole page as Markdown: one section for each quirk, with its values and defaults."""
    return "\n".join([_HEAD, *(_section(fact) for fact in quirk_facts())])


def _section(fact: QuirkFact) -> str:
    defaults = {protocol: str(getattr(quirks, fact.name)) for protocol, quirks in PROTOCOL_QUIRKS.items()}
    if len(set(defaults.values())) == 1:
        default = f"`{fact.default}`"
    else:
        default = ", ".join(f"`{value}` on `{protocol}`" for protocol, value in defaults.items())
    values = ", ".join(f"`{value}`" for value in fact.values)
    return f"## `{fact.name}`\n\n{fact.text}\n\nValues: {values}. Default: {default}.\n"
