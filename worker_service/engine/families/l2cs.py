"""L2CS: where faces look. ``gaze.onnx`` reads a face and answers yaw and pitch, in radians or as logits of 90 bins of
four degrees; ``face.onnx``, YuNet, finds the faces. Without it each picture is taken for one face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.gaze_results import Gazes
from worker_service.engine.manifest import InputSpec
from worker_service.engine.params import GazeParams, parse
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision import yunet
from worker_service.engine.vision.fit import Geometry, fit
from worker_service.engine.visualise import with_gazes

FACES, GAZE, ALONE = "face.onnx", "gaze.onnx", "weights.onnx"
SIDE, FIRST_SIDE = 448, 224
"""Pixels of a face as it is fed, and those that it is brought to before, as where L2CS comes from."""
BINS, STEP, LEAST = 90, 4.0, -180.0
"""Of an angle: how many, how wide each is, and where the first one is, in degrees."""
FACE_INPUT = InputSpec(width=yunet.SIDE, height=yunet.SIDE, resize="stretch", channels="bgr", scale=1.0, pad=0)
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
Floats = npt.NDArray[np.float32]


class L2csModel:
    """A loaded L2CS, with or without a detector of faces."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        name = GAZE if GAZE in package.manifest.graphs else ALONE
        if name not in package.manifest.graphs:
            raise ModelLoadFailed(f"Family l2cs reads {GAZE} and {FACES}. Missing: {GAZE}.")
        session = runtime.open(package.graph(name))
        if angles_of(session.signature) is None:
            raise ModelLoadFailed(f"{name} answers yaw and pitch of a face. Seen: {session.signature}.")
        self._order = angles_of(session.signature) or (0, 1)
        self._input = session.signature.inputs[0].name
        self._gaze = Batcher(session, runtime.max_batch)
        self._faces = _faces(package, runtime) if FACES in package.manifest.graphs else None
        self.max_batch = runtime.max_batch
        self._file_bytes = package.bytes

    @property
    def bytes(self) -> int:
        """Files plus input buffers."""
        return self._file_bytes + self._gaze.bytes + (12 * yunet.SIDE**2 if self._faces is not None else 0)

    def params(self, values: Mapping[str, Any]) -> GazeParams:
        """Check a request's parameters. Raises InvalidRequest, also when faces cannot be looked for."""
        params = parse(GazeParams, values, self.manifest)
        if params.find_faces and self._faces is None:
            raise InvalidRequest(
                f"The model {self.manifest.id} has no {FACES}: send pictures of one face each with "
                "do_run_face_detection false, or add a folder of both graphs.",
                parameter="find_faces",
            )
        return params

    def preprocess(self, image: Image, params: GazeParams) -> Prepared:
        """For the detector of faces, if there is one and it is wanted."""
        rows, columns = image.shape[:2]
        size, pixels = (columns, rows), image if params.visualize else None
        if self._faces is None or params.find_faces is False:
            return Prepared({}, Geometry(1.0, 1.0, 0, 0, columns, rows), size, pixels, ask=(image, params))
        spec = self._faces.signature.inputs[0]
        fixed = (spec.fixed(3), spec.fixed(2))
        filled, geometry = yunet.canvas(image, (fixed[0] or yunet.SIDE, fixed[1] or yunet.SIDE), fixed)
        sized = FACE_INPUT.model_copy(update={"width": filled.shape[1], "height": filled.shape[0]})
        return Prepared({spec.name: fit(filled, sized)[0]}, geometry, size, pixels, ask=(image, params))

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Find the faces of each picture, and where those of all pictures look. Raises InferenceFailed."""
        found = [self._found(item) for item in batch]
        crops = [crop(item.ask[0], box) for item, (boxes, _, _) in zip(batch, found, strict=True) for box in boxes]
        tensors = [{self._input: fit(face, self.manifest.input)[0]} for face in crops]
        angles = iter([self._angles(row) for row in self._gaze.run(tensors)])
        return [(*faces, np.array([next(angles) for _ in faces[0]], np.float32).reshape(-1, 2)) for faces in found]

    def warm_up(self) -> None:
        """Look at a blank face: the detector finds none. Raises InferenceFailed."""
        self._gaze.run([{self._input: fit(np.zeros((SIDE, SIDE, 3), np.uint8), self.manifest.input)[0]}])

    def postprocess(self, raw: Raw, prepared: Prepared, params: GazeParams) -> Gazes:
        """Faces in source pixels, best first, and their angles. Raises InferenceFailed."""
        boxes, scores, points, angles = raw
        if boxes.shape != (len(scores), 4) or angles.shape != (len(scores), 2) or len(points) != len(scores):
            raise InferenceFailed("The model's faces and angles do not add up.")
        classes = np.zeros(len(scores), np.int64)
        found = Gazes(
            prepared.image, boxes, scores, classes, ("face",), keypoints=points, names=yunet.POINTS, angles=angles
        )
        return with_gazes(found, prepared.pixels, params)

    def _found(self, item: Prepared) -> tuple[Floats, Floats, Floats]:
        """Boxes, scores and points of the faces: the whole picture where none were looked for."""
        if not item.tensors or self._faces is None:
            whole = np.array([[0, 0, *item.image]], np.float32)
            return whole, np.ones(1, np.float32), np.zeros((1, len(yunet.POINTS), 3), np.float32)
        params: GazeParams = item.ask[1]
        ((name, tensor),) = item.tensors.items()
        outputs = self._faces.run({name: tensor[None]})
        maps = {spec.name: each[0] for spec, each in zip(self._faces.signature.outputs, outputs, strict=True)}
        size = (tensor.shape[2], tensor.shape[1])
        every = yunet.faces_in(maps, size, np.float32(params.confidence), yunet.CANDIDATES)
        faces = yunet.suppressed(every, yunet.OVERLAP, params.max_faces)
        places = item.geometry.points_to_source(faces.extras.reshape(-1, len(yunet.POINTS), 2))
        points = np.concatenate([places, np.ones((*places.shape[:2], 1), np.float32)], axis=2)
        return item.geometry.boxes_to_source(faces.boxes), faces.scores, points

    def _angles(self, row: Raw) -> tuple[float, float]:
        """Yaw and pitch in radians."""
        values = [row[i].astype(np.float32, copy=False) for i in self._order]
        if any(value.shape not in ((), (1,), (BINS,)) for value in values):
            raise InferenceFailed(f"The model answers {[list(value.shape) for value in values]} to a face.")
        yaw, pitch = (radians(value) if value.size == BINS else float(value.reshape(-1)[0]) for value in values)
        return yaw, pitch


def crop(image: Image, box: npt.NDArray[Any]) -> Image:
    """The face in a box, at least a pixel of it, as a square."""
    rows, columns = image.shape[:2]
    left, top = min(max(0, int(box[0])), columns - 1), min(max(0, int(box[1])), rows - 1)
    right, bottom = max(left + 1, int(box[2])), max(top + 1, int(box[3]))
    face = cv2.resize(image[top:bottom, left:right], (FIRST_SIDE, FIRST_SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(face, np.uint8)


def radians(logits: Floats) -> float:
    """The mean of the bins' angles, each as likely as the softmax says."""
    raised = np.exp(logits - logits.max())
    return float(np.deg2rad((raised / raised.sum() * np.arange(BINS)).sum() * STEP + LEAST))


def angles_of(signature: GraphSignature) -> tuple[int, int] | None:
    """Which outputs are yaw and pitch, by their names or else in this order; None when the graph is no such net."""
    if len(signature.inputs) != 1 or len(signature.inputs[0].shape) != 4 or len(signature.outputs) != 2:
        return None
    if any(
        not shape_fits(len(spec.shape), spec.fixed(1) if len(spec.shape) > 1 else None) for spec in signature.outputs
    ):
        return None
    first = signature.outputs[0].name.lower()
    return (1, 0) if "pitch" in first and "yaw" not in first else (0, 1)


def shape_fits(rank: int, last: int | None) -> bool:
    """[batch] or [batch, 1] of angles, or [batch, 90] of bins."""
    return rank == 1 or (rank == 2 and last in (1, BINS, None))


def named(signature: GraphSignature) -> bool:
    """Whether the outputs' names say what they are."""
    names = " ".join(spec.name.lower() for spec in signature.outputs)
    return "yaw" in names and "pitch" in names


def _faces(package: Package, runtime: Runtime) -> Session:
    session = runtime.open(package.graph(FACES))
    if not yunet.is_yunet(session.signature):
        raise ModelLoadFailed(f"{FACES} is to be YuNet, with {', '.join(yunet.NAMES)}. Seen: {session.signature}.")
    return session


class L2csFamily:
    """Recognises two angles; of graphs without names, two of ninety bins."""

    name = "l2cs"
    task = "gaze-detection"
    layouts = ((FACES, GAZE),)

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 for outputs named yaw and pitch, 0.5 for two of ninety bins."""
        if angles_of(signature) is None:
            return None
        bins = all(len(spec.shape) == 2 and spec.fixed(1) == BINS for spec in signature.outputs)
        return 1.0 if named(signature) else 0.5 if bins else None

    def guess(self, signature: GraphSignature) -> Guess:
        """L2CS's preprocessing."""
        image = signature.inputs[0]
        size = {"width": image.fixed(3) or SIDE, "height": image.fixed(2) or SIDE}
        way = {"resize": "stretch", "precision": "float32", **IMAGENET}
        order = "" if named(signature) else "outputs: their names do not say which is yaw; the first was taken for it."
        return Guess(
            0, {**size, **way}, {"thresholds": {"confidence": yunet.CONFIDENCE}}, unsure=(order,) if order else ()
        )

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for YuNet and a net of angles."""
        return 1.0 if yunet.is_yunet(graphs[FACES]) and angles_of(graphs[GAZE]) is not None else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The same, by the net of angles."""
        return self.guess(graphs[GAZE])

    def load(self, package: Package, runtime: Runtime) -> Model[GazeParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return L2csModel(package, runtime)


FAMILY: Family = L2csFamily()
