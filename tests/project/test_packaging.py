"""What is installed: built by the real build backend, from a copy of the tree, and used from a fresh environment."""

from __future__ import annotations

import configparser
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import hyperinfer
from tests.project.tree import LAYERS, ROOT
from tests.support.wheels import DEPENDENCIES, Built, build, built_in, environment, run


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return built_in(tmp_path_factory.mktemp("packaging"))


def installed_names(wheel: Path) -> set[str]:
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if not name.split("/")[0].endswith(".dist-info")}


def source_names() -> set[str]:
    """All that lies in the source folders, under the name that it should be installed by."""
    top = {f"hyperinfer/{entry.name}" for entry in (ROOT / "hyperinfer").iterdir() if entry.is_file()}
    files = (file for layer in LAYERS for file in (ROOT / layer).rglob("*") if file.is_file())
    return top | {f"hyperinfer/{file.relative_to(ROOT)}" for file in files if "__pycache__" not in file.parts}


def test_the_wheel_holds_the_source_folders_and_nothing_else(built: Built) -> None:
    assert installed_names(built.wheel) == source_names()


def test_every_folder_of_code_is_a_package() -> None:
    folders = {file.parent for layer in LAYERS for file in (ROOT / layer).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_the_wheel_is_typed_and_carries_the_catalogue(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        assert wheel.read("hyperinfer/py.typed") == b""
        assert wheel.read("hyperinfer/providers/catalogue.yaml") == (ROOT / "providers.yaml").read_bytes()


def test_the_wheel_says_what_it_is(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        (about,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
        commands = configparser.ConfigParser()
        commands.read_string(wheel.read(f"{about}/entry_points.txt").decode())
        assert dict(commands["console_scripts"]) == {"hyperinfer": "hyperinfer.api.cli:main"}
        assert wheel.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        metadata = wheel.read(f"{about}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_the_version_is_said_once() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == hyperinfer.__version__


def test_the_sdist_can_be_built_again(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        assert not [member.name for member in archive.getmembers() if member.islnk() or member.issym()]
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    again = build(tree, "wheel", tmp_path / "again")
    assert installed_names(again) == installed_names(built.wheel)


@pytest.fixture(scope="module")
def python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel alone in it."""
    return environment(built.wheel, tmp_path_factory.mktemp("environment") / "venv")


def test_it_lives_beside_folders_of_the_same_names(python: Path, tmp_path: Path) -> None:
    """Somebody's own project has `api`, `engine` and `tests`. Neither side sees the other's."""
    mine = ["api", "engine", "formats", "nodes", "providers", "testing", "tests"]
    for name in mine:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"mine = {name!r}\n")
    program = "\n".join(
        [
            "import pathlib, sys",
            "import hyperinfer",
            *(f"import hyperinfer.{layer}" for layer in LAYERS),
            *(f"import {name}; assert {name}.mine == {name!r}" for name in mine),
            *(f"assert hyperinfer.{layer} is not {layer}" for layer in LAYERS),
            "assert pathlib.Path(hyperinfer.__file__).is_relative_to(sys.prefix), hyperinfer.__file__",
        ]
    )
    run([python, "-c", program], cwd=tmp_path, PYTHONPATH=DEPENDENCIES)


def test_tests_and_benchmarks_are_not_installed(python: Path, tmp_path: Path) -> None:
    program = "import importlib.util as util, sys; sys.exit(any(map(util.find_spec, sys.argv[1:])))"
    run([python, "-c", program, "tests", "benchmarks", *LAYERS], cwd=tmp_path)


def test_the_packaged_catalogue_is_found(python: Path, tmp_path: Path) -> None:
    program = (
        "from importlib.resources import files\n"
        "print(files('hyperinfer.providers').joinpath('catalogue.yaml').read_text(), end='')\n"
    )
    assert run([python, "-c", program], cwd=tmp_path, PYTHONPATH=DEPENDENCIES) == (ROOT / "providers.yaml").read_text()


def test_the_command_runs(python: Path, tmp_path: Path) -> None:
    assert "serve" in run([python.parent / "hyperinfer", "--help"], cwd=tmp_path, PYTHONPATH=DEPENDENCIES)
    assert "serve" in run([python, "-m", "hyperinfer", "--help"], cwd=tmp_path, PYTHONPATH=DEPENDENCIES)
