"""The rules of a request head, beyond those that httptools has: version, Host, target, transfer coding.

RFC 9112: 2.3 (version), 3.2 (Host and the forms of a target), 6.1 (transfer coding), 9.3 (persistence).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hyperinfer.api.edge.lean.request import Refused, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOKED_AT = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding", b"expect", b"upgrade"})

# RFC 3986, 3.2.2 and 3.2.3: names, addresses and ports.
_HOST = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=%:[]"

_SCHEMES = (b"http", b"https")


def request_of(method: str, target: bytes, version: str, fields: list[tuple[bytes, bytes]]) -> Request:
    """The request of a head. Raises Refused."""
    if version != "1.1" and version != "1.0":
        raise Refused(505)
    if method == "CONNECT":
        raise Refused(501)
    request = Request(method, target, "", b"", b"", fields, version, version == "1.1")
    hosts = 0
    for name, value in fields:
        if name in _LOOKED_AT:
            if name == b"host":
                hosts += 1
                if not _names_host(value):
                    raise Refused(400)
            elif name == b"content-length":
                request.length = int(value)
            elif name == b"connection":
                _look_at_connection(request, value)
            elif name == b"transfer-encoding":
                _look_at_coding(request, value)
            elif name == b"expect":
                request.expects_continue = value.lower() == b"100-continue" and version == "1.1"
            else:
                request.upgrade = value.lower()
    if hosts != 1 and (version == "1.1" or hosts):
        raise Refused(400)
    _look_at_target(request, fields)
    return request


@lru_cache(64)  # mostly it is the same one
def _names_host(value: bytes) -> bool:
    """Whether it is a name or an address, with a port or without; also where it is empty."""
    # None of the allowed octets left: none that is not allowed was there.
    if value.translate(None, _HOST):
        return False
    if value.startswith(b"["):
        address, bracket, port = value[1:].partition(b"]")
        if not bracket or not address or b"[" in address:
            return False
        return not port or (port.startswith(b":") and (port[1:].isdigit() or port == b":"))
    name, _, port = value.partition(b":")
    return b"[" not in name and b"]" not in name and (port.isdigit() or not port)


def _look_at_connection(request: Request, value: bytes) -> None:
    options = [option.strip() for option in value.lower().split(b",")]
    if b"close" in options:
        request.keep_alive = False
    elif request.version == "1.0" and b"keep-alive" in options:
        request.keep_alive = True


def _look_at_coding(request: Request, value: bytes) -> None:
    if request.version == "1.0":
        # It knows no codings: whoever stands before us may have seen another end of this request.
        raise Refused(400)
    if value.lower() != b"chunked":
        raise Refused(501)
    request.chunked = True


def _look_at_target(request: Request, fields: list[tuple[bytes, bytes]]) -> None:
    target = request.target
    if b"#" in target:
        raise Refused(400)
    if not target.startswith(b"/"):
        if target == b"*":
            if request.method != "OPTIONS":
                raise Refused(400)
        else:
            target = _absolute(target, fields)
    request.raw_path, _, request.query = target.partition(b"?")
    path = request.raw_path.decode("ascii")
    request.path = unquote(path) if "%" in path else path


def _absolute(target: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """The path and query of an absolute target. Its authority is the host, whatever the field says (3.2.2)."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise Refused(400)
    end = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    authority = rest[:end]
    if not authority or not _names_host(authority):
        # User information among others (RFC 9110, 4.2.4).
        raise Refused(400)
    _replace_host(fields, authority)
    path = rest[end:]
    return path if path.startswith(b"/") else b"/" + path


def _replace_host(fields: list[tuple[bytes, bytes]], authority: bytes) -> None:
    fields[:] = [(name, authority if name == b"host" else value) for name, value in fields]


def size_of(target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> int:
    """Bytes of a head on the wire, more or less: without its first line's other parts and its white space."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in fields)
