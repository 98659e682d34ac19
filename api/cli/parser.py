"""From the words of a command line to a verb and its arguments."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from hyperinfer.api.cli.invocation import UsageError
from hyperinfer.api.values import did_you_mean

if TYPE_CHECKING:
    from hyperinfer.api.cli.verb import Argument, Verb

HELP = frozenset({"-h", "--help"})
VERSION = frozenset({"-V", "--version"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a command line names: a verb and the words for its parser, or no verb (`path`: how far it got)."""

    verb: Verb | None
    path: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def asks_for_help(self) -> bool:
        words = self.words[: self.words.index("--")] if "--" in self.words else self.words
        return not HELP.isdisjoint(words)


def find_verb(words: Sequence[str], verbs: Mapping[tuple[str, ...], Verb]) -> Found:
    """The verb that the words name; options may stand before, between and after. Raises UsageError for no verb."""
    path: tuple[str, ...] = ()
    before: list[str] = []
    rest = list(words)
    options = [each for verb in verbs.values() for each in verb.arguments if each.is_option]
    with_value: frozenset[str] = frozenset(each.name for each in options if each.value and each.bare is None)
    if rest[:1] == ["help"]:
        rest = [*rest[1:], "--help"]
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            before.append(word)
            if word in with_value and rest:
                before.append(rest.pop(0))
            continue
        path = (*path, word)
        if path in verbs:
            return Found(verbs[path], path, (*before, *rest))
        known = {each[: len(path)] for each in verbs}
        if path not in known:
            _check_options(before, {each.name for each in options}, see=_program(path[:-1]))
            raise _unknown(path, known)
    _check_options(before, {each.name for each in options}, see=_program(path))
    return Found(None, path, tuple(before))


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a verb. Raises UsageError."""
    parser = _Parser(prog=f"hyperinfer {verb.name}", add_help=False, allow_abbrev=False)
    for argument in verb.arguments:
        _add(parser, argument)
    _check_options(words, {each.name for each in verb.arguments if each.is_option}, see=parser.prog)
    return parser.parse_args(words)


def _check_options(words: Sequence[str], known: set[str], *, see: str) -> None:
    """Raises UsageError for an option that is none, before anything that may follow from it is complained of."""
    known = known | HELP | VERSION
    for word in words:
        name = word.partition("=")[0]
        if word == "--":
            return
        if name.startswith("--") and name not in known:
            raise UsageError(f"unrecognized arguments: {name}{did_you_mean(name, known)}", see=see)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message.removeprefix("argument "), see=self.prog)


def _add(parser: argparse.ArgumentParser, argument: Argument) -> None:
    if not argument.is_option:
        many = None if argument.required else "?"
        if argument.choices:
            parser.add_argument(
                argument.name.lower(), metavar=argument.name, nargs=many, choices=argument.choices, default=argument.default
            )
        else:
            read = _saying_why(argument.read)
            parser.add_argument(
                argument.name.lower(), metavar=argument.name, nargs=many, type=read, default=argument.default
            )
    elif not argument.value:
        parser.add_argument(argument.name, action="store_true")
    else:
        parser.add_argument(
            argument.name,
            metavar=argument.value,
            type=_saying_why(argument.read),
            choices=argument.choices or None,
            required=argument.required,
            default=argument.default,
            nargs="?" if argument.bare is not None else None,
            const=argument.bare,
        )


def _saying_why(read: Callable[[str], object]) -> Callable[[str], object]:
    def reading(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return reading


def _program(path: tuple[str, ...]) -> str:
    return " ".join(["hyperinfer", *path])


def _unknown(path: tuple[str, ...], known: set[tuple[str, ...]]) -> UsageError:
    before, word = path[:-1], path[-1]
    names = sorted({each[-1] for each in known if len(each) == len(path) and each[:-1] == before})
    close = difflib.get_close_matches(word, names, n=1)
    what = _program(before)
    guess = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
    return UsageError(f"{what} has no verb {word!r}{guess}", see=what)
