"""The compose file against the image and the program. tests/system/test_compose.py has it read by a schema."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import yaml

from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.process_limits import connections_within
from hyperinfer.api.settings import known_variables, read_settings
from hyperinfer.api.supervisor import KILL_MARGIN
from tests.deploy import dockerfile
from tests.project.tree import ROOT

FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
EXAMPLE = FOLDER / "example.env"
SERVICES = ("gateway", "postgres", "redis")


def example() -> dict[str, str]:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    assert tuple(found) == SERVICES
    return found


def filled(value: str) -> str:
    """With passwords in the place of variables."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: f"the-{match[1].lower()}", value)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert not {"privileged", "network_mode", "pid", "cap_add"} & set(service)
    assert ("user" in service) == (name != "gateway")  # whose image has one
    assert service.get("ports", []) == (["127.0.0.1:8080:8080"] if name == "gateway" else [])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_not_built_here_is_pinned_and_asked_for_its_health(services: dict[str, Any], name: str) -> None:
    if name == "gateway":
        assert (FOLDER / services[name]["build"]["context"]).resolve() == ROOT
        assert all(services[name]["depends_on"][other] == {"condition": "service_healthy"} for other in SERVICES[1:])
    else:
        assert re.fullmatch(r"\w+:\d+(\.\d+)?-\w+", services[name]["image"])
        assert services[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_the_stores_have_no_way_out(services: dict[str, Any]) -> None:
    assert yaml.safe_load(FILE.read_text())["networks"]["stores"] == {"internal": True}
    assert [services[name]["networks"] for name in SERVICES] == [["outside", "stores"], ["stores"], ["stores"]]


def test_the_gateway_is_started_with_settings_that_it_reads(services: dict[str, Any]) -> None:
    own = {name: filled(value) for name, value in services["gateway"]["environment"].items()}
    ours = {name for name in {**own, **example()} if name.startswith("HYPERINFER_")}
    assert ours <= known_variables()
    settings = read_settings({}, {**dockerfile.environment(), **example(), **own})
    assert settings.shared is not None
    assert settings.shared.postgres.reveal() == "postgresql://hyperinfer:the-postgres_password@postgres/hyperinfer"
    assert settings.shared.redis.reveal() == "redis://:the-redis_password@redis"
    mounts = dict(mount.split(":")[:2] for mount in services["gateway"]["volumes"])
    assert mounts == {"journals": str(settings.data), "./catalogue": dockerfile.the("WORKDIR")}


def test_every_secret_has_its_line_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", FILE.read_text()))
    assert asked == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"} <= set(example())
    assert not any(example().values())
    assert "/deploy/compose/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_a_drain_ends_before_it_is_killed(services: dict[str, Any]) -> None:
    period = services["gateway"]["stop_grace_period"]
    assert int(period.removesuffix("s")) > math.ceil(EdgeSettings().drain_time + KILL_MARGIN)
    most = EdgeSettings().max_connections
    assert connections_within(services["gateway"]["ulimits"]["nofile"], most) == most
