"""A report in a process of its own: a scan of millions of rows delays neither streams nor commits, costs no memory
afterwards, and a caller that gives up just ends it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.writer_client import child_environment

T = TypeVar("T")


async def run_report(module: str, arguments: Sequence[str], question: bytes, shape: type[T]) -> T:
    """What `python -m MODULE ARGUMENTS` answers in JSON to a question on its standard input. Raises StoreUnavailable, with
    the last line of what it complained of."""
    done = await trio.run_process(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=question,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env=child_environment(),
    )
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StoreUnavailable(f"the report failed: {words[-1] if words else done.returncode}")
    return msgspec.json.decode(done.stdout, type=shape)
