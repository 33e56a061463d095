"""SAM, Segment Anything: an image is scaled so that its longer side fills the input, and lies in its upper left corner.

Three layouts: ``encoder.onnx`` beside Meta's ``decoder.onnx`` (samexporter's encoder takes pixels [h, w, 3] and
normalises them itself), and Hugging Face's ``vision_encoder.onnx`` with ``prompt_encoder_mask_decoder.onnx``, which
takes points, or (``input_boxes``) a box and any number of points.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model
from worker_service.engine.prompt_decoder import is_decoder
from worker_service.engine.promptable import INPUT, LAYOUTS, SIDE, Array, Floats, PromptableModel
from worker_service.engine.prompted_results import TASK
from worker_service.engine.prompts import PromptParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.fit import Geometry, fit


class SamModel(PromptableModel):
    """A loaded SAM."""

    pads = True

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self.side = self.manifest.input.width
        if self.manifest.input.height != self.side:
            raise ModelLoadFailed("SAM's input is square: 'input' in model.json has a width and a height that differ.")

    @override
    def geometry(self, width: int, height: int) -> Geometry:
        # Half a pixel goes up, as in the original.
        scale = self.side / max(width, height)
        inner = max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))
        return Geometry(inner[0] / width, inner[1] / height, 0, 0, width, height)

    def inner(self, geometry: Geometry) -> tuple[int, int]:
        """Width and height of the image in the input."""
        return round(geometry.gain_x * geometry.width), round(geometry.gain_y * geometry.height)

    @override
    def fitted(self, image: Image) -> tuple[Array, Geometry]:
        geometry = self.geometry(image.shape[1], image.shape[0])
        width, height = self.inner(geometry)
        spec = self.manifest.input.model_copy(update={"width": width, "height": height, "resize": "stretch"})
        if len(self.input.shape) == 3:
            plain = spec.model_copy(update={"scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)})
            return np.ascontiguousarray(fit(image, plain)[0].transpose(1, 2, 0)), geometry
        tensor = np.zeros((3, self.side, self.side), np.float32)
        tensor[:, :height, :width] = fit(image, spec)[0]
        return tensor, geometry

    @override
    def whole(self, logits: Floats, geometry: Geometry) -> Floats:
        width, height = self.inner(geometry)
        large = cv2.resize(logits, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        source = (geometry.width, geometry.height)
        return np.asarray(cv2.resize(large[:height, :width], source, interpolation=cv2.INTER_LINEAR), np.float32)


class SamFamily:
    """Recognises a decoder of prompts beside an encoder of one kind of features."""

    name = "sam"
    task = TASK
    layouts = LAYOUTS

    def matches(self, signature: GraphSignature) -> float | None:
        """No single graph is a SAM."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """Never asked: it matches none."""
        return Guess(classes=0, input={**INPUT, "width": SIDE, "height": SIDE})

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for the inputs and outputs that its exporters name."""
        encoder, decoder = graphs.values()
        features = [spec for spec in encoder.outputs if spec.name != "image_positional_embeddings"]
        return 1.0 if is_decoder(decoder.inputs) and len(features) == 1 else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The original's preprocessing."""
        image = next(iter(graphs.values())).inputs[0]
        side = (image.fixed(3) if len(image.shape) == 4 else None) or SIDE
        return Guess(classes=0, input={**INPUT, "width": side, "height": side})

    def load(self, package: Package, runtime: Runtime) -> Model[PromptParams]:
        """Open both graphs. Raises ModelLoadFailed."""
        return SamModel(package, runtime)


FAMILY: Family = SamFamily()
