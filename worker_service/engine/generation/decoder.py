"""The graphs that answer the next token's logits, and the keys and values that they keep between steps.

Optimum's layouts are read: one graph that takes an empty past (``decoder_model_merged.onnx`` with or without
``use_cache_branch``), or two: ``decoder_model.onnx`` for the first step and ``decoder_with_past_model.onnx`` for the
others. What a graph does not declare it is not fed. The cache stays on the device, bound from output to input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.runtime.session import Runtime, Session, numpy_dtype

Array = npt.NDArray[Any]
PAST, PRESENT = "past_key_values.", "present."
LOGITS, BRANCH, IDS, MASK, POSITIONS = "logits", "use_cache_branch", "input_ids", "attention_mask", "position_ids"
MERGED = "decoder_model_merged.onnx"
TWO = ("decoder_model.onnx", "decoder_with_past_model.onnx")


class Cache:
    """What the decoder keeps of its rows, by the name of the input that it goes into."""

    def __init__(self, given: Mapping[str, ort.OrtValue]) -> None:
        self.given = dict(given)
        self.past: dict[str, ort.OrtValue] = {}

    def pick(self, rows: Sequence[int], session: Session, *, moved: bool) -> None:
        """Keep these rows in this order. What belongs to the request is left alone unless rows change their request."""
        for name, value in self.past.items():
            if moved or ".encoder." not in name:
                self.past[name] = session.on_device(value.numpy()[rows])
        if moved:
            self.given = {name: session.on_device(value.numpy()[rows]) for name, value in self.given.items()}


class Decoder:
    """One decoder, in one graph or two."""

    def __init__(self, package: Package, runtime: Runtime, folder: str = "") -> None:
        """Raises ModelLoadFailed when the package has no such graphs."""
        graphs = package.manifest.graphs
        names = (MERGED,) if folder + MERGED in graphs else TWO
        missing = [folder + name for name in names if folder + name not in graphs]
        if missing:
            raise ModelLoadFailed(
                f"Model {package.manifest.id} has no {folder}{MERGED} and no {' and '.join(missing)} among its 'files'."
            )
        opened = [runtime.open(package.graph(folder + name)) for name in names]
        self.first, self.then = opened[0], opened[-1]
        for session in opened:
            if not session.signature.outputs or session.signature.outputs[0].name != LOGITS:
                raise ModelLoadFailed(f"A decoder's first output is {LOGITS!r}. Seen: {session.signature}.")
        self.inputs = frozenset(spec.name for spec in self.then.signature.inputs)

    def begin(self, given: Mapping[str, Array]) -> Cache:
        """An empty cache for rows that share ``given`` in all steps: what the encoder made of them, as a rule."""
        known = {spec.name: spec for session in (self.first, self.then) for spec in session.signature.inputs}
        cast = {k: array.astype(numpy_dtype(known[k]), copy=False) for k, array in given.items() if k in known}
        return Cache({name: self.first.on_device(array) for name, array in cast.items()})

    def run(self, feeds: Mapping[str, Array], cache: Cache) -> Array:
        """[rows, vocabulary] float32 logits of the last position; the cache grows. Raises InferenceFailed."""
        begins = not cache.past
        session = self.first if begins else self.then
        inputs = {spec.name: spec for spec in session.signature.inputs}
        fed = {
            name: array.astype(numpy_dtype(inputs[name]), copy=False) for name, array in feeds.items() if name in inputs
        }
        rows = len(next(iter(feeds.values())))
        kept = {name: value for name, value in {**cache.given, **cache.past}.items() if name in inputs}
        if BRANCH in inputs:
            fed[BRANCH] = np.array([not begins])
        if begins:
            fed |= {name: empty(spec.shape, rows, spec.dtype) for name, spec in inputs.items() if name.startswith(PAST)}
        wanted = [LOGITS, *(o.name for o in session.signature.outputs if _is_wanted(o.name, begins=begins))]
        found = session.run_bound(fed, kept, wanted)
        logits = found.pop(LOGITS).numpy()
        cache.past |= {PAST + name.removeprefix(PRESENT): value for name, value in found.items()}
        return np.asarray(logits[:, -1], np.float32)


def _is_wanted(output: str, *, begins: bool) -> bool:
    """Keys and values; those of the encoder once only, later steps do not make them."""
    return output.startswith(PRESENT) and (begins or ".encoder." not in output)


def empty(shape: Sequence[int | str | None], rows: int, dtype: str) -> Array:
    """A past without tokens: [rows, heads, 0, size], open axes but the first being of no length."""
    sizes = [size if isinstance(size, int) and size > 0 else 0 for size in shape]
    return np.zeros([rows, *sizes[1:]], dtype)
