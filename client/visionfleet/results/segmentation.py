"""Objects with masks, and classes per pixel."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer, NotInstalled
from visionfleet.results.base import Result, common, picture_of, supervision
from visionfleet.results.detection import Box, Detections, box_fields


@dataclass(frozen=True)
class Instance(Box):
    """One object with its mask: an outline in pixels of the source, or COCO run lengths when those were asked for."""

    points: tuple[tuple[float, float], ...] = ()
    rle: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Instances(Detections):
    """Objects of one image with their masks, best first; iterates over them."""

    TASK: ClassVar[str] = "instance-segmentation"

    boxes: tuple[Instance, ...]

    @override
    def __iter__(self) -> Iterator[Instance]:
        return iter(self.boxes)


@dataclass(frozen=True, kw_only=True)
class ClassMap(Result):
    """A class for each pixel of one image.

    Attributes:
        mask: PNG [height, width] of class ids.
        confidence_mask: PNG of the probability of that class, 0..255 for 0..1.
        labels: name by class id.
        present: ids of the classes that occur.
    """

    TASK: ClassVar[str] = "semantic-segmentation"

    mask: bytes
    confidence_mask: bytes | None
    labels: Mapping[int, str]
    present: tuple[int, ...]

    def class_ids(self) -> Any:
        """The mask as a uint8 array [height, width]. Raises NotInstalled without numpy and Pillow."""
        try:
            import numpy as np  # noqa: PLC0415 - optional
            from PIL import Image  # noqa: PLC0415 - optional
        except ImportError as error:
            raise NotInstalled(f"This needs {error.name}: pip install numpy pillow.") from None
        return np.asarray(Image.open(io.BytesIO(self.mask)))

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One per class that occurs: class, class_id, and the share of the pixels."""
        ids = self.class_ids()
        shares = {class_id: float((ids == class_id).mean()) for class_id in self.present}
        return [{"class": self.labels[i], "class_id": i, "share": share} for i, share in shares.items()]

    @override
    def to_supervision(self) -> Any:
        """``sv.Detections`` with one mask per class that occurs."""
        import numpy as np  # noqa: PLC0415 - comes with supervision

        package, ids = supervision(), self.class_ids()
        masks = np.array([ids == class_id for class_id in self.present]).reshape(-1, *ids.shape)
        return package.Detections(
            xyxy=package.mask_to_xyxy(masks),
            mask=masks,
            class_id=np.array(self.present, dtype=int),
            data={"class_name": np.array([self.labels[i] for i in self.present])},
        )


def instances(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Instances:
    """Read an instance-segmentation answer. Raises BadAnswer."""
    try:
        found = tuple(_instance(item) for item in body["predictions"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no masks.") from error
    return Instances(**common(Instances.TASK, model, body, timings), boxes=found)


def class_map(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> ClassMap:
    """Read a semantic-segmentation answer. Raises BadAnswer."""
    try:
        found = body["predictions"]
        mask = picture_of(found["segmentation_mask"])
        labels = {int(class_id): str(name) for class_id, name in found["class_map"].items()}
        present = tuple(int(i) for i in found.get("present_class_ids") or ())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswer("The answer holds no class map.") from error
    if mask is None:
        raise BadAnswer("The answer holds no class map.")
    return ClassMap(
        **common(ClassMap.TASK, model, body, timings),
        mask=mask,
        confidence_mask=picture_of(found.get("confidence_mask")),
        labels=labels,
        present=present or tuple(sorted(labels)),
    )


def _instance(item: Mapping[str, Any]) -> Instance:
    points = tuple((float(point["x"]), float(point["y"])) for point in item.get("points") or ())
    return Instance(**box_fields(item), points=points, rle=item.get("rle"))
