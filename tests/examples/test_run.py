"""The worked examples, run as they stand. As programs of their own: `tests/system/test_examples.py`."""

from __future__ import annotations

import io
import runpy
import sys
from collections.abc import Callable
from typing import cast

import pytest

from tests.examples.kit import FOLDER, NAMES, example
from tests.examples.printed import CHECKS, INPUTS, SERVERS, TESTS


@pytest.mark.parametrize("name", CHECKS)
def test_it_prints_what_it_should(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = FOLDER / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(file)])
    monkeypatch.setattr(sys, "stdin", io.StringIO(INPUTS.get(name, "")))
    runpy.run_path(str(file), run_name="__main__")
    printed = capsys.readouterr()
    assert printed.err == ""
    CHECKS[name](printed.out)


@pytest.mark.parametrize("name", TESTS)
def test_its_tests_pass(name: str) -> None:
    names = cast("dict[str, Callable[[], None]]", vars(example(name)))
    tests = [names[each] for each in names if each.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_none_is_left_out() -> None:
    assert set(NAMES) == {*CHECKS, *TESTS, *SERVERS}
