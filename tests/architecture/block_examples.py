"""An example of each block: a whole definition, made from its manifest.

Fields that a block cannot do without get a value of the right kind; images come from the input, detections from a
model step. What that cannot guess is in ``docs/workflows/examples.yaml``, by identifier: ``fields`` of the step,
``before`` for steps that it needs, ``inputs`` for more inputs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import Slot, alternatives_of
from tests.architecture.tree import ROOT

STEP = "example"
WRITTEN = ROOT / "docs" / "workflows" / "examples.yaml"

MODELS = {
    kinds.OBJECTS: ("detector", "roboflow_core/roboflow_object_detection_model@v2", "shapes-detector"),
    kinds.INSTANCES: ("segmenter", "roboflow_core/roboflow_instance_segmentation_model@v2", "my-segmenter"),
    kinds.KEYPOINTS: ("poser", "roboflow_core/roboflow_keypoint_detection_model@v2", "my-keypoints"),
    kinds.CLASSIFICATION: ("classifier", "roboflow_core/roboflow_classification_model@v2", "shapes-classifier"),
    kinds.SEMANTIC: ("segmenter", "roboflow_core/roboflow_semantic_segmentation_model@v1", "my-semantic"),
}

# Values of inputs that stand in for a kind that no step above makes.
VALUES: dict[str, Any] = {
    kinds.EMBEDDING: [0.6, 0.8],
    kinds.LIST: [[100, 100], [400, 100], [400, 300], [100, 300]],
    kinds.DICTIONARY: {"square": 0.5},
    kinds.STRING: "text",
    kinds.INTEGER: 10,
    kinds.FLOAT: 1.0,
    kinds.FRACTION: 0.5,
    kinds.BOOLEAN: True,
    kinds.ANY: "anything",
    kinds.LLM_OUTPUT: '{"class_name": "square", "confidence": 0.9}',
}


@lru_cache(maxsize=1)
def written() -> dict[str, dict[str, Any]]:
    """What examples.yaml says."""
    return yaml.safe_load(WRITTEN.read_text()) or {}


def definition(block: type[Block]) -> dict[str, Any]:
    """A definition with one step of the block, and whatever that needs."""
    more = written().get(block.ids[0], {})
    made = _Example(block, more)
    outputs = [name for name in block.outputs if name != "*"]
    selectors = [f"$steps.{STEP}.{name}" for name in outputs] or (
        ["$inputs.image"] if not block.outputs else [f"$steps.{STEP}.*"]
    )
    names = outputs or ["result"]
    return {
        "version": "1.0",
        "inputs": made.inputs,
        "steps": made.steps,
        "outputs": [
            {"type": "JsonField", "name": name, "selector": selector}
            for name, selector in zip(names, selectors, strict=False)
        ],
    }


class _Example:
    def __init__(self, block: type[Block], more: dict[str, Any]) -> None:
        self.inputs: list[dict[str, Any]] = [{"type": "WorkflowImage", "name": "image"}, *more.get("inputs", [])]
        self.steps: list[dict[str, Any]] = []
        fields: dict[str, Any] = {**_model(block), **more.get("fields", {})}
        for name, slots in block.spec.slots.items():
            info = block.spec.manifest.model_fields[name]
            if name not in fields and (info.is_required() or self._worth(name, info)):
                fields[name] = self._value(name, info, slots.get("self"), slots.get("item"))
        for value in [fields, *more.get("before", [])]:
            self._sources(value)
        step = {"type": block.ids[0], "name": STEP, **fields}
        self.steps += [*more.get("before", []), step, *self._followers(fields)]

    def _worth(self, name: str, info: FieldInfo) -> bool:
        """Whether an optional field belongs into an example: detections to draw or to look at."""
        return name in ("predictions", "detections") and info.default is None

    def _value(self, name: str, info: FieldInfo, slot: Slot | None, item: Slot | None) -> Any:
        words = [
            word for one in alternatives_of(info.annotation) if get_origin(one) is Literal for word in get_args(one)
        ]
        if words:
            return words[0]
        if slot is not None and slot.step:
            return "$steps.next"
        if item is not None and item.step:
            return ["$steps.next"]
        if slot is not None and not (slot.literal and _plain(info)):
            return self._selector(name, slot.kinds)
        if slot is None and item is not None:
            return [self._selector(name, item.kinds)]
        return _plain_value(info)

    def _selector(self, name: str, wanted: tuple[str, ...]) -> str:
        if kinds.IMAGE in wanted:
            return "$inputs.image"
        if kinds.VIDEO_METADATA in wanted:
            self._input({"type": "WorkflowVideoMetadata", "name": "video"})
            return "$inputs.video"
        for kind, (step, _, _) in MODELS.items():
            if kind in wanted:
                return f"$steps.{step}.predictions"
        value = next((VALUES[kind] for kind in wanted if kind in VALUES), None)
        self._input({"type": "WorkflowParameter", "name": name, "default_value": value})
        return f"$inputs.{name}"

    def _input(self, made: dict[str, Any]) -> None:
        if made["name"] not in [one["name"] for one in self.inputs]:
            self.inputs.append(made)

    def _sources(self, value: Any) -> None:
        """Add the model steps that selectors point at."""
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                self._sources(one)
        for step, type_, model in MODELS.values():
            there = step in [one["name"] for one in self.steps]
            if isinstance(value, str) and value.startswith(f"$steps.{step}.") and not there:
                self.steps.append({"type": type_, "name": step, "images": "$inputs.image", "model_id": model})

    def _followers(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        if "$steps.next" not in str(fields):
            return []
        return [{"type": "roboflow_core/convert_grayscale@v1", "name": "next", "image": "$inputs.image"}]


def _model(block: type[Block]) -> dict[str, Any]:
    """Which model a model step runs."""
    if "model_id" not in block.spec.slots:
        return {}
    if "multi_label" in block.ids[0]:
        return {"model_id": "my-labels"}
    made = block.outputs.get("predictions", ())
    return next(({"model_id": model} for kind, (_, _, model) in MODELS.items() if kind in made), {})


def _plain(info: FieldInfo) -> bool:
    """Whether a plain value says more than an input would."""
    return any(one in (int, float, str, bool) for one in alternatives_of(info.annotation))


def _plain_value(info: FieldInfo) -> Any:
    for one in alternatives_of(info.annotation):
        base = get_origin(one) or one
        if base in (int, float):
            return 100
        if base is str:
            return "text"
        if base is bool:
            return True
        if base is list:
            return []
        if base is dict:
            return {}
    return None
