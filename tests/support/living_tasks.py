"""Tasks of a run of trio that live on when what started them is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import trio

from tests.support.leftovers import left


def tasks(but: tuple[str, ...] = ()) -> Counter[str]:
    """The tasks of this run of trio that live, by name, but for those whose names begin so, and theirs."""
    root, found = trio.lowlevel.current_root_task(), Counter[str]()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        if not but or not task.name.startswith(but):
            found[task.name] += 1
            waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


@contextmanager
def no_task_left() -> Generator[None]:
    """A block within trio, whose tasks have ended when it ends well."""
    before = tasks()
    yield
    left(*(f"the task {name}" for name in (tasks() - before).elements()))
