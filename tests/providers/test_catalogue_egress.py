"""The section `egress`: networks that the operator opens, and what is said of mistakes."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from hyperinfer.providers.catalogue import CatalogueErrors, load


def test_networks_and_single_addresses() -> None:
    catalogue = load('egress: {allow: [10.1.0.0/16, 192.168.7.20, "fd12:3456:0::/32", "FD00::1"]}', {})
    expected = ["10.1.0.0/16", "192.168.7.20/32", "fd12:3456::/32", "fd00::1/128"]
    assert catalogue.egress.allow == tuple(ip_network(text) for text in expected)


@pytest.mark.parametrize("text", ["", "egress:", "egress: {allow: }", "egress: {allow: []}"])
def test_nothing_is_open_by_itself(text: str) -> None:
    assert load(text, {}).egress.allow == ()


MISTAKES = """\
egress:
  allow:
    - 10.1.2.3/16
    - intranet.example.com
    - 0.0.0.0/0
    - "::/0"
    - 10.0.0.0/33
    - 10.1
    - 10.2.0.0/16
    - 10.2.0.0/16
    - 127.0.0.1:8080
  alow: []
"""

SAID = """\
3: egress.allow[0]: '10.1.2.3/16' is an address within a network; did you mean '10.1.0.0/16'?
4: egress.allow[1]: expected a network such as 10.1.0.0/16, got 'intranet.example.com'
5: egress.allow[2]: a network of all addresses would switch the guard off: name those that are needed
6: egress.allow[3]: a network of all addresses would switch the guard off: name those that are needed
7: egress.allow[4]: expected a network such as 10.1.0.0/16, got '10.0.0.0/33'
8: egress.allow[5]: expected text, got a number; put it in quotes
10: egress.allow[7]: '10.2.0.0/16' is given twice
11: egress.allow[8]: expected a network such as 10.1.0.0/16, got '127.0.0.1:8080'
12: egress.alow: unknown key; one of allow; did you mean 'allow'?
"""


def test_mistakes_are_told_with_their_lines() -> None:
    with pytest.raises(CatalogueErrors) as caught:
        load(MISTAKES, {}, "p.yaml")
    assert [str(problem).removeprefix("p.yaml:") for problem in caught.value.problems] == SAID.splitlines()
