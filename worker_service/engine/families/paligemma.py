"""PaliGemma: an image and a task in words in, a text out; places in it are ``<loc0000>`` to ``<loc1023>``.

The image's features come first, then the prompt and a line's end. The decoder looks at all of that from everywhere
(its graph has no mask, or one of ones), and only what it writes is read from left to right. Positions count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Image, Model, Prepared
from worker_service.engine.generation.decoder import EMBEDS, MASK, MERGED
from worker_service.engine.generation.seen import Look
from worker_service.engine.located import located
from worker_service.engine.params import GenerationParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import WrittenText
from worker_service.engine.vision.fit import Geometry, fit
from worker_service.engine.vision_writer import VISION, Array, VisionWriter, VisionWriterFamily

SIDE = 224
STATES = "encoder_hidden_states"
MARKS = ("<bos>", "<eos>", "<pad>", "<image>")


class PaliGemmaModel(VisionWriter):
    """A loaded PaliGemma."""

    first_position = 1

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        inputs = self.vision.signature.inputs
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise ModelLoadFailed(f"Family paligemma feeds {VISION} one image. Seen: {self.vision.signature}.")
        self._input = inputs[0].name

    @override
    def pictures(self, image: Image) -> tuple[dict[str, Array], Geometry, str]:
        tensor, geometry = fit(image, self.manifest.input)
        return {self._input: tensor}, geometry, self.image_token

    @override
    def said(self, ids: Sequence[int]) -> str:
        text = self.tokenizer.text(ids, special=True)  # some tokenizers count places among their special tokens
        for mark in MARKS:
            text = text.replace(mark, "")
        return text

    @override
    def answer(self, text: str, prepared: Prepared, params: GenerationParams) -> WrittenText:
        return WrittenText(prepared.image, text, boxes=located(text, params.prompt, prepared.image))

    @override
    def words(self, prompt: str, pictures: str) -> str:
        return f"{pictures}<bos>{prompt}\n"


class PaliGemmaFamily(VisionWriterFamily):
    """The three graphs together tell it: one image, and a decoder that is told positions and no mask."""

    name = "paligemma"
    look = Look(SIDE, "antialias-cubic")

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for one image and a decoder of embeddings without a mask."""
        inputs = graphs[VISION].inputs
        reads: set[Any] = {spec.name for spec in graphs[MERGED].inputs}
        single = len(inputs) == 1 and len(inputs[0].shape) == 4
        return 1.0 if single and EMBEDS in reads and not reads & {MASK, STATES} else None

    def load(self, package: Package, runtime: Runtime) -> Model[GenerationParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return PaliGemmaModel(package, runtime)


FAMILY: Family = PaliGemmaFamily()
