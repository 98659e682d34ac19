"""The nodes of a catalogue looked at in a process of its own, with the import path of a worker.

Whoever starts workers, or looks at a file, so loads no code of somebody else's: what that keeps in memory, prints, starts or
hangs on is gone with the process. And each look is at the code as it is now.

The process is given `{"name": …, "text": …}` on standard input, the catalogue, and says `{"problems": […], "nodes": […]}`.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hyperinfer.api.import_path import python_argv
from hyperinfer.providers.catalogue import CatalogueErrors, Problem, load

if TYPE_CHECKING:
    from hyperinfer.api.custom_nodes.places import Plugs

SECONDS: Final = 60.0
"""The longest that the code of all nodes may take to be loaded."""


@dataclass(frozen=True, slots=True)
class Described:
    """A node of a catalogue as an operator is shown it. `form`: step, stage or node. `package`: with its version."""

    name: str
    node: str
    after: str
    before: str
    form: str
    package: str | None


def look(
    text: str, name: str, environ: Mapping[str, str], seconds: float = SECONDS
) -> tuple[Sequence[Problem], Sequence[Described]]:
    """What is wrong with the nodes of a catalogue that has some, and what they are. `name`: of the catalogue, in messages.
    `environ`: what is set beside, or in place of, our own environment."""
    argv = python_argv("hyperinfer.api.custom_nodes.process")
    given = json.dumps({"name": name, "text": text}).encode()
    try:
        done = subprocess.run(
            argv, input=given, stdout=subprocess.PIPE, env={**os.environ, **environ}, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return [_of_all(text, name, environ, f"loading the nodes took longer than {seconds:g} s")], ()
    try:
        said = cast("dict[str, Any]", json.loads(done.stdout))
    except ValueError:
        how = f"status {done.returncode}" if done.returncode >= 0 else f"signal {-done.returncode}"
        return [_of_all(text, name, environ, f"the process that loads the nodes was ended by their code ({how})")], ()
    return [Problem(name, *problem) for problem in said["problems"]], [Described(**each) for each in said["nodes"]]


class Looks:
    """`look` as a catalogue's file asks for it. `nodes`: those of the last one that was all right."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.nodes: Sequence[Described] = ()

    def __call__(self, text: str, name: str) -> Sequence[Problem]:
        """What is wrong."""
        problems, self.nodes = look(text, name, self._environ)
        return problems


def _of_all(text: str, name: str, environ: Mapping[str, str], message: str) -> Problem:
    try:
        customs = load(text, environ, name).pipeline
    except CatalogueErrors as error:
        customs = error.pipeline
    return customs[0].problem("", message)


def described(plugs: Plugs) -> list[Described]:
    """The nodes in words."""
    return [
        Described(
            name=each.node.name,
            node=each.custom.node,
            after=each.place.after,
            before=each.place.before,
            form=each.node.form.value,
            package=each.origin,
        )
        for each in plugs
    ]


def _main() -> None:
    import trio

    from hyperinfer.api.custom_nodes.checking import load_nodes, try_runs

    signal.alarm(math.ceil(SECONDS) + 5)  # also where nobody waits for us any more
    given = json.load(sys.stdin)
    answer = os.dup(1)
    os.dup2(2, 1)  # what nodes print is not what we say
    plugs: Plugs = ()
    problems: Sequence[Problem] = ()

    async def look_at_runs() -> None:
        try_runs(plugs)

    try:
        try:
            customs = load(given["text"], os.environ, given["name"]).pipeline
        except CatalogueErrors as error:
            customs = error.pipeline
        plugs = load_nodes(customs)
        trio.run(look_at_runs)
    except CatalogueErrors as error:
        problems = error.problems
    said = {
        "problems": [(each.line, each.path, each.message) for each in problems],
        "nodes": [
            {field: getattr(each, field) for field in Described.__slots__} for each in ([] if problems else described(plugs))
        ],
    }
    with os.fdopen(answer, "w") as out:
        json.dump(said, out)
        out.flush()
    os._exit(0)  # whatever threads they have begun


if __name__ == "__main__":
    _main()
