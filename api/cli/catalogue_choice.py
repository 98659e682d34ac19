"""Which catalogue a command means, and loading it as the server would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.api.cli.invocation import CommandRefused
from hyperinfer.api.cli.output import many
from hyperinfer.api.settings import DEFAULT_CONFIG

if TYPE_CHECKING:
    from hyperinfer.api.catalogue_file import CatalogueFile, Check
    from hyperinfer.providers.catalogue import Catalogue, CatalogueErrors, Problem

PACKAGED = "the catalogue in the package"


def choose_catalogue(named: Path | None, folder: Path) -> Path | None:
    """The file that was named, else `providers.yaml` in the folder, else None: the one in the package."""
    if named is not None:
        return folder / named
    default = folder / DEFAULT_CONFIG
    return default if default.exists() else None


class CatalogueRefused(CommandRefused):
    """A catalogue that cannot be used. `problems` is empty when the file cannot even be read."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__("catalogue", message, {"problems": [problem_object(each) for each in problems]})
        self.problems = tuple(problems)


def load_catalogue(path: Path | None, environ: Mapping[str, str]) -> Catalogue:
    """The catalogue, whatever its own nodes are. Raises as `open_catalogue`."""
    return open_catalogue(path, environ).current()


def open_catalogue(path: Path | None, environ: Mapping[str, str], check: Check | None = None) -> CatalogueFile:
    """The catalogue's file. `check`: of the operator's own nodes in it, now and later. Raises CatalogueRefused with every
    problem, `FILE:LINE: …`, one on each line."""
    from hyperinfer.api.catalogue_file import CatalogueFile
    from hyperinfer.providers.catalogue import CatalogueErrors

    try:
        return CatalogueFile(path, environ, check=check)
    except CatalogueErrors as error:
        raise refused(path, error) from None
    except UnicodeDecodeError:
        raise CatalogueRefused(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise CatalogueRefused(f"cannot read {path}: {error.strerror or error}") from None


def refused(path: Path | None, error: CatalogueErrors) -> CatalogueRefused:
    """What is wrong with a catalogue."""
    return CatalogueRefused(f"{path or PACKAGED} has {many(len(error.problems), 'problem')}:\n{error}", error.problems)


def problem_object(problem: Problem) -> dict[str, object]:
    """A problem in JSON."""
    return {
        "file": problem.source_name,
        "line": problem.line,
        "path": problem.path,
        "message": problem.message,
    }
