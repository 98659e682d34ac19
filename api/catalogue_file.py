"""The catalogue of a running gateway: read at start, and again when told to."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from hyperinfer.providers.catalogue import Catalogue, load


class CatalogueFile:
    """A catalogue and where it came from, its `name` in messages. `path` None: the one that is shipped with the package."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path, self._environ = path, environ
        self.name = "providers.yaml (packaged)" if path is None else str(path)
        self._current = self._load()

    def current(self) -> Catalogue:
        """The catalogue of the moment."""
        return self._current

    def reload(self) -> None:
        """Reads the file again. Raises `CatalogueErrors` or `OSError`; the catalogue then stays as it is."""
        self._current = self._load()

    def _load(self) -> Catalogue:
        if self._path is None:
            text = (files("hyperinfer.providers") / "catalogue.yaml").read_text("utf-8")
            return load(text, self._environ, self.name)
        return load(self._path.read_text("utf-8"), self._environ, self.name)
