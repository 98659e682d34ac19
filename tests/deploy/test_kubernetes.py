"""The manifests against schemas of several versions of Kubernetes, the image and the program. No cluster has run them."""

from __future__ import annotations

import importlib
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperinfer.api.control_plane import health
from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.metrics import route as metrics_route
from hyperinfer.api.metrics.families import FAMILIES as METRICS
from hyperinfer.api.settings import known_variables, read_settings
from hyperinfer.api.supervisor import KILL_MARGIN
from hyperinfer.providers import catalogue as catalogues
from tests.deploy import dockerfile
from tests.project.tree import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.27", "1.32", "1.37")
# It says nothing of its types.
kubernetes_validate: Any = importlib.import_module("kubernetes_validate")
NOT_OF_KUBERNETES = {"Kustomization", "ServiceMonitor"}
PRIVATE_TO_US = {"secret.example.yaml"}


def manifests(file: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(file.read_text()) if each]


FILES = sorted(file for file in FOLDER.rglob("*.yaml") if file.name != "prometheus-adapter.yaml")
EVERY = [(file.name, each) for file in FILES for each in manifests(file)]


def the(kind: str, name: str = "hyperinfer") -> Any:
    (found,) = [each for _, each in EVERY if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


@pytest.fixture
def pod() -> Any:
    return the("StatefulSet")["spec"]["template"]["spec"]


@pytest.fixture
def container(pod: Any) -> Any:
    (only,) = pod["containers"]
    return only


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_all_that_is_said(version: str) -> None:
    for name, manifest in EVERY:
        if manifest["kind"] not in NOT_OF_KUBERNETES:
            kubernetes_validate.validate(manifest, version, strict=True)
            assert name


def test_a_mistake_would_be_told() -> None:
    manifest = the("StatefulSet")
    changed = {**manifest, "spec": {**manifest["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(changed, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("folder", ["base", "autoscaling", "monitoring"])
def test_a_kustomization_names_what_lies_beside_it(folder: str) -> None:
    (kustomization,) = manifests(FOLDER / folder / "kustomization.yaml")
    there = {file.name for file in (FOLDER / folder).glob("*.yaml")} - {"kustomization.yaml", "prometheus-adapter.yaml"}
    assert set(kustomization["resources"]) == there - PRIVATE_TO_US


@pytest.mark.parametrize("folder", ["base", "autoscaling", "monitoring"])
def test_kubectl_makes_of_it_what_is_written(folder: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    made = subprocess.run([kubectl, "kustomize", FOLDER / folder], check=True, capture_output=True, text=True).stdout
    written = [
        each
        for file in sorted((FOLDER / folder).glob("*.yaml"))
        if file.name not in {"kustomization.yaml", "prometheus-adapter.yaml"} | PRIVATE_TO_US
        for each in manifests(file)
    ]

    def name(each: dict[str, Any]) -> tuple[str, str]:
        return each["kind"], each["metadata"]["name"]

    assert sorted(yaml.safe_load_all(made), key=name) == sorted(written, key=name)


def test_all_of_it_is_in_one_namespace() -> None:
    assert the("Namespace")
    inside = [each for _, each in EVERY if each["kind"] not in ("Namespace", "Kustomization")]
    assert {each["metadata"]["namespace"] for each in inside} == {"hyperinfer"}


def test_selectors_find_the_pods() -> None:
    spec = the("StatefulSet")["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert {each["kind"] for _, each in EVERY if labels.items() <= selector(each).items()} == {
        "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceMonitor", "StatefulSet",
    }  # fmt: skip
    assert all(selector(each) == labels for _, each in EVERY if selector(each))
    # Once, not by the headless service too.
    services = [each for _, each in EVERY if each["kind"] == "Service"]
    monitored = [each for each in services if labels.items() <= each["metadata"]["labels"].items()]
    assert [each["metadata"]["name"] for each in monitored] == ["hyperinfer"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert all(each["labelSelector"]["matchLabels"] == labels for each in spread)
    assert the("Service", spec["serviceName"])["spec"]["clusterIP"] == "None"


def selector(manifest: dict[str, Any]) -> dict[str, str]:
    spec = manifest.get("spec", {})
    found: dict[str, Any] = spec.get("podSelector") or spec.get("selector") or {}
    labels: dict[str, str] = found.get("matchLabels", found)
    return labels


def test_ports_lead_to_the_program(container: Any) -> None:
    (port,) = container["ports"]
    assert str(port["containerPort"]) == dockerfile.the("EXPOSE")
    for name in ("hyperinfer", "hyperinfer-replicas"):
        assert [each["targetPort"] for each in the("Service", name)["spec"]["ports"]] == [port["name"]]
    (ingress,) = the("NetworkPolicy")["spec"]["ingress"]
    assert [each["port"] for each in ingress["ports"]] == [port["name"]]


def test_probes_ask_routes_that_are_there(container: Any) -> None:
    routes = set(re.findall(r'@app\.get\("(/\w+)"\)', Path(health.__file__).read_text()))
    probes = {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert set(paths.values()) <= routes
    assert all(probe["httpGet"]["port"] == container["ports"][0]["name"] for probe in probes.values())
    assert lasts(probes["startup"]) > EdgeSettings().startup
    # Requests are served and journaled while Postgres is away and /readyz says 503.
    assert lasts(probes["readiness"]) >= 60
    assert lasts(probes["liveness"]) >= 60


def lasts(probe: Any) -> int:
    """Seconds of failing until something is done about it."""
    return int(probe["periodSeconds"]) * int(probe["failureThreshold"])


def test_a_drain_ends_before_it_is_killed(pod: Any, container: Any) -> None:
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "/opt/hyperinfer/bin/python"  # there is no other sleep to rely on
    (pause,) = map(int, re.findall(r"time\.sleep\((\d+)\)", command[-1]))
    limits = catalogues.load(catalogue(), {}).limits
    assert limits.grace == EdgeSettings().grace
    assert pod["terminationGracePeriodSeconds"] > pause + math.ceil(EdgeSettings().drain_time + KILL_MARGIN)


def catalogue() -> str:
    return str(the("ConfigMap")["data"]["providers.yaml"])


def test_the_catalogue_is_one() -> None:
    parsed = catalogues.load(catalogue(), {"OPENAI_API_KEY": "sk-of-a-test"})
    assert not parsed.warnings
    assert [model.slug for model in parsed.models.values()] == ["openai/gpt-5-mini"]


def test_files_lie_where_the_image_looks_for_them(pod: Any, container: Any) -> None:
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    environ = dockerfile.environment()
    assert set(mounts) == {environ["HYPERINFER_DATA"], dockerfile.the("WORKDIR"), "/tmp"}
    assert not any("subPath" in mount for mount in mounts.values())
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes[mounts[dockerfile.the("WORKDIR")]["name"]]["configMap"]["name"] == the("ConfigMap")["metadata"]["name"]
    (claim,) = the("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert mounts["/data"]["name"] == claim["metadata"]["name"]


def test_settings_are_ones_that_it_reads(container: Any) -> None:
    secret = the("Secret")
    assert container["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    own = {each["name"]: each["value"] for each in container["env"]}
    assert {name for name in {**own, **secret["stringData"]} if name.startswith("HYPERINFER_")} <= known_variables()
    settings = read_settings({}, {**dockerfile.environment(), **own, **secret["stringData"]})
    assert settings.shared is not None


def test_it_runs_with_no_rights_and_on_a_root_that_is_read_only(pod: Any, container: Any) -> None:
    user, _, group = dockerfile.the("USER").partition(":")
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert [str(context[name]) for name in ("runAsUser", "runAsGroup", "fsGroup")] == [user, group, group]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is the("ServiceAccount")["automountServiceAccountToken"] is False
    assert the("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_it_is_scaled_on_a_metric_that_is_told() -> None:
    autoscaler = the("HorizontalPodAutoscaler")["spec"]
    target = autoscaler["scaleTargetRef"]
    assert the(target["kind"], target["name"])["apiVersion"] == target["apiVersion"]
    (metric,) = autoscaler["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert METRICS[name].kind == "gauge"
    (rule,) = yaml.safe_load((FOLDER / "autoscaling" / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert rule["seriesQuery"].startswith(name + "{")
    assert re.sub(rule["name"]["matches"], rule["name"]["as"].replace("$1", r"\1"), name) == name
    assert autoscaler["minReplicas"] >= the("StatefulSet")["spec"]["replicas"]


def test_prometheus_reads_with_the_token_of_the_secret() -> None:
    (endpoint,) = the("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["path"] == metrics_route.PATH
    assert endpoint["port"] in [port["name"] for port in the("Service")["spec"]["ports"]]
    credentials = endpoint["authorization"]["credentials"]
    assert credentials["name"] == the("Secret")["metadata"]["name"]
    assert credentials["key"] in set(the("Secret")["stringData"]) & known_variables()


def test_a_disruption_takes_one_replica_of_several() -> None:
    assert the("PodDisruptionBudget")["spec"]["maxUnavailable"] < the("StatefulSet")["spec"]["replicas"]
