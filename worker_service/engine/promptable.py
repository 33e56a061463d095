"""Models of two graphs that embed an image once and then answer any number of prompts: SAM and SAM2.

The encoder's outputs are handed to the decoder by their names, so that each exporter's layout works that keeps them:
Meta's decoder (``point_coords``, ``mask_input``, ...), Hugging Face's (``input_points`` [1, prompts, points, 2], ...)
and samexporter's. What was embedded is remembered, see ``remembered.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Image, Prepared, Raw
from worker_service.engine.params import parse
from worker_service.engine.prompt_decoder import Decoder
from worker_service.engine.prompted_results import ImageEmbedding, PromptedMasks, npy
from worker_service.engine.prompts import Prompt, PromptParams, mask_key
from worker_service.engine.remembered import Arrays, Remembered
from worker_service.engine.results import Result
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.vision.fit import Geometry
from worker_service.engine.visualise import with_prompted_masks

Array: TypeAlias = npt.NDArray[Any]
Data: TypeAlias = bytes
Floats: TypeAlias = npt.NDArray[np.float32]

LAYOUTS = (
    ("encoder.onnx", "decoder.onnx"),
    ("vision_encoder.onnx", "prompt_encoder_mask_decoder.onnx"),
    ("image_encoder.onnx", "mask_decoder.onnx"),
)
SIDE = 1024
INPUT = {
    "resize": "letterbox",
    "interpolation": "antialias-linear",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
POSITIONS = "image_positional_embeddings"
"""An output that is the same for all images, and so not remembered with each."""


@dataclass
class Prompted(Prepared):
    """An image with what is asked of it.

    Attributes:
        key: what it is remembered under; empty when it is not to be.
        known: its embedding, where that is remembered; ``tensors`` are empty then.
        prompts: empty when the image is only to be embedded.
        starts: for each prompt the logits to begin from, or None.
    """

    key: str = ""
    known: Arrays | None = None
    prompts: Sequence[Prompt] = ()
    starts: Sequence[Floats | None] = ()
    multimask: bool = True
    embeds: bool = field(default=False)


class PromptableModel(ABC):
    """A loaded promptable model. Subclasses say how images are fitted and masks brought back."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        """Raises ModelLoadFailed when the graphs are of no layout that is known."""
        self.manifest = package.manifest
        names = next((names for names in LAYOUTS if set(names) <= set(package.manifest.graphs)), None)
        if names is None:
            raise ModelLoadFailed(
                f"Family {package.manifest.family} reads {' or '.join(' and '.join(pair) for pair in LAYOUTS)}; "
                f"'files' in model.json lists {', '.join(package.manifest.graphs)}."
            )
        encoder, decoder = (runtime.open(package.graph(name)) for name in names)
        if len(encoder.signature.inputs) != 1:
            raise ModelLoadFailed(f"The encoder has one input, an image. Seen: {encoder.signature}.")
        self.input = encoder.signature.inputs[0]
        self._batcher = Batcher(encoder, runtime.max_batch)
        self._outputs = [spec.name for spec in encoder.signature.outputs]
        no_box = (self.manifest.model_extra or {}).get("prompts_without_box") is True
        self.decoder = Decoder(decoder, self._outputs, pads=self.pads, no_box=no_box)
        self._remembered = Remembered(runtime.remembered_bytes, runtime.shelf, package.manifest.digest)
        self._positions: Array | None = None
        self._file_bytes = package.bytes

    pads: bool = False
    """Whether points without a box are followed by one that is none; where the graph does not add it itself."""

    @abstractmethod
    def fitted(self, image: Image) -> tuple[Array, Geometry]:
        """The encoder's input, and how it lies over the image."""

    @abstractmethod
    def geometry(self, width: int, height: int) -> Geometry:
        """How the encoder's input lies over an image of that size."""

    @abstractmethod
    def whole(self, logits: Floats, geometry: Geometry) -> Floats:
        """Logits [h, w] of the decoder in source pixels [height, width]."""

    @property
    def max_batch(self) -> int:
        """Images that are embedded in one run."""
        return 1 if len(self.input.shape) == 3 else self._batcher.max_batch

    @property
    def bytes(self) -> int:
        """Files, input buffers, and what is remembered."""
        return self._file_bytes + self._batcher.bytes + self._remembered.bytes

    def params(self, values: Mapping[str, Any]) -> PromptParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(PromptParams, values, self.manifest)

    def preprocess(self, image: Image, params: PromptParams) -> Prompted:
        """Fit the image, unless its embedding is remembered. Raises InvalidRequest for prompts it cannot take."""
        self.decoder.check(params.asked)
        key = (params.image_key or pixels_key(image)) if params.remember else ""
        size = (image.shape[1], image.shape[0])
        known = self._recalled(key, size)
        tensors, geometry = {}, self.geometry(*size)
        if known is None:
            tensors = {self.input.name: self.fitted(image)[0]}
        pixels = image if params.visualize else None
        return self._prompted(Prompted(tensors, geometry, size, pixels, key=key, known=known), params)

    def preprocess_embedding(self, data: Data, params: PromptParams) -> Prompted:
        """An embedding of the caller's, or what is remembered under ``image_key``. Raises InvalidRequest."""
        self.decoder.check(params.asked)
        if data:
            known = self._given(data, params)
        else:
            found = self._remembered.get(params.image_key or "")
            if found is None:
                raise InvalidRequest("No image of that id is remembered (any more); send the image with it.")
            known = found
        width, height = (int(side) for side in known["size"])
        ready = Prompted({}, self.geometry(width, height), (width, height), key=params.image_key or "", known=known)
        return self._prompted(ready, params)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Embed what is new, then answer all prompts of each image. Raises InferenceFailed."""
        items = [item for item in batch if isinstance(item, Prompted)]
        for item in items:
            item.known = item.known or self._recalled(item.key, item.image)
        fresh = [item for item in items if item.known is None]
        for item, raw in zip(fresh, self._embed([item.tensors for item in fresh]), strict=True):
            arrays = dict(zip(self._outputs, raw, strict=True))
            positions = arrays.pop(POSITIONS, None)
            self._positions = positions if positions is not None else self._positions
            item.known = {**arrays, "size": np.array(item.image)}
            if item.key:
                self._remembered.put(item.key, item.known)
        return [self._answer(item) for item in items]

    def postprocess(self, raw: Raw, prepared: Prepared, params: PromptParams) -> Result:
        """Masks in source pixels. Raises InferenceFailed on odd shapes."""
        if params.embed_only:
            shown: Any = raw[0] if params.embedding_format != "none" else None
            if shown is not None:
                shown = npy(shown) if params.embedding_format == "npy" else shown.tolist()
            return ImageEmbedding(prepared.image, shown)
        logits, scores = raw
        if logits.ndim != 3 or scores.shape != (len(logits),) or len(logits) != len(params.asked):
            raise InferenceFailed(f"The model answers masks {list(logits.shape)} with scores {list(scores.shape)}.")
        if logits.shape[1:] != self.decoder.grid(logits):
            raise InferenceFailed(f"The model answers masks {list(logits.shape)}.")
        if params.save_logits_to_cache and isinstance(prepared, Prompted) and prepared.key:
            for prompt, low in zip(params.asked, logits, strict=True):
                self._remembered.put(mask_key(prepared.key, prompt), {"logits": low})
                self._remembered.put(mask_key(prepared.key, None), {"logits": low})
        masks = [(self.whole(low, prepared.geometry) > 0).astype(np.uint8) for low in logits]
        form, low_res = params.mask_format, params.low_res_masks
        found = PromptedMasks(
            prepared.image, tuple(masks), tuple(scores.tolist()), tuple(logits), mask_format=form, low_res=low_res
        )
        return with_prompted_masks(found, prepared.pixels, params)

    def _recalled(self, key: str, size: tuple[int, int]) -> Arrays | None:
        """What is remembered of an image, unless another one came under the same name."""
        known = self._remembered.get(key) if key else None
        return known if known is not None and tuple(known["size"].tolist()) == size else None

    def _prompted(self, item: Prompted, params: PromptParams) -> Prompted:
        item.embeds = params.embed_only
        item.multimask = params.multimask_output
        item.prompts = params.asked
        item.starts = [self._start(item.key, prompt, params) for prompt in params.asked]
        return item

    def _start(self, key: str, prompt: Prompt, params: PromptParams) -> Floats | None:
        """Logits to begin a prompt from. Raises InvalidRequest."""
        if params.mask_input is not None:
            return self.decoder.mask_of(params.mask_input)
        if params.start_from == "nothing":
            return None
        found = self._remembered.get(mask_key(key, prompt.before if params.start_from == "before" else None))
        return None if found is None else found["logits"].astype(np.float32)

    def _given(self, data: Data, params: PromptParams) -> Arrays:
        if params.image_size is None:
            raise InvalidRequest("An embedding tells no size: give that of its image as orig_im_size.")
        try:
            array = np.load(BytesIO(data), allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise InvalidRequest("The embedding is no .npy file.") from error
        names = [name for name in self._outputs if name != POSITIONS]
        if len(names) != 1:
            raise InvalidRequest("This model's embeddings are several arrays; send the image instead, or its image_id.")
        if array.ndim == 4 and len(array) == 1:
            array = array[0]
        if not self.decoder.takes(names[0], array):
            raise InvalidRequest(f"The embedding is {list(array.shape)}; that is none of this model's.")
        return {names[0]: array.astype(np.float32), "size": np.array(params.image_size)}

    def _embed(self, rows: Sequence[Mapping[str, Array]]) -> list[Raw]:
        if len(self.input.shape) != 3:
            return self._batcher.run(rows, self._split)
        return [raw for row in rows for raw in [self._alone(row[self.input.name])]]

    def _alone(self, pixels: Array) -> Raw:
        """An encoder of one image [h, w, 3], which has no batch axis."""
        return tuple(output[0] for output in self._batcher.session.run({self.input.name: pixels}))

    def _split(self, outputs: Sequence[Array], count: int) -> list[Raw]:
        """The batch as the first axis; an output of one row serves all."""
        for output in outputs:
            if output.ndim == 0 or output.shape[0] not in (1, count):
                raise InferenceFailed(f"The encoder answered {list(output.shape)} to a batch of {count}.")
        return [tuple(output[i if len(output) == count else 0] for output in outputs) for i in range(count)]

    def _answer(self, item: Prompted) -> Raw:
        known = item.known or {}
        if item.embeds:
            first = next(name for name in reversed(self._outputs) if name != POSITIONS)
            return (known[first],)
        given: Arrays = {name: array for name, array in known.items() if name != "size"}
        if POSITIONS in self._outputs:
            given[POSITIONS] = self._place()
        return self.decoder.run(given, item.prompts, item.starts, item.geometry, multimask=item.multimask)

    def _place(self) -> Array:
        """Positions, which any run of the encoder tells."""
        if self._positions is None:
            spec = self.manifest.input
            blank = np.zeros((3, spec.height, spec.width), np.float32)
            (raw,) = self._embed([{self.input.name: blank}])
            self._positions = dict(zip(self._outputs, raw, strict=True))[POSITIONS]
        return self._positions


def pixels_key(image: Image) -> str:
    """Names an image by its pixels."""
    shape = "x".join(map(str, image.shape[:2])).encode()
    return blake2b(np.ascontiguousarray(image).data, digest_size=20, person=shape).hexdigest()
