"""Classical blocks that answer with images: expected pixels follow from the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.blocks.classical_cv.auto_rotate_on_edges import AutoRotateOnEdges
from shared.workflows.blocks.classical_cv.background_subtraction import BackgroundSubtraction
from shared.workflows.blocks.classical_cv.camera_focus import CameraFocusV1, CameraFocusV2
from shared.workflows.blocks.classical_cv.contours_detection import ContoursDetection
from shared.workflows.blocks.classical_cv.contrast_enhancement import ContrastEnhancement
from shared.workflows.blocks.classical_cv.contrast_equalization import ContrastEqualization
from shared.workflows.blocks.classical_cv.convert_grayscale import ConvertGrayscale
from shared.workflows.blocks.classical_cv.image_blur import ImageBlur
from shared.workflows.blocks.classical_cv.image_preprocessing import ImagePreprocessing
from shared.workflows.blocks.classical_cv.morphological_transformation import (
    MorphologicalTransformationV1,
    MorphologicalTransformationV2,
)
from shared.workflows.blocks.classical_cv.threshold import Threshold
from shared.workflows.testing import make, run_block
from shared.workflows.vision.pixels import rotated
from tests.unit.workflows.pictures import frame, image, noise, plain


def test_grayscale_is_luma() -> None:
    one = image([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    grey = run_block(ConvertGrayscale, image=one)["image"].pixels
    assert grey.tolist() == [[29, 150, 76]]  # 0.114, 0.587 and 0.299 of 255
    assert run_block(ConvertGrayscale, image=image(grey))["image"].pixels.tolist() == grey.tolist()


def test_place_and_video_stay() -> None:
    source = frame(np.zeros((8, 9, 3)), 7)
    made = run_block(ConvertGrayscale, images=source)["image"]
    assert made.video_metadata == source.video_metadata
    assert made.parent_id == source.parent_id


def spot(size: int = 9) -> Any:
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[size // 2, size // 2] = 90
    return image(pixels)


@pytest.mark.parametrize(("kernel", "side"), [(3, 3), (2, 3), (5, 5)])
def test_blurs_spread_over_their_kernel(kernel: int, side: int) -> None:
    gaussian = run_block(ImageBlur, image=spot(), blur_type="gaussian", kernel_size=kernel)["image"].pixels
    touched = np.argwhere(gaussian[..., 0] > 0)
    assert np.ptp(touched, axis=0).tolist() == [side - 1, side - 1]
    assert run_block(ImageBlur, image=spot(), blur_type="median", kernel_size=kernel)["image"].pixels.sum() == 0


def test_average_blur_is_the_mean() -> None:
    average = run_block(ImageBlur, image=spot(), blur_type="average", kernel_size=3)["image"].pixels
    assert average[3:6, 3:6].tolist() == [[[10, 10, 10]] * 3] * 3
    assert average.sum() == 9 * 30


def test_bilateral_blur_keeps_strong_edges() -> None:
    step = np.zeros((20, 20, 3))
    step[:, 10:] = 255
    bilateral = run_block(ImageBlur, image=image(step), blur_type="bilateral", kernel_size=7)["image"].pixels
    gaussian = run_block(ImageBlur, image=image(step), kernel_size=7)["image"].pixels
    assert bilateral[10, 9, 0] < 10 < gaussian[10, 9, 0]


def test_unknown_blur_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="blur_type"):
        run_block(ImageBlur, image=spot(), blur_type="motion")


RAMP = image([[[v] * 3 for v in (0, 99, 100, 101, 255)]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("binary", [0, 0, 0, 200, 200]),
        ("binary_inv", [200, 200, 200, 0, 0]),
        ("trunc", [0, 99, 100, 100, 100]),
        ("tozero", [0, 0, 0, 101, 255]),
        ("tozero_inv", [0, 99, 100, 0, 0]),
    ],
)
def test_fixed_thresholds(how: str, expected: list[int]) -> None:
    made = run_block(Threshold, image=RAMP, threshold_type=how, thresh_value=100, max_value=200)["image"]
    assert made.pixels[0, :, 0].tolist() == expected


def test_found_thresholds() -> None:
    halves = np.full((40, 40, 3), 40)
    halves[:, 20:] = 180
    otsu = run_block(Threshold, image=image(halves), threshold_type="otsu", thresh_value=0)["image"].pixels
    assert otsu.shape == (40, 40)
    assert otsu[:, :20].max() == 0
    assert otsu[:, 20:].min() == 255
    for how in ("adaptive_mean", "adaptive_gaussian"):
        made = run_block(Threshold, image=image(halves), threshold_type=how, thresh_value=0, max_value=9)[
            "image"
        ].pixels
        assert made[20, 18] == 0, "darker than its surroundings"
        assert made[20, 22] == 9
        assert made[20, 2] == 9, "as bright as its surroundings"
    with pytest.raises(InvalidRequest, match="threshold_type"):
        run_block(Threshold, image=RAMP, threshold_type="magic", thresh_value=1)


def square_and_speck() -> Any:
    """A square of 10 with a hole of one pixel, and a speck of one pixel."""
    pixels = np.zeros((30, 30, 3), np.uint8)
    pixels[10:20, 10:20] = 255
    pixels[15, 15] = 0
    pixels[2, 2] = 255
    return image(pixels)


@pytest.mark.parametrize(
    ("operation", "area"),
    [
        ("Dilation", 12 * 12 + 9),
        ("Erosion", 8 * 8 - 9),
        ("Closing", 10 * 10 + 1),
        ("Gradient", 12 * 12 - (8 * 8 - 9) + 9),
        ("Black Hat", 1),
    ],
)
def test_morphology_counts_pixels(operation: str, area: int) -> None:
    made = run_block(MorphologicalTransformationV1, image=square_and_speck(), operation=operation, kernel_size=3)
    assert made["image"].pixels.shape == (30, 30, 1)
    assert int((made["image"].pixels > 0).sum()) == area
    color = run_block(MorphologicalTransformationV2, image=square_and_speck(), operation=operation, kernel_size=3)
    assert color["image"].pixels.shape == (30, 30, 3)
    assert int((color["image"].pixels[..., 1] > 0).sum()) == area


def test_opening_then_closing_drops_specks_and_fills_holes() -> None:
    made = run_block(MorphologicalTransformationV2, image=square_and_speck(), kernel_size=3)["image"].pixels[..., 0]
    opened = run_block(MorphologicalTransformationV2, image=square_and_speck(), kernel_size=3, operation="Opening")
    assert made[2, 2] == opened["image"].pixels[2, 2, 0] == 0
    assert made[12, 12] == 255
    top_hat = run_block(MorphologicalTransformationV1, image=square_and_speck(), kernel_size=3, operation="Top Hat")
    assert top_hat["image"].pixels[2, 2, 0] == 255


def test_alpha_stays_and_bad_values_are_refused() -> None:
    pixels = np.zeros((9, 9, 4), np.uint8)
    pixels[..., 3] = 77
    made = run_block(MorphologicalTransformationV2, image=image(pixels), operation="Dilation")["image"].pixels
    assert (made[..., 3] == 77).all()
    for block in (MorphologicalTransformationV1, MorphologicalTransformationV2):
        with pytest.raises(InvalidRequest, match="operation"):
            run_block(block, image=plain(), operation="Melting")
        with pytest.raises(InvalidRequest, match="kernel_size"):
            run_block(block, image=plain(), operation="Erosion", kernel_size=0)


def test_resize_rotate_flip() -> None:
    source = image(np.arange(2 * 3 * 3).reshape(2, 3, 3))
    flips = {"vertical": source.pixels[::-1], "horizontal": source.pixels[:, ::-1], "both": source.pixels[::-1, ::-1]}
    for how, expected in flips.items():
        made = run_block(ImagePreprocessing, image=source, task_type="flip", flip_type=how)["image"].pixels
        assert made.tolist() == expected.tolist()
    assert run_block(ImagePreprocessing, image=source, task_type="resize")["image"].size == (640, 640)
    small = run_block(ImagePreprocessing, image=plain(100, 50), task_type="resize", width=10, height=None)["image"]
    assert small.size == (10, 5)
    turned = run_block(ImagePreprocessing, image=plain(100, 50), task_type="rotate")["image"]
    assert turned.size == (50, 100)
    still = run_block(ImagePreprocessing, image=source, task_type="rotate", rotation_degrees=0)["image"].pixels
    assert still.tolist() == source.pixels.tolist()


def test_rotation_is_counter_clockwise() -> None:
    pixels = np.zeros((41, 41, 3))
    pixels[20, 35] = 255  # at the right
    made = run_block(ImagePreprocessing, image=image(pixels), task_type="rotate", rotation_degrees=90)["image"].pixels
    y, x = np.unravel_index(made[..., 0].argmax(), made.shape[:2])
    assert y < 10
    assert abs(int(x) - 20) <= 1


@pytest.mark.parametrize(
    "bad",
    [
        {"task_type": "resize", "width": 0},
        {"task_type": "resize", "width": 10**6, "height": 10**6},
        {"task_type": "rotate", "rotation_degrees": 400},
        {"task_type": "flip", "flip_type": "sideways"},
    ],
)
def test_preprocessing_refuses(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        run_block(ImagePreprocessing, image=plain(), **bad)


def test_contrast_blocks_use_the_full_range() -> None:
    dull = image(np.tile(np.linspace(100, 140, 64).astype(np.uint8)[None, :, None], (64, 1, 3)))
    for way in ("Contrast Stretching", "Histogram Equalization"):
        made = run_block(ContrastEqualization, image=dull, equalization_type=way)["image"].pixels
        assert int(made.max()) - int(made.min()) > 240
    tiled = run_block(ContrastEqualization, image=dull, equalization_type="Adaptive Equalization")["image"].pixels
    assert tiled.std() > dull.pixels.std()
    with pytest.raises(InvalidRequest, match="equalization_type"):
        run_block(ContrastEqualization, image=dull, equalization_type="None")
    made = run_block(ContrastEnhancement, image=dull)["image"].pixels
    assert (int(made.min()), int(made.max())) == (0, 255)


def test_contrast_enhancement_works_on_each_channel_and_keeps_alpha() -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 0] = 10, 20, 30
    pixels[0, :, 1] = 7
    pixels[0, :, 3] = 50, 60, 70
    made = run_block(ContrastEnhancement, image=image(pixels))["image"].pixels[0]
    assert made[:, 0].tolist() == [0, 127, 255]
    assert made[:, 1].tolist() == [7, 7, 7]
    assert made[:, 3].tolist() == [50, 60, 70]
    grey = run_block(ContrastEnhancement, image=image(pixels[..., 0]))["image"].pixels
    assert grey.tolist() == [[0, 127, 255]]


def test_contours_count_bright_shapes_from_outside() -> None:
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[5:20, 5:20] = 255
    pixels[30:50, 30:50] = 255
    pixels[35:45, 35:45] = 0  # a hole has no outer outline
    made = run_block(ContoursDetection, image=image(pixels), line_thickness=1)
    assert made["number_contours"] == len(made["contours"]) == 2
    assert made["hierarchy"].shape == (1, 2, 4)
    assert sorted(c.reshape(-1, 2).min(axis=0).tolist() for c in made["contours"]) == [[5, 5], [30, 30]]
    assert made["image"].pixels[5, 5].tolist() == [255, 0, 255]
    assert made["image"].pixels[25, 25].tolist() == [0, 0, 0]
    nothing = run_block(ContoursDetection, image=plain())
    assert (nothing["number_contours"], nothing["contours"], nothing["hierarchy"]) == (0, [], None)


def test_focus_scores_fall_with_blur() -> None:
    sharp = noise(200, 100)
    soft = run_block(ImageBlur, image=sharp, kernel_size=9)["image"]
    for block in (CameraFocusV1, CameraFocusV2):
        scores = [run_block(block, image=one)["focus_measure"] for one in (sharp, soft)]
        assert scores[1] < scores[0] / 10
    shown = run_block(CameraFocusV1, image=sharp)["image"].pixels
    assert shown.shape == (100, 200)
    assert shown.max() == 255


def test_focus_of_boxes_and_what_is_drawn() -> None:
    from tests.unit.workflows.pictures import changed, found

    pixels = np.zeros((300, 400, 3))
    pixels[:, 200:] = 128
    scene = image(pixels)
    boxes = found(scene, (0, 0, 100, 300), (150, 0, 250, 300), (500, 500, 600, 600))
    off = dict.fromkeys(("show_zebra_warnings", "show_hud", "show_focus_peaking", "show_center_marker"), False)
    bare = run_block(CameraFocusV2, image=scene, detections=boxes, grid_overlay="None", **off)
    assert not changed(scene, bare["image"]).any()
    # The edge is 2 pixels wide in Sobel's gradient: (4 x 128)^2 on 2 of 100 columns, on 2 of 400 overall.
    assert bare["bbox_focus_measures"] == [0.0, pytest.approx(512**2 * 2 / 100), None]
    assert bare["focus_measure"] == pytest.approx(512**2 * 2 / 400)
    for name in off:
        assert changed(
            scene, run_block(CameraFocusV2, image=scene, grid_overlay="None", **{**off, name: True})["image"]
        ).any()
    grid = changed(scene, run_block(CameraFocusV2, image=scene, grid_overlay="2x2", **off)["image"])
    assert grid[150].sum() == 200, "the left half; the right is as grey as the line"
    assert run_block(CameraFocusV2, image=scene)["bbox_focus_measures"] == []


def stripes(turn: float) -> Any:
    upright = np.zeros((500, 500, 3), np.uint8)
    for x in range(10, 500, 40):
        upright[:, x : x + 18] = 230
    turned = rotated(upright, turn)
    y, x = turned.shape[0] // 2, turned.shape[1] // 2
    return image(np.ascontiguousarray(turned[y - 150 : y + 150, x - 150 : x + 150]))


@pytest.mark.parametrize(
    ("target", "turn", "expected"),
    [("vertical", 10, -10), ("vertical", -25, 25), ("either", 60, 30), ("horizontal", 80, 10), ("vertical", 0, 0)],
)
def test_auto_rotation(target: str, turn: float, expected: float) -> None:
    made = run_block(AutoRotateOnEdges, image=stripes(turn), target_orientation=target)
    assert made["angle"] == pytest.approx(expected, abs=0.4)
    if expected == 0:
        assert made["image"].size == (300, 300)


def test_auto_rotation_leaves_out_small_large_and_unsure_turns() -> None:
    assert run_block(AutoRotateOnEdges, image=stripes(3), skip_below_degrees=5)["angle"] == 0
    assert run_block(AutoRotateOnEdges, image=stripes(30), max_correction_degrees=20)["angle"] == 0
    flat = plain(100, 100, (90, 90, 90))
    assert run_block(AutoRotateOnEdges, image=flat) == {"image": flat, "angle": 0.0}
    with pytest.raises(InvalidRequest, match="target_orientation"):
        run_block(AutoRotateOnEdges, image=flat, target_orientation="diagonal")


def test_background_subtraction_learns_each_video_by_itself() -> None:
    block = make(BackgroundSubtraction)
    still, moved = np.full((40, 60, 3), 90), np.full((40, 60, 3), 90)
    moved[10:20, 10:20] = 250
    for number in range(20):
        run_block(block, image=frame(still, number, "one"))
    mask = run_block(block, image=frame(moved, 20, "one"))["image"].pixels
    assert mask.shape == (40, 60, 3)
    assert (mask[10:20, 10:20] == 255).all()
    assert mask[30:].max() == 0
    first = run_block(block, image=frame(moved, 0, "two"))["image"].pixels
    assert len(np.unique(first)) == 1, "a video's first frame has no background yet"
    with pytest.raises(InvalidRequest, match="history"):
        run_block(BackgroundSubtraction, image=plain(), history=0)
