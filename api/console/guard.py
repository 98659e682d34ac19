"""What must hold for every response of the console, and where its requests come from.

Pure: headers in, headers or a verdict out. `control_plane` asks it, because there the client's own headers are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

CONSOLE_PATH: Final = "/console"
API_PATH: Final = "/console/api"

CLIENT_HEADERS: Final = "hyperinfer.headers"
"""Where a request's scope has them as they came."""

Headers = Iterable[tuple[bytes, bytes]]

_CONTENT: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""Of a page: what it is made of comes from here, nothing of it is written into the page, nobody frames it, and no
text becomes markup."""

_NOT_NEEDED: Final = (
    *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media", "fullscreen"),
    *("geolocation", "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture"),
    *("publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)

SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", "; ".join(f"{name} {value}" for name, value in _CONTENT.items()).encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{name}=()" for name in _NOT_NEEDED).encode()),
)


def is_of_console(path: str) -> bool:
    """Whether a path is the console's, or would be."""
    return path in ("/", CONSOLE_PATH) or path.startswith(CONSOLE_PATH + "/")


def is_of_api(path: str) -> bool:
    """Whether a path is of the console's JSON."""
    return path == API_PATH or path.startswith(API_PATH + "/")


def guarded(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of a response of the console: with those that all have, and kept by nobody unless it says otherwise."""
    given = list(headers)
    names = {name.lower() for name, _ in given}  # what a page has of its own is stricter
    usual = ((b"cache-control", b"no-store"), *SECURITY_HEADERS)
    return [*given, *(each for each in usual if each[0] not in names)]


def comes_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that a page of another origin made it send this request.

    As Go's `http.CrossOriginProtection`: Sec-Fetch-Site decides, which no page can set and browsers send to every address
    that is https or of this machine; else the origin must have the host that was asked. A client that sends neither is no
    browser, so no page is behind it. Of the origin the scheme is not compared: TLS may end before us.
    """
    fields = {name.lower(): value.decode("latin-1") for name, value in headers}
    site = fields.get(b"sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = fields.get(b"origin")
    if origin is None:
        return False
    try:
        its_host = urlsplit(origin).netloc.lower()
    except ValueError:
        return True
    return not its_host or its_host != fields.get(b"host", "").lower()


def came_by_tls(scheme: str, headers: Headers) -> bool:
    """Whether the browser speaks TLS: with us, or with a proxy before us, as the page's own origin tells."""
    return scheme == "https" or any(name.lower() == b"origin" and value.startswith(b"https://") for name, value in headers)
