"""The lock files: pinned, hashed, free of any address, and true to pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
BUILD: list[str] = PROJECT["dependency-groups"]["build"]
SCHEMATHESIS: list[str] = PROJECT["dependency-groups"]["schemathesis"]
AUDIT: list[str] = PROJECT["dependency-groups"]["audit"]

WANTED = {
    "requirements.lock": RUNTIME,
    "requirements-build.lock": BUILD,
    "requirements-test.lock": [*RUNTIME, *EXTRAS["test"], *EXTRAS["lint"], *BUILD],
    "tests/system/schemathesis.txt": SCHEMATHESIS,
    "requirements-audit.lock": AUDIT,
}


@dataclass(frozen=True)
class Pin:
    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "=="
        return specifier.version


def pins(lock: str) -> list[Pin]:
    text = re.sub(r"^ *#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[Pin] = []
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        found.append(Pin(Requirement(requirement), tuple(hashes)))
    return found


@pytest.mark.parametrize("lock", WANTED)
def test_everything_is_pinned_and_hashed(lock: str) -> None:
    for pin in pins(lock):
        assert pin.version
        assert pin.hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in pin.hashes)


@pytest.mark.parametrize("lock", WANTED)
def test_no_address_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.findall(r"://|--index-url|--find-links|(?<![\w.])/\w+/", text)


@pytest.mark.parametrize("lock", WANTED)
def test_the_lock_is_true_to_the_project(lock: str) -> None:
    versions = {pin.name: pin.version for pin in pins(lock)}
    for wanted in map(Requirement, WANTED[lock]):
        assert versions[canonicalize_name(wanted.name)] in wanted.specifier, f"make lock: {wanted}"


def test_one_version_on_every_machine() -> None:
    for lock in WANTED:
        names = [pin.name for pin in pins(lock)]
        assert len(names) == len(set(names))


def test_the_tests_run_with_what_users_get() -> None:
    tested = {pin.name: pin.version for pin in pins("requirements-test.lock")}
    for lock in ("requirements.lock", "requirements-build.lock"):
        for pin in pins(lock):
            assert tested[pin.name] == pin.version


def test_the_build_requirement_is_the_locked_one() -> None:
    assert PROJECT["build-system"]["requires"] == BUILD
