"""A model package as Roboflow's newer engine caches it: ``inference_config.json``, ``class_names.txt``, weights.

``inference_config.json`` says how pixels become the network's input and what the network leaves to do, and
``model_config.json`` what the model is called and does. What we do not do as it is written there is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.errors import ModelLoadFailed
from worker_service.engine.format import Known, Proposal, Wanted, from_graph
from worker_service.engine.formats.huggingface import read_json
from worker_service.engine.formats.roboflow import ENVIRONMENT, NOT_APPLIED, family_of, keypoints_of, labels_of
from worker_service.engine.runtime.session import read_signature

CONFIG = "inference_config.json"
KIND = "model_config.json"
RESIZE = {"letterbox": "letterbox", "stretch": "stretch", "center-crop": "center-crop"}
TASKS = {"multi-label-classification": "classification"}


class RoboflowPackage:
    """A folder of that cache, or one put together from its endpoint."""

    name = "a package of Roboflow's newer cache (inference_config.json)"
    last = False

    def matches(self, path: Path) -> bool:
        """There is an inference_config.json, and no environment.json, which says more."""
        return (path / CONFIG).is_file() and not (path / ENVIRONMENT).is_file()

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """Labels, input and kind as the folder's files tell them."""
        graph = path / "weights.onnx"
        if not graph.is_file():
            raise ModelLoadFailed(f"{path} holds no weights.onnx; only ONNX weights are read.")
        config = read_json(path / CONFIG)
        kind = read_json(path / KIND) if (path / KIND).is_file() else {}
        architecture, task = (str(kind.get(name) or "").lower() for name in ("model_architecture", "task_type"))
        unsure = doubts(config)
        known = Known(
            labels=labels_of(path, {}, unsure),
            family=family_of(graph, TASKS.get(task, task), architecture, unsure),
            fields={
                **keypoints_of(path),
                "multi_label": task in TASKS or None,
                "thresholds": thresholds(section(config, "post_processing")),
            },
            input={**size_of(graph, section(config, "network_input")), **network_input(config, unsure)},
            settled=("input", *(["family"] if architecture else [])),
            unsure=tuple(unsure),
        )
        model_id = wanted.model_id or kind.get("model_id") or path.resolve().name
        return from_graph(graph, Wanted(str(model_id), wanted.family, wanted.labels), known, f"{CONFIG}, {graph.name}")


def section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part of the configuration; empty when it is absent or none."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def doubts(config: Mapping[str, Any]) -> list[str]:
    """What the configuration asks for and we do not do."""
    found = []
    for name, step in section(config, "image_pre_processing").items():
        if name in NOT_APPLIED and isinstance(step, dict) and step.get("enabled", True):
            found.append(f"input: images are preprocessed with {name}, which is not applied here.")
    size = section(section(config, "network_input"), "dataset_version_resize_dimensions")
    if size.get("width") != size.get("height"):
        found.append("input: images are brought to the dataset's own shape first, which is not done here.")
    for operation in config.get("class_names_operations") or []:
        if isinstance(operation, dict) and operation.get("class_name"):
            named = f"{operation.get('type')} {operation['class_name']!r}"
            found.append(f"labels: the package says {named}; check that the labels are counted as the graph does.")
    return found


def size_of(graph: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """The size that the network was trained with, for a graph that takes any; else its own, which inspection finds."""
    size, image = section(told, "training_input_size"), read_signature(graph).inputs[0]
    if image.fixed(2) or image.fixed(3) or not (size.get("width") and size.get("height")):
        return {}
    return {"width": size["width"], "height": size["height"]}


def network_input(config: Mapping[str, Any], unsure: list[str]) -> dict[str, Any]:
    """``network_input`` as fields of our ``input``: value = (pixel / scaling_factor - mean) / std."""
    told = section(config, "network_input")
    mode = str(told.get("resize_mode") or "stretch")
    if mode not in RESIZE:
        unsure.append(f"input: resizing by {mode!r} is done as letterboxing.")
    fields: dict[str, Any] = {
        "resize": RESIZE.get(mode, "letterbox"),
        "pad": int(told.get("padding_value") or 0),
        "channels": "bgr" if told.get("color_mode") == "bgr" else "rgb",
        "scale": 1 / float(told.get("scaling_factor") or 1),
    }
    normalization = told.get("normalization")
    if isinstance(normalization, list) and len(normalization) == 2:
        fields |= {"mean": normalization[0], "std": normalization[1]}
    if told.get("input_channels", 3) != 3:
        unsure.append(f"input: the network takes {told['input_channels']} channels; pictures here have three.")
    return fields


def thresholds(told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The defaults of ``nms_parameters``."""
    names = {"confidence_threshold": "confidence", "iou_threshold": "iou", "max_detections": "max_detections"}
    given = section(told, "nms_parameters")
    return {ours: given[theirs] for theirs, ours in names.items() if given.get(theirs) is not None} or None


FORMAT = RoboflowPackage()
