"""A replay as a person can read it: what the client was told and when, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from hyperinfer.api.cli.output import many, table
from hyperinfer.api.replay.telling import KeepAlive
from hyperinfer.api.replay.wording import detail_of, name_of
from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.nodes.money import pico_to_usd_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from hyperinfer.api.cli.output import Output
    from hyperinfer.api.replay import Replay, Told
    from hyperinfer.engine.recording import Recording

_NAME_WIDTH: Final = 18
_LONG_GAP: Final = 1.0
"""Seconds: a gap as long as this is looked for by whoever asks why it was slow."""

_STYLES: Final[dict[type, str]] = {
    ev.TextDelta: "green",
    ev.ReasoningDelta: "magenta",
    ev.ToolCallStart: "cyan",
    ev.ArgumentsDelta: "cyan",
    ev.ToolRunStart: "blue",
    ev.ToolRunEnd: "blue",
    ev.UsageUpdate: "yellow",
    ev.MessageEnd: "bold",
    KeepAlive: "dim",
    ErrorReport: "bold red",
}


class Page:
    """Prints a line for each event, as it comes, and then the sums. `format`: of the client, where it is another one."""

    def __init__(self, output: Output, *, made_of: Recording, format: str | None) -> None:
        self._output, self._before, self._begun = output, 0.0, False
        request = made_of.request
        path = f"as {format}" if format else request.path
        self._heading = f"{request.method} {path}  {request.id}  {_moment(request.unix)}"

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._show(Text(self._heading, style="bold"))
            self._show(Text(f"{'TIME':>10} {'GAP':>9}  {'EVENT':<{_NAME_WIDTH}} ", style="bold"))

    def hear(self, told: Told) -> None:
        """The next one."""
        self._begin()
        gap, self._before = told.at - self._before, told.at
        line = Text(f"{told.at:>10.3f} ")
        line.append(f"{f'+{gap:.3f}' if gap >= 0.0005 else '':>9}", style="bold yellow" if gap >= _LONG_GAP else "dim")
        style = _STYLES.get(type(told.what), "")
        line.append(f"  {name_of(told.what):<{_NAME_WIDTH}} ", style=style or "dim")
        line.append(detail_of(told.what), style=style)
        self._show(line)

    def close(self, made: Replay, *, verify: bool) -> None:
        """What it came to."""
        self._begin()
        self._output.result(None, lambda console: _sums(console, made, verify=verify))

    def _show(self, text: Text) -> None:
        self._output.result(None, lambda console: console.print(text, soft_wrap=True))


def _sums(console: Console, made: Replay, *, verify: bool) -> None:
    console.print()
    for line in _facts(made):
        console.print(line, soft_wrap=True)
    if made.attempts:
        rows = table("ATTEMPT", "PROVIDER", "MODEL", "STATUS", "CODE", "MS", right=("STATUS", "MS"))
        for number, each in enumerate(made.attempts, 1):
            status = "" if each.status is None else str(each.status)
            rows.add_row(str(number), each.provider, each.model, status, each.code or "", str(each.ms))
        console.print()
        console.print(rows)
    if made.losses:
        console.print()
        console.print(f"{many(len(made.losses), 'loss', 'losses')}:")
        for loss in made.losses:
            console.print(f"  {loss.path}: {loss.reason}", soft_wrap=True)
    for note in made.notes:
        console.print(f"note: {note}", style="yellow", soft_wrap=True)
    if verify or made.differences:
        console.print(_verdict(made), soft_wrap=True)


def _facts(made: Replay) -> list[RenderableType]:
    status = "no status: the client left before there was one" if made.status is None else f"status {made.status}"
    facts = [f"{status}, {many(len(made.body), 'byte')} in {many(len(made.writes), 'piece')}, {made.seconds:.3f} s"]
    if made.row is not None:
        facts.append(
            f"{made.row.model}: {made.row.status}" + (f", {made.row.finish_reason}" if made.row.finish_reason else "")
        )
    if (usage := made.usage) is not None:
        told = f"{usage.input_tokens} tokens read"
        told += f" ({usage.cache_read} from a cache)" if usage.cache_read else ""
        told += f", {usage.output_tokens} written"
        told += f" ({usage.reasoning} of reasoning)" if usage.reasoning else ""
        facts.append(f"{told}, {pico_to_usd_text(made.cost)} USD" + (", estimated" if usage.estimated else ""))
    elif made.row is not None:
        facts.append(f"{pico_to_usd_text(made.cost)} USD")
    return list(facts)


def _verdict(made: Replay) -> Text:
    if not made.differences:
        return Text("verified: the same status, headers and bytes", style="green")
    return Text(
        "\n".join(["it does not replay as it was recorded:", *(f"  {each}" for each in made.differences)]), style="red"
    )


def _moment(unix: float) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix))
