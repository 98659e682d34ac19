"""The catalogue of a gateway: read at start, and again when told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.providers.catalogue import Catalogue, CatalogueErrors, load

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Problem

Check: TypeAlias = "Callable[[str, str], Sequence[Problem]]"
"""What is wrong with the nodes of the operator's in a catalogue. Its text; its name in messages."""


class CatalogueFile:
    """A catalogue and where it came from, its `name` in messages. `path` None: the one that is shipped with the package.
    `text`: of the file, where somebody has read it. `check`: is asked where there are nodes of the operator's; without it
    nobody looks at their code. Raises `CatalogueErrors`, `OSError` or `UnicodeDecodeError`."""

    def __init__(
        self, path: Path | None, environ: Mapping[str, str], text: str | None = None, check: Check | None = None
    ) -> None:
        self.path, self._environ, self._check = path, environ, check
        self.name = "providers.yaml (packaged)" if path is None else str(path)
        self.use(self.read() if text is None else text)

    def absolute(self) -> CatalogueFile:
        """The same, named as a log needs it, whose reader does not know where the gateway was started."""
        if self.path is None:
            return self
        named = copy(self)  # what was read stays: it was parsed once
        named.path = self.path.absolute()
        named.name = str(named.path)
        return named

    def current(self) -> Catalogue:
        """The catalogue of the moment."""
        return self._current

    @property
    def text(self) -> str:
        """What the catalogue of the moment was read from."""
        return self._text

    def read(self) -> str:
        """The text that is in the file now. Raises `OSError` or `UnicodeDecodeError`."""
        if self.path is None:
            return (files("hyperinfer.providers") / "catalogue.yaml").read_text("utf-8")
        return self.path.read_text("utf-8")

    def parsed(self, text: str) -> Catalogue:
        """The catalogue of a text, which is not used yet. Raises `CatalogueErrors` with every problem."""
        try:
            catalogue = load(text, self._environ, self.name)
        except CatalogueErrors as error:
            if self._check is None or not error.pipeline:
                raise
            problems = [*error.problems, *self._check(text, self.name)]
            raise CatalogueErrors(sorted(problems, key=lambda problem: problem.line)) from None
        if self._check is not None and catalogue.pipeline and (found := self._check(text, self.name)):
            raise CatalogueErrors(found)
        return catalogue

    def use(self, text: str) -> None:
        """Takes another catalogue. Raises `CatalogueErrors`; the catalogue then stays as it is."""
        self.take(self.parsed(text), text)

    def take(self, catalogue: Catalogue, text: str) -> None:
        """Takes a catalogue that was parsed from this text."""
        self._current, self._text = catalogue, text
