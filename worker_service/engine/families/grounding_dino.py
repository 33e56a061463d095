"""GroundingDINO: an image and a caption in, for each of its queries a box and a score for each token of the caption.

Two layouts: Hugging Face's (``pixel_values``, ``input_ids``, ``token_type_ids``, ``attention_mask``, ``pixel_mask`` to
``logits`` [batch, queries, 256] and ``pred_boxes``), and that of its authors (``img``, ``input_ids``, ...,
``position_ids``, ``text_token_mask`` to ``logits`` and ``boxes``). A box's score is that of its best token; it answers
to the text of which the best token is, provided that it passes ``text_threshold``, as transformers' phrases do.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.open_vocabulary import TASK, Array, Asked, OpenModel, OpenParams, no_extras
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.tokens import FILE, Tokenizer
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import sigmoid
from worker_service.engine.vision.nms import centre_to_corners

IDS, MASK, TYPES, PLACES, BLOCKS, PIXELS = (
    *("input_ids", "attention_mask", "token_type_ids", "position_ids", "text_token_mask", "pixel_mask"),
)
MOST_TOKENS = 256
INPUT = {
    "resize": "stretch",
    "interpolation": "antialias-linear",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


class GroundingDinoModel(OpenModel):
    """A loaded GroundingDINO."""

    def __init__(self, package: Package, session: Session, runtime: Runtime) -> None:
        super().__init__(package, session, runtime)
        if not is_grounding(session.signature):
            raise ModelLoadFailed(f"Family grounding-dino reads images and {IDS}. Seen: {session.signature}.")
        # One at a time: an image's answers must not depend on its neighbours, and exports differ in what they bake in.
        self._batcher = Batcher(session, 1)
        outputs = [spec.name for spec in session.signature.outputs]
        self._logits = outputs.index("logits")
        self._boxes = next(i for i, name in enumerate(outputs) if name in ("pred_boxes", "boxes"))
        self._names = {spec.name for spec in session.signature.inputs}
        self._tokenizer = Tokenizer(package)

    @override
    def told(self, texts: tuple[str, ...], params: OpenParams) -> dict[str, Array]:
        ids, _ = self._caption(texts)
        count = len(ids)
        blocks, places = phrases(ids, self._delimiters())
        spec = self.manifest.input
        rows: dict[str, Array] = {
            IDS: np.array(ids, np.int64),
            MASK: np.ones(count, np.int64),
            TYPES: np.zeros(count, np.int64),
            PLACES: places,
            BLOCKS: blocks,
            PIXELS: np.ones((spec.height, spec.width), np.int64),
        }
        return {name: row for name, row in rows.items() if name in self._names}

    @override
    def decode(self, raw: Raw, prepared: Asked, params: OpenParams) -> Candidates:
        logits, boxes = raw[self._logits], raw[self._boxes]
        ids, owners = self._caption(prepared.texts)
        if logits.ndim != 2 or logits.shape[1] < len(ids) or boxes.shape != (len(logits), 4):
            raise InferenceFailed(f"The model answers logits {list(logits.shape)} and boxes {list(boxes.shape)}.")
        scores = sigmoid(logits.astype(np.float32))
        best = scores.max(axis=1)
        # The first and the last token stand for no word.
        words = scores[:, : len(ids)] * (np.arange(len(ids)) > 0) * (np.arange(len(ids)) < logits.shape[1] - 1)
        least = np.float32(params.confidence if params.text_threshold is None else params.text_threshold)
        words = np.where(owners >= 0, words, 0)
        kept = np.flatnonzero((best > params.floor) & (words.max(axis=1) > least))
        spec = self.manifest.input
        corners = centre_to_corners(boxes[kept].astype(np.float32)) * np.array(
            [spec.width, spec.height, spec.width, spec.height], np.float32
        )
        found = Candidates(corners, best[kept], owners[words[kept].argmax(axis=1)], no_extras(len(kept)))
        return found.best(params.max_candidates)

    def _delimiters(self) -> frozenset[int]:
        """Tokens between phrases."""
        return frozenset(self._tokenizer.numbers("[CLS]", "[SEP]", ".", "?"))

    def _caption(self, texts: tuple[str, ...]) -> tuple[list[int], Array]:
        """Token ids of all texts with full stops between them, and for each token the text that it is of, or -1.

        Raises InvalidRequest when they are more than the model reads.
        """
        caption, spans = "", []
        for text in texts:
            cleaned = text.strip().lower().rstrip(".").strip()
            spans.append((len(caption), len(caption) + len(cleaned)))
            caption += f"{cleaned}. "
        ids, offsets = self._tokenizer.placed(caption.strip())
        if len(ids) > MOST_TOKENS:
            raise InvalidRequest(f"The texts are {len(ids)} tokens together; the model reads {MOST_TOKENS} at most.")
        owners = np.full(len(ids), -1, np.int64)
        for token, (begin, end) in enumerate(offsets):
            for number, (first, last) in enumerate(spans):
                if begin < end and first <= begin and end <= last:
                    owners[token] = number
        return ids, owners


def phrases(ids: list[int], delimiters: frozenset[int]) -> tuple[Array, Array]:
    """Which tokens may see each other [n, n], and the place of each in its phrase [n], as the authors' code has it."""
    count = len(ids)
    blocks, places = np.eye(count, dtype=np.bool_), np.zeros(count, np.int64)
    before = 0
    for column in (i for i, token in enumerate(ids) if token in delimiters):
        if column not in (0, count - 1):
            blocks[before + 1 : column + 1, before + 1 : column + 1] = True
            places[before + 1 : column + 1] = np.arange(column - before)
        before = column
    return blocks, places


def is_grounding(signature: GraphSignature) -> bool:
    """Whether a graph takes an image and tokens, and answers logits and boxes."""
    inputs, outputs = ({spec.name for spec in side} for side in (signature.inputs, signature.outputs))
    detects = "logits" in outputs and bool(outputs & {"pred_boxes", "boxes"})
    return {IDS, TYPES} <= inputs and detects


class GroundingDinoFamily:
    """Recognises both layouts by their names."""

    name = "grounding-dino"
    task = TASK

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 for the names of either layout."""
        return 1.0 if is_grounding(signature) else None

    def guess(self, signature: GraphSignature) -> Guess:
        """800 x 800, as Roboflow has it, unless the graph has another size."""
        image = next(spec for spec in signature.inputs if len(spec.shape) == 4)
        size = {"width": image.fixed(3) or 800, "height": image.fixed(2) or 800}
        return Guess(classes=0, input={**INPUT, **size}, beside=(FILE,))

    def load(self, package: Package, runtime: Runtime) -> Model[OpenParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return GroundingDinoModel(package, runtime.open(package.graph()), runtime)


FAMILY: Family = GroundingDinoFamily()
