"""TrOCR, and Hugging Face's other vision encoder-decoders: an image of one line of text in, the text out.

``encoder_model.onnx`` sees the image once; the decoder, in one graph or two (see ``generation/decoder.py``), writes
token by token. ``generation`` in model.json, or ``generation_config.json``, says how a text begins and ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Image, Model, Prepared, Raw
from worker_service.engine.generation.decoder import MERGED, TWO, Array, Decoder
from worker_service.engine.generation.loop import Loop, Request
from worker_service.engine.generation.options import ask_of, options_of
from worker_service.engine.generation.outcome import account, unpacked
from worker_service.engine.generation.seen import Look, WriterFamily
from worker_service.engine.generation.writing import Writing, write
from worker_service.engine.params import GenerationParams, parse
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import ReadText
from worker_service.engine.tokens import Tokenizer
from worker_service.engine.vision.fit import fit

ENCODER = "encoder_model.onnx"
DECODERS = ((MERGED,), TWO)
SIDE = 384
STATES = "encoder_hidden_states"


class TrocrModel:
    """A loaded reader of lines."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        self._tokenizer = Tokenizer(package)
        self._options = options_of(package)
        session = runtime.open(package.graph(ENCODER))
        if len(session.signature.inputs) != 1 or len(session.signature.inputs[0].shape) != 4:
            raise ModelLoadFailed(f"Family trocr feeds {ENCODER} one image. Seen: {session.signature}.")
        self._input = session.signature.inputs[0].name
        self._encoder = Batcher(session, runtime.max_batch)
        self._decoder = Decoder(package, runtime)
        self.max_batch = self._encoder.max_batch
        self._file_bytes = package.bytes

    @property
    def bytes(self) -> int:
        """Files plus input buffers; caches live as long as their batch."""
        return self._file_bytes + self._encoder.bytes

    def params(self, values: Mapping[str, Any]) -> GenerationParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(GenerationParams, values, self.manifest)

    def preprocess(self, image: Image, params: GenerationParams) -> Prepared:
        """Resize and normalise as the manifest's ``input`` says."""
        tensor, geometry = fit(image, self.manifest.input)
        size = (geometry.width, geometry.height)
        return Prepared({self._input: tensor}, geometry, size, ask=ask_of(params, self._options))

    def open(self) -> Writing:
        """A run of many steps that others may join."""
        return Writing(Loop(self._decoder, self._tokenizer.text), self._begin)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """See all images, then write all texts together. Raises InferenceFailed."""
        return write(self.open(), batch)

    def _begin(self, batch: Sequence[Prepared]) -> tuple[list[Request], dict[str, Array]]:
        states = np.stack([row[0] for row in self._encoder.run([item.tensors for item in batch])])
        start = [self._options.decoder_start_token_id]
        return [Request(start, item.ask, item.watch) for item in batch], {STATES: states}

    def postprocess(self, raw: Raw, prepared: Prepared, params: GenerationParams) -> ReadText:
        """The text. Raises DeadlineExceeded when nobody had waited for its end."""
        found = unpacked(raw)
        return ReadText(prepared.image, found.text.strip(), generated=account(found))


class TrocrFamily(WriterFamily):
    """One graph alone tells nothing; an encoder of images with a decoder beside it does."""

    name = "trocr"
    sees, look = ENCODER, Look(SIDE, "antialias-linear")
    task = "ocr"
    layouts = tuple((ENCODER, *decoder) for decoder in DECODERS)

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for an encoder that takes one image, and a decoder that looks at what it made."""
        encoder, *decoders = graphs.values()
        sees = [len(spec.shape) for spec in encoder.inputs] == [4]
        looks = any(spec.name == STATES for spec in decoders[0].inputs)
        return 1.0 if sees and looks else None

    def load(self, package: Package, runtime: Runtime) -> Model[GenerationParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return TrocrModel(package, runtime)


FAMILY: Family = TrocrFamily()
