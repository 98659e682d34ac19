"""The README's example in code runs as it stands there, and is as short as it looks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from hyperinfer.formats import OPENAI_CHAT, Upstream, Wait
from hyperinfer.formats import events as ev

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 25


def example() -> str:
    found = re.search(r"<!-- example: redact -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_is_short() -> None:
    lines = [line for line in example().splitlines() if line.strip()]
    assert len(lines) <= MAX_LINES


def test_the_example_redacts() -> None:
    done = subprocess.run([sys.executable, "-c", example()], cwd=ROOT, capture_output=True, check=True, timeout=60)
    decoder = OPENAI_CHAT.stream_decoder(Upstream(vendor="openai", id_seed="s"))
    decoder.receive_data(done.stdout)
    decoder.receive_eof()
    events: list[ev.Event] = []
    while not isinstance(event := decoder.next_event(), Wait):
        events.append(event)
    text = "".join(event.text for event in events if isinstance(event, ev.TextDelta))
    assert "I am [e-mail]" in text
    assert "ann@example.org" not in text
    assert done.stderr == b""
