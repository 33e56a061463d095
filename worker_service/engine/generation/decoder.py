"""The graphs that answer the next token's logits, and the keys and values that they keep between steps.

Optimum's layouts are read: one graph that takes an empty past (``decoder_model_merged.onnx`` with or without
``use_cache_branch``), or two: ``decoder_model.onnx`` for the first step and ``decoder_with_past_model.onnx`` for the
others. What a graph does not declare it is not fed. The cache stays on the device, bound from output to input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.runtime.session import Runtime, Session, numpy_dtype

Array = npt.NDArray[Any]
PAST, PRESENT = "past_key_values.", "present."
LOGITS, BRANCH, IDS, MASK, POSITIONS = "logits", "use_cache_branch", "input_ids", "attention_mask", "position_ids"
EMBEDS, KEPT = "inputs_embeds", ("num_logits_to_keep", "logits_to_keep")
MERGED = "decoder_model_merged.onnx"
TWO = ("decoder_model.onnx", "decoder_with_past_model.onnx")
SAME = 1e-2
"""Of the scale of logits: how much a past that is filled up may move them, half precision considered."""


class Cache:
    """What the decoder keeps of its rows, by the name of the input that it goes into."""

    def __init__(self, given: Mapping[str, ort.OrtValue]) -> None:
        self.given = dict(given)
        self.past: dict[str, ort.OrtValue] = {}

    def pick(self, rows: Sequence[int], session: Session, *, moved: bool, cut: int = 0) -> None:
        """Keep these rows in this order, without the first ``cut`` places of their past.

        What belongs to the request is left alone unless rows change their request.
        """
        for name, value in self.past.items():
            if moved or ".encoder." not in name:
                self.past[name] = session.on_device(value.numpy()[rows][:, :, 0 if ".encoder." in name else cut :])
        if moved:
            self.given = {name: session.on_device(value.numpy()[rows]) for name, value in self.given.items()}

    def join(self, other: Cache, width: int, session: Session) -> None:
        """Add the rows of another one; the past of both is filled up on the left to ``width`` places."""
        for name, value in self.past.items():
            both = [_filled(part.numpy(), width) for part in (value, other.past[name])]
            self.past[name] = session.on_device(np.concatenate(both))


class Decoder:
    """One decoder, in one graph or two. Positions count from ``first_position``."""

    def __init__(
        self,
        package: Package,
        runtime: Runtime,
        folder: str = "",
        first_position: int = 0,
        beside: tuple[str, ...] = (),
    ) -> None:
        """``beside`` are outputs told of the last position behind its logits.

        Raises ModelLoadFailed when the package has no such graphs.
        """
        graphs = package.manifest.graphs
        names = (MERGED,) if folder + MERGED in graphs else TWO
        missing = [folder + name for name in names if folder + name not in graphs]
        if missing:
            raise ModelLoadFailed(
                f"Model {package.manifest.id} has no {folder}{MERGED} and no {' and '.join(missing)} among its 'files'."
            )
        opened = [runtime.open(package.graph(folder + name)) for name in names]
        self.first, self.then, self.first_position = opened[0], opened[-1], first_position
        self._beside = beside
        for session in opened:
            if not session.signature.outputs or session.signature.outputs[0].name != LOGITS:
                raise ModelLoadFailed(f"A decoder's first output is {LOGITS!r}. Seen: {session.signature}.")
        self.inputs = frozenset(spec.name for spec in self.then.signature.inputs)

    @cached_property
    def pads(self) -> bool:
        """Whether rows of different lengths may be one batch: asked of the graph itself, on a made-up row."""
        if not {MASK, POSITIONS} <= self.inputs or any(".encoder." in name for name in self.inputs):
            return False
        try:
            alone, filled = self._tried(0), self._tried(3)
        except (InferenceFailed, ValueError):
            return False
        return bool(np.abs(alone - filled).max() <= SAME * np.abs(alone).max())

    def _tried(self, filled: int) -> Array:
        """Logits behind three tokens and one, the past filled up by so many places between."""
        size = next((spec.shape[-1] for spec in self.then.signature.inputs if spec.name == EMBEDS), None)
        if EMBEDS in self.inputs and not isinstance(size, int):
            raise ValueError(size)
        cache, logits = self.begin({}), np.zeros(0)
        for start, stop in ((0, 3), (3, 4)):
            feeds: dict[str, Array] = {IDS: np.arange(start, stop)[None]}
            if isinstance(size, int):
                made = np.random.default_rng(start).standard_normal((1, stop - start, size))
                feeds = {EMBEDS: made.astype(np.float32)}
            mask = np.ones((1, stop + (filled if start else 0)), np.int64)
            mask[:, : mask.shape[1] - stop] = 0
            feeds |= {MASK: mask, POSITIONS: np.arange(start, stop)[None] + self.first_position}
            logits = self.run(feeds, cache)
            if not start:
                cache.past = {k: self.then.on_device(_filled(v.numpy(), 3 + filled)) for k, v in cache.past.items()}
        return logits

    def width_of(self, size: int) -> int:
        """How many numbers ``run`` tells of a row, for embeddings [.., size]. Raises InferenceFailed."""
        one, place = np.ones((1, 1), np.int64), np.full((1, 1), self.first_position)
        feeds: dict[str, Array] = {EMBEDS: np.zeros((1, 1, size), np.float32), MASK: one, POSITIONS: place}
        return int(self.run(feeds, self.begin({})).shape[-1])

    def begin(self, given: Mapping[str, Array]) -> Cache:
        """An empty cache for rows that share ``given`` in all steps: what the encoder made of them, as a rule."""
        known = {spec.name: spec for session in (self.first, self.then) for spec in session.signature.inputs}
        cast = {k: array.astype(numpy_dtype(known[k]), copy=False) for k, array in given.items() if k in known}
        return Cache({name: self.first.on_device(array) for name, array in cast.items()})

    def run(self, feeds: Mapping[str, Array], cache: Cache) -> Array:
        """[rows, vocabulary] float32 logits of the last position, what is told ``beside`` them behind; the cache grows.

        Raises InferenceFailed.
        """
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
        fed |= {name: np.ones([1] * len(inputs[name].shape), np.int64) for name in KEPT if name in inputs}
        if begins:
            fed |= {name: empty(spec.shape, rows, spec.dtype) for name, spec in inputs.items() if name.startswith(PAST)}
        wanted = [
            LOGITS,
            *self._beside,
            *(o.name for o in session.signature.outputs if _is_wanted(o.name, begins=begins)),
        ]
        found = session.run_bound(fed, kept, wanted)
        told = [np.asarray(found.pop(name).numpy()[:, -1], np.float32) for name in (LOGITS, *self._beside)]
        cache.past |= {PAST + name.removeprefix(PRESENT): value for name, value in found.items()}
        return told[0] if len(told) == 1 else np.concatenate(told, axis=-1)


def _is_wanted(output: str, *, begins: bool) -> bool:
    """Keys and values; those of the encoder once only, later steps do not make them."""
    return output.startswith(PRESENT) and (begins or ".encoder." not in output)


def _filled(past: Array, width: int) -> Array:
    """[rows, heads, width, size], zeros in front of what there is."""
    return np.pad(past, ((0, 0), (0, 0), (width - past.shape[2], 0), (0, 0)))


def empty(shape: Sequence[int | str | None], rows: int, dtype: str) -> Array:
    """A past without tokens: [rows, heads, 0, size], open axes but the first being of no length."""
    sizes = [size if isinstance(size, int) and size > 0 else 0 for size in shape]
    return np.zeros([rows, *sizes[1:]], dtype)
