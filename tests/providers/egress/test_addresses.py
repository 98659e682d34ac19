"""Which addresses a caller may be led to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from hyperinfer.providers.egress.addresses import METADATA, refusal

REFUSED = {
    # IPv4
    "0.0.0.0": "this network",
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "10.255.255.255": "private",
    "100.64.0.1": "carrier-grade NAT",
    "100.127.255.255": "carrier-grade NAT",
    "100.100.100.200": "metadata service",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "metadata service",
    "169.254.169.254": "metadata service",
    "169.254.170.2": "metadata service",
    "169.254.0.1": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "reserved",
    "192.0.0.192": "metadata service",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.7": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    # IPv6
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "IPv4-compatible",
    "::8.8.8.8": "IPv4-compatible",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "::ffff:8.8.8.8": "IPv4-mapped",
    "::ffff:169.254.169.254": "IPv4-mapped",
    "::ffff:0:127.0.0.1": "IPv4-translated",
    "64:ff9b::127.0.0.1": "NAT64",
    "64:ff9b::8.8.8.8": "NAT64",
    "64:ff9b:1::a00:1": "NAT64",
    "100::1": "discard",
    "2001::1": "Teredo",
    "2001:2::1": "reserved",
    "2001:20::1": "reserved",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "2002:808:808::1": "6to4",
    "3fff::1": "documentation",
    "4000::1": "reserved",
    "5f00::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "metadata service",
    "fd12:3456:789a::1": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "zone",
    "2606:4700::1%eth0": "zone",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "2606:4700::5efe:7f00:1": "ISATAP",
    "2606:4700::200:5efe:a00:1": "ISATAP",
}

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:800::200e",
)


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=REFUSED)
def test_it_is_refused(text: str, reason: str) -> None:
    assert refusal(ip_address(text)) == reason


@pytest.mark.parametrize("text", PUBLIC)
def test_it_is_public(text: str) -> None:
    assert refusal(ip_address(text)) is None


@pytest.mark.parametrize(
    ("text", "networks", "reason"),
    [
        ("10.1.2.3", ["10.1.0.0/16"], None),
        ("10.2.0.1", ["10.1.0.0/16"], "private"),
        ("10.2.0.1", ["10.1.0.0/16", "10.2.0.1/32"], None),
        ("127.0.0.1", ["127.0.0.1/32"], None),
        ("127.0.0.2", ["127.0.0.1/32"], "loopback"),
        ("::1", ["127.0.0.0/8"], "loopback"),
        ("fd12::1", ["fd12::/16"], None),
        ("fd12::1%eth0", ["fd12::/16"], "zone"),
        # Another spelling of an allowed address is another address.
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], "IPv4-mapped"),
        ("::ffff:10.1.2.3", ["::/1"], "IPv4-mapped"),
        ("::10.1.2.3", ["::/1"], "IPv4-compatible"),
        ("2002:a01:203::1", ["2000::/3"], "6to4"),
        ("::1", ["::1/128"], None),
        # A wide network does not open what gives credentials away.
        ("169.254.169.254", ["169.254.0.0/16"], "metadata service"),
        ("169.254.0.9", ["169.254.0.0/16"], None),
        ("169.254.169.254", ["169.254.169.254/32"], None),
        ("fd00:ec2::254", ["fc00::/7"], "metadata service"),
        # Behind an allowed NAT64 prefix lies all of IPv4, of which the rest holds as ever.
        ("64:ff9b::8.8.8.8", ["64:ff9b::/96"], None),
        ("64:ff9b::10.0.0.1", ["64:ff9b::/96"], "private"),
        ("64:ff9b::169.254.169.254", ["64:ff9b::/96"], "metadata service"),
        ("64:ff9b::10.0.0.1", ["64:ff9b::/96", "10.0.0.0/8"], None),
    ],
)
def test_what_an_operator_allows(text: str, networks: list[str], reason: str | None) -> None:
    assert refusal(ip_address(text), [ip_network(network) for network in networks]) == reason


def test_no_metadata_service_is_reachable_by_its_address() -> None:
    assert {refusal(address) for address in METADATA} == {"metadata service"}
