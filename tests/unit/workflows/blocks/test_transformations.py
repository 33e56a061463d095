"""Crops, slices, boxes, masks, perspective, codes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.blocks.transformations.absolute_static_crop import AbsoluteStaticCrop
from shared.workflows.blocks.transformations.bounding_rect import BoundingRect
from shared.workflows.blocks.transformations.camera_calibration import CameraCalibration
from shared.workflows.blocks.transformations.detection_offset import DetectionOffset
from shared.workflows.blocks.transformations.detections_combine import DetectionsCombine
from shared.workflows.blocks.transformations.detections_merge import DetectionsMerge
from shared.workflows.blocks.transformations.dynamic_zone import DynamicZone
from shared.workflows.blocks.transformations.geotag_detection import GeotagDetection
from shared.workflows.blocks.transformations.image_slicer import ImageSlicerV1, ImageSlicerV2
from shared.workflows.blocks.transformations.per_class_confidence_filter import PerClassConfidenceFilter
from shared.workflows.blocks.transformations.perspective_correction import PerspectiveCorrection
from shared.workflows.blocks.transformations.relative_static_crop import RelativeStaticCrop
from shared.workflows.blocks.transformations.stitch_images import StitchImages
from shared.workflows.blocks.transformations.stitch_ocr_detections import (
    StitchOcrDetectionsV1,
    StitchOcrDetectionsV2,
)
from shared.workflows.merging import merged
from shared.workflows.testing import run_block
from tests.unit.workflows.pictures import found, frame, image, masks, named, noise, plain


def numbered(width: int = 60, height: int = 40) -> Any:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(width), np.arange(height)[:, None]
    return image(pixels)


def test_absolute_crop_is_around_its_centre_and_cut_at_the_border() -> None:
    scene = numbered()
    options = {"x_center": 20, "y_center": 10, "width": 11, "height": 6}
    (made,) = run_block(AbsoluteStaticCrop, images=Batch([scene]), **options)
    crop = made["crops"]
    assert crop.size == (11, 6)
    assert crop.pixels[0, 0].tolist() == [14, 7, 0]  # 20 - 5.5 rounds to 14, the even one
    assert crop.parent_id.startswith("absolute_static_crop.")
    (cut,) = run_block(AbsoluteStaticCrop, images=Batch([scene]), x_center=0, y_center=0, width=20, height=20)
    assert cut["crops"].size == (10, 10)
    (none,) = run_block(AbsoluteStaticCrop, images=Batch([scene]), x_center=500, y_center=0, width=20, height=20)
    assert none == {"crops": None}


def test_relative_crop_knows_its_place_and_video() -> None:
    scene = frame(numbered(100, 80).pixels, 5)
    options = {"x_center": 0.5, "y_center": 0.5, "width": 0.2, "height": 0.5}
    (made,) = run_block(RelativeStaticCrop, image=Batch([scene]), **options)
    crop = made["crops"]
    assert crop.size == (20, 40)
    assert crop.pixels[0, 0].tolist() == [40, 20, 0]
    assert crop.video_metadata.frame_number == 5
    inner = found(crop, (1, 2, 5, 6))
    assert columns.to_root(inner).xyxy.tolist() == [[41, 22, 45, 26]]


def test_slices_cover_the_image_and_know_their_place() -> None:
    scene = numbered(100, 60)
    options = {"slice_width": 40, "slice_height": 40, "overlap_ratio_width": 0.25, "overlap_ratio_height": 0.25}
    first = [made["slices"] for made in run_block(ImageSlicerV1, image=scene, **options)]
    assert [one.size for one in first] == [
        (40, 40),
        (40, 40),
        (40, 40),
        (10, 40),
        (40, 30),
        (40, 30),
        (40, 30),
        (10, 30),
    ]
    second = [made["slices"] for made in run_block(ImageSlicerV2, image=scene, **options)]
    assert {one.size for one in second} == {(40, 40)}
    assert [one.pixels[0, 0, :2].tolist() for one in second] == [[0, 0], [30, 0], [60, 0], [0, 20], [30, 20], [60, 20]]
    covered = np.zeros((60, 100), bool)
    for one in second:
        x, y = (int(part) for part in one.pixels[0, 0, :2])
        covered[y : y + 40, x : x + 40] = True
    assert covered.all()
    with pytest.raises(InvalidRequest, match="overlap"):
        run_block(ImageSlicerV2, image=scene, overlap_ratio_width=1.0)


def test_offset_grows_boxes_inside_the_image() -> None:
    scene = plain(100, 100)
    boxes = found(scene, (40, 40, 60, 60), (2, 90, 22, 98))
    (made,) = run_block(DetectionOffset, predictions=Batch([boxes]), offset_width=10, offset_height=5)
    grown = made["predictions"]
    assert grown.xyxy.tolist() == [[35, 38, 65, 62], [0, 88, 27, 100]]
    assert grown.data["parent_id"].tolist() == boxes.data["detection_id"].tolist()
    assert set(grown.data["detection_id"]).isdisjoint(boxes.data["detection_id"])
    (percent,) = run_block(DetectionOffset, predictions=Batch([boxes]), offset_x=50, offset_y=100, units="Percent (%)")
    assert percent["predictions"].xyxy.tolist() == [[35, 30, 65, 70], [0, 86, 27, 100]]
    (empty,) = run_block(DetectionOffset, predictions=Batch([columns.empty()]), offset_width=1, offset_height=1)
    assert len(empty["predictions"]) == 0


def test_confidence_filter_by_class() -> None:
    scene = plain()
    boxes = found(
        scene,
        *[(n, 0, n + 5, 5) for n in range(4)],
        classes=("cat", "cat", "dog", "dog"),
        confidence=[0.7, 0.69, 0.3, 0.29],
    )
    (made,) = run_block(PerClassConfidenceFilter, predictions=Batch([boxes]), class_thresholds={"cat": 0.7})
    assert made["predictions"].xyxy[:, 0].tolist() == [0, 2]
    (none,) = run_block(
        PerClassConfidenceFilter, predictions=Batch([boxes]), class_thresholds={}, default_threshold=0.9
    )
    assert len(none["predictions"]) == 0
    with pytest.raises(InvalidRequest, match="class_thresholds"):
        run_block(PerClassConfidenceFilter, predictions=Batch([boxes]), class_thresholds={"cat": "many"})


def turned_mask(angle: float) -> Any:
    canvas = np.zeros((200, 200), np.uint8)
    cv2.fillPoly(canvas, [cv2.boxPoints(((100, 100), (100, 40), angle)).astype(np.int32)], 1)
    return canvas.astype(bool)


def test_bounding_rect_of_a_turned_mask() -> None:
    scene = plain(200, 200)
    two = found(scene, (50, 50, 150, 150), (0, 0, 1, 1), mask=np.stack([turned_mask(30), np.zeros((200, 200), bool)]))
    made = run_block(BoundingRect, predictions=two)["detections_with_rect"]
    assert len(made) == 1, "a mask without area has no rectangle"
    sides = sorted([float(made.data["width"][0]), float(made.data["height"][0])])
    assert sides == pytest.approx([40, 100], abs=2)
    assert float(made.data["angle"][0]) % 90 == pytest.approx(30, abs=1)
    assert made.data["rect"].shape == (1, 4, 2)
    assert (made.mask[0] & turned_mask(30)).sum() / (made.mask[0] | turned_mask(30)).sum() > 0.95
    with pytest.raises(InvalidRequest, match="masks"):
        run_block(BoundingRect, predictions=found(scene, (0, 0, 9, 9)))
    assert len(run_block(BoundingRect, predictions=columns.empty())["detections_with_rect"]) == 0


def test_merge_puts_one_box_around_all() -> None:
    scene = plain(100, 100)
    boxes = found(scene, (10, 20, 30, 40), (50, 5, 60, 15), confidence=[0.9, 0.4])
    made = run_block(DetectionsMerge, predictions=boxes, class_name="pile")["predictions"]
    assert made.xyxy.tolist() == [[10, 5, 60, 40]]
    assert made.confidence.tolist() == pytest.approx([0.4])
    assert (columns.names(made), made.class_id.tolist()) == (["pile"], [0])
    assert columns.to_root(made).xyxy.tolist() == [[10, 5, 60, 40]]
    assert len(run_block(DetectionsMerge, predictions=columns.empty())["predictions"]) == 0


def test_combine_keeps_all_of_both() -> None:
    scene = plain(50, 50)
    one = found(scene, (0, 0, 10, 10), mask=masks(scene, (2, 2, 8, 8)))
    other = found(scene, (20, 20, 30, 30), (0, 0, 10, 10), classes=("dog", "cat"), area_px=[1.0, 2.0])
    made = run_block(DetectionsCombine, prediction_one=one, prediction_two=other)["predictions"]
    assert columns.names(made) == ["cat", "dog", "cat"]
    assert [int(mask.sum()) for mask in made.mask] == [36, 100, 100]
    assert made.data["area_px"].tolist() == [None, 1.0, 2.0]
    assert made.data["image_dimensions"].tolist() == [[50, 50]] * 3
    assert run_block(DetectionsCombine, prediction_one=columns.empty(), prediction_two=other)["predictions"] is other


def test_merging_fills_up_what_only_some_have() -> None:
    scene = plain(50, 50)
    tracked = found(scene, (0, 0, 10, 10), tracker_id=np.array([7]))
    other = found(scene, (0, 0, 5, 5))
    other.confidence = None
    made = merged([other, tracked])
    assert made.tracker_id.tolist() == [-1, 7]
    assert made.confidence.tolist() == [1.0, 0.5]
    assert len(merged([])) == 0
    assert merged([columns.empty(), tracked]) is tracked


def test_zones_have_the_asked_corners() -> None:
    scene = plain(200, 200)
    shape = np.zeros((200, 200), np.uint8)
    cv2.fillPoly(shape, [np.array([(40, 40), (160, 50), (150, 150), (50, 140)])], 1)
    boxes = found(scene, (40, 40, 160, 150), mask=shape.astype(bool)[None])
    options = {"predictions": Batch([boxes]), "required_number_of_vertices": 4}
    (made,) = run_block(DynamicZone, **options)
    (zone,) = made["zones"]
    assert made["simplification_converged"] is True
    for corner in [(40, 40), (160, 50), (150, 150), (50, 140)]:
        assert np.linalg.norm(np.array(zone) - corner, axis=1).min() <= 2
    assert made["predictions"].data["polygon"].tolist() == [zone]
    (fitted,) = run_block(DynamicZone, **options, apply_least_squares=True, midpoint_fraction=0.8)
    assert np.array(fitted["zones"][0]) == pytest.approx(np.array(zone), abs=3)
    (larger,) = run_block(DynamicZone, **options, scale_ratio=1.2)
    assert larger["predictions"].mask.sum() / made["predictions"].mask.sum() == pytest.approx(1.44, abs=0.05)


def test_zones_that_cannot_be_had() -> None:
    scene = plain(100, 100)
    boxes = found(scene, (10, 10, 50, 50), mask=masks(scene, (10, 10, 50, 50)))
    (made,) = run_block(DynamicZone, predictions=Batch([boxes]), required_number_of_vertices=6)
    assert made["simplification_converged"] is False
    assert len(made["zones"][0]) == 6
    (bare,) = run_block(DynamicZone, predictions=Batch([found(scene, (0, 0, 5, 5))]), required_number_of_vertices=4)
    assert bare == {"zones": [], "predictions": None, "simplification_converged": False}
    with pytest.raises(InvalidRequest, match="vertices"):
        run_block(DynamicZone, predictions=Batch([boxes]), required_number_of_vertices=2)


def test_geotags() -> None:
    scene = plain(400, 200)
    boxes = found(scene, (190, 90, 210, 110), (290, 0, 310, 0), classes=("car", "tree"), confidence=[0.51239, 0.9])
    made = run_block(
        GeotagDetection, image=scene, predictions=boxes, latitude=0, longitude=10, altitude=100, horizontal_fov=90
    )
    centre, north_east = made["geo_detections"]
    assert centre == {
        "class": "car", "confidence": 0.5124, "lat": 0.0, "lon": 10.0,
        "pixel_x": 200.0, "pixel_y": 100.0, "width": 20.0, "height": 20.0,
    }  # fmt: skip
    assert north_east["lat"] == pytest.approx(50 / 111320, abs=1e-7)
    assert north_east["lon"] - 10 == pytest.approx(50 / 111320, abs=1e-7)
    assert made["geojson"]["features"][1]["geometry"]["coordinates"] == [north_east["lon"], north_east["lat"]]
    for bad in ({"latitude": 90}, {"horizontal_fov": 180}):
        with pytest.raises(InvalidRequest, match="horizontal_fov"):
            run_block(
                GeotagDetection,
                **{"image": scene, "predictions": boxes, "latitude": 1, "longitude": 1, "altitude": 1, **bad},
            )


def lens(**values: float) -> dict[str, float]:
    return {**dict.fromkeys(("k1", "k2", "k3", "p1", "p2"), 0.0), "fx": 100, "fy": 100, "cx": 50, "cy": 40, **values}


@pytest.mark.parametrize("fisheye", [False, True])
def test_a_lens_without_distortion_changes_nothing(fisheye: bool) -> None:
    scene = image(cv2.GaussianBlur(noise(100, 80).pixels, (5, 5), 0))
    made = run_block(CameraCalibration, image=scene, use_fisheye_model=fisheye, **lens())["calibrated_image"]
    apart = np.abs(made.pixels[5:-5, 5:-5].astype(int) - scene.pixels[5:-5, 5:-5])
    assert np.median(apart) <= 6


def test_straightening_undoes_the_bend() -> None:
    # A point at 0.4 focal lengths is seen by k1 = -0.3 at 0.4 (1 - 0.3 x 0.16); straightening moves it back out.
    pixels = np.zeros((81, 101, 3), np.uint8)
    cv2.circle(pixels, (50 + round(40 * (1 - 0.3 * 0.16)), 40), 1, (255, 255, 255), -1)
    options = lens(k1=-0.3)
    made = run_block(CameraCalibration, image=image(pixels), **options)["calibrated_image"].pixels
    x = float(np.average(np.arange(101), weights=made[..., 0].sum(axis=0)))
    matrix, coefficients = np.array([[100, 0, 50], [0, 100, 40], [0, 0, 1.0]]), np.array([-0.3, 0, 0, 0, 0])
    whole, _ = cv2.getOptimalNewCameraMatrix(matrix, coefficients, (101, 81), 1, (101, 81))
    assert x == pytest.approx(whole[0, 2] + whole[0, 0] * 0.4, abs=1)
    with pytest.raises(InvalidRequest, match="focal"):
        run_block(CameraCalibration, image=image(pixels), **lens(fx=0))


def test_fisheye_follows_the_division_model() -> None:
    k = -0.5
    seen = 0.3  # focal lengths; straight it lies at seen / (1 + k seen^2)
    pixels = np.zeros((81, 121, 3), np.uint8)
    cv2.circle(pixels, (50 + 30, 40), 1, (255, 255, 255), -1)
    made = run_block(CameraCalibration, image=image(pixels), use_fisheye_model=True, **lens(k1=k))["calibrated_image"]
    x = float(np.average(np.arange(121), weights=made.pixels[..., 0].sum(axis=0)))
    assert x == pytest.approx(50 + 100 * seen / (1 + k * seen**2), abs=1)


QUAD = [[20, 80], [40, 20], [80, 20], [100, 80]]


def corrected(scene: Any, boxes: Any, **values: Any) -> dict[str, Any]:
    (made,) = run_block(
        PerspectiveCorrection,
        images=Batch([scene]),
        predictions=Batch([boxes]),
        perspective_polygons=QUAD,
        transformed_rect_width=101,
        transformed_rect_height=51,
        **values,
    )
    return dict(made)


def test_perspective_of_boxes_masks_and_keypoints() -> None:
    scene = plain(120, 100)
    points = columns.column([np.array([(40.0, 20.0), (100.0, 80.0)])])
    made = corrected(scene, found(scene, (20, 20, 100, 80), keypoints_xy=points))
    out = made["corrected_coordinates"]
    assert out.data["keypoints_xy"][0].tolist() == [[0, 0], [100, 50]]
    assert out.xyxy[0, 1::2].tolist() == [0, 50]
    assert out.xyxy[0, 0] < 0, "the upper left corner of the box lies beyond the quadrilateral"
    assert out.data["image_dimensions"].tolist() == [[100, 120]], "it is still of that image"
    assert (made["extended_transformed_rect_width"], made["extended_transformed_rect_height"]) == (101, 51)
    assert made["warped_image"] is scene
    shape = np.zeros((100, 120), np.uint8)
    cv2.fillPoly(shape, [np.array(QUAD)], 1)
    masked = corrected(scene, found(scene, (20, 20, 100, 80), mask=shape.astype(bool)[None]))["corrected_coordinates"]
    assert masked.mask.shape == (1, 51, 101)
    assert masked.mask.mean() > 0.95
    assert masked.xyxy[0] == pytest.approx([0, 0, 100, 50], abs=1)


def test_perspective_warps_the_image_and_can_grow() -> None:
    pixels = np.zeros((100, 120, 3), np.uint8)
    cv2.fillPoly(pixels, [np.array(QUAD)], (255, 255, 255))
    scene = image(pixels)
    made = corrected(scene, columns.empty(), warp_image=True)
    assert made["warped_image"].size == (101, 51)
    assert made["warped_image"].pixels.mean() > 240
    wide = corrected(scene, found(scene, (105, 60, 115, 80)), extend_perspective_polygon_by_detections_anchor="ALL")
    assert wide["extended_transformed_rect_width"] > 101
    assert wide["extended_transformed_rect_height"] == 51
    x = wide["corrected_coordinates"].xyxy[0, 2]
    assert x <= wide["extended_transformed_rect_width"]
    for bad in ({"extend_perspective_polygon_by_detections_anchor": "FOOT"},):
        with pytest.raises(InvalidRequest, match="anchor"):
            corrected(scene, found(scene, (1, 1, 2, 2)), **bad)


def test_perspective_without_detections_and_per_image() -> None:
    scenes = Batch([plain(120, 100), plain(120, 100)])
    made = run_block(
        PerspectiveCorrection,
        images=scenes,
        predictions=None,
        perspective_polygons=Batch([QUAD, [[0, 0], [50, 0], [50, 50], [0, 50]]]),
        transformed_rect_width=Batch([10, 20]),
        warp_image=True,
    )
    assert [one["corrected_coordinates"] for one in made] == [None, None]
    assert [one["warped_image"].size for one in made] == [(10, 1000), (20, 1000)]
    with pytest.raises(InvalidRequest, match="4 points"):
        run_block(PerspectiveCorrection, images=scenes, perspective_polygons=[[1, 2], [3, 4]])
    with pytest.raises(InvalidRequest, match="rect"):
        run_block(PerspectiveCorrection, images=scenes, perspective_polygons=QUAD, transformed_rect_width=0)


def test_stitched_images_show_the_whole_scene() -> None:
    rough = np.random.default_rng(5).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    whole = cv2.resize(rough, (800, 400), interpolation=cv2.INTER_CUBIC)
    left, right = named("left", whole[:, :500]), named("right", whole[:, 300:])
    for one, other in ((left, right), (right, left)):
        made = run_block(StitchImages, image1=one, image2=other)["stitched_image"]
        assert made.size == pytest.approx((800, 400), abs=4)
        y, x = min(400, made.size[1]), min(800, made.size[0])
        assert np.median(np.abs(made.pixels[:y, :x].astype(int) - whole[:y, :x])) <= 12
        assert made.parent_id == f"{one.parent_id} + {other.parent_id}"
    assert run_block(StitchImages, image1=left, image2=plain(300, 300))["stitched_image"] is None
    with pytest.raises(InvalidRequest, match="count_of_best"):
        run_block(StitchImages, image1=left, image2=right, count_of_best_matches_per_query_descriptor=0)


LINE = found(plain(300, 100), (0, 0, 10, 20), (11, 0, 21, 20), (44, 0, 54, 20), (0, 40, 10, 60), classes=tuple("ABCD"))


def test_ocr_is_stitched() -> None:
    batch = Batch([LINE, columns.empty()])
    made = run_block(StitchOcrDetectionsV1, predictions=batch, reading_direction="left_to_right", delimiter="")
    assert [one["ocr_text"] for one in made] == ["ABC\nD", ""]
    for way, text in {"tolerance": "ABC\nD", "otsu": "AB C\nD", "collimate": "ABC\nD"}.items():
        made = run_block(
            StitchOcrDetectionsV2, predictions=batch, stitching_algorithm=way, reading_direction="left_to_right"
        )
        assert [one["ocr_text"] for one in made] == [text, ""]
    auto = run_block(StitchOcrDetectionsV1, predictions=batch, reading_direction="auto")
    assert auto[0]["ocr_text"] == "AD B C", "tall boxes are read downwards"
