"""Pictures of results: what is drawn where, in which colours, and that it can be read."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from shared.drawing.colours import class_colour, contrast, ink
from worker_service.engine import visualise
from worker_service.engine.keypoint_results import Poses
from worker_service.engine.mask_results import ClassMap, Instances
from worker_service.engine.params import Params
from worker_service.engine.results import Classification, Detections

SIZE = (400, 300)
GREY = np.full((300, 400, 3), 128, np.uint8)
LABELS = ("circle", "cross", "ring")
BOXES = np.array([[50, 100, 150, 200], [200, 100, 350, 250]], np.float32)
SCORES, IDS = np.array([0.9, 0.8], np.float32), np.array([0, 1])


def params(**values: Any) -> Params:
    return Params(visualize=True, visualization_format="png", **values)


def pixels(result: Any) -> npt.NDArray[np.uint8]:
    """The picture as RGB."""
    drawn = cv2.imdecode(np.frombuffer(result.visualization, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(drawn[..., ::-1], np.uint8)


def count(picture: npt.NDArray[np.uint8], class_id: int) -> int:
    """Pixels in exactly the colour of the class."""
    return int((picture == class_colour(class_id)).all(axis=2).sum())


def detections(boxes: npt.NDArray[np.float32] = BOXES, labels: tuple[str, ...] = LABELS) -> Detections:
    return Detections(SIZE, boxes, SCORES[: len(boxes)], IDS[: len(boxes)], labels)


def test_colours_are_stable_distinct_and_legible() -> None:
    assert class_colour(3) == class_colour(3)
    near = [class_colour(i) for i in range(12)]
    distances = [np.abs(np.subtract(a, b)).sum() for i, a in enumerate(near) for b in near[:i]]
    assert min(distances) > 40
    assert min(contrast(class_colour(i), ink(class_colour(i))) for i in range(1000)) > 4.5, "WCAG's AA for text"


@pytest.mark.parametrize("stroke", [1, 5])
def test_boxes_have_their_width_and_colour(stroke: int) -> None:
    drawn = pixels(
        visualise.with_boxes(detections(), GREY, params(visualization_labels=False, visualization_stroke_width=stroke))
    )
    assert tuple(drawn[150, 50]) == class_colour(0)
    assert tuple(drawn[150, 200]) == class_colour(1)
    assert tuple(drawn[150, 100]) == (128, 128, 128)
    width = sum(tuple(pixel) == class_colour(0) for pixel in drawn[150, 30:70])
    assert stroke <= width <= stroke + 2, "OpenCV rounds wide lines up"


def test_labels_do_not_cover_each_other() -> None:
    same = np.array([[100, 100, 300, 250]] * 2, np.float32)
    both = pixels(visualise.with_boxes(detections(same), GREY, params()))
    for class_id in (0, 1):
        one = Detections(SIZE, same[:1], SCORES[[class_id]], IDS[[class_id]], LABELS)
        written = pixels(visualise.with_boxes(one, GREY, params()))
        bare = pixels(visualise.with_boxes(one, GREY, params(visualization_labels=False)))
        label = count(written, class_id) - count(bare, class_id)
        box = count(bare, class_id) if class_id == 0 else 0  # the better one is drawn over the other
        assert label > 300
        assert count(both, class_id) - box >= 0.75 * label, "hardly anything of it is covered"


def test_labels_are_written_in_any_alphabet_and_shortened() -> None:
    pictures = [
        visualise.with_boxes(detections(labels=(name, "b", "c")), GREY, params()).visualization
        for name in ("крест", "?????", "x" * 40, "x" * 200, "x" * 201)
    ]
    assert pictures[0] != pictures[1]
    assert pictures[2] != pictures[3] == pictures[4]


def test_many_boxes_are_drawn_in_reasonable_memory() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 250, (3000, 2))
    boxes = np.concatenate([corners, corners + 20], axis=1).astype(np.float32)
    many = Detections(SIZE, boxes, np.linspace(1, 0, 3000, dtype=np.float32), np.arange(3000) % 3, LABELS)
    assert pixels(visualise.with_boxes(many, GREY, params())).shape == GREY.shape


@pytest.mark.parametrize("form", ["polygon", "rle"])
def test_masks(form: Any) -> None:
    outline = np.array([[60, 110], [140, 110], [140, 190], [60, 190]], np.float32)
    runs = np.array([[column, 110, 191] for column in range(60, 141)], np.int64)
    shapes = (outline if form == "polygon" else runs, np.zeros((0, 2 if form == "polygon" else 3), np.float32))
    result = Instances(SIZE, BOXES, SCORES, IDS, LABELS, shapes=shapes, mask_format=form)
    drawn = pixels(visualise.with_masks(result, GREY, params(visualization_labels=False)))
    halfway = (np.array(class_colour(0)) + 128) / 2
    assert np.abs(drawn[150, 100] - halfway).max() <= 1
    assert tuple(drawn[105, 100]) == (128, 128, 128), "inside the box, outside of the mask"
    assert tuple(drawn[150, 300]) == (128, 128, 128), "an empty mask"


def test_skeletons_show_the_points_that_are_reported() -> None:
    points = np.zeros((2, 3, 3), np.float32)
    points[0] = [[60, 150, 0.9], [140, 150, 0.9], [100, 190, 0.1]]
    result = Poses(
        *(SIZE, BOXES, SCORES, IDS, LABELS),
        keypoints=points,
        names=("a", "b", "c"),
        skeleton=((0, 1), (1, 2)),
        keypoint_confidence=0.5,
    )
    drawn = pixels(visualise.with_keypoints(result, GREY, params(visualization_labels=False)))
    assert tuple(drawn[150, 100]) == class_colour(0), "the bone"
    assert tuple(drawn[150, 60]) == (255, 255, 255), "the core of a point"
    assert tuple(drawn[190, 100]) == (128, 128, 128), "an unsure point"
    assert tuple(drawn[170, 120]) == (128, 128, 128), "a bone to it"


def test_class_maps_leave_the_background_and_have_a_legend() -> None:
    ids = np.zeros((300, 400), np.uint8)
    ids[:, 200:] = 1
    result = ClassMap(SIZE, ids, ids, LABELS)
    drawn = pixels(visualise.with_classes(result, GREY, params(), 0))
    assert tuple(drawn[150, 100]) == (128, 128, 128)
    assert np.abs(drawn[150, 300] - (np.array(class_colour(1)) + 128) / 2).max() <= 1
    assert count(drawn, 1) > 200, "the legend"
    bare = pixels(visualise.with_classes(result, GREY, params(visualization_labels=False), 0))
    assert count(bare, 1) == 0


def test_the_banner_names_the_best_classes() -> None:
    result = Classification(SIZE, np.array([0.1, 0.7, 0.2], np.float32), LABELS, confidence=0.15)
    drawn = pixels(visualise.with_banner(result, GREY, params()))
    assert count(drawn, 1) > 200
    assert count(drawn, 2) > 200
    assert count(drawn, 0) == 0
    unsure = Classification(SIZE, np.array([0.1, 0.7, 0.2], np.float32), LABELS, confidence=0.9)
    assert count(pixels(visualise.with_banner(unsure, GREY, params())), 1) > 200, "the best one, threshold or not"


def test_depth_is_warm_where_it_is_near() -> None:
    nearness = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (100, 1))
    drawn = cv2.imdecode(np.frombuffer(visualise.depth_picture(nearness, "png"), np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == (100, 200, 3)
    assert drawn[50, 180, 2] > drawn[50, 180, 0], "near: more red than blue"
    assert drawn[50, 30, 0] > drawn[50, 30, 2], "far: more blue than red"
    flat = visualise.depth_picture(np.zeros((4, 4), np.float32))
    assert flat.startswith(b"\xff\xd8")


def test_formats() -> None:
    jpeg = visualise.with_boxes(detections(), GREY, Params(visualize=True))
    assert (jpeg.visualization or b"").startswith(b"\xff\xd8")
    assert (visualise.with_boxes(detections(), GREY, params()).visualization or b"").startswith(b"\x89PNG")
    assert visualise.with_boxes(detections(), GREY, Params()).visualization is None
