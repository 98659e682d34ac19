"""Which proxy leads to an address, as the environment says: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.

No standard says what these mean. As curl and Go read them: lower-case names come before upper-case ones, the scheme of the
address chooses the variable, `ALL_PROXY` is for schemes without one of their own, and an empty variable is none. `localhost`
and loopback addresses are never reached through a proxy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from hyperinfer.providers.secret import Secret

_PORTS = {"http": 80, "https": 443}
_KINDS = ("http", "https", "socks5", "socks5h")


class ProxySettingError(ValueError):
    """A variable that names no proxy that can be used. The text says which, never what is in it: it may hold a password."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """`by_scheme`: the proxy for addresses of a scheme. `direct`: the entries of `NO_PROXY`, in lower case."""

    by_scheme: Mapping[str, Secret]
    direct: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Proxies":
        """As these variables say. Raises ProxySettingError."""
        found: dict[str, Secret] = {}
        for scheme in _PORTS:
            name, value = _variable(environ, f"{scheme}_proxy") or _variable(environ, "all_proxy") or ("", "")
            if value:
                found[scheme] = _proxy(name, value)
        _, listed = _variable(environ, "no_proxy") or ("", "")
        return cls(found, tuple(entry for part in listed.lower().split(",") if (entry := part.strip())))

    def to(self, scheme: str, host: str, port: int | None = None) -> Secret | None:
        """The proxy through which a host is reached, None for none. An IPv6 address is without brackets."""
        proxy, host = self.by_scheme.get(scheme), host.lower()
        port = port or _PORTS.get(scheme)
        if proxy is None or _is_loopback(host) or any(_covers(entry, host, port) for entry in self.direct):
            return None
        return proxy


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """Its name as it is set, and its value; None when it is not set."""
    for each in (name, name.upper()):
        if (value := environ.get(each)) is not None:
            return each, value.strip()
    return None


def _proxy(name: str, value: str) -> Secret:
    text = value if "://" in value else f"http://{value}"
    try:
        url = urlsplit(text)
        usable = url.scheme in _KINDS and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        raise ProxySettingError(f"{name} is not an address") from None
    if not usable:
        raise ProxySettingError(f"{name} is not the address of a proxy: one of {', '.join(f'{kind}://' for kind in _KINDS)}")
    if url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ProxySettingError(f"{name} is a SOCKS proxy, for which the package socksio is not installed")
    return Secret(text)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY is for this address: `*`, a name for itself and all below it (with or without a dot
    before it), an IP address, a network; a name or an address also with a port."""
    if entry == "*":
        return True
    if "/" in entry:
        return _is_within(host, entry)
    name, only = _split(entry)
    if only is not None and only != str(port):
        return False
    name = name.removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, str | None]:
    """A host without brackets, and the port behind it."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":") or None
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port or None
    return entry, None


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
