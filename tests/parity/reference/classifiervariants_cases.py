"""A ResNet and a ViT in half precision and quantised, behind their packages' own preprocessing and softmax."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tests.parity import pictures
from tests.parity.reference import classifiers_cases, convert, record

BASES = ("classify-torchvision-resnet18", "classify-hf-vit")


def run(cache: Path, only: str) -> Iterator[str]:
    """Convert the cached graphs and record. Yields the names of the cases written."""
    for base in BASES:
        net = classifiers_cases.nets()[base]
        for kind in convert.KINDS:
            case = f"{base}-{kind}"
            if only in (case, "all"):
                operators = ("Conv", "MatMul", "Gemm")
                record_case(case, net, convert.variant(cache, base, kind, partial(closeups, net), operators))
                yield case


def closeups(net: classifiers_cases.Net) -> list[np.ndarray]:
    """Training pictures as the net takes them."""
    images, _ = classifiers_cases.closeups()
    mean, std = (
        torch.tensor(net.input.get(key, (value,) * 3)).view(3, 1, 1) for key, value in (("mean", 0), ("std", 1))
    )
    return [((image[None] - mean) / std).numpy() for image in images[: convert.CALIBRATION]]


def record_case(case: str, net: classifiers_cases.Net, path: Path) -> None:
    graph = record.Graph(path)
    reference = f"{net.reference} around {path.name}"
    recorder = record.recorder(case, reference, graph, classifiers_cases.manifest(net), classifiers_cases.ANY)
    recorder.case.metadata |= net.metadata
    for picture in pictures.NAMES:
        tensor = net.prepare(classifiers_cases.read(picture)).float().numpy().astype(graph.inputs[0]["dtype"])
        (output,) = graph.run(tensor)
        answer = torch.from_numpy(output[None].astype(np.float32))
        scores = classifiers_cases.probabilities(net, answer[None] if net.activation == "none" else answer)
        recorder.add(picture, tensor, [{"dense": output}], [{"probabilities": scores}])
    recorder.save()
