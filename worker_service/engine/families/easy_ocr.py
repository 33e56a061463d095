"""EasyOCR: finds words, puts them together to lines and reads them.

``craft.onnx`` answers maps of characters and of the links between them (CRAFT), ``crnn.onnx`` logits of the characters
of a line 64 pixels high, step by step, the blank first. The alphabet is ``characters.txt``, one line;
``languages.json`` says which of its characters belong to each language.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine import ctc, texts
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.params import EasyOcrParams, parse
from worker_service.engine.results import Detections
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import ReadText
from worker_service.engine.vision import craft, grey_lines
from worker_service.engine.vision.fit import fit
from worker_service.engine.vision.grouping import lines_of
from worker_service.engine.visualise import with_boxes

DETECTOR, RECOGNISER = "craft.onnx", "crnn.onnx"
ALPHABET, LANGUAGES = "characters.txt", "languages.json"
STEP = 32
"""Sides of the detector's input are multiples of it."""
CELL = 2
"""Input pixels per cell of its maps."""
UNSURE = 0.1
"""Score below which a line is tried again with more contrast."""
TOGETHER = 8
"""Lines of one width that are read in one run."""
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
Read = tuple[str, float]


class Options(BaseModel):
    """``text`` in model.json: EasyOCR's thresholds, and the longest side of a picture as it is searched."""

    text_threshold: float = Field(0.7, gt=0, le=1)
    link_threshold: float = Field(0.4, gt=0, le=1)
    low_text: float = Field(0.4, gt=0, le=1)
    canvas: int = Field(2560, ge=STEP, le=8192)


class EasyOcrModel:
    """A loaded reader."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        options = _options(package)
        self._rules = craft.Rules(options.text_threshold, options.link_threshold, options.low_text)
        self._canvas = options.canvas
        self._detector = _open(package, runtime, DETECTOR, 3)
        self._recogniser = _open(package, runtime, RECOGNISER, 1)
        self._alphabet = _alphabet(package, self._recogniser)
        self._languages = _languages(package)
        self.max_batch = runtime.max_batch
        self.bytes = package.bytes + 12 * self.manifest.input.width * self.manifest.input.height

    def params(self, values: Mapping[str, Any]) -> EasyOcrParams:
        """Check a request's parameters. Raises InvalidRequest, also for a language that the model does not read."""
        params = parse(EasyOcrParams, values, self.manifest)
        unknown = sorted(set(params.languages or ()) - set(self._languages)) if self._languages else []
        if unknown:
            raise InvalidRequest(
                f"The model {self.manifest.id} reads {', '.join(sorted(self._languages))}, not {', '.join(unknown)}.",
                parameter="languages",
            )
        return params

    def preprocess(self, image: Image, params: EasyOcrParams) -> Prepared:
        """In its proportions at its own size, if it is not too long, on black up to whole steps."""
        rows, columns = image.shape[:2]
        ratio = min(max(rows, columns), self._canvas) / max(rows, columns)
        width, height = max(1, int(columns * ratio)), max(1, int(rows * ratio))
        scaled = image if ratio == 1 else cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        edges = (0, -height % STEP, 0, -width % STEP)
        canvas = np.asarray(cv2.copyMakeBorder(scaled, *edges, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8)
        sized = {"width": canvas.shape[1], "height": canvas.shape[0], "resize": "stretch"}
        tensor, geometry = fit(canvas, self.manifest.input.model_copy(update=sized))
        pixels = image if params.visualize else None
        ask = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), CELL / ratio, self._ignored(params))
        return Prepared({self._detector.signature.inputs[0].name: tensor}, geometry, (columns, rows), pixels, ask=ask)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Find the lines of each picture, and read those of all pictures by their widths. Raises InferenceFailed."""
        found = [self._lines(item) for item in batch]
        lines = [(piece, item.ask[2]) for (pieces, _), item in zip(found, batch, strict=True) for piece in pieces]
        read = iter(self._read(lines))
        answers: list[Raw] = []
        for pieces, corners in found:
            said = [next(read) for _ in pieces]
            sure = np.array([score for _, score in said], np.float32)
            answers.append((corners, sure, *texts.packed([text for text, _ in said])))
        return answers

    def warm_up(self) -> None:
        """Read a blank line: the detector finds none. Raises InferenceFailed."""
        blank = np.zeros((grey_lines.HEIGHT, grey_lines.HEIGHT), np.uint8)
        self._once([(grey_lines.Line(blank, 1.0), np.zeros(0, np.intp))])

    def postprocess(self, raw: Raw, prepared: Prepared, params: EasyOcrParams) -> ReadText:
        """Lines that were read surely enough, level ones first, and the text that they make. Raises InferenceFailed."""
        corners, sure, data, ends = raw
        words = texts.unpacked(data, ends)
        if corners.shape != (len(words), 4, 2) or len(sure) != len(words):
            raise InferenceFailed("The model's boxes and texts do not add up.")
        kept = [i for i, word in enumerate(words) if word and sure[i] >= params.confidence]
        quads = corners[kept].reshape(-1, 4, 2)
        around = np.concatenate([quads.min(1), quads.max(1)], axis=1)
        around = np.clip(around, 0, np.tile(prepared.image, 2)).astype(np.float32)
        labels = tuple(words[i] for i in kept)
        boxes = Detections(prepared.image, around, sure[kept], np.arange(len(kept)), labels)
        picture = with_boxes(boxes, prepared.pixels, params).visualization
        return ReadText(prepared.image, " ".join(labels), boxes, visualization=picture)

    def _ignored(self, params: EasyOcrParams) -> npt.NDArray[np.intp]:
        """Classes of characters that no language of the request has."""
        if not self._languages or params.languages is None:
            return np.zeros(0, np.intp)
        wanted = {character for name in params.languages for character in self._languages[name]}
        return np.array([i for i, character in enumerate(self._alphabet) if i and character not in wanted], np.intp)

    def _lines(self, item: Prepared) -> tuple[list[grey_lines.Line], npt.NDArray[np.float64]]:
        """Pixels and corners [n, 4, 2] of each line, level ones first."""
        ((name, image),) = item.tensors.items()
        maps = self._detector.run({name: image[None]})[0]
        if maps.ndim != 4 or maps.shape[0] != 1 or maps.shape[3] != CELL:
            raise InferenceFailed(f"{DETECTOR} answers {list(maps.shape)}; expected [1, h, w, 2].")
        characters, links = np.ascontiguousarray(np.moveaxis(maps[0].astype(np.float32, copy=False), 2, 0))
        grey, scale, _ = item.ask
        words = craft.words_in(characters, links, self._rules)
        level, tilted = lines_of((words * scale).astype(np.float32).astype(np.int32))
        found = [grey_lines.level(grey, box) for box in level]
        found += [(grey_lines.tilted(grey, corners), corners) for corners in tilted]
        seen = [(piece, corners) for piece, corners in found if piece is not None]
        return [piece for piece, _ in seen], np.array([corners for _, corners in seen], np.float64).reshape(-1, 4, 2)

    def _read(self, lines: Sequence[tuple[grey_lines.Line, npt.NDArray[np.intp]]]) -> list[Read]:
        """Each line, and once more with more contrast where that was unsure; the surer of both, rather the second."""
        read = self._once(lines)
        again = [i for i, (_, score) in enumerate(read) if score < UNSURE]
        brighter = self._once([(grey_lines.contrasted(lines[i][0]), lines[i][1]) for i in again])
        for i, second in zip(again, brighter, strict=True):
            read[i] = read[i] if read[i][1] > second[1] else second
        return read

    def _once(self, lines: Sequence[tuple[grey_lines.Line, npt.NDArray[np.intp]]]) -> list[Read]:
        by_width: defaultdict[int, list[int]] = defaultdict(list)
        for i, (piece, _) in enumerate(lines):
            by_width[grey_lines.room(piece)].append(i)
        read: dict[int, Read] = {}
        name = self._recogniser.signature.inputs[0].name
        for width, same in by_width.items():
            for start in range(0, len(same), TOGETHER):
                chosen = same[start : start + TOGETHER]
                steps = self._recogniser.run(
                    {name: np.stack([grey_lines.tensor(lines[i][0].pixels, width) for i in chosen])}
                )[0]
                if steps.ndim != 3 or len(steps) != len(chosen) or steps.shape[2] != len(self._alphabet):
                    raise InferenceFailed(f"{RECOGNISER} answers {list(steps.shape)} to {len(chosen)} lines.")
                for i, logits in zip(chosen, steps, strict=True):
                    read[i] = text_of(logits.astype(np.float32, copy=False), lines[i][1], self._alphabet)
        return [read[i] for i in range(len(lines))]


def text_of(logits: npt.NDArray[np.float32], ignored: npt.NDArray[np.intp], alphabet: tuple[str, ...]) -> Read:
    """The likeliest path of [steps, classes] through characters that count, and EasyOCR's score of it.

    That is the product of the chances of all steps that are no blank, to the power of two by the root of their number.
    """
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    chances[:, ignored] = 0
    chances /= chances.sum(1, keepdims=True)
    text, _ = ctc.read(chances, alphabet)
    best = chances.max(1)[chances.argmax(1) != ctc.BLANK]
    return text, float(best.prod() ** (2 / np.sqrt(len(best)))) if len(best) else 0.0


def _open(package: Package, runtime: Runtime, name: str, channels: int) -> Session:
    if name not in package.manifest.graphs:
        raise ModelLoadFailed(f"Family easy-ocr reads {DETECTOR} and {RECOGNISER}. Missing: {name}.")
    session = runtime.open(package.graph(name))
    if not _takes(session.signature, channels):
        raise ModelLoadFailed(
            f"{name} takes pictures of {channels} channel(s) and any width. Seen: {session.signature}."
        )
    return session


def _takes(signature: GraphSignature, channels: int) -> bool:
    """Whether it is fed one picture of that many channels whose width is open."""
    image = signature.inputs[0]
    return (
        len(signature.inputs) == 1 and len(image.shape) == 4 and image.fixed(1) == channels and image.fixed(3) is None
    )


def _alphabet(package: Package, recogniser: Session) -> tuple[str, ...]:
    """The blank and the characters. Raises ModelLoadFailed when they are not as many as the graph has classes."""
    if ALPHABET not in package.manifest.files:
        raise ModelLoadFailed(f"Family easy-ocr reads its characters from {ALPHABET}, which 'files' does not list.")
    alphabet = ("", *(package.root / ALPHABET).read_text(encoding="utf-8").strip("\r\n"))
    classes = recogniser.signature.outputs[0].fixed(2)
    if classes not in (None, len(alphabet)):
        raise ModelLoadFailed(f"{RECOGNISER} has {classes} classes; {ALPHABET} and the blank make {len(alphabet)}.")
    return alphabet


def _languages(package: Package) -> dict[str, str]:
    if LANGUAGES not in package.manifest.files:
        return {}
    try:
        return TypeAdapter(dict[str, str]).validate_python(json.loads((package.root / LANGUAGES).read_bytes()))
    except (ValidationError, ValueError) as error:
        raise ModelLoadFailed(f"{LANGUAGES} maps each language's code to its characters.") from error


def _options(package: Package) -> Options:
    try:
        return Options.model_validate((package.manifest.model_extra or {}).get("text", {}))
    except ValidationError as error:
        raise ModelLoadFailed(
            "'text' in model.json has text_threshold, link_threshold, low_text and canvas."
        ) from error


class EasyOcrFamily:
    """Packages name it, or their graphs have these names."""

    name = "easy-ocr"
    task = "ocr"
    layouts = ((DETECTOR, RECOGNISER),)

    def matches(self, signature: GraphSignature) -> float | None:
        """Never: one graph alone is half of it."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """CRAFT's settings; the size is that of the first run."""
        del signature
        image = {"width": 640, "height": 640, "resize": "stretch", "pad": 0, **IMAGENET}
        return Guess(classes=0, input=image, fields={"thresholds": {"confidence": 0.0}}, beside=(ALPHABET, LANGUAGES))

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for a picture of three channels and a grey one."""
        return 1.0 if _takes(graphs[DETECTOR], 3) and _takes(graphs[RECOGNISER], 1) else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The same."""
        return self.guess(graphs[DETECTOR])

    def load(self, package: Package, runtime: Runtime) -> Model[EasyOcrParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return EasyOcrModel(package, runtime)


FAMILY: Family = EasyOcrFamily()
