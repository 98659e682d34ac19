"""An error as a page for people: self-contained, without script, light or dark as the browser wishes."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from http import HTTPStatus
from typing import Final

from hyperinfer.api.explained.codes import explained

_STYLE: Final = (
    ":root{color-scheme:light dark;--ink:#1c1b22;--paper:#fbfbfa;--line:#dcdbe0;--dim:#5d5b66;--mark:#5b3df5}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ecebf1;--paper:#16151b;--line:#34323c;--dim:#a5a2b0;--mark:#a799ff}}"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}"
    "main{max-width:42rem;margin:0 auto;padding:clamp(1.5rem,8vh,5rem) 1.25rem}"
    "h1{font-size:1.5rem;line-height:1.3;margin:0 0 .5rem}h1 small{display:block;font-size:1rem;color:var(--dim)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.6rem 1.25rem;border-top:1px solid var(--line);"
    "border-bottom:1px solid var(--line);padding:1rem 0;margin:1.5rem 0}dt{color:var(--dim)}dd{margin:0;min-width:0}"
    "@media(max-width:34rem){dl{grid-template-columns:1fr;gap:.15rem}dd{margin-bottom:.75rem}}"
    "code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}a{color:var(--mark)}"
    "a:focus-visible{outline:2px solid;outline-offset:2px}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_SENTENCE: Final = re.compile(r"(.+?[.?]) +([A-Z].+)", re.DOTALL)

PAGE_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}
"""What goes with a page."""


def prefers_page(accept: str) -> bool:
    """Whether whoever sends this `Accept` is a browser: it names HTML, and JSON no higher. Programs get JSON, also those
    that take anything."""
    quality = {"text/html": 0.0, "application/json": 0.0}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in quality:
            quality[name] = _quality(parameters)
    return quality["text/html"] > 0 and quality["text/html"] >= quality["application/json"]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def error_page(code: str, status: int, message: str, request_id: str) -> bytes:
    """The page of an error, in UTF-8. Everything that is put in is escaped."""
    about = explained(code, status)
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # 529 is of no standard
        phrase = "Overloaded"
    sentences = _SENTENCE.fullmatch(message)
    first, rest = (message, "") if sentences is None else (sentences[1], sentences[2])
    rows = [("Error", f"<code>{html.escape(code)}</code>")]
    if about is not None:
        rows += [
            ("What it means", _words(about.meaning)),
            ("What to do", _words(about.caller)),
            ("If you run it", _words(about.operator)),
            ("Try again?", _words(about.again)),
        ]
    rows.append(("Request id", f"<code>{html.escape(request_id)}</code>"))
    told = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows if text != "Nothing.")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{status} {html.escape(phrase)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body><main>'
        f"<h1><small>{status} {html.escape(phrase)}</small>{html.escape(first)}</h1><p>{html.escape(rest)}</p>"
        f"<dl>{told}</dl>"
        '<p><a href="/">Console</a> · <a href="/api/v1/models">Models</a> · <a href="/openapi.json">All paths of the API</a>'
        "</p>"
        "</main></body></html>"
    ).encode()


def _words(text: str) -> str:
    """A text whose code stands between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))
