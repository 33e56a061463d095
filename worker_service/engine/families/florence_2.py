"""Florence-2: an image and a task or question in, a text out, with the places in it as boxes, polygons or corners.

The five graphs of the usual exports: ``vision_encoder.onnx`` makes features of the image, ``embed_tokens.onnx`` of the
words, ``encoder_model.onnx`` reads both, the decoder writes (``generation/decoder.py``). Prompts and places: see
``places.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import ModelLoadFailed
from worker_service.engine import places
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Image, Model, Prepared, Raw
from worker_service.engine.generation.decoder import MERGED, TWO, Decoder
from worker_service.engine.generation.loop import Loop, Request, tokens
from worker_service.engine.generation.options import Ask, ask_of, options_of
from worker_service.engine.generation.outcome import account, unpacked
from worker_service.engine.generation.seen import Look, WriterFamily
from worker_service.engine.generation.writing import Writing, write
from worker_service.engine.params import GenerationParams, parse
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import WrittenText
from worker_service.engine.tokens import Tokenizer
from worker_service.engine.vision.fit import fit

Array = npt.NDArray[Any]
VISION, WORDS, ENCODER = "vision_encoder.onnx", "embed_tokens.onnx", "encoder_model.onnx"
DECODERS = ((MERGED,), TWO)
MEAN, STD, SIDE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 768
EMBEDS, MASK, STATES, STATES_MASK = "inputs_embeds", "attention_mask", "encoder_hidden_states", "encoder_attention_mask"


@dataclass(frozen=True)
class Task:
    """What a request asks: its task, the tokens of its words, and how to write."""

    name: str
    ids: list[int]
    ask: Ask


class FlorenceModel:
    """A loaded Florence-2."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        self._tokenizer = Tokenizer(package)
        self._options = options_of(package)
        vision = runtime.open(package.graph(VISION))
        if len(vision.signature.inputs) != 1 or len(vision.signature.inputs[0].shape) != 4:
            raise ModelLoadFailed(f"Family florence-2 feeds {VISION} one image. Seen: {vision.signature}.")
        self._input = vision.signature.inputs[0].name
        self._vision = Batcher(vision, runtime.max_batch)
        self._words = runtime.open(package.graph(WORDS))
        self._encoder = runtime.open(package.graph(ENCODER))
        self._decoder = Decoder(package, runtime)
        self._by_ids = "input_ids" in self._decoder.inputs
        self.max_batch = self._vision.max_batch
        self._file_bytes = package.bytes

    @property
    def bytes(self) -> int:
        """Files plus input buffers; caches live as long as their batch."""
        return self._file_bytes + self._vision.bytes

    def params(self, values: Mapping[str, Any]) -> GenerationParams:
        """Check a request's parameters. Raises InvalidRequest."""
        params = parse(GenerationParams, values, self.manifest)
        places.asked(params.prompt)
        return params

    def preprocess(self, image: Image, params: GenerationParams) -> Prepared:
        """Resize and normalise as the manifest's ``input`` says; the prompt as tokens. Raises InvalidRequest."""
        tensor, geometry = fit(image, self.manifest.input)
        asked = places.asked(params.prompt)
        ids = self._tokenizer.plain(f"<s>{asked.words}</s>")
        task = Task(asked.task, ids, ask_of(params, self._options))
        return Prepared({self._input: tensor}, geometry, (geometry.width, geometry.height), ask=task)

    def open(self) -> Writing:
        """A run of many steps that others may join."""
        embed = tokens if self._by_ids else lambda ids: {EMBEDS: self._embedded(ids)}
        return Writing(Loop(self._decoder, self._read, embed), self._begin)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """See all images and read all prompts, then write all texts together. Raises InferenceFailed."""
        return write(self.open(), batch)

    def _begin(self, batch: Sequence[Prepared]) -> tuple[list[Request], dict[str, Array]]:
        seen = np.stack([row[0] for row in self._vision.run([item.tensors for item in batch])])
        embeds, mask = self._joined(seen, [item.ask.ids for item in batch])
        states = self._encoder.run(_declared(self._encoder, {EMBEDS: embeds, MASK: mask}))[0]
        start = [self._options.decoder_start_token_id]
        requests = [Request(start, item.ask.ask, item.watch) for item in batch]
        return requests, {STATES: states, STATES_MASK: mask}

    def postprocess(self, raw: Raw, prepared: Prepared, params: GenerationParams) -> WrittenText:
        """The text, or what it says of places. Raises DeadlineExceeded when nobody had waited for its end."""
        found, task = unpacked(raw), prepared.ask.name
        text = places.plain(found.text)
        said = {task: places.read(task, text, prepared.image)} if task else text.strip()
        return WrittenText(prepared.image, said, account(found))

    def _joined(self, seen: Array, prompts: Sequence[list[int]]) -> tuple[Array, Array]:
        """Image and words as one sequence per item, filled up on the right, and which of it counts."""
        longest = max(map(len, prompts))
        ids = np.array([[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts], np.int64)
        counts = np.array([[seen.shape[1] + len(prompt)] for prompt in prompts])
        embeds = np.concatenate([seen, self._embedded(ids).astype(seen.dtype, copy=False)], axis=1)
        return embeds, (np.arange(embeds.shape[1])[None] < counts).astype(np.int64)

    def _embedded(self, ids: Array) -> Array:
        return self._words.run({self._words.signature.inputs[0].name: ids})[0]

    def _read(self, ids: Sequence[int]) -> str:
        return places.plain(self._tokenizer.text(ids, special=True))


def _declared(session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
    return {spec.name: feeds[spec.name] for spec in session.signature.inputs if spec.name in feeds}


class FlorenceFamily(WriterFamily):
    """One graph alone tells nothing; the five together do."""

    name = "florence-2"
    sees, look = VISION, Look(SIDE, "antialias-cubic", MEAN, STD)
    task = "lmm"
    layouts = tuple((VISION, WORDS, ENCODER, *decoder) for decoder in DECODERS)

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for an encoder that reads embeddings and a decoder that looks at what it made."""
        reads = {spec.name for spec in graphs[ENCODER].inputs}
        decoder = next(signature for name, signature in graphs.items() if "decoder" in name)
        looks = any(spec.name == STATES for spec in decoder.inputs)
        return 1.0 if EMBEDS in reads and looks else None

    def load(self, package: Package, runtime: Runtime) -> Model[GenerationParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return FlorenceModel(package, runtime)


FAMILY: Family = FlorenceFamily()
