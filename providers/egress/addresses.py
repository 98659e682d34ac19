"""Which addresses a caller's URL may lead to: public unicast ones, and those of networks that the operator allows.

The tables follow the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890). They are written out and not
asked of `ipaddress`, whose answers differ between the versions of Python. IPv6 goes the other way round: nothing but
global unicast (2000::/3) is public, and of that not what is special or carries an IPv4 address inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def _table(rows: dict[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(text), reason) for text, reason in rows.items())


# Where the machines of a cloud ask who they are, often answered with credentials. Two of them are public or shared space.
METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, OpenStack
            "169.254.170.2",  # AWS ECS
            "169.254.170.23",  # AWS EKS
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure, a public address
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS EKS
            "fd20:ce::254",  # Google
        ),
    )
)

_SPECIAL_4: Final = _table(
    {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "carrier-grade NAT",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "6to4 relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "255.255.255.255/32": "broadcast",
        "240.0.0.0/4": "reserved",
    }
)
_SPECIAL_6: Final = _table(
    {
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "IPv4-compatible",
        "::ffff:0:0/96": "IPv4-mapped",
        "::ffff:0:0:0/96": "IPv4-translated",
        "64:ff9b::/96": "NAT64",
        "64:ff9b:1::/48": "NAT64",
        "100::/64": "discard",
        "2001::/32": "Teredo",
        "2001:db8::/32": "documentation",
        "2001::/23": "reserved",
        "2002::/16": "6to4",
        "3fff::/20": "documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }
)
_DISGUISES: Final = frozenset({"IPv4-compatible", "IPv4-mapped", "IPv4-translated", "Teredo", "6to4", "ISATAP"})
"""Ways to write an IPv4 address as one of IPv6, which nobody needs and no operator opens by opening a wide network."""
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The upper half of an interface id whose lower half is an IPv4 address (RFC 5214)."""


def refusal(address: Address, allowed: Iterable[Network] = ()) -> str | None:
    """Why no caller may be led to `address`, in a word or two; None when one may.

    A network in `allowed` opens its own addresses, save that one of a metadata service has to be named by itself, that
    what is behind a NAT64 prefix must be open too, and that other disguises of IPv4 addresses stay closed.
    """
    networks: Sequence[Network] = [each for each in allowed if each.version == address.version and address in each]
    if address in METADATA:
        alone = any(network.num_addresses == 1 for network in networks)
        return None if alone else "metadata service"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "zone"
    reason = _special(address)
    if reason is None or reason in _DISGUISES or not networks:
        return reason
    if address in _NAT64:
        return refusal(IPv4Address(int(address) & 0xFFFF_FFFF), allowed)
    return None


def _special(address: Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in _SPECIAL_4 if address in network), None)
    reason = next((reason for network, reason in _SPECIAL_6 if address in network), None)
    if reason is None and address not in _GLOBAL_UNICAST:
        reason = "reserved"
    if reason is None and (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        reason = "ISATAP"
    return reason
