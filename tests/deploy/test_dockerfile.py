"""What an image is made from fits together. Its steps run in tests/system/test_image.py; no engine builds it here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import hyperinfer
from hyperinfer.api.settings import known_variables
from tests.deploy import dockerfile
from tests.project.tree import LAYERS, ROOT


def test_the_context_is_what_is_copied() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert allowed == {source for sources, _ in dockerfile.copied_from_context() for source in sources}


def test_all_that_a_build_needs_is_copied_to_where_it_lies_here() -> None:
    install = (ROOT / "deploy" / "image" / "install.sh").read_text()
    (taken,) = re.findall(r"for name in (.*); do", install)
    copied = {source for sources, _ in dockerfile.copied_from_context() for source in sources}
    assert {*taken.split(), "requirements.lock", "requirements-build.lock", "deploy/image/install.sh"} == copied
    assert copied >= {*LAYERS, "hyperinfer"}
    for sources, target in dockerfile.copied_from_context():
        for source in sources:
            assert (ROOT / source).exists()
            parent = source.rpartition("/")[0]
            assert target.removesuffix("/") == (source if (ROOT / source).is_dir() else parent or ".")


def test_it_runs_as_nobody_in_particular_and_is_stopped_as_the_program_expects() -> None:
    user = dockerfile.the("USER")
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
    assert f"--chown={user} /data /data" in DOCKERFILE_TEXT
    assert dockerfile.the("STOPSIGNAL") == "SIGTERM"
    assert json.loads(dockerfile.the("VOLUME")) == [dockerfile.environment()["HYPERINFER_DATA"]]
    assert dockerfile.the("EXPOSE") == dockerfile.environment()["HYPERINFER_PORT"]
    # Lists of words: no shell is between the signal and the program, and none has to be there.
    assert json.loads(dockerfile.the("ENTRYPOINT")) == ["/opt/hyperinfer/bin/hyperinfer"]
    assert json.loads(dockerfile.the("CMD")) == ["serve"]
    _, probe = dockerfile.the("HEALTHCHECK").split(" CMD ")
    assert json.loads(probe) == ["/opt/hyperinfer/bin/python", "-m", "hyperinfer.api.probe"]


def test_its_variables_mean_something() -> None:
    assert {name for name in dockerfile.environment() if name.startswith("HYPERINFER_")} <= known_variables()


def test_the_standard_library_is_compiled_for_good(tmp_path: Path) -> None:
    (program,) = [json.loads(words) for name, words in dockerfile.instructions() if name == "RUN" and "compileall" in words]
    assert program[:2] == ["python", "-c"]
    (tmp_path / "module.py").write_text("x = 1\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "module.py").write_text("x = 1\n")
    code = program[2].replace("sysconfig.get_path('stdlib')", repr(str(tmp_path)))
    assert code != program[2]
    subprocess.run([sys.executable, "-c", code], check=True)
    (compiled,) = tmp_path.rglob("*.pyc")
    assert compiled.parent == tmp_path / "__pycache__"
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"  # by hash, and never looked at again (PEP 552)


def test_it_says_what_it_is() -> None:
    assert f'org.opencontainers.image.version="{hyperinfer.__version__}"' in DOCKERFILE_TEXT


def test_the_base_is_pinned() -> None:
    bases = [words for name, words in dockerfile.instructions() if name == "FROM"]
    assert [base.split()[0] for base in bases] == ["python:${PYTHON}"] * 2
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-\w+", dict(dockerfile.instructions())["ARG"])


DOCKERFILE_TEXT = dockerfile.DOCKERFILE.read_text()
