"""SmolVLM and SmolVLM2: an image and a question in, a text out.

Large images are cut into tiles, which the vision encoder sees beside the whole (``vision/tiles.py``). The question is
put into the chat template of the model's folder. ``tiles`` in model.json, or the processor's configuration, says to
which size an image is brought before it is cut.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Image, Model
from worker_service.engine.formats.huggingface import PROCESSORS, processor_of
from worker_service.engine.generation.chat import FILES as CHAT
from worker_service.engine.generation.chat import template_of
from worker_service.engine.generation.decoder import EMBEDS, MERGED
from worker_service.engine.generation.seen import Look
from worker_service.engine.params import GenerationParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.fit import Geometry, fit
from worker_service.engine.vision.tiles import LARGEST, tiles, written
from worker_service.engine.vision_writer import VISION, Array, VisionWriter, VisionWriterFamily

SIDE, LONGEST = 512, 2048
PIXELS, MASK = "pixel_values", "pixel_attention_mask"
STATES = "encoder_hidden_states"


class SmolVlmModel(VisionWriter):
    """A loaded SmolVLM."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        chat = template_of(package)
        if chat is None:
            raise ModelLoadFailed(
                f"Model {package.manifest.id} has no chat template; its files may be {', '.join(CHAT)}."
            )
        if package.manifest.input.width != package.manifest.input.height:
            raise ModelLoadFailed("Tiles are squares; 'input' in model.json has another width than height.")
        self._chat, self._cut = chat, cut_of(package)
        self.words("", self.image_token)  # a template that fails does so at load

    @override
    def pictures(self, image: Image) -> tuple[dict[str, Array], Geometry, str]:
        spec = self.manifest.input
        cut, rows, columns = tiles(image, spec.width, self._cut.longest_edge, split=self._cut.split)
        pixels = np.stack([fit(tile, spec)[0] for tile in cut])
        size = (image.shape[1], image.shape[0])
        mask = np.ones((len(cut), spec.height, spec.width), np.bool_)
        geometry = Geometry(spec.width / size[0], spec.height / size[1], 0, 0, *size)
        return {PIXELS: pixels, MASK: mask}, geometry, written(rows, columns, self.image_token)

    @override
    def words(self, prompt: str, pictures: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        return self._chat.render([{"role": "user", "content": content}]).replace(self.image_token, pictures)


class Cut(BaseModel):
    """``tiles`` in model.json: pixels of the longer side before an image is cut, and whether it is."""

    longest_edge: int = Field(LONGEST, ge=1, le=LARGEST)
    split: bool = True


def cut_of(package: Package) -> Cut:
    """What the model's folder says. Raises ModelLoadFailed."""
    stated = processor_of(package.root, package.manifest.files) or {}
    size = stated.get("size")
    known = {"longest_edge": size.get("longest_edge") if isinstance(size, dict) else None}
    known["split"] = stated.get("do_image_splitting")
    own = (package.manifest.model_extra or {}).get("tiles", {})
    try:
        return Cut.model_validate({**{k: v for k, v in known.items() if v is not None}, **own})
    except (ValidationError, TypeError) as error:
        raise ModelLoadFailed(
            f"'tiles' of model {package.manifest.id}: longest_edge is 1 to {LARGEST} pixels."
        ) from error


class SmolVlmFamily(VisionWriterFamily):
    """The three graphs together tell it: pictures of one image have an axis of their own."""

    name = "smolvlm"
    look = Look(SIDE, "antialias-linear", beside=(*CHAT, *PROCESSORS))

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for an encoder of several pictures and a decoder of embeddings that looks at nothing else."""
        pixels = next((spec for spec in graphs[VISION].inputs if spec.name == PIXELS), None)
        reads = {spec.name for spec in graphs[MERGED].inputs}
        return 1.0 if pixels and len(pixels.shape) == 5 and EMBEDS in reads and STATES not in reads else None

    def load(self, package: Package, runtime: Runtime) -> Model[GenerationParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return SmolVlmModel(package, runtime)


FAMILY: Family = SmolVlmFamily()
