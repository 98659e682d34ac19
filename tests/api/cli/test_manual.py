"""docs/cli.md: every command in it runs, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hyperinfer.api.cli.verbs import VERBS
from hyperinfer.api.settings import DATA, JSON, OTHER_VARIABLES, SERVE_FLAGS
from tests.project.blocks import blocks
from tests.project.tree import ROOT

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli

MANUAL = (ROOT / "docs" / "cli.md").read_text("utf-8")


def test_every_command_of_the_manual_runs(cli: Cli) -> None:
    key = ""
    ran = 0
    for block in blocks("docs/cli.md", "sh"):
        for line in block.text.splitlines():
            kept = re.fullmatch(r"KEY=\$\((.*)\)", line)
            program, *words = shlex.split((kept[1] if kept else line).replace("$KEY", key))
            assert program == "hyperinfer"
            done = cli(*words)
            assert done.code == 0, f"{line}: {done.err}"
            assert done.err in ("", "made a store in the data folder data\n")
            key = done.out.strip() if kept else key
            ran += 1
    assert ran > 15


def test_the_servers_command_is_the_one_that_is_tested() -> None:
    """test_serve.py runs this one."""
    assert [block.text for block in blocks("docs/cli.md", "sh server")] == ["hyperinfer serve --port 0\n"]


def test_the_manual_names_every_verb_flag_and_variable() -> None:
    for verb in VERBS.values():
        assert all(word in MANUAL for word in verb.path)
    for flag in (*SERVE_FLAGS, DATA, JSON):
        assert f"`--{flag.name}`" in MANUAL
        assert f"`{flag.variable}`" in MANUAL
    assert all(f"`{name}`" in MANUAL for name in OTHER_VARIABLES)
    options = {argument.name for verb in VERBS.values() for argument in verb.arguments if argument.is_option}
    assert not [option for option in options if option not in MANUAL]
