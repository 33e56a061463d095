"""Models that read image and words as one sequence and write on: what SmolVLM, PaliGemma and their like share.

Three graphs: ``vision_encoder.onnx`` makes features of pixels, ``embed_tokens.onnx`` of tokens, and
``decoder_model_merged.onnx`` reads both and writes. A family says how pixels and words are prepared; each image token
of the words is replaced by the features of one picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Image, Prepared, Raw
from worker_service.engine.generation.decoder import EMBEDS, MERGED, Decoder
from worker_service.engine.generation.loop import Loop, Request
from worker_service.engine.generation.options import ask_of, options_of
from worker_service.engine.generation.outcome import account, unpacked
from worker_service.engine.generation.seen import WriterFamily
from worker_service.engine.generation.writing import Writing, write
from worker_service.engine.params import GenerationParams, parse
from worker_service.engine.runtime.session import Runtime, Session, numpy_dtype
from worker_service.engine.text_results import WrittenText
from worker_service.engine.tokens import Tokenizer
from worker_service.engine.vision.fit import Geometry

Array = npt.NDArray[Any]
VISION, WORDS = "vision_encoder.onnx", "embed_tokens.onnx"
GRAPHS = (VISION, WORDS, MERGED)
CONTEXT, WRITTEN = 8192, 512
"""Positions of these models' decoders, and tokens written at most, where neither their folder nor a request says."""


@dataclass(frozen=True)
class Asked:
    """The tokens of a prompt, one image token for each picture, and the request's wishes."""

    ids: list[int]
    params: GenerationParams


class VisionWriter(ABC):
    """A loaded model but for ``pictures`` and ``words``."""

    image_token: ClassVar[str] = "<image>"  # noqa: S105 - of a vocabulary
    first_position: ClassVar[int] = 0

    def __init__(self, package: Package, runtime: Runtime) -> None:
        """Raises ModelLoadFailed."""
        self.manifest = package.manifest
        self.tokenizer = Tokenizer(package)
        found = self.tokenizer.numbers(self.image_token)
        if not found:
            raise ModelLoadFailed(f"The tokenizer of model {package.manifest.id} has no token {self.image_token}.")
        self._image_id = found[0]
        stated = options_of(package)
        room = {"context_length": CONTEXT, "max_new_tokens": None if stated.max_length else WRITTEN}
        unsaid = {name: value for name, value in room.items() if name not in stated.model_fields_set}
        self._options = stated.model_copy(update=unsaid)
        self.vision = runtime.open(package.graph(VISION))
        self._embedder = runtime.open(package.graph(WORDS))
        self._decoder = Decoder(package, runtime, first_position=self.first_position)
        self.max_batch = runtime.max_batch
        self.bytes = package.bytes

    @abstractmethod
    def pictures(self, image: Image) -> tuple[dict[str, Array], Geometry, str]:
        """What the vision encoder is fed, and the words that stand for it, an image token for each picture."""

    @abstractmethod
    def words(self, prompt: str, pictures: str) -> str:
        """The whole prompt. Raises InvalidRequest."""

    def params(self, values: Mapping[str, Any]) -> GenerationParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(GenerationParams, values, self.manifest)

    def preprocess(self, image: Image, params: GenerationParams) -> Prepared:
        """The pictures of the image, and the prompt as tokens. Raises InvalidRequest."""
        if self.image_token in params.prompt:
            raise InvalidRequest(
                f"A prompt has no {self.image_token}: the image is put in by itself.", parameter="prompt"
            )
        tensors, geometry, pictures = self.pictures(image)
        ids = self.tokenizer.plain(self.words(params.prompt, pictures))
        size = (geometry.width, geometry.height)
        return Prepared(tensors, geometry, size, ask=Asked(ids, params))

    def open(self) -> Writing:
        """A run of many steps that others may join."""
        return Writing(Loop(self._decoder, self.said, self._embed), self._begin)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """See all images, then write all texts together. Raises InferenceFailed."""
        return write(self.open(), batch)

    def postprocess(self, raw: Raw, prepared: Prepared, params: GenerationParams) -> WrittenText:
        """The answer. Raises DeadlineExceeded when nobody had waited for its end."""
        found = unpacked(raw)
        return replace(self.answer(found.text.strip(), prepared, params), generated=account(found))

    def answer(self, text: str, prepared: Prepared, params: GenerationParams) -> WrittenText:
        """What the text says."""
        del params
        return WrittenText(prepared.image, text)

    def said(self, ids: Sequence[int]) -> str:
        """Tokens as text."""
        return self.tokenizer.text(ids)

    def see(self, tensors: Mapping[str, Array]) -> Array:
        """[pictures, length, size] features of one image. Raises InferenceFailed."""
        inputs = self.vision.signature.inputs
        fed = {spec.name: tensors[spec.name][None].astype(numpy_dtype(spec), copy=False) for spec in inputs}
        features = self.vision.run(fed)[0]
        return features.reshape(-1, *features.shape[-2:])

    def _begin(self, batch: Sequence[Prepared]) -> tuple[list[Request], Mapping[str, Array]]:
        requests = []
        for item in batch:
            ids, embeds = self._joined(item.ask.ids, self.see(item.tensors))
            ask = ask_of(item.ask.params, self._options, len(ids))
            requests.append(Request(ids, ask, item.watch, embeds))
        return requests, {}

    def _joined(self, ids: Sequence[int], features: Array) -> tuple[list[int], Array]:
        """The sequence with as many image tokens as there are features, and its [length, size] embedding."""
        places = [at for at, token in enumerate(ids) if token == self._image_id]
        if len(places) != len(features):
            raise InferenceFailed(f"The model saw {len(features)} pictures where its prompt has {len(places)}.")
        counts = np.ones(len(ids), np.int64)
        counts[places] = features.shape[1]
        whole = np.repeat(np.array(ids, np.int64), counts)
        shown = whole == self._image_id
        embeds = self._embedded(np.where(shown, 0, whole)[None])[0].copy()
        embeds[shown] = features.reshape(-1, features.shape[-1])
        return whole.tolist(), embeds

    def _embed(self, ids: Array) -> Mapping[str, Array]:
        return {EMBEDS: self._embedded(ids)}

    def _embedded(self, ids: Array) -> Array:
        return self._embedder.run({self._embedder.signature.inputs[0].name: ids})[0]


class VisionWriterFamily(WriterFamily):
    """A family of such models but for its name, ``look``, ``matches_graphs`` and ``load``."""

    task = "lmm"
    layouts = (GRAPHS,)
    sees = VISION


def declares(session: Session, name: str) -> bool:
    """Whether the graph has such an input."""
    return any(spec.name == name for spec in session.signature.inputs)
