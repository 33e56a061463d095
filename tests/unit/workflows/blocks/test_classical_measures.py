"""Classical blocks that measure and find."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.blocks.classical_cv.detections_nearest_neighbor import DetectionsNearestNeighbor
from shared.workflows.blocks.classical_cv.distance_measurement import DistanceMeasurement
from shared.workflows.blocks.classical_cv.dominant_color import DominantColor
from shared.workflows.blocks.classical_cv.mask_area_measurement import MaskAreaMeasurement
from shared.workflows.blocks.classical_cv.mask_edge_snap import MaskEdgeSnap
from shared.workflows.blocks.classical_cv.motion_detection import MotionDetection
from shared.workflows.blocks.classical_cv.pixel_color_count import PixelColorCount
from shared.workflows.blocks.classical_cv.sift import Sift
from shared.workflows.blocks.classical_cv.sift_comparison import SiftComparisonV1, SiftComparisonV2
from shared.workflows.blocks.classical_cv.size_measurement import SizeMeasurement
from shared.workflows.blocks.classical_cv.template_matching import TemplateMatching
from shared.workflows.images import WorkflowImage
from shared.workflows.testing import make, run_block
from tests.unit.workflows.pictures import found, frame, image, masks, noise, plain


def test_pixels_of_a_colour_are_counted_within_the_tolerance() -> None:
    pixels = np.zeros((10, 10, 3))
    pixels[:2] = 10, 100, 200  # BGR
    pixels[2] = 20, 100, 200
    pixels[3] = 21, 100, 200
    for color in ("#c8640a", "(200, 100, 10)", [200, 100, 10]):
        assert run_block(PixelColorCount, image=image(pixels), target_color=color)["matching_pixels_count"] == 30
    exact = run_block(PixelColorCount, image=image(pixels), target_color="#c8640a", tolerance=0)
    assert exact["matching_pixels_count"] == 20


def test_dominant_colour_is_that_of_most_pixels_and_the_same_each_time() -> None:
    pixels = np.zeros((300, 400, 3))
    pixels[:, :250] = 30, 60, 220
    pixels[:, 250:] = 200, 10, 10
    assert run_block(DominantColor, image=image(pixels))["rgb_color"] == (220, 60, 30)
    mixed = noise(300, 300)
    assert len({run_block(DominantColor, image=mixed)["rgb_color"] for _ in range(3)}) == 1
    assert run_block(DominantColor, image=plain(2, 2, (1, 2, 3)), color_clusters=9)["rgb_color"] == (3, 2, 1)
    with pytest.raises(InvalidRequest):
        run_block(DominantColor, image=mixed, color_clusters=0)


def test_areas_count_pixels_of_masks_and_boxes_otherwise() -> None:
    scene = plain(50, 50)
    made = masks(scene, (10, 10, 20, 20), (0, 0, 0, 0))
    made[0, 14:16, 14:16] = False  # a hole
    detections = found(scene, (10, 10, 20, 20), (30, 30, 40, 35), mask=made)
    out = run_block(MaskAreaMeasurement, predictions=detections, pixels_per_unit=2)["predictions"]
    assert out.data["area_px"].tolist() == [96, 50]
    assert out.data["area_converted"].tolist() == [24, 12.5]
    assert "area_px" not in detections.data, "what came in is not changed"
    plain_units = run_block(MaskAreaMeasurement, predictions=found(scene, (0, 0, 3, 4)), pixels_per_unit=0)
    assert plain_units["predictions"].data["area_converted"].tolist() == [12]
    assert run_block(MaskAreaMeasurement, predictions=columns.empty())["predictions"].data["area_px"].tolist() == []


def measured(*boxes: tuple[float, ...], **values: Any) -> dict[str, Any]:
    names = ("cup", "plate", "ruler")[: len(boxes)]
    options = {"reference_axis": "horizontal", "calibration_method": "pixel to centimeter", **values}
    detections = found(plain(500, 500), *boxes, classes=names)
    return dict(
        run_block(
            DistanceMeasurement,
            predictions=detections,
            object_1_class_name="cup",
            object_2_class_name="plate",
            **options,
        )
    )


def test_distance_is_the_gap_along_the_axis() -> None:
    cup, plate = (10, 10, 50, 50), (150, 200, 200, 260)
    assert measured(cup, plate) == {"distance_cm": 1.0, "distance_pixel": 100}
    assert measured(plate, cup)["distance_pixel"] == 100
    assert measured(cup, plate, reference_axis="vertical", pixel_ratio=50) == {
        "distance_cm": 3.0,
        "distance_pixel": 150,
    }
    assert measured(cup, (30, 200, 200, 260)) == {"distance_cm": 0, "distance_pixel": 0}, "beside each other"


def test_distance_by_a_reference_object() -> None:
    # The ruler is 5 cm x 2 cm: 100 pixels make 20 a centimetre, 60 make 30; the mean is 25.
    values = {"calibration_method": "reference object", "reference_object_class_name": "ruler"}
    made = measured(
        (10, 10, 50, 50), (150, 10, 200, 50), (300, 300, 400, 360), reference_width=5, reference_height=2, **values
    )
    assert made["distance_cm"] == pytest.approx(4)
    for bad in ({"reference_width": 0}, {"reference_object_class_name": "spoon"}):
        with pytest.raises(InvalidRequest):
            measured((10, 10, 50, 50), (150, 10, 200, 50), (300, 300, 400, 360), **{**values, **bad})
    with pytest.raises(InvalidRequest, match="pixel_ratio"):
        measured((10, 10, 50, 50), (150, 10, 200, 50), pixel_ratio=0)


def test_distance_needs_both_objects_and_takes_two_of_one_class() -> None:
    with pytest.raises(InvalidRequest, match="plate"):
        measured((10, 10, 50, 50))
    pair = found(plain(500, 500), (0, 0, 10, 10), (40, 0, 50, 10))
    names = {"object_1_class_name": "cat", "object_2_class_name": "cat", "reference_axis": "horizontal"}
    made = run_block(DistanceMeasurement, predictions=pair, calibration_method="pixel to centimeter", **names)
    assert made["distance_pixel"] == 30


def test_nearest_neighbours_pair_rows_with_ties() -> None:
    scene = plain(200, 200)
    queries = found(scene, (0, 0, 10, 10), (100, 100, 110, 110), (180, 0, 190, 10))
    targets = found(scene, (20, 0, 30, 10), (0, 20, 10, 30), (150, 100, 160, 110))
    made = run_block(DetectionsNearestNeighbor, query_predictions=queries, target_predictions=targets, max_distance=60)
    assert made["query_predictions"].data["nearest_target_distance"].tolist() == [20, 50, None]
    assert made["matched_query_detections"].xyxy[:, 0].tolist() == [0, 0, 100]
    assert made["matched_target_detections"].xyxy[:, 0].tolist() == [20, 0, 150]
    assert "nearest_target_distance" not in queries.data


def test_nearest_neighbour_is_never_the_detection_itself_and_anchors_count() -> None:
    scene = plain(200, 200)
    cats = found(scene, (0, 0, 10, 10), (40, 0, 50, 10), (100, 0, 110, 10))
    made = run_block(DetectionsNearestNeighbor, query_predictions=cats, target_predictions=cats)
    assert made["query_predictions"].data["nearest_target_distance"].tolist() == [40, 40, 60]
    edges = run_block(
        DetectionsNearestNeighbor,
        query_predictions=cats,
        target_predictions=found(scene, (60, 0, 70, 10)),
        query_point="CENTER_RIGHT",
        target_point="CENTER_LEFT",
    )
    assert edges["query_predictions"].data["nearest_target_distance"].tolist() == [50, 10, 50]
    none = run_block(DetectionsNearestNeighbor, query_predictions=cats, target_predictions=columns.empty())
    assert none["query_predictions"].data["nearest_target_distance"].tolist() == [None] * 3
    assert len(none["matched_query_detections"]) == len(none["matched_target_detections"]) == 0


def test_nearest_neighbour_by_keypoints() -> None:
    scene = plain(200, 200)
    points = {
        "keypoints_xy": columns.column([np.array([(5, 5), (50, 50)]), np.array([(9, 9)])]),
        "keypoints_class_name": columns.column([np.array(["nose", "hand"]), np.array(["nose"])]),
    }
    people = found(scene, (0, 0, 60, 60), (0, 0, 10, 10), **points)
    balls = found(scene, (50, 50, 60, 60))
    options = {"query_predictions": people, "target_predictions": balls, "query_point": "KEYPOINT"}
    made = run_block(DetectionsNearestNeighbor, **options, query_keypoint_name="hand", target_point="TOP_LEFT")
    assert made["query_predictions"].data["nearest_target_distance"].tolist() == [0, None]
    for bad in ({}, {"query_keypoint_name": "hand", "query_predictions": balls}, {"query_point": "MIDDLE"}):
        with pytest.raises(InvalidRequest, match="query_point"):
            run_block(DetectionsNearestNeighbor, **{**options, **bad})


def test_sizes_follow_from_a_reference() -> None:
    scene = plain(300, 300)
    objects = found(scene, (0, 0, 50, 20), (10, 10, 10, 30))
    reference = found(scene, (0, 0, 10, 10), (100, 100, 120, 110), confidence=[0.3, 0.9])
    made = run_block(
        SizeMeasurement, object_predictions=objects, reference_predictions=reference, reference_dimensions="4, 1"
    )["dimensions"]
    # 20 x 10 pixels are 4 x 1: a fifth of a unit per pixel across, a tenth down.
    assert made == [{"width": 10, "height": 2, "longer": 10, "shorter": 2}, None]


def test_sizes_of_turned_masks_and_polygon_references() -> None:
    scene = plain(300, 300)
    canvas = np.zeros((300, 300), np.uint8)
    cv2.fillPoly(canvas, [cv2.boxPoints(((150, 150), (120, 40), 30)).astype(np.int32)], 1)
    objects = found(scene, (90, 90, 210, 210), mask=canvas.astype(bool)[None])
    polygon = [[0, 0], [10, 0], [10, 10], [0, 10]]
    for dimensions in ([1, 1], "1,1"):
        (one,) = run_block(
            SizeMeasurement,
            object_predictions=objects,
            reference_predictions=polygon,
            reference_dimensions=dimensions,
        )["dimensions"]
        assert one["longer"] == one["width"] == pytest.approx(12, abs=0.3)
        assert one["shorter"] == pytest.approx(4, abs=0.3)


def test_sizes_without_a_reference() -> None:
    objects = found(plain(), (0, 0, 5, 5))
    for reference in (columns.empty(), [[1, 2]], found(plain(), (5, 5, 5, 5))):
        made = run_block(
            SizeMeasurement, object_predictions=objects, reference_predictions=reference, reference_dimensions="1,1"
        )
        assert made == {"dimensions": None}
    for bad in ("1", "a,b", [1, 2, 3], None):
        with pytest.raises(InvalidRequest, match="reference_dimensions"):
            run_block(
                SizeMeasurement, object_predictions=objects, reference_predictions=objects, reference_dimensions=bad
            )


def scene_with_texture(seed: int = 3) -> WorkflowImage:
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return image(cv2.resize(pixels, (400, 300), interpolation=cv2.INTER_CUBIC))


def test_sift_finds_points_and_an_image_matches_itself() -> None:
    scene = scene_with_texture()
    first = run_block(Sift, image=scene)
    count = len(first["keypoints"])
    assert count > 50
    assert first["descriptors"].shape == (count, 128)
    assert set(first["keypoints"][0]) == {"pt", "size", "angle", "response", "octave", "class_id"}
    json.dumps(first["keypoints"])
    assert first["image"].size == scene.size
    bare = run_block(Sift, image=plain())
    assert (bare["keypoints"], bare["descriptors"]) == ([], None)

    same = run_block(SiftComparisonV1, descriptor_1=first["descriptors"], descriptor_2=first["descriptors"])
    assert same["images_match"] is True
    assert same["good_matches_count"] > 0.9 * count
    other = run_block(Sift, image=scene_with_texture(99))
    apart = run_block(SiftComparisonV1, descriptor_1=first["descriptors"], descriptor_2=other["descriptors"])
    assert apart["images_match"] is False
    none = run_block(SiftComparisonV1, descriptor_1=None, descriptor_2=first["descriptors"])
    assert none == {"good_matches_count": 0, "images_match": False}


@pytest.mark.parametrize("matcher", ["FlannBasedMatcher", "BFMatcher"])
def test_sift_comparison_of_images_shows_matches(matcher: str) -> None:
    scene = scene_with_texture()
    shifted = image(scene.pixels[20:, 30:])
    made = run_block(SiftComparisonV2, input_1=scene, input_2=shifted, matcher=matcher, visualize=True)
    assert made["images_match"]
    assert len(made["keypoints_2"]) == len(made["descriptors_2"])
    assert made["visualization_1"].size == (400, 300)
    assert made["visualization_matches"].size == (400 + 370, 300)
    mixed = run_block(SiftComparisonV2, input_1=made["descriptors_1"], input_2=shifted, matcher=matcher, visualize=True)
    assert mixed["images_match"]
    assert mixed["keypoints_1"] is None
    assert mixed["visualization_1"] is mixed["visualization_matches"] is None
    assert run_block(SiftComparisonV2, input_1=scene, input_2=shifted)["visualization_2"] is None


def test_templates_are_found_where_they_are() -> None:
    scene = noise(120, 90)
    pixels = scene.pixels.copy()
    template = image(pixels[10:30, 20:50])
    pixels[60:80, 70:100] = template.pixels
    made = run_block(TemplateMatching, image=image(pixels), template=template, matching_threshold=0.95)
    assert made["number_of_matches"] == 2
    assert sorted(made["predictions"].xyxy.tolist()) == [[20, 10, 50, 30], [70, 60, 100, 80]]
    assert columns.names(made["predictions"]) == ["template_match"] * 2
    assert made["predictions"].confidence.tolist() == [1, 1]
    assert made["predictions"].data["prediction_type"].tolist() == ["object-detection"] * 2


def test_overlapping_matches_are_suppressed_unless_asked_not_to() -> None:
    smooth = image(np.tile(np.sin(np.arange(100) / 8)[None, :, None] * 100 + 128, (60, 1, 3)))
    template = image(smooth.pixels[:20, 20:50])
    some = run_block(TemplateMatching, image=smooth, template=template)
    every = run_block(TemplateMatching, image=smooth, template=template, apply_nms=False)
    assert 0 < some["number_of_matches"] < every["number_of_matches"]
    assert run_block(TemplateMatching, image=template, template=smooth)["number_of_matches"] == 0
    with pytest.raises(InvalidRequest, match="matching_threshold"):
        run_block(TemplateMatching, image=noise(300, 300), template=image(noise(9, 9).pixels), matching_threshold=-1)


def walk(block: Any, number: int, x: int | None, **values: Any) -> dict[str, Any]:
    pixels = np.full((80, 120, 3), 60)
    if x is not None:
        pixels[20:50, x : x + 30] = 240
    return dict(run_block(block, image=frame(pixels, number), history=10, **values))


def test_motion_is_found_once_the_background_is_known() -> None:
    block = make(MotionDetection)
    quiet = [walk(block, n, 70 if n == 2 else None) for n in range(10)]
    assert not any(made["motion"] for made in quiet), "suppressed while learning"
    assert not walk(block, 10, None)["motion"]
    first, second = walk(block, 11, 40), walk(block, 12, 80)
    assert (first["motion"], first["alarm"]) == (True, True)
    assert (second["motion"], second["alarm"]) == (True, False)
    assert first["detections"].xyxy[0] == pytest.approx([40, 20, 70, 50], abs=2)
    assert columns.names(first["detections"]) == ["motion"]
    assert len(first["motion_zones"][0]) >= 4
    walk(block, 13, None)
    json.dumps(first["motion_zones"])


def test_motion_zone_and_area_limit_what_counts() -> None:
    for zone in ([[0, 0], [60, 0], [60, 80], [0, 80]], "[[0, 0], [60, 0], [60, 80], [0, 80]]"):
        block = make(MotionDetection)
        for n in range(12):
            walk(block, n, None, detection_zone=zone)
        cut = walk(block, 12, 40, detection_zone=zone)["detections"].xyxy[0]
        assert cut == pytest.approx([40, 20, 61, 50], abs=2)
        assert not walk(block, 13, 80, detection_zone=zone)["motion"]
    block = make(MotionDetection)
    for n in range(12):
        walk(block, n, None)
    assert not walk(block, 12, 40, minimum_contour_area=2000)["motion"]
    for bad in ("no json", [[1, 2]], [[1], [2], [3]]):
        with pytest.raises(InvalidRequest, match="detection_zone"):
            walk(make(MotionDetection), 0, None, detection_zone=bad, suppress_first_detections=False)


def test_masks_snap_to_edges() -> None:
    pixels = np.full((120, 120, 3), 30)
    pixels[30:90, 30:90] = 220
    scene = image(pixels)
    rough = found(scene, (25, 25, 95, 95), mask=masks(scene, (25, 25, 95, 95)))
    made = run_block(MaskEdgeSnap, image=scene, segmentation=rough, min_contour_area=10)
    truth = masks(scene, (30, 30, 90, 90))[0]
    refined = made["refined_segmentation"].mask[0]
    assert (refined & truth).sum() / (refined | truth).sum() > 0.93
    assert made["refined_segmentation"].xyxy.tolist() == rough.xyxy.tolist()
    assert columns.names(made["edges"]) == ["edges"]
    assert made["edges"].xyxy[0] == pytest.approx([29, 29, 91, 91], abs=2)
    flat = run_block(MaskEdgeSnap, image=plain(120, 120), segmentation=rough)
    assert len(flat["edges"]) == 0
    assert (flat["refined_segmentation"].mask == rough.mask).all()
    assert len(run_block(MaskEdgeSnap, image=scene, segmentation=columns.empty())["refined_segmentation"]) == 0
