"""What recording has in common: running the exported graph, describing it, and putting a case together."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from tests.parity import golden, pictures

log = logging.getLogger(__name__)

DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8", "tensor(int64)": "int64"}

# Defaults of most references; then one where more boxes meet, and one where classes meet.
DETECTION = [
    {"confidence": 0.25, "iou_threshold": 0.7},
    {"confidence": 0.05, "iou_threshold": 0.45},
    {"confidence": 0.1, "iou_threshold": 0.5, "class_agnostic_nms": True},
]
SEGMENTATION = [
    {"confidence": 0.25, "iou_threshold": 0.45, "response_mask_format": "rle"},
    {"confidence": 0.5, "iou_threshold": 0.7, "response_mask_format": "rle"},
]


def faintest(settings: list[dict[str, Any]]) -> float:
    """A score below every threshold; fainter candidates are not stored."""
    return 0.8 * min(float(setting["confidence"]) for setting in settings)


class Graph:
    """An exported graph on one thread."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = [_describe(node) for node in self.session.get_inputs()]
        self.outputs = [_describe(node) for node in self.session.get_outputs()]
        self.metadata = dict(self.session.get_modelmeta().custom_metadata_map)

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        """Outputs for one picture's tensor [C, H, W], each without the batch axis, or whole when it has none."""
        size = self.inputs[0]["shape"][0]
        batch = np.repeat(tensor[None], size if isinstance(size, int) else 1, 0)
        outputs = self.session.run(None, {self.inputs[0]["name"]: batch})
        return [
            output if golden.is_flat(spec["shape"]) or golden.is_shared(spec["shape"]) else output[0]
            for spec, output in zip(self.outputs, outputs, strict=True)
        ]


def _describe(node: Any) -> dict[str, Any]:
    return {"name": node.name, "shape": list(node.shape), "dtype": DTYPES[node.type]}


@dataclass
class Recorder:
    """Collects a case picture by picture."""

    case: golden.Case
    arrays: golden.Arrays = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    def add(self, picture: str, tensor: np.ndarray, outputs: list[golden.Arrays], answers: list[golden.Arrays]) -> None:
        """Store one picture: the reference's input tensor, the reduced outputs, an answer for each setting."""
        self.add_sampled(picture, golden.sample(tensor), outputs, answers)

    def add_sampled(
        self, picture: str, sample: np.ndarray, outputs: list[golden.Arrays], answers: list[golden.Arrays]
    ) -> None:
        """As ``add``, from a sample of the input."""
        self.case.pictures.append(picture)
        self.arrays[f"{picture}/input"] = sample
        for i, output in enumerate(outputs):
            golden.put(self.arrays, f"{picture}/output{i}", output)
        for i, answer in enumerate(answers):
            golden.put(self.arrays, f"{picture}/answer{i}", answer)
            for key in ("boxes", "scores", "keypoints", "probabilities"):
                if key in answer and answer[key].size:
                    top = float(np.abs(answer[key]).max())
                    self.case.scale[key] = round(max(self.case.scale.get(key, 0.0), top), 4)
        if "boxes" in answers[0]:
            self.counts.append(len(answers[0]["boxes"]))

    def save(self) -> None:
        """Write the files. Refuses a case that would prove nothing."""
        strongest = self.case.scale.get("scores", self.case.scale.get("probabilities", 0.0))
        if strongest < 0.4 or (self.counts and sum(self.counts) < 10):
            raise RuntimeError(f"{self.case.name}: best score {strongest}, boxes {self.counts}: train it for longer")
        golden.save(self.case, self.arrays)
        size = (golden.FOLDER / f"{self.case.name}.xz").stat().st_size
        log.info("%s: scale %s, boxes %s, %d bytes", self.case.name, self.case.scale, self.counts, size)


def recorder(
    name: str, reference: str, graph: Graph, manifest: dict[str, Any], settings: list[dict[str, Any]]
) -> Recorder:
    """A recorder for one exported graph; what may change from one export to the next is left out of the metadata."""
    metadata = {key: value for key, value in graph.metadata.items() if key not in {"date", "description"}}
    return Recorder(golden.Case(name, reference, manifest, graph.inputs, graph.outputs, metadata, settings))


def path_of(picture: str) -> str:
    """A picture's file, for references that read files themselves."""
    return str(pictures.FOLDER / picture)
