"""As much of kustomize as deploy/k8s uses, so that the manifests are checked where there is no kubectl.

``resources``, ``namespace``, ``nameSuffix``, ``labels`` and strategic merge ``patches``; anything else is an error.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
KNOWN = {"apiVersion", "kind", "resources", "namespace", "nameSuffix", "labels", "patches"}
CLUSTER_WIDE = {"Namespace"}
SELECTED = {"Deployment", "StatefulSet", "PodDisruptionBudget"}


def render(folder: Path) -> list[Manifest]:
    """The manifests of ``folder/kustomization.yaml``."""
    spec = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(spec) <= KNOWN, f"{folder}: teach this renderer {set(spec) - KNOWN}"
    found: list[Manifest] = []
    for name in spec["resources"]:
        path = folder / name
        found += render(path) if path.is_dir() else [one for one in yaml.safe_load_all(path.read_text()) if one]
    for patch in spec.get("patches", ()):
        change = yaml.safe_load((folder / patch["path"]).read_text())
        (target,) = [one for one in found if identity(one) == identity(change)]
        found[found.index(target)] = merged(target, change)
    for one in found:
        finish(one, spec)
    return found


def identity(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def merged(base: Any, change: Any) -> Any:
    """A strategic merge: maps by key, lists of named things by name, everything else replaced."""
    if isinstance(base, dict) and isinstance(change, dict):
        result = deepcopy(base)
        for key, value in change.items():
            result[key] = merged(base[key], value) if key in base else deepcopy(value)
        return result
    if isinstance(base, list) and isinstance(change, list) and all("name" in one for one in [*base, *change]):
        old = {one["name"]: one for one in base}
        first = [merged(old[one["name"]], one) if one["name"] in old else deepcopy(one) for one in change]
        changed = {one["name"] for one in change}
        return first + [deepcopy(one) for one in base if one["name"] not in changed]
    return deepcopy(change)


def finish(one: Manifest, spec: dict[str, Any]) -> None:
    """The transformers that apply to every resource."""
    metadata = one["metadata"]
    metadata["name"] += spec.get("nameSuffix", "")
    if "namespace" in spec and one["kind"] not in CLUSTER_WIDE:
        metadata["namespace"] = spec["namespace"]
    for labels in spec.get("labels", ()):
        metadata.setdefault("labels", {}).update(labels["pairs"])
        if labels.get("includeSelectors") and one["kind"] in SELECTED:
            one["spec"]["selector"]["matchLabels"].update(labels["pairs"])
            if "template" in one["spec"]:
                one["spec"]["template"]["metadata"]["labels"].update(labels["pairs"])
