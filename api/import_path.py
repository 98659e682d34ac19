"""Processes of ours in the same Python, with the same modules to be found."""

from __future__ import annotations

import os
import sys


def python_argv(module: str) -> tuple[str, ...]:
    """The command that runs a module. Its import path holds the working folder only if ours does: files that lie there, such
    as a `redis.py`, must not take the place of modules."""
    isolated = os.getcwd() not in sys.path and "" not in sys.path
    return (sys.executable, *(["-P"] if isolated else []), "-m", module)
