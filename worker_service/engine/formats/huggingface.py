"""A folder as Hugging Face lays models out: ``config.json``, ``preprocessor_config.json``, ``onnx/model.onnx``.

Sizes and crops are read as transformers' image processors read them; timm's ``pretrained_cfg`` as timm does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from shared.errors import ModelLoadFailed
from worker_service.engine.format import Known, Proposal, Wanted, from_graph

PROCESSOR = "preprocessor_config.json"
PROCESSORS = (PROCESSOR, "processor_config.json")
"""An image processor's own file, and the one in which transformers 5 keeps it with the model's other processors."""
GRAPHS = ("onnx/model.onnx", "model.onnx")
FAMILY_OF = {"ForImageClassification": "classification", "ForSemanticSegmentation": "semantic-segmentation"}
# PIL's numbers, which preprocessor_config.json uses, and timm's words.
INTERPOLATION = {
    2: "antialias-linear",
    3: "antialias-cubic",
    "bilinear": "antialias-linear",
    "bicubic": "antialias-cubic",
}


class HuggingFace:
    """A folder with the model's and the processor's configuration."""

    name = "a Hugging Face folder (config.json, preprocessor_config.json, onnx/model.onnx)"
    last = False

    def matches(self, path: Path) -> bool:
        """There is a config.json and a graph where such folders have it."""
        return (path / "config.json").is_file() and graph_in(path) is not None

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """Labels and task from the model's configuration, the input from the processor's."""
        graph = graph_in(path)
        assert graph is not None  # noqa: S101 - it matched
        config = read_json(path / "config.json")
        processor = processor_of(path)
        unsure: list[str] = []
        if isinstance(config.get("pretrained_cfg"), dict):
            image = timm_input(config["pretrained_cfg"])
        elif processor is not None:
            image = processor_input(processor, unsure)
        else:
            image = {}
            unsure.append("input: there is no preprocessor_config.json; mean, std and resizing were guessed.")
        known = Known(
            labels=labels_of(config),
            family=family_of(config),
            fields={"multi_label": config.get("problem_type") == "multi_label_classification" or None},
            input=image,
            settled=("family", *(["input"] if image else [])),
            unsure=tuple(unsure),
        )
        wanted = Wanted(wanted.model_id or path.resolve().name, wanted.family, wanted.labels)
        return from_graph(graph, wanted, known, f"{path.name}/config.json, {graph.relative_to(path)}")


def graph_in(path: Path) -> Path | None:
    """The graph, where exporters put it."""
    return next((path / name for name in GRAPHS if (path / name).is_file()), None)


def processor_of(folder: Path, names: Collection[str] = PROCESSORS) -> dict[str, Any] | None:
    """What the image processor was saved as, in one of these files. Raises ModelLoadFailed."""
    for name in PROCESSORS:
        if name in names and (folder / name).is_file():
            stated = read_json(folder / name)
            part = stated if name == PROCESSOR else stated.get("image_processor")
            if isinstance(part, dict):
                return part
    return None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelLoadFailed."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadFailed(f"{path.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelLoadFailed(f"{path.name} holds no JSON object.")
    return value


def labels_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """``id2label`` in the order of its numbers, or timm's ``label_names``."""
    named = config.get("id2label")
    if isinstance(named, dict) and all(str(key).isdigit() for key in named):
        return tuple(str(named[key]) for key in sorted(named, key=int))
    names = config.get("label_names")
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def family_of(config: Mapping[str, Any]) -> str | None:
    """The family that the architecture's name ends in; None leaves it to the graph."""
    for architecture in config.get("architectures") or ():
        for ending, family in FAMILY_OF.items():
            if str(architecture).endswith(ending):
                return family
    return "classification" if isinstance(config.get("pretrained_cfg"), dict) else None


def processor_input(processor: Mapping[str, Any], unsure: list[str]) -> dict[str, Any]:
    """The manifest's ``input``, as an image processor of transformers resizes, crops and normalises."""
    made: dict[str, Any] = {"interpolation": INTERPOLATION.get(processor.get("resample", 2), "antialias-linear")}
    size, crop = processor.get("size"), processor.get("crop_size")
    if processor.get("do_center_crop") and crop:
        height, width = pair(crop)
        made |= {"resize": "center-crop", "height": height, "width": width, "crop_offset": "floor"}
        shortest = size.get("shortest_edge") if isinstance(size, dict) else size
        made["crop_fraction"] = min(1.0, min(height, width) / float(shortest or min(height, width)))
    elif isinstance(size, dict) and set(size) == {"longest_edge"}:
        unsure.append("input: the longest edge is resized; what size the graph takes was assumed.")
    elif size:
        height, width = pair(size)
        made |= {"resize": "stretch", "height": height, "width": width}
        if isinstance(size, dict) and "shortest_edge" in size:
            unsure.append("input: the shortest edge is resized and nothing is cropped; a square was assumed.")
    else:
        unsure.append("input: preprocessor_config.json gives no size.")
    if processor.get("do_rescale", True):
        made["scale"] = float(processor.get("rescale_factor", 1 / 255))
    else:
        made["scale"] = 1.0
    if processor.get("do_normalize", True) and processor.get("image_mean"):
        made |= {"mean": processor["image_mean"], "std": processor.get("image_std") or [1.0, 1.0, 1.0]}
    return made


def timm_input(config: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's ``input`` as timm's evaluation transform."""
    _, height, width = (config.get("test_input_size") or config.get("input_size") or [3, 224, 224])[-3:]
    return {
        "resize": "center-crop",
        "height": height,
        "width": width,
        "crop_fraction": float(config.get("test_crop_pct") or config.get("crop_pct") or 0.875),
        "interpolation": INTERPOLATION.get(config.get("interpolation", "bicubic"), "antialias-cubic"),
        "mean": config.get("mean") or [0.485, 0.456, 0.406],
        "std": config.get("std") or [0.229, 0.224, 0.225],
    }


def pair(size: Any) -> tuple[int, int]:
    """Height and width of a number, {height, width} or {shortest_edge}. Raises ModelLoadFailed."""
    if isinstance(size, dict):
        height = size.get("height") or size.get("shortest_edge")
        width = size.get("width") or size.get("shortest_edge")
    else:
        height = width = size
    if not isinstance(height, int) or not isinstance(width, int):
        raise ModelLoadFailed(f"preprocessor_config.json has a size that is not known: {size!r}.")
    return height, width


FORMAT = HuggingFace()
