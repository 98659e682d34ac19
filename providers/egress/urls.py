"""URLs read strictly: what two parsers could read in two ways is refused, never repaired.

Browsers accept far more (WHATWG URL). Whoever checks a URL with one reader and fetches it with another is led astray by
what only one of them accepts, so here there is one reader, its result is all that is used, and it knows one spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin

import idna

from hyperinfer.providers.egress.errors import EgressError

if TYPE_CHECKING:
    from hyperinfer.providers.egress.addresses import Address

LONGEST: Final = 8192
"""Characters of a URL."""

METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
"""Names of the services in `addresses.METADATA`, which are not even looked up."""

_UNREADABLE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_SHAPE: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*)(?P<rest>[^#]*))?")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]@]*\]|[^\[\]:@]*)(?::(?P<port>[0-9]{1,5}))?\Z")
_NAME: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
_NUMERIC_LABEL: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
_DOTS: Final = re.compile(r"(?:\.|%2e)(\.|%2e)?\Z", re.IGNORECASE)
_KEPT: Final = "/?%:@!$&'()*+,;=-._~[]"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Below 1024 nothing but the web's own two. Above, what speaks something that a request could be smuggled into.
# fmt: off
_OTHER_SERVICES: Final = frozenset({
    1080, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432,
    5672, 5900, 5984, 5985, 5986, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092, 9200, 9300,
    10080, 10250, 11211, 27017,
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `host` is what goes into `Host` and TLS: a name in lower case (punycode), or an address, IPv6
    without brackets. `address` is set for the latter. `path` is ASCII and has the query."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def netloc(self) -> str:
        """As it stands in a URL and in `Host`: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def parse(url: str) -> Target:
    """The one reading of `url`. A fragment is dropped. Raises EgressError (`bad_url` or `refused`)."""
    url = url.strip(" \t\r\n")
    if len(url) > LONGEST:
        raise EgressError("bad_url", f"the URL is longer than {LONGEST} characters")
    if _UNREADABLE.search(url):
        raise EgressError("bad_url", "the URL holds a space, a control character, a backslash or half a character")
    shape = _SHAPE.match(url)
    if shape is None:
        raise EgressError("bad_url", "not a complete URL: it must begin with http:// or https://")
    scheme = shape["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise EgressError("refused", f"{scheme[:20]}: URLs are not fetched, only http and https")
    authority = _AUTHORITY.match(shape["authority"] or "")
    if "@" in (shape["authority"] or ""):
        raise EgressError("refused", "URLs with a user name or password are not fetched")
    if authority is None or not authority["host"]:
        raise EgressError("bad_url", "the URL has no readable host")
    host, address = _host(authority["host"])
    return Target(scheme, host, _port(authority["port"], scheme), _path(shape["rest"]), address)


def redirected(base: Target, location: str) -> Target:
    """Where a `Location` header of `base` leads, read as strictly. Raises EgressError, also for a step from https to http:
    what was asked for over TLS does not come in the clear because somebody on the way says so."""
    location = location.strip(" \t")
    if _UNREADABLE.search(location) or len(location) > LONGEST:
        raise EgressError("bad_url", "the page redirects to something that is not a URL")
    try:
        joined = urljoin(base.url, location)
    except ValueError as error:
        raise EgressError("bad_url", "the page redirects to something that is not a URL") from error
    target = parse(joined)
    if base.scheme == "https" and target.scheme == "http":
        raise EgressError("refused", "the page redirects from https to http, which is not followed")
    return target


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        try:
            six = IPv6Address(text[1:-1])
        except AddressValueError as error:
            raise EgressError("bad_url", "the URL's host is not an IPv6 address") from error
        if six.scope_id is not None:
            raise EgressError("refused", "addresses with a zone are not fetched")
        return six.compressed, six
    if "%" in text:
        raise EgressError("bad_url", "the URL's host is percent-encoded")
    name = _ascii_name(text)
    if _NUMERIC_LABEL.match(name.rpartition(".")[2]):
        # Only one spelling of an IPv4 address is read as one; to others, resolvers give meanings of their own.
        try:
            four = IPv4Address(name)
        except AddressValueError as error:
            raise EgressError("bad_url", "the URL's host is an IPv4 address in an unusual spelling") from error
        return str(four), four
    if name in METADATA_NAMES:
        raise EgressError("refused", "this host is not reachable from here")
    return name, None


def _ascii_name(text: str) -> str:
    name = text.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, std3_rules=False).decode("ascii")
        except UnicodeError as error:  # idna.IDNAError is one
            raise EgressError("bad_url", "the URL's host is not a valid international name") from error
    name = name.removesuffix(".")
    if len(name) > 253 or not _NAME.match(name):
        raise EgressError("bad_url", "the URL's host is not a valid name")
    return name


def _port(text: str | None, scheme: str) -> int:
    if text is None:
        return _DEFAULT_PORTS[scheme]
    port = int(text)
    if not 0 < port < 65536:
        raise EgressError("bad_url", "the URL's port is not one")
    if port not in _DEFAULT_PORTS.values() and (port < 1024 or port in _OTHER_SERVICES):
        raise EgressError("refused", f"port {port} is not one of the web")
    return port


def _path(rest: str | None) -> str:
    path, mark, query = (rest or "").partition("?")
    # Servers take dots for steps, spelt out or encoded, so whoever judges a path must too.
    kept: list[str] = []
    *_, last = segments = path.removeprefix("/").split("/")
    for segment in segments:
        dots = _DOTS.match(segment)
        if dots is None:
            kept.append(segment)
        elif dots[1] and kept:
            kept.pop()
    if _DOTS.match(last):
        kept.append("")  # they name a folder
    # Percent signs stay as they are: what is encoded is not encoded again.
    return quote("/" + "/".join(kept) + mark + query, safe=_KEPT)
