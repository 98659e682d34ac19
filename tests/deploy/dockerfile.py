"""The Dockerfile, read: its instructions, as far as tests ask for them."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from tests.project.tree import ROOT

DOCKERFILE = ROOT / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its words: lines that go on are joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def copied_from_context() -> list[tuple[list[str], str]]:
    """What COPY takes from the checkout, and where it goes."""
    found = [shlex.split(words) for name, words in instructions() if name == "COPY" and "--from" not in words]
    return [(sources, target) for *sources, target in found]


def environment() -> dict[str, str]:
    """What ENV sets."""
    pairs = [pair for name, words in instructions() if name == "ENV" for pair in shlex.split(words)]
    return dict(pair.split("=", 1) for pair in pairs)


def the(name: str) -> str:
    """The words of an instruction that is there once in the image that is kept, the last."""
    last = max(place for place, (found, _) in enumerate(instructions()) if found == "FROM")
    (words,) = [words for found, words in instructions()[last:] if found == name]
    return words


def checkout_files(folder: Path) -> list[Path]:
    """What is Git's, or will be, below a path of the checkout; links as they are."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", str(folder)]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name]
