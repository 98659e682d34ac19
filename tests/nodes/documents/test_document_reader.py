"""The process that reads documents: what it may not do, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from hyperinfer.nodes.tools.documents import worker
from hyperinfer.nodes.tools.documents.reader import DocumentReader, Job
from tests.support.pdfs import pdf_with
from tests.support.reading_processes import reading

PDF = Job(kind="pdf")
HTML = Job(kind="html", url="https://example.com/")


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import socket; socket.socket()",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.remove('/tmp/nothing-of-that-name')",
        "open('/tmp/nothing-of-that-name', 'w')",
        "import os; os.open('/tmp/nothing-of-that-name', os.O_RDONLY | os.O_CREAT)",
        "import os; os.open('/tmp', os.O_RDWR)",
        "import pathlib; pathlib.Path('/tmp/nothing-of-that-name').write_text('x')",
        "import os; os.kill(os.getppid(), 0)",
        "import ctypes; ctypes.CDLL(None)",
        "x = bytearray(1 << 30)",
    ],
)
def test_what_a_reading_process_may_not_do(attempt: str) -> None:
    program = f"import runpy; confine = runpy.run_path({worker.__file__!r})['confine']; confine(5, 1 << 29)\n{attempt}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr or "MemoryError" in done.stderr, done.stderr


def test_it_may_read_and_import() -> None:
    program = (
        f"import runpy; runpy.run_path({worker.__file__!r})['confine'](5, 1 << 29)\nimport wave; open(wave.__file__).read()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_it_is_given_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A library in its way that tells what it was given: no key of the gateway is among it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    tell = "import json, os, sys\nprint(json.dumps({'text': repr(dict(os.environ))}), flush=True)\nos._exit(0)"
    (tmp_path / "pypdf.py").write_text(tell)
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path))
    found = await DocumentReader().read(PDF, b"")
    assert os.fspath(tmp_path) in found.text
    assert "sk-secret" not in found.text


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
async def test_cancelled_it_is_gone() -> None:
    content = b"BT /F1 12 Tf " + b"(word word word) Tj 0 -14 Td " * 100_000 + b"ET"
    document = pdf_with([content] * 40, packed=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(DocumentReader().read, PDF, document)
        while not reading():  # noqa: ASYNC110 - nobody tells when another program has begun
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert not reading()


async def test_html_that_asks_for_files_gets_none() -> None:
    page = "<!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><p>&a; word</p>"
    found = await DocumentReader().read(HTML, page.encode())
    assert "root:" not in found.text
    assert "word" in found.text
