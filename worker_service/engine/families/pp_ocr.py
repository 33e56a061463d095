"""PP-OCR (PaddleOCR's nets as RapidOCR packs them): finds lines of text in an image and reads them.

``det.onnx`` answers a map of where text is, ``rec.onnx`` the characters of one line 48 pixels high. Either may be
missing: then boxes have no text, or the whole image is taken for one line. The alphabet is the metadata ``character``
of ``rec.onnx``, or ``dict.txt``; a blank comes before it and a space behind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine import ctc, texts
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.manifest import InputSpec, Manifest
from worker_service.engine.params import OcrParams, parse
from worker_service.engine.results import Detections
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import ReadText
from worker_service.engine.vision.fit import fit
from worker_service.engine.vision.text_boxes import SAME_LINE, Rules, boxes_in, cut_out
from worker_service.engine.visualise import with_boxes

DETECTOR, RECOGNISER, ALPHABET = "det.onnx", "rec.onnx", "dict.txt"
STEP = 32
"""Sides of the detector's input are multiples of it."""
MOST_SIDE = 4000
HEIGHT = 48
LEAST_RATIO, MOST_RATIO = 320 / 48, 64.0
"""Width over height of a line as it is fed; longer ones are squeezed."""
LINES = 6
"""Lines that are read in one run; together, they are as wide as the widest."""
MIDDLE = (0.5, 0.5, 0.5)


class Options(BaseModel):
    """``text`` in model.json: what counts as text. Defaults are RapidOCR's."""

    threshold: float = Field(0.3, ge=0, le=1)
    box_score: float = Field(0.5, ge=0, le=1)
    growth: float = Field(1.6, ge=0, le=10)
    dilate: bool = True


class PpOcrModel:
    """A loaded reader."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        graphs = package.manifest.graphs
        if DETECTOR not in graphs and RECOGNISER not in graphs:
            raise ModelLoadFailed(f"Family pp-ocr reads {DETECTOR} and {RECOGNISER}, or one of them.")
        self._detector = _open(package, runtime, DETECTOR)
        self._recogniser = _open(package, runtime, RECOGNISER)
        self._alphabet = _alphabet(package, self._recogniser) if self._recogniser is not None else ()
        self._rules = _rules(package.manifest)
        self.max_batch = runtime.max_batch
        self.bytes = package.bytes

    def params(self, values: Mapping[str, Any]) -> OcrParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(OcrParams, values, self.manifest)

    def preprocess(self, image: Image, params: OcrParams) -> Prepared:
        """Scale for the detector: the shorter side to the manifest's at least, nothing longer than 4000 pixels."""
        spec = self.manifest.input
        width, height = detector_size(image.shape[1], image.shape[0], spec)
        sized = spec.model_copy(update={"width": width, "height": height, "resize": "stretch"})
        tensor, geometry = fit(image, sized)
        kept = image if params.visualize else None
        return Prepared({"x": tensor}, geometry, (geometry.width, geometry.height), kept, ask=image)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Find the lines of each image, and read them. Raises InferenceFailed."""
        return [self._one(item) for item in batch]

    def warm_up(self) -> None:
        """Read a blank line: the detector finds none. Raises InferenceFailed."""
        if self._recogniser is not None:
            self._read([np.zeros((HEIGHT, HEIGHT, 3), np.uint8)])

    def postprocess(self, raw: Raw, prepared: Prepared, params: OcrParams) -> ReadText:
        """Lines that are sure enough, and the text that they make. Raises InferenceFailed."""
        boxes, scores, sure, data, ends = raw
        words = texts.unpacked(data, ends)
        if not len(boxes) == len(scores) == len(sure) == len(words):
            raise InferenceFailed("The model's boxes and texts do not add up.")
        reads = self._recogniser is not None
        kept = [i for i in range(len(boxes)) if (sure[i] >= params.confidence and words[i]) or not reads]
        corners = boxes[kept].reshape(-1, 4, 2)
        around = np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)
        labels = tuple(words[i] for i in kept)
        believed = (sure if reads else scores)[kept].astype(np.float32)
        found = Detections(prepared.image, around, believed, np.arange(len(kept)), labels)
        picture = with_boxes(found, prepared.pixels, params).visualization
        located = found if self._detector is not None else None
        return ReadText(prepared.image, _joined(labels, corners), located, visualization=picture)

    def _one(self, item: Prepared) -> Raw:
        image: Image = item.ask
        if self._detector is None:
            (width, height), score = item.image, np.ones(1, np.float32)
            boxes, scores = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32), score
            pieces = [image]
        else:
            name = self._detector.signature.inputs[0].name
            chances = self._detector.run({name: item.tensors["x"][None]})[0]
            if chances.ndim != 4 or chances.shape[:2] != (1, 1):
                raise InferenceFailed(f"The detector answers {list(chances.shape)} where [1, 1, h, w] was expected.")
            boxes, scores = boxes_in(chances[0, 0].astype(np.float32, copy=False), item.image, self._rules)
            pieces = [cut_out(image, corners) for corners in boxes] if self._recogniser is not None else []
        read = self._read(pieces) if pieces else [("", 0.0)] * len(boxes)
        sure = np.array([score for _, score in read], np.float32)
        return boxes, scores, sure, *texts.packed([text for text, _ in read])

    def _read(self, pieces: Sequence[Image]) -> list[tuple[str, float]]:
        """Text and score of each line. Lines of like length run together, so that little is filled up."""
        assert self._recogniser is not None  # noqa: S101 - asked before
        name = self._recogniser.signature.inputs[0].name
        ratios = [min(piece.shape[1] / piece.shape[0], MOST_RATIO) for piece in pieces]
        order = sorted(range(len(pieces)), key=ratios.__getitem__)
        read: dict[int, tuple[str, float]] = {}
        for start in range(0, len(order), LINES):
            chosen = order[start : start + LINES]
            width = int(HEIGHT * max(LEAST_RATIO, *(ratios[i] for i in chosen)))
            lines = np.stack([line(pieces[i], ratios[i], width, self.manifest.input) for i in chosen])
            steps = self._recogniser.run({name: lines})[0]
            if len(steps) != len(chosen):
                raise InferenceFailed(f"The recogniser answers {list(steps.shape)} to {len(chosen)} lines.")
            read |= {
                i: ctc.read(steps[at].astype(np.float32, copy=False), self._alphabet) for at, i in enumerate(chosen)
            }
        return [read[i] for i in range(len(pieces))]


def line(piece: Image, ratio: float, width: int, spec: InputSpec) -> npt.NDArray[np.float32]:
    """[3, 48, width], the piece on the left and zeros behind it."""
    wide = min(width, max(1, math.ceil(HEIGHT * ratio)))
    resized = cv2.resize(piece, (wide, HEIGHT)).astype(np.float32)
    if spec.channels == "rgb":
        resized = resized[..., ::-1]
    whole = np.zeros((3, HEIGHT, width), np.float32)
    whole[:, :, :wide] = (resized.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return whole


def detector_size(width: int, height: int, spec: InputSpec) -> tuple[int, int]:
    """What an image of that size is scaled to."""
    ratio = max(1.0, min(spec.width, spec.height) / min(width, height))
    ratio = min(ratio, MOST_SIDE / max(width, height))
    return tuple(max(STEP, round(int(side * ratio) / STEP) * STEP) for side in (width, height))  # type: ignore[return-value]


def _joined(lines: Sequence[str], corners: npt.NDArray[Any]) -> str:
    """Lines below one another, and what stands beside one another with a space between."""
    whole = ""
    for i, text in enumerate(lines):
        below = i > 0 and corners[i, 0, 1] - corners[i - 1, 0, 1] >= SAME_LINE
        whole += ("\n" if below else " " if i else "") + text
    return whole


def _open(package: Package, runtime: Runtime, name: str) -> Session | None:
    if name not in package.manifest.graphs:
        return None
    session = runtime.open(package.graph(name))
    if len(session.signature.inputs) != 1 or len(session.signature.inputs[0].shape) != 4:
        raise ModelLoadFailed(f"Family pp-ocr feeds {name} one image. Seen: {session.signature}.")
    return session


def _alphabet(package: Package, session: Session) -> tuple[str, ...]:
    """Blank, characters, space. Raises ModelLoadFailed when there are none, or not as many as the graph has classes."""
    if ALPHABET in package.manifest.files:
        characters = (package.root / ALPHABET).read_text(encoding="utf-8").rstrip("\r\n").replace("\r", "").split("\n")
    elif "character" in session.signature.metadata:
        characters = session.signature.metadata["character"].rstrip("\n").split("\n")
    else:
        raise ModelLoadFailed(f"{RECOGNISER} does not name its characters, and 'files' lists no {ALPHABET}.")
    classes = session.signature.outputs[0].fixed(2)
    whole = ("", *characters, " ")
    if classes is not None and classes == len(whole) - 1:
        return whole[:-1]
    if classes not in (None, len(whole)):
        raise ModelLoadFailed(f"{RECOGNISER} has {classes} classes; its alphabet makes {len(whole)}.")
    return whole


def _rules(manifest: Manifest) -> Rules:
    try:
        return Rules(**Options.model_validate((manifest.model_extra or {}).get("text", {})).model_dump())
    except ValidationError as error:
        raise ModelLoadFailed("'text' in model.json has threshold, box_score, growth and dilate.") from error


class PpOcrFamily:
    """Packages have to name it: two graphs that know nothing of one another."""

    name = "pp-ocr"
    task = "ocr"

    def matches(self, signature: GraphSignature) -> float | None:
        """Never: one graph alone is half of it."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """RapidOCR's settings."""
        del signature
        return Guess(classes=0, input={"width": 736, "height": 736, "channels": "bgr", "mean": MIDDLE, "std": MIDDLE})

    def load(self, package: Package, runtime: Runtime) -> Model[OcrParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return PpOcrModel(package, runtime)


FAMILY: Family = PpOcrFamily()
