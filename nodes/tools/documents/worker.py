"""One document to text: a program of its own, `python worker.py`, told what to read on its standard input.

It runs beside the gateway because reading is long computing on the event loop's time, because the libraries are complex
and strangers choose what they read, and because a process can be ended and held to limits. It imports nothing of the
gateway, which would take longer than most documents do; it is given no environment; and once its libraries are there it
may neither connect, nor start programs, nor write.

Input: a line of JSON (`kind`: html or pdf; `most`: characters; `seconds`; `memory`: bytes; for html `url` and `plain`; for
pdf `pages`: pairs of first and last, or null), then the document: HTML as UTF-8, PDF as it is. Output: a JSON object, an
`Extracted` of `reader`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from typing import Any, Final

MOST_PAGES: Final = 2000
"""Pages of a PDF that are looked at in one go."""
LARGE_HTML: Final = 2_000_000
"""Bytes from which on HTML is read plainly, without telling the text from what stands around it: that takes seconds a MB."""
_LONGEST_TITLE: Final = 300
_THIN: Final = 250
"""Characters below which an extract is doubted."""
_NO_TEXT: Final = frozenset({"script", "style", "noscript", "template", "svg", "head", "iframe", "object", "select"})
# fmt: off
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr",
    "ul",
})
_FORBIDDEN: Final = (
    "socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.startfile",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.kill", "shutil.", "ftplib.", "http.client.", "imaplib.", "poplib.", "smtplib.", "urllib.Request", "webbrowser.",
    "pty.",
)
# fmt: on
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LIBRARIES: Final = {"html": ("trafilatura", "lxml.html"), "pdf": ("pypdf",)}

Found = dict[str, Any]


def confine(seconds: float, memory: int) -> None:
    """Give up, for good, all that reading a document does not need."""
    try:
        import resource
    except ImportError:
        return  # no such limits here; the reader's own deadline holds
    whole = int(seconds) + 2
    limits = {resource.RLIMIT_CPU: whole, resource.RLIMIT_AS: memory, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for what, most in limits.items():
        try:
            resource.setrlimit(what, (most, most))
        except (OSError, ValueError):
            continue  # macOS has some of them in name only

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} is not for documents")
        if event == "open" and arguments[2] & _WRITING:
            raise PermissionError("documents are not written")

    sys.addaudithook(watch)


def read_html(data: bytes, job: Found) -> Found:
    """Readable text as Markdown, and the title."""
    import trafilatura

    # lxml ships no types.
    etree: Any = import_module("lxml.etree")
    html: Any = import_module("lxml.html")

    def tree() -> Any:
        return html.document_fromstring(data, parser=html.HTMLParser(encoding="utf-8", no_network=True))

    def plain() -> str:
        # Every block in a line of its own; scripts and such are left out with what is in them, and their tails stay.
        pieces: list[str] = []
        skipped = None
        for event, element in etree.iterwalk(tree(), events=("start", "end", "comment", "pi")):
            if not isinstance(element.tag, str):
                pieces.append(element.tail or "" if skipped is None else "")
                continue
            if event == "start":
                if skipped is None and element.tag in _NO_TEXT:
                    skipped = element
                elif skipped is None:
                    pieces += ("\n" if element.tag in _BLOCKS else "", element.text or "")
                continue
            if skipped is element:
                skipped = None
            if skipped is None:
                pieces += ("\n" if element.tag in _BLOCKS else "", element.tail or "")
        lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
        return "\n".join(line for line in lines if line)

    document = tree()
    title = " ".join((document.findtext(".//title") or "").split())[:_LONGEST_TITLE]
    if job["plain"] or len(data) >= LARGE_HTML:
        return {"title": title, "text": plain()}
    try:
        text = trafilatura.extract(
            document, url=job["url"], output_format="markdown", include_links=True, include_comments=False, favor_recall=True
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        text = None  # a page that its rules trip over is still a page
    text = text or ""
    if len(text) < _THIN:
        # Little may be all there is, or be what is left of a page that is no article.
        text = plain() or text
    return {"title": title, "text": text}


def read_pdf(data: bytes, job: Found) -> Found:
    """The text of the pages that are asked for, each behind a mark, until there is enough or the time is up."""
    from pypdf import PasswordType, PdfReader

    logging.disable(logging.CRITICAL)
    clock = time.monotonic()
    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        return {"error": "encrypted"}
    pages = len(reader.pages)
    asked = job["pages"] or [[1, pages]]
    wanted = [number for first, last in asked for number in range(max(1, first), min(last, pages) + 1)][:MOST_PAGES]
    found: Found = {"pages": pages, "title": _pdf_title(reader), "read": [], "empty": 0, "broken": 0}
    pieces: list[str] = []
    size = 0
    for number in wanted:
        if size > job["most"] or (found["read"] and time.monotonic() - clock > job["seconds"] / 2):
            break
        text = ""
        try:
            text = reader.pages[number - 1].extract_text().strip()
            found["empty"] += not text
            note = "" if text else " has no text"
        except (MemoryError, PermissionError):
            raise
        except Exception:  # whatever a broken page makes its reader do, the next one may be whole
            found["broken"] += 1
            note = " cannot be read"
        pieces.append(f"[page {number} of {pages}{note}]" + (f"\n{text}" if text else ""))
        size += len(pieces[-1])
        found["read"].append(number)
    found["text"] = "\n\n".join(pieces)
    found["more"] = len(found["read"]) < len(wanted)
    return found


def _pdf_title(reader: Any) -> str:
    try:
        title = reader.metadata.title if reader.metadata else None
    except Exception:  # not worth failing for
        return ""
    return " ".join(title.split())[:_LONGEST_TITLE] if isinstance(title, str) else ""


READERS: Final[dict[str, Callable[[bytes, Found], Found]]] = {"html": read_html, "pdf": read_pdf}


def main() -> None:
    """Read one document."""
    job: Found = json.loads(sys.stdin.buffer.readline())
    for library in _LIBRARIES[job["kind"]]:
        import_module(library)
    confine(job["seconds"], job["memory"])
    data = sys.stdin.buffer.read()
    try:
        found = READERS[job["kind"]](data, job)
        text = found.get("text", "")
        found["text"] = text[: job["most"]]
        found["more"] = found.get("more", False) or len(text) > job["most"]
    except MemoryError:
        found = {"error": "too_large"}
    except Exception as error:  # a library's way to say that it cannot: the kind goes to the log
        found = {"error": "broken", "detail": f"{type(error).__name__}: {error}"[:300]}
    answer = json.dumps(found, ensure_ascii=True, default=str)
    sys.stdout.write(answer)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
