"""The catalogue of a gateway: read at start, and again when told to."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from importlib.resources import files
from pathlib import Path

from hyperinfer.providers.catalogue import Catalogue, load


class CatalogueFile:
    """A catalogue and where it came from, its `name` in messages. `path` None: the one that is shipped with the package.
    `text`: of the file, where somebody has read it. Raises `CatalogueErrors`, `OSError` or `UnicodeDecodeError`."""

    def __init__(self, path: Path | None, environ: Mapping[str, str], text: str | None = None) -> None:
        self.path, self._environ = path, environ
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

    def use(self, text: str) -> None:
        """Takes another catalogue. Raises `CatalogueErrors`; the catalogue then stays as it is."""
        self._current, self._text = load(text, self._environ, self.name), text
