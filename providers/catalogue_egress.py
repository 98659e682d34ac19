"""The section `egress` of `providers.yaml`: which networks the operator opens to fetches that callers aim."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from hyperinfer.providers.catalogue_records import EgressRules
from hyperinfer.providers.catalogue_yaml import Value

EGRESS_KEYS: Final = ("allow",)


def read_egress(section: Value) -> EgressRules:
    """The rules. What is wrong is in the section's report."""
    given = section.fields(EGRESS_KEYS)
    allow: list[IPv4Network | IPv6Network] = []
    for item in given["allow"].items() if "allow" in given else []:
        network = _network(item)
        if network is not None and network in allow:
            item.error(f"{str(network)!r} is given twice")
        elif network is not None:
            allow.append(network)
    return EgressRules(tuple(allow))


def _network(value: Value) -> IPv4Network | IPv6Network | None:
    text = value.text()
    if text is None:
        return None
    text = text.strip()
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        value.error(f"expected a network such as 10.1.0.0/16, got {text[:80]!r}")
        return None
    if network.prefixlen == 0:
        value.error("a network of all addresses would switch the guard off: name those that are needed")
    elif network.network_address != ip_address(text.partition("/")[0]):
        value.error(f"{text[:80]!r} is an address within a network; did you mean '{network}'?")
    else:
        return network
    return None
