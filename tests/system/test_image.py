"""What the Dockerfile does, without an engine: its steps in a fresh folder as a user without rights, then the gateway from a
tree that it may not write to."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy import dockerfile
from tests.project.tree import ROOT
from tests.system.conftest import installed

KEY = "hi-key-of-the-image"
SERVES_AS = 10_001
BUILDS_AS = 10_002
MOST_MB = 200


@dataclass(frozen=True)
class Image:
    """The installed tree, what the script said, and what it left elsewhere."""

    tree: Path
    said: str
    left: list[Path]
    source_changed: bool


def owner(user: int) -> int | None:
    return user if os.geteuid() == 0 else None


def digest(tree: Path) -> str:
    """Of names, kinds, modes, times and bytes."""
    sum_ = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        about = path.lstat()
        what = os.readlink(path) if path.is_symlink() else "" if path.is_dir() else path.read_bytes()
        sum_.update(repr((str(path.relative_to(tree)), stat.S_IFMT(about.st_mode), about.st_mtime, what)).encode())
        if not path.is_symlink():
            sum_.update(oct(about.st_mode).encode())
    return sum_.hexdigest()


def context(folder: Path) -> Path:
    """What COPY brings into the image that builds, owned by its user."""
    source = folder / "source"
    for names, _ in dockerfile.copied_from_context():
        for name in (file for each in names for file in dockerfile.checkout_files(Path(each))):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    if owner(BUILDS_AS):
        subprocess.run(["chown", "-R", f"{BUILDS_AS}:{BUILDS_AS}", folder], check=True)
    return source


def install(folder: Path, source: Path) -> Image:
    home, tmp, tree = folder / "home", folder / "tmp", folder / "opt" / "hyperinfer"
    for each in (home, tmp, tree.parent):
        each.mkdir(exist_ok=True)
        if (user := owner(BUILDS_AS)) is not None:
            os.chown(each, user, user)
    before = digest(source)
    done = subprocess.run(
        [source / "deploy" / "image" / "install.sh", tree],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(tmp), "PYTHON": "/usr/bin/python3"},
        user=owner(BUILDS_AS),
        group=owner(BUILDS_AS),
        extra_groups=[] if owner(BUILDS_AS) else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return Image(tree, done.stdout, [*home.iterdir(), *tmp.iterdir()], digest(source) != before)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hi-image-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    return context(folder)


@pytest.fixture(scope="module")
def image(folder: Path, source: Path) -> Image:
    return install(folder, source)


def test_it_holds_what_runs_and_nothing_else_is_left(image: Image) -> None:
    version, size = image.said.splitlines()
    assert version.startswith("hyperinfer ")
    found = re.fullmatch(r"(\d+) MB in .*", size)
    assert found
    assert int(found[1]) <= MOST_MB
    assert not image.left
    assert not image.source_changed
    names = {entry.name for entry in packages_of(image).iterdir()}
    assert not {"pip", "setuptools", "wheel", "pytest"} & names
    assert not list(image.tree.rglob("direct_url.json"))
    writable = [path for path in image.tree.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert not writable


def test_all_of_it_is_compiled(image: Image) -> None:
    ours = list((packages_of(image) / "hyperinfer").rglob("*.py"))
    assert len(ours) > 300
    assert not [file for file in ours if not list((file.parent / "__pycache__").glob(f"{file.stem}.cpython-*.pyc"))]


def packages_of(image: Image) -> Path:
    (folder,) = image.tree.glob("lib/python3.*/site-packages")
    return folder


@contextmanager
def serving(image: Image, folder: Path) -> Generator[tuple[str, dict[str, str]]]:
    """As the image starts it: its variables, its command, its user, with a data folder and a /tmp of its own."""
    data, tmp = folder / "data", folder / "empty-tmp"
    for each in (data, tmp):
        each.mkdir()
        if (user := owner(SERVES_AS)) is not None:
            os.chown(each, user, user)
    environ = {**dockerfile.environment(), "HYPERINFER_DATA": str(data), "HYPERINFER_PORT": "0", "TMPDIR": str(tmp)}
    environ |= {"HYPERINFER_BOOTSTRAP_KEY": KEY, "PATH": f"{image.tree}/bin"}
    entry = json.loads(dockerfile.the("ENTRYPOINT"))[0].replace("/opt/hyperinfer", str(image.tree))
    process = subprocess.Popen(
        [entry, *json.loads(dockerfile.the("CMD"))],
        cwd="/",
        env=environ,
        user=owner(SERVES_AS),
        group=owner(SERVES_AS),
        extra_groups=[] if owner(SERVES_AS) else None,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            said = iter(process.stdout)
            found = next(filter(None, (re.match(r"listening http://0\.0\.0\.0:(\d+)$", line) for line in said)), None)
            assert found
            yield f"http://127.0.0.1:{found[1]}", environ | {"HYPERINFER_PORT": found[1]}
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0


def test_it_serves_from_a_tree_that_nobody_may_write_to(image: Image, folder: Path) -> None:
    before = digest(image.tree)
    with serving(image, folder) as (url, environ):
        request = urllib.request.Request(
            f"{url}/api/v1/chat/completions",
            json.dumps({"model": "demo/chat", "messages": [{"role": "user", "content": "hi"}]}).encode(),
            {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["choices"][0]["finish_reason"] == "stop"
        command = [image.tree / "bin" / "python", *json.loads(dockerfile.the("HEALTHCHECK").split(" CMD ")[1])[1:]]
        for probe in (command, [*command, "/readyz"]):
            assert subprocess.run(probe, cwd="/", env=environ, check=False, timeout=30).returncode == 0
        # A verb in the same container acts through the server.
        words: list[str | Path] = [image.tree / "bin" / "hyperinfer", "keys", "list", "--json"]
        listed = subprocess.run(words, cwd="/", env=environ, check=True, capture_output=True, user=owner(SERVES_AS))
        assert len(json.loads(listed.stdout)["data"]) == 1
    assert subprocess.run(command, cwd="/", env=environ, check=False, capture_output=True, timeout=30).returncode == 1
    assert digest(image.tree) == before
    assert not list((folder / "empty-tmp").iterdir())


def test_the_same_gives_the_same_bytes(image: Image, folder: Path, source: Path) -> None:
    first = digest(image.tree)
    image.tree.rename(folder / "first")
    try:
        assert digest(install(folder, source).tree) == first
    finally:
        shutil.rmtree(image.tree, ignore_errors=True)
        (folder / "first").rename(image.tree)


@pytest.fixture
def hadolint() -> Callable[[Path], str]:
    program = installed("hadolint") / "bin" / "hadolint"

    def complaints(file: Path) -> str:
        return subprocess.run([program, "--no-color", file], check=False, capture_output=True, text=True).stdout

    return complaints


def test_the_dockerfile_has_no_bad_habits(hadolint: Callable[[Path], str]) -> None:
    assert hadolint(ROOT / "Dockerfile") == ""
