"""What `serve` says while it starts and serves: as every verb does, or, with `--log-format json`, as lines of its log."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.api.cli.output import Output
    from hyperinfer.api.settings import Settings

_WARNING = "warning: "


class Words(Protocol):
    """See `Output`, which is one."""

    def event(self, document: Mapping[str, object], line: str) -> None:
        """Something that happened."""
        ...

    def note(self, message: str) -> None:
        """For whoever operates this."""
        ...

    def error(self, code: str, message: str) -> None:
        """Why it does not start."""
        ...


class _Logged:
    """Notes and errors are lines of the log; events stay what they are, on standard output."""

    def __init__(self, output: Output, log: logging.Logger) -> None:
        self._log = log
        self.event = output.event

    def note(self, message: str) -> None:
        for line in message.splitlines():
            warns = line.startswith(_WARNING)
            self._log.log(logging.WARNING if warns else logging.INFO, "%s", line.removeprefix(_WARNING))

    def error(self, code: str, message: str) -> None:
        self._log.error("%s: %s", code, message)


def words_of(output: Output, settings: Settings) -> Words:
    """How this server speaks. What libraries log in its process is for the operator as well, from warnings on."""
    if settings.log_format != "json":
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        return output
    from hyperinfer.api.log_formats import JsonForm

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonForm())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log = logging.getLogger("hyperinfer.supervisor")
    log.setLevel(settings.log_level.upper())
    return _Logged(output, log)
