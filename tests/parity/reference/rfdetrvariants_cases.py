"""RF-DETR's boxes in half precision and quantised: the package's own ``predict`` around that graph.

The graphs are of nets whose heads are made and not trained: see ``spread.py``.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.parity import pictures
from tests.parity.reference import convert, record, rfdetr_cases, scenes
from tests.parity.reference.fit import cached
from tests.parity.reference.spread import spread

OUTPUTS = ("pred_boxes", "pred_logits", "pred_masks")
CASES = {"rfdetr": convert.KINDS}


def run(cache: Path, only: str) -> Iterator[str]:
    """Convert the cached graphs and record. Yields the names of the cases written."""
    for base, kinds in CASES.items():
        for kind in kinds:
            case = f"{base}-{kind}"
            if only in (case, "all"):
                torch.manual_seed(0)
                net = rfdetr_cases.build(base)
                cached(net.model.model, cache / f"{base}-spread.pt", partial(spread, net, rfdetr_cases.SIZE))
                rfdetr_cases.export(case, net, cache).rename(cache / f"{base}-spread.onnx")
                # Most of a transformer's work is in products of matrices.
                convert.variant(cache, f"{base}-spread", kind, normalised, ("Conv", "MatMul", "Gemm"))
                record_case(case, net, (cache / f"{base}-spread-{kind}.onnx").rename(cache / f"{case}.onnx"))
                yield case


def normalised() -> list[np.ndarray]:
    """Training pictures as the net takes them."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (rfdetr_cases.MEAN, rfdetr_cases.STD))
    samples = scenes.pool(convert.CALIBRATION, rfdetr_cases.SIZE, stretch=True)
    return [((scenes.pixels([sample]) - mean) / std).numpy() for sample in samples]


def record_case(case: str, net: Any, path: Path) -> None:
    graph = record.Graph(path)
    extra = {"response_mask_format": "rle"} if "seg" in case else {}
    settings = [{**setting, **extra} for setting in rfdetr_cases.SETTINGS]
    reference = f"rfdetr {importlib.metadata.version('rfdetr')}: {type(net).__name__}.predict on {path.name}"
    task = "instance-segmentation" if extra else "object-detection"
    recorder = record.recorder(case, reference, graph, rfdetr_cases.manifest(task), settings)
    for picture in pictures.NAMES:
        with instead(net, graph):
            tensor, found = rfdetr_cases.predict(net, picture, settings)
        tensor = tensor.astype(graph.inputs[0]["dtype"])
        recorder.add(picture, tensor, rfdetr_cases.reduce(graph.run(tensor), settings), found)
    recorder.save()


@contextmanager
def instead(net: Any, graph: record.Graph) -> Iterator[None]:
    """Lets the graph answer for the net, its outputs as float32."""
    hook = net.model.model.register_forward_hook(partial(_answer, graph))
    yield
    hook.remove()


def _answer(graph: record.Graph, net: Any, inputs: tuple[Any, ...], output: Any) -> dict[str, torch.Tensor]:
    del net, output
    tensor = rfdetr_cases.first(inputs).astype(graph.inputs[0]["dtype"])
    outputs = zip(OUTPUTS, graph.run(tensor), strict=False)
    return {name: torch.from_numpy(value[None].astype(np.float32)) for name, value in outputs}
