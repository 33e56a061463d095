"""Sizes of outputs that follow from the batch, though the graph does not say so.

Exporters name every axis of an output that passed a Reshape; folding constants finds what they come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import onnxruntime as ort

from worker_service.engine.runtime.gpu import only_batch_is_free, takes_batches
from worker_service.engine.runtime.signature import GraphSignature

Sizes: TypeAlias = Mapping[str, int]
"""By the names that the exporter gave them."""

UNUSUAL = 7
"""A batch that no output has as its first size by chance."""


def fix(options: ort.SessionOptions, free: Sizes) -> None:
    """Give named sizes of a graph values."""
    for name, size in free.items():
        options.add_free_dimension_override_by_name(name, size)


def settled(path: Path, signature: GraphSignature, free: Sizes | None = None) -> GraphSignature:
    """The graph's signature with these sizes filled in; ONNX Runtime's errors pass through."""
    if not takes_batches(signature) or only_batch_is_free(signature):
        return signature
    batch = signature.inputs[0].shape[0]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    size = batch if isinstance(batch, int) else UNUSUAL
    fix(options, {**(free or {}), **({batch: size} if isinstance(batch, str) else {})})
    found = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).get_outputs()
    outputs = [
        replace(spec, shape=(batch, *node.shape[1:])) if node.shape and node.shape[0] == size else spec
        for spec, node in zip(signature.outputs, found, strict=True)
    ]
    return replace(signature, outputs=tuple(outputs))
