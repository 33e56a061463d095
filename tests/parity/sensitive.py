"""Whether a graph's own unrest explains why it answers otherwise than it did for the reference.

Resizing in another order of sums moves a tensor's values in their last bits. A graph that rounds to eight bits or to
half floats, or that picks the best of close candidates on the way, may turn such a bit into another answer. That is
the case when our input is the reference's to within the tolerance, and the graph's outputs are no further from those
recorded than the graph moves by itself when as little noise is added to its input.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.parity import golden
from worker_service.engine.family import AnyModel, Prepared

DRAWS = 8
LEAST = 1e-6  # of noise in single precision, some last bits of values around one
FLIPPED = 0.005  # share of half floats that round the other way


def explained(model: AnyModel, item: Prepared, arrays: golden.Arrays, picture: str) -> tuple[bool, float, float]:
    """Whether noise does as much, how far the outputs are from those recorded, and how far noise moves them.

    Args:
        model: with the real graph.
        item: the picture as we prepare it.
        arrays: the recording.
        picture: its name there.
    """
    ((name, tensor),) = item.tensors.items()
    seen, stored = golden.sample(tensor), arrays[f"{picture}/input"]
    error = max(float(np.abs(seen - stored)[: golden.SAMPLES].max()), LEAST)
    (raw,) = model.infer([item])
    recorded = [golden.part(arrays, f"{picture}/output{i}") for i in range(len(raw))]
    # Prototypes are not recorded as they are; boxes, scores and weights, which a net makes of the same features, are.
    exact = [i for i, one in enumerate(recorded) if "dense" in one or "rows" in one]
    ours = [kept(raw[i], recorded[i]) for i in exact]
    theirs = [recorded[i]["dense"] if "dense" in recorded[i] else recorded[i]["rows"] for i in exact]
    away = distance(ours, theirs)
    random = np.random.default_rng(0)
    moved = 0.0
    for _ in range(DRAWS):
        (other,) = model.infer([replace(item, tensors={name: noisy(tensor, error, random)})])
        moved = max(moved, distance(ours, [kept(other[i], recorded[i]) for i in exact]))
    return away <= moved * 1.01, away, moved


def noisy(tensor: np.ndarray, error: float, random: np.random.Generator) -> np.ndarray:
    """A tensor whose values are off by up to ``error``; of half floats a few are off by a step."""
    if tensor.dtype == np.float16:
        chosen = random.random(tensor.shape) < FLIPPED
        towards = np.where(random.random(tensor.shape) < 0.5, -np.inf, np.inf).astype(np.float16)
        return np.where(chosen, np.nextafter(tensor, towards), tensor)
    return (tensor + random.uniform(-error, error, tensor.shape)).astype(tensor.dtype)


def kept(output: np.ndarray, recorded: golden.Arrays) -> np.ndarray:
    """The part of an output that a recording has, see ``golden.cells``."""
    if "dense" in recorded:
        return output
    axis = int(recorded["shape"][-1])
    return np.moveaxis(output, axis, -1).reshape(-1, output.shape[axis])[recorded["chosen"]]


def distance(ones: list[np.ndarray], others: list[np.ndarray]) -> float:
    """Largest difference over all outputs."""
    return max(
        float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max(initial=0))
        for one, other in zip(ones, others, strict=True)
    )
