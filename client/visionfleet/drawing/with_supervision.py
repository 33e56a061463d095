"""Drawing with supervision's annotators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import supervision as sv
from PIL import Image

from visionfleet.drawing import with_pillow
from visionfleet.results import Classification, ClassMap, Detections, Instances, Poses, Result

if TYPE_CHECKING:
    import numpy.typing as npt

PALETTE = sv.ColorPalette.DEFAULT


def draw(result: Result, image: Image.Image) -> Image.Image:
    """The result on a copy of the image. Raises UnsupportedTask for tasks that it does not know."""
    if isinstance(result, Classification) or not isinstance(result, (Detections, ClassMap)):
        return with_pillow.draw(result, image)  # a banner of text: supervision draws none that is readable
    scene: npt.NDArray[np.uint8] = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    if isinstance(result, Poses):
        scene = _points(scene, result)
    found = sv.Detections.from_inference(dict(result.raw)) if isinstance(result, Poses) else result.to_supervision()
    if len(found) == 0:
        return image.copy()
    if isinstance(result, (Instances, ClassMap)) and found.mask is not None:
        scene = sv.MaskAnnotator(color=PALETTE, opacity=0.4).annotate(scene, found)
    if not isinstance(result, ClassMap):
        scene = sv.BoxAnnotator(color=PALETTE, thickness=sv.calculate_optimal_line_thickness(image.size)).annotate(
            scene, found
        )
    scale = sv.calculate_optimal_text_scale(image.size)
    labels = sv.LabelAnnotator(color=PALETTE, text_scale=scale, smart_position=True)
    return Image.fromarray(labels.annotate(scene, found, labels=_labels(found))[:, :, ::-1])


def _points(scene: npt.NDArray[np.uint8], result: Poses) -> npt.NDArray[np.uint8]:
    points = result.to_supervision()
    if len(points) == 0:
        return scene
    radius = 2 * sv.calculate_optimal_line_thickness((scene.shape[1], scene.shape[0]))
    drawn: npt.NDArray[np.uint8] = sv.VertexAnnotator(color=sv.Color.YELLOW, radius=radius).annotate(scene, points)
    return drawn


def _labels(found: sv.Detections) -> list[str]:
    names = found.data["class_name"]
    if found.confidence is None:
        return [str(name) for name in names]
    return [f"{name} {confidence:.2f}" for name, confidence in zip(names, found.confidence, strict=True)]
