"""SAM2: as SAM, for images that are stretched to a square, with features of three sizes.

Two layouts: samexporter's ``encoder.onnx`` (``image_embed``, ``high_res_feats_0``, ``high_res_feats_1``) with
``decoder.onnx``, and Hugging Face's ``vision_encoder.onnx`` (``image_embeddings.0`` to ``.2``) with
``prompt_encoder_mask_decoder.onnx``. Boxes are told as two points labelled 2 and 3, or as ``input_boxes``, which every
prompt then has.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from typing_extensions import override

from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model
from worker_service.engine.prompt_decoder import is_decoder
from worker_service.engine.promptable import INPUT, LAYOUTS, SIDE, Array, Floats, PromptableModel
from worker_service.engine.prompted_results import TASK
from worker_service.engine.prompts import PromptParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.fit import Geometry, fit

LEVELS = 3


class Sam2Model(PromptableModel):
    """A loaded SAM2."""

    @override
    def geometry(self, width: int, height: int) -> Geometry:
        spec = self.manifest.input
        return Geometry(spec.width / width, spec.height / height, 0, 0, width, height)

    @override
    def fitted(self, image: Image) -> tuple[Array, Geometry]:
        return fit(image, self.manifest.input.model_copy(update={"resize": "stretch"}))

    @override
    def whole(self, logits: Floats, geometry: Geometry) -> Floats:
        source = (geometry.width, geometry.height)
        return np.asarray(cv2.resize(logits, source, interpolation=cv2.INTER_LINEAR), np.float32)


class Sam2Family:
    """Recognises a decoder of prompts beside an encoder of features of three sizes."""

    name = "sam2"
    task = TASK
    layouts = LAYOUTS

    def matches(self, signature: GraphSignature) -> float | None:
        """No single graph is a SAM2."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """Never asked: it matches none."""
        return Guess(classes=0, input={**INPUT, "resize": "stretch", "width": SIDE, "height": SIDE})

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for the inputs and outputs that its exporters name."""
        encoder, decoder = graphs.values()
        return 1.0 if is_decoder(decoder.inputs) and len(encoder.outputs) == LEVELS else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The original's preprocessing."""
        image = next(iter(graphs.values())).inputs[0]
        side = {"width": image.fixed(3) or SIDE, "height": image.fixed(2) or SIDE}
        return Guess(classes=0, input={**INPUT, "resize": "stretch", **side})

    def load(self, package: Package, runtime: Runtime) -> Model[PromptParams]:
        """Open both graphs. Raises ModelLoadFailed."""
        return Sam2Model(package, runtime)


FAMILY: Family = Sam2Family()
