"""What the RF-DETR families share: which output is which, and queries to candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.export import is_grid, takes_one_image
from worker_service.engine.family import Guess, Raw
from worker_service.engine.model import Array
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import query_class_pairs

# ImageNet's mean and deviation of RGB in 0..1, as torchvision gives them.
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
# RF-DETR squeezes images to a square, linearly in floats and without antialiasing.
INPUT: dict[str, Any] = {"resize": "stretch", "precision": "float32", **IMAGENET}


@dataclass(frozen=True)
class QueryOutputs:
    """Positions of ``boxes`` [batch, queries, 4], ``logits`` [batch, queries, classes] and of the output of rank 4."""

    boxes: int
    logits: int
    extra: int | None


def find_outputs(signature: GraphSignature) -> QueryOutputs | None:
    """Which output is which, by name (``dets``, ``labels``) or else by shape; None when they do not fit."""
    flat = [i for i, output in enumerate(signature.outputs) if len(output.shape) == 3]
    extra = [i for i, output in enumerate(signature.outputs) if len(output.shape) == 4]
    if len(flat) != 2 or len(extra) > 1 or len(signature.outputs) != 2 + len(extra):
        return None
    named = {signature.outputs[i].name: i for i in flat}
    boxes = named.get("dets")
    if boxes is None:
        four = [i for i in flat if signature.outputs[i].fixed(2) == 4]
        boxes = four[0] if len(four) == 1 else None
    if boxes is None:
        return None
    logits = next(i for i in flat if i != boxes)
    return QueryOutputs(boxes, logits, extra[0] if extra else None)


def query_score(signature: GraphSignature, extra: str | None) -> float | None:
    """How well a graph fits: 1.0 with RF-DETR's names of outputs, 0.5 on shape alone.

    Args:
        signature: of the graph.
        extra: the name of the third output, None when there must be none.
    """
    found = find_outputs(signature)
    if not takes_one_image(signature) or found is None or (found.extra is None) != (extra is None):
        return None
    names = {output.name for output in signature.outputs}
    if "task" in signature.metadata:
        return None
    if {"dets", "labels"} <= names:
        return 1.0 if extra is None or extra in names else None
    if extra == "keypoints":  # no telling them from masks without a name
        return None
    # A box for each cell is YOLO-NAS.
    return None if is_grid(signature, signature.outputs[found.boxes].fixed(1), 1) else 0.5


def query_guess(signature: GraphSignature) -> Guess:
    """Classes by the logits, the last of which stands for none in nets that were fine-tuned."""
    found = find_outputs(signature)
    slots = None if found is None else signature.outputs[found.logits].fixed(2)
    unsure = "labels: the last slot was taken for the background; COCO's nets have 91 names and none."
    return Guess(classes=slots - 1 if slots else None, input=INPUT, unsure=(unsure,))


def require_outputs(signature: GraphSignature, family: str, labels: int, *, extra: bool) -> QueryOutputs:
    """The outputs of a graph that must fit. Raises ModelLoadFailed."""
    found = find_outputs(signature)
    if found is None or (found.extra is not None) != extra:
        third = " and one of rank 4" if extra else ""
        raise ModelLoadFailed(
            f"Family {family} reads dets [batch, queries, 4] and labels [batch, queries, classes]{third}. "
            f"Seen: {signature}."
        )
    slots = signature.outputs[found.logits].fixed(2)
    if slots is not None and labels not in (slots, slots - 1):
        raise ModelLoadFailed(
            f"The graph has {slots} class slots; 'labels' in model.json must name {slots - 1}, or {slots} when the "
            f"last one is no background, and has {labels}."
        )
    return found


def decode_queries(
    raw: Raw, found: QueryOutputs, labels: int, size: tuple[int, int], threshold: float | np.float32
) -> Candidates:
    """The best query-class pairs; extras hold each one's query. Raises InferenceFailed on odd shapes."""
    boxes, logits = raw[found.boxes], raw[found.logits]
    if boxes.shape != (len(logits), 4) or labels not in (logits.shape[1], logits.shape[1] - 1):
        raise InferenceFailed(f"The model answers boxes {list(boxes.shape)} and classes {list(logits.shape)}.")
    pairs = query_class_pairs(boxes, logits, size, threshold)
    return pairs.take(pairs.class_ids < labels)  # the slot after the labels is the background


def rows_of_queries(output: Array, kept: Candidates, queries: int) -> Array:
    """What a third output [queries, ...] says of the boxes kept. Raises InferenceFailed on odd shapes."""
    if output.ndim != 3 or len(output) != queries:
        raise InferenceFailed(f"The model answers {list(output.shape)} for {queries} queries.")
    return np.asarray(output[kept.extras[:, 0].astype(int)])
