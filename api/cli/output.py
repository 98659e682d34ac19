"""What the program says: results on standard output, all else on standard error; for people or as JSON."""

from __future__ import annotations

import os
import re
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from hyperinfer.api.cli.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console
    from rich.table import Table

_UNBROKEN = 10_000
"""Columns where the output is no terminal: a row stays a line, for grep and friends."""
_PAGE = 100
"""The same for a help page, which is text."""


class Output:
    """Results for people or, with `json`, one JSON document for each. Colours only on a terminal without NO_COLOR.

    Text that comes from elsewhere (names, messages) is never read as markup.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, *, json: bool) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self.json = json

    def result(self, document: object, show: Callable[[Console], object]) -> None:
        """The result of a verb: `document` as JSON, or what `show` prints."""
        if self.json:
            self.document(document)
        else:
            _print(show, self._stdout, _UNBROKEN)
        self._stdout.flush()

    def text(self, text: str) -> None:
        """A result that is for programs, in a form of its own."""
        self._stdout.write(text)
        self._stdout.flush()

    def document(self, document: object) -> None:
        """A JSON document, indented, on standard output."""
        import msgspec

        self._stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")

    def event(self, document: Mapping[str, object], line: str) -> None:
        """Something that happened while the verb goes on: one line, on standard output at once."""
        self._stdout.write((_compact(document) if self.json else line) + "\n")
        self._stdout.flush()

    def note(self, message: str) -> None:
        """A line on standard error for whoever operates this."""
        self._to_stderr(_compact({"note": message}) if self.json else visible(message))

    def error(self, code: str, message: str, details: Mapping[str, object] | None = None, *, hint: str = "") -> None:
        """Why it was not done: `error: …`, or `{"error": {"code", "message", …}}`, on standard error."""
        if self.json:
            self._to_stderr(_compact({"error": {"code": code, "message": message, **(details or {})}}))
            return
        from rich.text import Text

        text = Text.assemble(("error:", "bold red"), " ", message, (f" {hint}" if hint else "", "dim"))
        console(self._stderr).print(text, soft_wrap=True)

    def page(self, show: Callable[[Console], object], *, failed: bool) -> None:
        """A help page; on standard error when it was not asked for."""
        stream = self._stderr if failed else self._stdout
        _print(show, stream, _PAGE)
        stream.flush()

    def _to_stderr(self, line: str) -> None:
        self._stderr.write(line + "\n")
        self._stderr.flush()


def _print(show: Callable[[Console], object], stream: TextIO, width: int) -> None:
    """Let it show on a terminal; elsewhere too, `width` columns wide and without the blanks that fill rows up."""
    if stream.isatty():
        show(console(stream))
        return
    shown = StringIO()
    show(console(shown, width))
    stream.write(re.sub(r" +$", "", shown.getvalue(), flags=re.MULTILINE))


def console(stream: TextIO, width: int | None = None) -> Console:
    """A rich console that prints text as it is, and control characters in it so that they are seen."""
    from hyperinfer.api.cli.safe_console import SafeConsole

    if width is None and not stream.isatty():
        width = _UNBROKEN
    # rich itself would still print bold under NO_COLOR. None: it finds out.
    terminal = False if os.environ.get("NO_COLOR") else None
    return SafeConsole(file=stream, force_terminal=terminal, markup=False, highlight=False, emoji=False, width=width)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table. `right`: columns of numbers. Where a terminal is too narrow, text goes on below; numbers and the
    first column, which names the row, stay whole."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column == columns[0] or column in right,
            overflow="fold",
        )
    return made


def many(count: int, what: str, plural: str = "") -> str:
    """`1 model`, `2 models`; `0 entries` with a plural of its own."""
    return f"{count} {what if count == 1 else plural or what + 's'}"


def silence(stream: TextIO) -> None:
    """After the reader of a pipe went away: what is still buffered goes nowhere, instead of failing at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)


def _compact(document: Mapping[str, object]) -> str:
    import msgspec

    return msgspec.json.encode(document).decode()
