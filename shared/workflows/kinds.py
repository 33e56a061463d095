"""Kinds: what may flow from one step to another. Two ends fit when they have a kind in common; ``*`` fits all.

Only names matter on the wire. A plug-in adds its own with ``declare``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

ANY = "*"
IMAGE = "image"
VIDEO_METADATA = "video_metadata"
TIMESTAMP = "timestamp"
MODEL_ID = "roboflow_model_id"
PROJECT = "roboflow_project"
SOLUTION = "roboflow_solution"
API_KEY = "roboflow_api_key"
MANAGED_KEY = "ROBOFLOW_MANAGED_KEY"
SECRET = "secret"  # noqa: S105 - the name of a kind
BOOLEAN = "boolean"
INTEGER = "integer"
FLOAT = "float"
FRACTION = "float_zero_to_one"
STRING = "string"
TOP_CLASS = "top_class"
DICTIONARY = "dictionary"
LIST = "list_of_values"
PAYLOADS = "serialised_payloads"
BYTES = "bytes"
ARRAY = "numpy_array"
TENSOR = "tensor"
EMBEDDING = "embedding"
COLOR = "rgb_color"
POINT = "point"
LABELED_POINTS = "labeled_points"
ZONE = "zone"
CONTOURS = "contours"
IMAGE_KEYPOINTS = "image_keypoints"
DETECTION = "detection"
OVERLAPS = "detections_overlaps"
OBJECTS = "object_detection_prediction"
INSTANCES = "instance_segmentation_prediction"
RLE_INSTANCES = "rle_instance_segmentation_prediction"
SEMANTIC = "semantic_segmentation_prediction"
KEYPOINTS = "keypoint_detection_prediction"
CLASSIFICATION = "classification_prediction"
QR_CODES = "qr_code_detection"
BAR_CODES = "bar_code_detection"
PREDICTION_TYPE = "prediction_type"
PARENT_ID = "parent_id"
IMAGE_METADATA = "image_metadata"
INFERENCE_ID = "inference_id"
LLM_OUTPUT = "language_model_output"

BOXES = (OBJECTS, INSTANCES, KEYPOINTS)
"""What most blocks that take detections accept."""


@dataclass(frozen=True)
class Kind:
    """A kind as the describe routes show it; the two types are hints for people."""

    name: str
    description: str
    serialised_data_type: str = "Any"
    internal_data_type: str = "Any"

    def to_dict(self) -> dict[str, Any]:
        """The wire form, in which ``docs`` is a longer text."""
        return {**asdict(self), "docs": self.description}


_KINDS: dict[str, Kind] = {}


def declare(name: str, description: str, serialised: str = "Any", internal: str = "") -> None:
    """Add a kind; the first declaration of a name stays."""
    _KINDS.setdefault(name, Kind(name, description, serialised, internal or serialised))


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names themselves. Raises ValueError for one that nobody declared."""
    found = tuple(names)
    for name in found:
        if name not in _KINDS:
            raise ValueError(f"there is no kind {name!r}; declare it, or choose from {', '.join(sorted(_KINDS))}")
    return found


def describe(name: str) -> dict[str, Any]:
    """The wire form of one kind; of one that nobody declared, which an input may have, its name."""
    return _KINDS.get(name, Kind(name, name)).to_dict()


def schema(name: str) -> dict[str, Any]:
    """JSON schema of a kind's values as they are sent; empty where anything may be."""
    return _SCHEMAS.get(describe(name)["serialised_data_type"], {})


_SCHEMAS: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "dict": {"type": "object"},
    "List[Any]": {"type": "array"},
    "List[str]": {"type": "array", "items": {"type": "string"}},
    "List[dict]": {"type": "array", "items": {"type": "object"}},
    "List[float]": {"type": "array", "items": {"type": "number"}},
    "List[List[int]]": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    "Tuple[int, int]": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "Union[str, List[int]]": {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3}]
    },
}
"""By how a kind is sent."""


def every() -> list[Kind]:
    """All kinds, by name."""
    return [_KINDS[name] for name in sorted(_KINDS)]


def fit(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether what has the one kinds may go where the others are taken."""
    ours, theirs = set(one), set(other)
    return ANY in ours or ANY in theirs or not ours.isdisjoint(theirs)


for _row in (
    (ANY, "Anything"),
    (IMAGE, "An image", "dict", "WorkflowImage"),
    (VIDEO_METADATA, "Which video a frame is of, its number and time", "dict", "VideoMetadata"),
    (TIMESTAMP, "A moment in time", "str", "datetime"),
    (MODEL_ID, "Id of a model", "str"),
    (PROJECT, "Name of a project", "str"),
    (SOLUTION, "Id of a solution", "str"),
    (API_KEY, "API key", "str"),
    (MANAGED_KEY, "Name of a key that the platform keeps", "str"),
    (SECRET, "A value that is masked wherever it is shown", "str"),
    (BOOLEAN, "True or false", "bool"),
    (INTEGER, "A whole number", "int"),
    (FLOAT, "A number", "float"),
    (FRACTION, "A number from 0 to 1", "float"),
    (STRING, "Text", "str"),
    (TOP_CLASS, "Name of the most likely class", "str"),
    (DICTIONARY, "Values by name", "dict"),
    (LIST, "Several values", "List[Any]"),
    (PAYLOADS, "Serialised values, such as file contents", "List[str]"),
    (BYTES, "Raw bytes", "str", "bytes"),
    (ARRAY, "An array of numbers", "List[Any]", "np.ndarray"),
    (TENSOR, "A tensor", "List[Any]", "np.ndarray"),
    (EMBEDDING, "A vector that stands for an image or a text", "List[float]"),
    (COLOR, "A colour: name, hex code or three numbers", "Union[str, List[int]]"),
    (POINT, "A point of an image", "Tuple[int, int]"),
    (LABELED_POINTS, "Points with a label each", "List[dict]"),
    (ZONE, "A polygon, or several", "List[List[int]]"),
    (CONTOURS, "Outlines as point arrays", "List[Any]", "List[np.ndarray]"),
    (IMAGE_KEYPOINTS, "Points that a feature detector found", "List[dict]"),
    (DETECTION, "One detection", "dict", "Tuple"),
    (OVERLAPS, "Which detections overlap, and by how much", "List[dict]"),
    (OBJECTS, "Boxes with classes", "dict", "sv.Detections"),
    (INSTANCES, "Boxes with classes and masks", "dict", "sv.Detections"),
    (RLE_INSTANCES, "Boxes with classes and masks, sent as run lengths", "dict", "sv.Detections"),
    (SEMANTIC, "A class for each pixel", "dict", "sv.Detections"),
    (KEYPOINTS, "Boxes with classes and skeleton points", "dict", "sv.Detections"),
    (CLASSIFICATION, "Classes of an image with their confidence", "dict"),
    (QR_CODES, "QR codes and their text", "dict", "sv.Detections"),
    (BAR_CODES, "Bar codes and their text", "dict", "sv.Detections"),
    (PREDICTION_TYPE, "Name of a task", "str"),
    (PARENT_ID, "Id of the image that a prediction is about", "str"),
    (IMAGE_METADATA, "Width and height of an image", "dict"),
    (INFERENCE_ID, "Id of one run of a model", "str"),
    (LLM_OUTPUT, "Text that a language model wrote", "str"),
):
    declare(*_row)
