"""A model's folder in the cache of Roboflow's server: ``environment.json``, ``class_names.txt``, weights, and more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.errors import ModelLoadFailed
from worker_service.engine.family import registry
from worker_service.engine.format import Known, Proposal, Wanted, from_graph
from worker_service.engine.formats.huggingface import read_json
from worker_service.engine.formats.onnx_file import labels_in
from worker_service.engine.runtime.session import read_signature

ENVIRONMENT = "environment.json"
GRAPHS = ("weights.onnx", "yolov5s_weights.onnx", "best.onnx")
BACKGROUND = "background_class83422"

# How Roboflow's datasets name the ways of resizing; any other is letterboxed in black there.
RESIZE: dict[str, dict[str, Any]] = {
    "Stretch to": {"resize": "stretch"},
    "Fit (black edges) in": {"resize": "letterbox", "pad": 0},
    "Fit (white edges) in": {"resize": "letterbox", "pad": 255},
    "Fit (grey edges) in": {"resize": "letterbox", "pad": 114},
}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
# What its classifiers are normalised with, by the beginning of the model type.
NORMALISED = {"resnet": IMAGENET, "vit": HALF, "yolov8": HALF, "rfdetr": IMAGENET, "yolact": IMAGENET}
# Beginning of the model type -> families, of which the first that reads the graph is taken.
FAMILIES = {
    "yolov5": ("yolov5-seg", "yolov5", "yolov8"),
    "yolov7": ("yolov5-seg", "yolov5"),
    "yolo-nas": ("yolo-nas",),
    "yolo_nas": ("yolo-nas",),
    "rfdetr": ("rfdetr-seg", "rfdetr-pose", "rfdetr"),
    "yolact": ("yolact",),
    "vit": ("classification",),
    "resnet": ("classification",),
}
NOT_APPLIED = ("static-crop", "contrast", "grayscale")


class RoboflowFolder:
    """A folder of that cache, or one put together from its endpoints."""

    name = "a folder of Roboflow's cache (environment.json)"
    last = False

    def matches(self, path: Path) -> bool:
        """There is an environment.json."""
        return (path / ENVIRONMENT).is_file()

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """Labels, resizing and kind as the folder's files tell them."""
        graph = next((path / name for name in GRAPHS if (path / name).is_file()), None)
        if graph is None:
            raise ModelLoadFailed(f"{path} holds none of {', '.join(GRAPHS)}; only ONNX weights are read.")
        environment = read_json(path / ENVIRONMENT)
        kind = read_json(path / "model_type.json") if (path / "model_type.json").is_file() else {}
        model_type = str(kind.get("model_type") or "").lower()
        task = str(kind.get("project_task_type") or "")
        unsure: list[str] = []
        known = Known(
            labels=labels_of(path, environment, unsure),
            family=family_of(graph, task, model_type, unsure),
            fields={"multi_label": flag(environment.get("MULTICLASS")) or None, **keypoints_of(path)},
            input={**resizing(environment, unsure), **normalising(task, model_type)},
            settled=("input", *(["family"] if model_type else [])),
            unsure=tuple(unsure),
        )
        model_id = wanted.model_id or kind.get("model_id") or f"{path.resolve().parent.name}/{path.resolve().name}"
        return from_graph(graph, Wanted(model_id, wanted.family, wanted.labels), known, f"{ENVIRONMENT}, {graph.name}")


def labels_of(path: Path, environment: Mapping[str, Any], unsure: list[str]) -> tuple[str, ...]:
    """class_names.txt, else CLASS_MAP in the order of its numbers."""
    labels = labels_in(path / "class_names.txt")
    class_map = decoded(environment.get("CLASS_MAP"))
    if not labels and class_map:
        labels = tuple(str(class_map[key]) for key in sorted(class_map, key=int))
    if BACKGROUND in labels:
        unsure.append(f"labels: {BACKGROUND} stands for no class; check that the others are counted as the graph does.")
    return labels


def family_of(graph: Path, task: str, model_type: str, unsure: list[str]) -> str | None:
    """The family that the model type means, when it reads the graph; None leaves it to the graph."""
    if task == "classification":
        return "classification"
    signature = read_signature(graph)
    for beginning, names in FAMILIES.items():
        if model_type.startswith(beginning):
            for name in names:
                if name in registry().names() and registry().get(name).matches(signature) is not None:
                    return name
            unsure.append(f"family: the graph does not look like {model_type}; its outputs decided.")
    return None


def resizing(environment: Mapping[str, Any], unsure: list[str]) -> dict[str, Any]:
    """PREPROCESSING as fields of ``input``; what we do not apply is said."""
    steps = decoded(environment.get("PREPROCESSING"))
    for name in NOT_APPLIED:
        step = steps.get(name)
        if isinstance(step, dict) and step.get("enabled", True):
            unsure.append(f"input: the dataset is preprocessed with {name}, which is not applied here.")
    resize = steps.get("resize")
    if not isinstance(resize, dict) or not resize.get("enabled", True):
        return {"resize": "stretch"}
    fields = dict(RESIZE.get(str(resize.get("format")), RESIZE["Fit (black edges) in"]))
    if str(resize.get("format")) not in RESIZE:
        unsure.append(f"input: resizing by {resize.get('format')!r} is done as letterboxing in black.")
    return fields


def normalising(task: str, model_type: str) -> dict[str, Any]:
    """Mean and std that Roboflow trains the kind with; none for detectors of the YOLO kinds."""
    for beginning, fields in NORMALISED.items():
        if model_type.startswith(beginning) and (task == "classification" or beginning in {"rfdetr", "yolact"}):
            return dict(fields)
    return {}


def keypoints_of(path: Path) -> dict[str, Any]:
    """Names and joints of the first class in keypoints_metadata.json."""
    file = path / "keypoints_metadata.json"
    if not file.is_file():
        return {}
    try:
        first = json.loads(file.read_bytes())[0]
        names = [first["keypoints"][key] for key in sorted(first["keypoints"], key=int)]
        skeleton = [joint(edge) for edge in first.get("edges") or ()]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ModelLoadFailed(f"{file.name} cannot be read: {error}") from error
    return {"keypoints": names, "skeleton": skeleton}


def joint(edge: Any) -> tuple[int, int]:
    """A pair of points, written as {from, to} or as a list."""
    first, second = (edge["from"], edge["to"]) if isinstance(edge, dict) else edge
    return int(first), int(second)


def decoded(value: Any) -> dict[str, Any]:
    """A JSON object that may stand there as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def flag(value: Any) -> bool:
    """A truth that may stand there as text."""
    return value is True or str(value).lower() == "true"


FORMAT = RoboflowFolder()
