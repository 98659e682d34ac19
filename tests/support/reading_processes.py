"""The processes in which documents are read, as the system sees them."""

from __future__ import annotations

import os
from pathlib import Path

from hyperinfer.nodes.tools.documents import worker


def reading() -> list[str]:
    """The command lines of the reading processes that are children of this one."""
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended
        if int(parent) == os.getpid() and worker.__file__.rpartition("/")[2] in command:
            found.append(command)
    return found
