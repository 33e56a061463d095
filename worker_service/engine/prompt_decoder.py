"""The decoder of a promptable model: an embedding and a prompt in, a mask and its score out, in any of its layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.prompts import FIRST_CORNER, PADDING, Prompt
from worker_service.engine.runtime.session import Session, numpy_dtype
from worker_service.engine.runtime.signature import TensorSpec
from worker_service.engine.vision.fit import Geometry

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]

POINTS = ("point_coords", "input_points")
LABELS = ("point_labels", "input_labels")
SCORES = ("iou_predictions", "iou_scores")
MASKS = ("low_res_masks", "pred_masks", "masks")
MASK, HAS_MASK, SIZE, BOXES = "mask_input", "has_mask_input", "orig_im_size", "input_boxes"
LIMIT = np.float32(32)
"""The originals clamp logits to it before they begin from them."""


class Decoder:
    """Runs one prompt at a time: graphs with a batch of prompts need them to have as many points each.

    A graph that takes ``input_boxes`` was traced with one in every prompt: what it answers to none at all is neither an
    error nor right, so that prompts without a box are refused unless the model says that its graph bears them.
    """

    def __init__(self, session: Session, features: Sequence[str], *, pads: bool, no_box: bool = False) -> None:
        """``features`` are the encoder's outputs, ``no_box`` says that a graph with boxes answers without one, too.

        Raises ModelLoadFailed when the graph needs what nobody gives.
        """
        signature = session.signature
        inputs = {spec.name: spec for spec in signature.inputs}
        outputs = [spec.name for spec in signature.outputs]
        own = {*POINTS, *LABELS, MASK, HAS_MASK, SIZE, BOXES}
        missing = [name for name in inputs if name not in own and name not in features]
        points = next((inputs[name] for name in POINTS if name in inputs), None)
        labels = next((inputs[name] for name in LABELS if name in inputs), None)
        masks = next((name for name in MASKS if name in outputs), None)
        scores = next((name for name in SCORES if name in outputs), None)
        if missing or points is None or labels is None or masks is None or scores is None:
            raise ModelLoadFailed(
                f"The decoder needs {', '.join(missing) or 'nothing else'}, which the encoder does not answer, or has "
                f"no points, masks and scores. Seen: {signature}; the encoder answers {', '.join(features)}."
            )
        self._session = session
        self._inputs, self._points, self._labels = inputs, points, labels
        self._masks, self._scores = outputs.index(masks), outputs.index(scores)
        self._pads = pads and len(points.shape) == 3  # Hugging Face's graph adds the point itself
        self._corners = BOXES not in inputs and not (pads and len(points.shape) == 4)
        self._always_boxed = BOXES in inputs and not no_box

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Raises InvalidRequest for a box that the graph has no way to be told of, or for none where it needs one."""
        if self._always_boxed and any(prompt.points and not prompt.box for prompt in prompts):
            raise InvalidRequest(
                "This model's decoder was exported with boxes; give one with the points, or export a decoder without."
            )
        if not self._corners and BOXES not in self._inputs and any(prompt.box for prompt in prompts):
            raise InvalidRequest("This model's decoder was exported without boxes; give points.")

    def takes(self, name: str, array: Array) -> bool:
        """Whether an embedding has the input's shape."""
        spec = self._inputs[name]
        expected = [spec.fixed(axis) for axis in range(1, len(spec.shape))]
        return array.ndim == len(expected) and all(
            size in (None, found) for size, found in zip(expected, array.shape, strict=True)
        )

    def grid(self, logits: Array) -> tuple[int, int]:
        """Rows and columns that masks must have, as far as the graph tells."""
        spec = self._session.signature.outputs[self._masks]
        fixed = [spec.fixed(axis) for axis in (len(spec.shape) - 2, len(spec.shape) - 1)] if spec.shape else []
        known = self._inputs.get(MASK)
        if known is not None and known.fixed(2) and known.fixed(3):
            fixed = [known.fixed(2), known.fixed(3)]
        rows, columns = fixed if len(fixed) == 2 else (None, None)
        return rows or logits.shape[1], columns or logits.shape[2]

    def mask_of(self, data: bytes) -> Floats:
        """Logits to begin from. Raises InvalidRequest when they are none of this model's, or it takes none."""
        spec = self._inputs.get(MASK)
        if spec is None:
            raise InvalidRequest("This model's decoder was exported without mask_input.")
        rows, columns = spec.fixed(2), spec.fixed(3)
        if rows is None or columns is None or len(data) != 4 * rows * columns:
            raise InvalidRequest(f"mask_input holds {len(data) // 4} numbers; the model takes {rows} x {columns}.")
        return np.frombuffer(data, np.float32).reshape(rows, columns)

    def run(
        self,
        features: Mapping[str, Array],
        prompts: Sequence[Prompt],
        starts: Sequence[Floats | None],
        geometry: Geometry,
        *,
        multimask: bool,
    ) -> tuple[Array, Array]:
        """The best mask of each prompt as logits [n, h, w], and their scores [n]. Raises InferenceFailed."""
        fixed = {
            name: features[name][None].astype(numpy_dtype(spec), copy=False)
            for name, spec in self._inputs.items()
            if name in features
        }
        found = [
            self._choose(self._session.run(fixed | self._fed(prompt, start, geometry)), prompt, multimask=multimask)
            for prompt, start in zip(prompts, starts, strict=True)
        ]
        return np.stack([mask for mask, _ in found]), np.array([score for _, score in found], np.float32)

    def _fed(self, prompt: Prompt, start: Floats | None, geometry: Geometry) -> dict[str, Array]:
        """One prompt in the graph's own words."""
        gain = np.array([geometry.gain_x, geometry.gain_y], np.float64)
        fed: dict[str, Array] = {}
        asked = prompt if self._corners else prompt.model_copy(update={"box": None})
        box = prompt.box
        if self._always_boxed and box is None:  # asked for nothing in particular: the whole image
            box = (0.0, 0.0, float(geometry.width), float(geometry.height))
        places, labels = asked.labelled()
        boxed = BOXES in self._inputs and box is not None
        if not boxed and (not places or (self._pads and FIRST_CORNER not in labels)):
            places, labels = [*places, (0.0, 0.0)], [*labels, PADDING]
        points = np.array(places, np.float64).reshape(-1, 2) * gain
        deep = len(self._points.shape) == 4
        fed[self._points.name] = points[None, None] if deep else points[None]
        fed[self._labels.name] = np.array(labels)[None, None] if deep else np.array(labels)[None]
        if BOXES in self._inputs:
            fed[BOXES] = np.zeros((1, 0, 4)) if box is None else np.array(box)[None, None] * np.tile(gain, 2)
        if MASK in self._inputs:
            fed[MASK] = self._start(start)[None, None]
        if HAS_MASK in self._inputs:
            fed[HAS_MASK] = np.array([start is not None], np.float32)
        if SIZE in self._inputs:  # small, so that the graph's own enlarged mask, which nobody reads, costs nothing
            fed[SIZE] = np.array([1, 1])
        return {name: array.astype(numpy_dtype(self._inputs[name])) for name, array in fed.items()}

    def _start(self, start: Floats | None) -> Floats:
        spec = self._inputs[MASK]
        shape = (spec.fixed(2) or 256, spec.fixed(3) or 256)
        return np.zeros(shape, np.float32) if start is None else np.clip(start, -LIMIT, LIMIT)

    def _choose(self, outputs: Sequence[Array], prompt: Prompt, *, multimask: bool) -> tuple[Floats, float]:
        """The mask to answer, of one, three or four."""
        masks, scores = outputs[self._masks], outputs[self._scores].reshape(-1).astype(np.float32)
        if masks.ndim < 3 or masks.size == 0 or len(scores) != np.prod(masks.shape[:-2]):
            raise InferenceFailed(f"The model answers masks {list(masks.shape)} with {len(scores)} scores.")
        planes = masks.reshape(-1, *masks.shape[-2:]).astype(np.float32)
        if len(planes) == 4:  # the first is for prompts that leave no doubt, the others are for those that do
            clear = not multimask or len(prompt.labelled()[0]) > 2
            planes, scores = (planes[:1], scores[:1]) if clear else (planes[1:], scores[1:])
        best = int(scores.argmax())
        return planes[best], float(scores[best])


def is_decoder(inputs: Sequence[TensorSpec]) -> bool:
    """Whether a graph takes points and their labels."""
    names = {spec.name for spec in inputs}
    return bool(names & set(POINTS)) and bool(names & set(LABELS))
