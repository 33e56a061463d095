"""docTR: finds the words of a page and reads them.

``detection.onnx`` answers logits of where words are (DBNet, LinkNet, FAST), ``recognition.onnx`` logits of the
characters of one word, 32 x 128 pixels: step by step with a blank (CRNN), or up to an end (ViTSTR, PARSeq, SAR).
The alphabet is ``vocab.txt``, one line, or docTR's usual one.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from pydantic import BaseModel, Field, ValidationError

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine import texts
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.manifest import InputSpec
from worker_service.engine.params import OcrParams, parse
from worker_service.engine.results import Detections
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import ReadText
from worker_service.engine.vision import wide_words
from worker_service.engine.vision.fit import fit
from worker_service.engine.vision.words import Rules, lines_of, words_in
from worker_service.engine.visualise import with_boxes

DETECTOR, RECOGNISER, ALPHABET = "detection.onnx", "recognition.onnx", "vocab.txt"
SIDE = 1024
PAGE = {"mean": (0.798, 0.785, 0.772), "std": (0.264, 0.2749, 0.287)}
WORD = {"width": 128, "height": 32, "mean": (0.694, 0.695, 0.693), "std": (0.299, 0.296, 0.301)}
USUAL = string.digits + string.ascii_letters + string.punctuation + "°£€¥¢฿" + "àâéèêëîïôùûüçÀÂÉÈÊËÎÏÔÙÛÜÇ"
"""docTR's vocabulary ``french``, that of its trained recognisers."""
TOGETHER = 32
"""Words that are read in one run, whatever pages they are from."""
PIXELS_PER_STEP = 4
"""Of recognisers with a blank; those that write up to an end have steps for one character each."""


class Options(BaseModel):
    """``text`` in model.json. Defaults are those of docTR's DBNet; LinkNet has threshold 0.1, FAST growth 1.0 too."""

    threshold: float = Field(0.3, gt=0, lt=1)
    box_score: float = Field(0.1, ge=0, le=1)
    growth: float = Field(1.5, ge=0, le=10)
    decoder: Literal["ctc", "end"] | None = None


class DoctrModel:
    """A loaded reader."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        options = _options(package)
        detector, recogniser = _open(package, runtime, DETECTOR), _open(package, runtime, RECOGNISER)
        self._names = detector.signature.inputs[0].name, recogniser.signature.inputs[0].name
        self._detector = Batcher(detector, runtime.max_batch)
        self._recogniser = Batcher(recogniser, max(TOGETHER, runtime.max_batch))
        self._alphabet = _alphabet(package, recogniser)
        image = recogniser.signature.inputs[0]
        self._word = _word(image.fixed(3), image.fixed(2))
        decoder = options.decoder or self._decoder()
        self._read = _with_blank if decoder == "ctc" else _to_the_end
        self._rules = Rules(options.threshold, options.box_score, options.growth)
        self.max_batch = self._detector.max_batch
        self._file_bytes = package.bytes

    @property
    def bytes(self) -> int:
        """Files plus a page and input buffers."""
        page = 12 * self.manifest.input.width * self.manifest.input.height
        return self._file_bytes + page + self._detector.bytes + self._recogniser.bytes

    def params(self, values: Mapping[str, Any]) -> OcrParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(OcrParams, values, self.manifest)

    def preprocess(self, image: Image, params: OcrParams) -> Prepared:
        """The page in its proportions in the middle of black."""
        tensor, geometry = fit(inside(image, self.manifest.input, middle=True), self.manifest.input)
        size = (image.shape[1], image.shape[0])
        return Prepared({self._names[0]: tensor}, geometry, size, image if params.visualize else None, ask=image)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Find the words of each page, and read those of all pages together. Raises InferenceFailed."""
        pages = [self._words(row[0], item) for row, item in zip(self._run_detector(batch), batch, strict=True)]
        pieces = [wide_words.cut(word) for _, _, words in pages for word in words]
        read = iter(self._texts([piece for several, _ in pieces for piece in several]))
        whole = iter([_together([next(read) for _ in several], last) for several, last in pieces])
        answers: list[Raw] = []
        for boxes, scores, words in pages:
            said = [next(whole) for _ in words]
            sure = np.array([score for _, score in said], np.float32)
            answers.append((boxes, scores, sure, *texts.packed([text for text, _ in said])))
        return answers

    def warm_up(self) -> None:
        """Read a blank word: the detector finds none. Raises InferenceFailed."""
        self._texts([np.zeros((self._word.height, self._word.width, 3), np.uint8)])

    def postprocess(self, raw: Raw, prepared: Prepared, params: OcrParams) -> ReadText:
        """Words that are sure enough, in lines from top to bottom. Raises InferenceFailed."""
        boxes, _, sure, data, ends = raw
        words = texts.unpacked(data, ends)
        if boxes.shape != (len(words), 4) or not len(boxes) == len(sure) == len(words):
            raise InferenceFailed("The model's boxes and texts do not add up.")
        width, height = prepared.image
        lines = [
            [i for i in line if words[i] and sure[i] >= params.confidence] for line in lines_of(boxes, height / width)
        ]
        kept = [i for line in lines for i in line]
        around = (boxes[kept] * (width, height, width, height)).astype(np.float32).reshape(-1, 4)
        labels = tuple(words[i] for i in kept)
        found = Detections(prepared.image, around, sure[kept].astype(np.float32), np.arange(len(kept)), labels)
        text = "\n".join(" ".join(words[i] for i in line) for line in lines if line)
        picture = with_boxes(found, prepared.pixels, params).visualization
        return ReadText(prepared.image, text, found, visualization=picture)

    def _decoder(self) -> str:
        """By the steps that the recogniser takes over a blank word."""
        blank = np.zeros((3, self._word.height, self._word.width), np.float32)
        ((steps, *_),) = self._recogniser.run([{self._names[1]: blank}])
        return "ctc" if steps.shape[0] * PIXELS_PER_STEP == self._word.width else "end"

    def _run_detector(self, batch: Sequence[Prepared]) -> list[Raw]:
        rows = self._detector.run([item.tensors for item in batch])
        for row in rows:
            if row[0].ndim != 3 or row[0].shape[0] != 1:
                raise InferenceFailed(f"The detector answers {list(row[0].shape)} to a page; expected [1, h, w].")
        return rows

    def _words(
        self, logits: npt.NDArray[Any], item: Prepared
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], list[Image]]:
        """Boxes in shares of the page, scores, and pixels."""
        chances = 1 / (1 + np.exp(-logits[0].astype(np.float32, copy=False)))
        boxes, scores = words_in(chances, self._rules)
        width, height = item.image
        boxes = _without_border(boxes, width, height)
        low_high = np.round(boxes * (width, height, width, height)).astype(int)
        kept = np.flatnonzero((low_high[:, 0] < width) & (low_high[:, 1] < height))
        pieces = [item.ask[y0 : y1 + 1, x0 : x1 + 1] for x0, y0, x1, y1 in low_high[kept].tolist()]
        return boxes[kept], scores[kept], pieces

    def _texts(self, pieces: Sequence[Image]) -> list[tuple[str, float]]:
        if not pieces:
            return []
        tensors = [{self._names[1]: fit(inside(piece, self._word, middle=False), self._word)[0]} for piece in pieces]
        rows = [row[0].astype(np.float32, copy=False) for row in self._recogniser.run(tensors)]
        if any(row.ndim != 2 or row.shape[1] != len(self._alphabet) + 1 for row in rows):
            raise InferenceFailed(
                f"{RECOGNISER} answers {list(rows[0].shape)}; its alphabet has {len(self._alphabet)}."
            )
        return [self._read(_softmax(row), self._alphabet) for row in rows]


def inside(image: Image, spec: InputSpec, *, middle: bool) -> Image:
    """The image in its proportions on black of the input's size: in the middle, or in the upper left corner.

    Sizes are cut to whole pixels, and an odd border is wider at the left and above, as docTR does it.
    """
    rows, cols = image.shape[:2]
    width, height = spec.width, spec.height
    if rows * width > cols * height:
        width = max(1, int(height / (rows / cols)))
    elif rows * width < cols * height:
        height = max(1, int(width * (rows / cols)))
    resized = _resized(image, (width, height))
    across, down = spec.width - width, spec.height - height
    left, top = ((across + 1) // 2, (down + 1) // 2) if middle else (0, 0)
    edges = (top, down - top, left, across - left)
    return np.asarray(cv2.copyMakeBorder(resized, *edges, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8)


def _resized(image: Image, size: tuple[int, int]) -> Image:
    """Filtered in floats and rounded once, as torch does it: recognisers tell letters apart by little."""
    filtered = [
        Pillow.fromarray(plane.astype(np.float32)).resize(size, Pillow.Resampling.BILINEAR)
        for plane in cv2.split(image)
    ]
    planes = [np.asarray(plane) for plane in filtered]
    return np.asarray(np.rint(np.stack(planes, axis=-1)), np.uint8)


def _without_border(boxes: npt.NDArray[Any], width: int, height: int) -> npt.NDArray[Any]:
    """Boxes in shares of the square page to shares of the image in its middle."""
    axes, longer, shorter = ([0, 2], height, width) if height > width else ([1, 3], width, height)
    boxes[:, axes] = (boxes[:, axes] - 0.5) * longer / shorter + 0.5
    return np.asarray(np.clip(boxes, 0, 1))


def _with_blank(steps: npt.NDArray[np.float32], alphabet: str) -> tuple[str, float]:
    """The likeliest path; as sure as its least sure step, blanks included. The blank is the last class."""
    best = [int(i) for i, _ in groupby(steps.argmax(1))]
    return "".join(alphabet[i] for i in best if i < len(alphabet)), float(steps.max(1).min())


def _to_the_end(steps: npt.NDArray[np.float32], alphabet: str) -> tuple[str, float]:
    """The likeliest characters up to the end, the last class; the mean of their chances."""
    best = steps.argmax(1).tolist()
    text = "".join(alphabet[i] for i in best[: best.index(len(alphabet)) if len(alphabet) in best else None])
    return text, float(steps.max(1)[: len(text)].mean()) if text else 0.0


def _together(read: Sequence[tuple[str, float]], last: float) -> tuple[str, float]:
    """The text and score of a word from those of its pieces."""
    return wide_words.joined([text for text, _ in read], last), float(np.mean([score for _, score in read]))


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True), np.float32)


def _word(width: int | None, height: int | None) -> InputSpec:
    own = {name: value for name, value in (("width", width), ("height", height)) if value}
    return InputSpec.model_validate({**WORD, "resize": "stretch", **own})


def _open(package: Package, runtime: Runtime, name: str) -> Session:
    if name not in package.manifest.graphs:
        raise ModelLoadFailed(f"Family doctr reads {DETECTOR} and {RECOGNISER}. Missing: {name}.")
    session = runtime.open(package.graph(name))
    if not _takes_an_image(session.signature):
        raise ModelLoadFailed(f"Family doctr feeds {name} one image. Seen: {session.signature}.")
    return session


def _alphabet(package: Package, recogniser: Session) -> str:
    """Raises ModelLoadFailed when it is not as long as the graph has classes, but for one."""
    own = ALPHABET in package.manifest.files
    alphabet = (package.root / ALPHABET).read_text(encoding="utf-8").strip("\r\n") if own else USUAL
    classes = recogniser.signature.outputs[0].fixed(2)
    if classes not in (None, len(alphabet) + 1):
        where = ALPHABET if own else f"docTR's usual alphabet (there is no {ALPHABET})"
        raise ModelLoadFailed(f"{RECOGNISER} has {classes} classes; {where} makes {len(alphabet) + 1}.")
    return alphabet


def _options(package: Package) -> Options:
    try:
        return Options.model_validate((package.manifest.model_extra or {}).get("text", {}))
    except ValidationError as error:
        raise ModelLoadFailed("'text' in model.json has threshold, box_score, growth and decoder.") from error


def _takes_an_image(signature: GraphSignature) -> bool:
    return [len(spec.shape) for spec in signature.inputs] == [4]


class DoctrFamily:
    """Packages name it, or their graphs have these names."""

    name = "doctr"
    task = "ocr"
    layouts = ((DETECTOR, RECOGNISER),)

    def matches(self, signature: GraphSignature) -> float | None:
        """Never: one graph alone is half of it."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """docTR's settings, by the detector."""
        image = signature.inputs[0] if _takes_an_image(signature) else None
        size = {"width": (image and image.fixed(3)) or SIDE, "height": (image and image.fixed(2)) or SIDE}
        way = {"resize": "stretch", "interpolation": "antialias-linear"}
        thresholds = {"thresholds": {"confidence": 0.0}}
        return Guess(classes=0, input={**size, **way, **PAGE}, fields=thresholds, beside=(ALPHABET,))

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for a map of one class, and steps of classes."""
        detector, recogniser = graphs[DETECTOR], graphs[RECOGNISER]
        if not _takes_an_image(detector) or not _takes_an_image(recogniser):
            return None
        shapes = [len(graph.outputs[0].shape) for graph in (detector, recogniser)]
        return 1.0 if shapes == [4, 3] and detector.outputs[0].fixed(1) in (1, None) else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The same."""
        return self.guess(graphs[DETECTOR])

    def load(self, package: Package, runtime: Runtime) -> Model[OcrParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return DoctrModel(package, runtime)


FAMILY: Family = DoctrFamily()
