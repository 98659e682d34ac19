"""The catalogue of a service: watched and read by the supervisor, and given to its workers as text.

So all workers have the same, a worker that is started while the file is bad has the last good one, and a bad file is told
of once. Files are replaced in place, by renaming another over them, or by exchanging a link on the way to them (as
Kubernetes does with a ConfigMap): each shows in what `stat` says of what the path leads to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from hyperinfer.api.cli.output import many
from hyperinfer.api.configuration import ReloadRefused
from hyperinfer.providers.catalogue import CatalogueErrors

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.catalogue_file import CatalogueFile
    from hyperinfer.providers.catalogue import Limits

PERIOD_SECONDS: Final = 2.0
"""Between two looks at the file. A change counts once two looks have found the same: whoever writes is done by then."""

FIXED_LIMITS: Final = ("grace", "write")
"""Those that hold from the start of the server."""

_READS: Final = 5
"""How often a file is read that changes meanwhile."""

Look: TypeAlias = "tuple[int, int, int, int, int] | None"
"""What tells one content of a path from another; None: nothing can be seen there."""


class CatalogueKeeper:
    """See the module. `period`: seconds between two looks."""

    def __init__(self, file: CatalogueFile, *, period: float = PERIOD_SECONDS) -> None:
        self._file, self._period = file, period
        self._begun = file.current().limits
        self._considered: str | None = file.text  # None: it could not be read
        self._looked: Look = None

    def given(self) -> Mapping[str, object]:
        """What workers are given of it."""
        return {"catalogue": self._file.text}

    def renew(self) -> str:
        """Reads the file again; what the operator is told. Raises ReloadRefused, and everything stays as it was."""
        try:
            text = self._considered_text()
            if not text.strip():
                raise ReloadRefused(f"{self._file.name} is empty; for a catalogue without models write `models: []`")
            self._file.use(text)
        except CatalogueErrors as error:
            raise ReloadRefused(f"the catalogue has {many(len(error.problems), 'problem')}:\n{error}") from None
        except UnicodeDecodeError:
            raise ReloadRefused(f"{self._file.name} is not UTF-8 text") from None
        except OSError as error:
            raise ReloadRefused(f"cannot read {self._file.name}: {error.strerror or error}") from None
        catalogue = self._file.current()
        warnings = (*map(str, catalogue.warnings), *fixed(self._begun, catalogue.limits))
        said = f"reloaded {self._file.name}: {many(len(catalogue.models), 'model')}"
        return "\n".join([said, *(f"warning: {each}" for each in warnings)])

    async def wait_changed(self) -> None:
        """Until the file has, for a while, been other than what was read of it. For ever, for the one in the package."""
        path = self._file.path
        if path is None:
            await trio.sleep_forever()
            return
        before: Look = None
        while True:
            await trio.sleep(self._period)
            now = _look(path)
            if now != before or now == self._looked:
                before = now
                continue
            # After this look: a change that comes while it is read is another one.
            self._looked = now
            try:
                text: str | None = self._file.read()
            except (OSError, UnicodeDecodeError):
                text = None
            if text != self._considered:
                return

    def _considered_text(self) -> str:
        """What is in the file, and is not looked at again before that changes: also while it is being looked at."""
        try:
            self._considered = text = self._whole()
        except (OSError, UnicodeDecodeError, ReloadRefused):
            self._considered = None
            raise
        return text

    def _whole(self) -> str:
        """The text, of a file that was not written to meanwhile."""
        path = self._file.path
        for _ in range(_READS):
            before = None if path is None else _look(path)
            text = self._file.read()
            if path is None or before == _look(path):
                return text
        raise ReloadRefused(f"{self._file.name} changes while it is read")


def fixed(begun: Limits, wanted: Limits) -> list[str]:
    """Sentences on what a reload cannot change. `begun`: what the server was started with."""
    found = [name for name in FIXED_LIMITS if getattr(begun, name) != getattr(wanted, name)]
    return [
        f"limits.{name} stays {getattr(begun, name):g} until the server is started again"
        f" (the file says {getattr(wanted, name):g})"
        for name in found
    ]


def _look(path: Path) -> Look:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
