"""The manifests of deploy/k8s: valid by Kubernetes's own schemas, joined up, and with no more rights than they need."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from deploy.local import config
from tests.architecture.tree import ROOT
from tests.unit.deploy.kustomize import Manifest, identity, render

FOLDER = ROOT / "deploy" / "k8s"
OVERLAYS = ("cpu", "gpu")
OLDEST = "1.28"
"""The oldest Kubernetes that the manifests are checked against, and the newest that the library knows."""
RENDERED = {overlay: render(FOLDER / overlay) for overlay in OVERLAYS}
EACH = {identity(one): one for overlay in OVERLAYS for one in RENDERED[overlay] if one["kind"] != "ScaledObject"}
SCALED = {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod", "advanced"}


def pods(overlay: str) -> list[tuple[str, Manifest]]:
    """Name and pod template of everything that runs."""
    kinds = ("Deployment", "StatefulSet")
    return [(one["metadata"]["name"], one["spec"]["template"]) for one in RENDERED[overlay] if one["kind"] in kinds]


PODS = [pytest.param(pod, id=f"{overlay}-{name}") for overlay in OVERLAYS for name, pod in pods(overlay)]


@pytest.fixture(scope="module", autouse=True)
def read_once() -> Iterator[None]:
    """The library reads and parses a megabyte of schemas for each manifest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.mark.parametrize("manifest", EACH.values(), ids=map("-".join, EACH))
def test_manifests_fit_the_schemas_of_kubernetes(manifest: Manifest) -> None:
    for version in (OLDEST, kubernetes_validate.latest_version()):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_refuse_what_is_wrong() -> None:
    broken = next(one for one in RENDERED["cpu"] if one["kind"] == "Deployment")
    wrong: Any = yaml.safe_load(yaml.safe_dump(broken))
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubectl_renders_the_same(overlay: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl here")
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER / overlay)], capture_output=True, timeout=50, check=True)
    real = {identity(one): one for one in yaml.safe_load_all(done.stdout)}
    assert {identity(one): one for one in RENDERED[overlay]} == real


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_unique_and_references_lead_somewhere(overlay: str) -> None:
    manifests = RENDERED[overlay]
    assert len({identity(one) for one in manifests}) == len(manifests)
    there = {identity(one) for one in manifests}
    labels = [pod["metadata"]["labels"] for _, pod in pods(overlay)]
    for one in manifests:
        if one["kind"] == "ScaledObject":
            assert ("Deployment", one["spec"]["scaleTargetRef"]["name"]) in there
            assert "replicas" not in scaled_target(overlay, one), "applying again would undo the scaling"
        selector = one["spec"].get("selector") if one["kind"] in {"Service", "PodDisruptionBudget"} else None
        if selector:
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= label.items() for label in labels), identity(one)
    for _, pod in pods(overlay):
        spec = pod["spec"]
        assert ("ServiceAccount", spec["serviceAccountName"]) in there
        for volume in spec.get("volumes", ()):
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or ("PersistentVolumeClaim", claim["claimName"]) in there


def scaled_target(overlay: str, scaled: Manifest) -> Any:
    name = scaled["spec"]["scaleTargetRef"]["name"]
    return next(one["spec"] for one in RENDERED[overlay] if identity(one) == ("Deployment", name))


@pytest.mark.parametrize("pod", PODS)
def test_pods_are_hardened_probed_and_bounded(pod: Manifest) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        rights = container["securityContext"]
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert "memory" in container["resources"]["limits"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted >= {volume["name"] for volume in spec.get("volumes", ())}


@pytest.mark.parametrize("pod", PODS)
def test_settings_are_known_and_drains_fit_the_grace_period(pod: Manifest) -> None:
    settings = {setting.variable: setting.default for setting in config.settings()}
    for container in pod["spec"]["containers"]:
        names = {entry["name"] for entry in container.get("env", ())} - {"REDISCLI_AUTH"}
        assert names <= set(settings)
    assert pod["spec"]["terminationGracePeriodSeconds"] > float(settings["VISIONFLEET_DRAIN_TIMEOUT_S"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everybody_who_runs_may_reach_redis_and_nobody_else(overlay: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in RENDERED[overlay] if one["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    allowed = set(policies["redis"]["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]["values"])
    running = {pod["metadata"]["labels"]["app"] for _, pod in pods(overlay)} - {"redis"}
    assert running <= allowed
    assert running <= set(policies["to-redis-and-names"]["podSelector"]["matchExpressions"][0]["values"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pools_scale_on_their_own_backlog(overlay: str) -> None:
    scaled = {one["metadata"]["name"]: one["spec"] for one in RENDERED[overlay] if one["kind"] == "ScaledObject"}
    name = "worker" if overlay == "cpu" else "worker-gpu"
    assert set(scaled) == {name, "streams"}
    for spec in scaled.values():
        assert set(spec) <= SCALED | {"triggers"}
        assert 0 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    triggers = scaled[name]["triggers"]
    queries = [trigger["metadata"]["query"] for trigger in triggers]
    assert all(trigger["type"] == "prometheus" for trigger in triggers)
    assert all(float(trigger["metadata"]["threshold"]) > 0 for trigger in triggers)
    assert all(f'hardware=~"{overlay}|any"' in query for query in queries)
    found = {re.findall(r"[a-z]+_[a-z_]+(?={)", query)[0] for query in queries}
    assert found == {"queue_backlog_seconds", "visionfleet_queue_oldest_seconds"}


def test_gpu_workers_get_a_gpu_and_their_profile() -> None:
    (pod,) = [pod for name, pod in pods("gpu") if name == "worker-gpu"]
    (container,) = pod["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {"name": "VISIONFLEET_PROFILE", "value": "gpu"} in container["env"]
    assert container["image"].startswith("visionfleet/worker-gpu")
