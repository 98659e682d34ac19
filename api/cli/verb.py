"""What a verb is: data, from which its parser and its help page are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation

Run: TypeAlias = "Callable[[Invocation], int]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument. `name` begins with dashes for an option, else it is a place (`WORKSPACE`).

    `value`: what stands for an option's value; without it the option is a switch. `read` turns the text into the
    value and raises ValueError, whose text is shown. `bare`: what an option means whose value was left out.
    """

    name: str
    help: str
    value: str = ""
    read: Callable[[str], object] = str
    choices: tuple[str, ...] = ()
    required: bool = False
    default: object = None
    bare: object = None

    @property
    def is_option(self) -> bool:
        return self.name.startswith("-")

    @property
    def shown(self) -> str:
        """As in a usage line, without brackets: `--credits USD`, `--write [DIR]`, `WORKSPACE`."""
        if not self.is_option or not self.value:
            return self.name
        return f"{self.name} [{self.value}]" if self.bare is not None else f"{self.name} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb. `run` is `module:function`, loaded when it runs; `examples` are (command, what it does)."""

    path: tuple[str, ...]
    summary: str
    run: str
    details: str = ""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return " ".join(self.path)

    def load(self) -> Run:
        """The function that runs it; it returns the exit code."""
        module, _, function = self.run.partition(":")
        return cast("Run", getattr(import_module(module), function))
