"""Help pages, made from the verbs' data."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hyperinfer.api.cli.verb import Argument, Verb
from hyperinfer.api.cli.verbs import GROUPS, VERBS

_ABOUT = "An AI gateway: three client formats in front, any model behind, metered exactly."
_START = (
    ("hyperinfer serve", "run the gateway; the first start prints an API key"),
    ("hyperinfer keys create --workspace default", "another key, while it runs"),
    ("hyperinfer check", "what the catalogue and the settings come to"),
    ("hyperinfer doctor", "what is not well here, and what to do about it"),
)
_ENDING = (
    "Each verb has its own page: hyperinfer VERB --help. With a server running on the same data folder, verbs act through"
    " it and hold from the next request on. Exit codes: 0 done, 1 refused, 2 not understood."
)
_HELP = Argument(name="--help", help="this page")
_VERSION = Argument(name="--version", help="the version")
_COMMON = frozenset({"--data", "--json", "--help"})


def help_page(path: tuple[str, ...]) -> RenderableType:
    """The page of a verb, of the verbs that begin with a word, or of the program (empty path)."""
    if path in VERBS:
        return _verb_page(VERBS[path])
    if path:
        verbs = [verb for verb in VERBS.values() if verb.path[: len(path)] == path]
        return _page(
            GROUPS[path[0]],
            f"hyperinfer {' '.join(path)} VERB …",
            _section("Verbs", [(verb.path[-1], verb.summary) for verb in verbs]),
            _examples(example for verb in verbs for example in verb.examples[:1]),
        )
    return _page(
        _ABOUT,
        "hyperinfer VERB …",
        _section("Verbs", [(verb.name, verb.summary) for verb in VERBS.values()]),
        _section("For every verb", [(each.shown, each.help) for each in (*_common(), _VERSION)]),
        _examples(_START),
        Text(_ENDING),
    )


def _verb_page(verb: Verb) -> RenderableType:
    places = [each for each in verb.arguments if not each.is_option]
    own = [each for each in verb.arguments if each.is_option and each.name not in _COMMON]
    usage = ["hyperinfer", verb.name, *(each.name if each.required else f"[{each.name}]" for each in places)]
    usage += [each.shown for each in own if each.required]
    return _page(
        verb.summary,
        " ".join([*usage, "[options]"]),
        *([Text(verb.details)] if verb.details else []),
        *([_section("Arguments", [(each.name, each.help) for each in places])] if places else []),
        *([_section("Options", [(each.shown, each.help) for each in own])] if own else []),
        _section("For every verb", [(each.shown, each.help) for each in _common()]),
        _examples(verb.examples),
    )


def _common() -> list[Argument]:
    verb = next(iter(VERBS.values()))
    return [*(each for each in verb.arguments if each.name in _COMMON), _HELP]


def _page(about: str, usage: str, *parts: RenderableType) -> RenderableType:
    head = Text.assemble(("Usage: ", "bold"), (usage, "cyan"))
    return Group(head, Text(), Text(about), *(each for part in parts for each in (Text(), part)))


def _section(title: str, rows: Iterable[tuple[str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column()
    for name, text in rows:
        grid.add_row(name, text)
    return Group(Text(title, style="bold"), Padding(grid, (0, 0, 0, 2)))


def _examples(rows: Iterable[tuple[str, str]]) -> RenderableType:
    lines: list[Text] = []
    for command, what in rows:
        if what:
            lines.append(Text(f"  # {what}", style="dim"))
        lines.append(Text(f"  {command}", style="cyan"))
    return Group(Text("Examples", style="bold"), *lines)
