"""What came over a wire does nothing to the terminal of whoever looks at it."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.text import Text

from hyperinfer.api.cli.output import Output, console, table
from hyperinfer.api.cli.visible import visible

if TYPE_CHECKING:
    import pytest

ODD = "a\x1b[31m\x9b2J\u202eb"
SEEN = r"a\x1b[31m\x9b2J\u202eb"


def test_what_is_seen_anyway_stays() -> None:
    assert visible("\tnaïve\n🙂 [red] \\x1b") == "\tnaïve\n🙂 [red] \\x1b"
    assert visible(ODD) == SEEN


def test_results_errors_and_notes_show_control_characters() -> None:
    out, err = StringIO(), StringIO()
    output = Output(out, err, json=False)
    rows = table("NAME")
    rows.add_row(ODD)
    output.result(None, lambda console: console.print(rows))
    output.result(None, lambda console: console.print(Text(ODD, style="bold")))
    output.error("code", ODD, hint=ODD)
    output.note(ODD)
    assert (out.getvalue().count(SEEN), err.getvalue().count(SEEN)) == (2, 3)
    assert "\x1b" not in out.getvalue() + err.getvalue()


def test_colours_of_our_own_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    console(stream).print(Text(ODD, style="red"))
    assert stream.getvalue() == f"\x1b[31m{SEEN}\x1b[0m\n"
