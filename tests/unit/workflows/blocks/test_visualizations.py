"""Drawing blocks: which pixels change, which do not, and in which colour."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.block import Block
from shared.workflows.blocks.visualizations.background_color import BackgroundColor
from shared.workflows.blocks.visualizations.blur import Blur
from shared.workflows.blocks.visualizations.bounding_box import BoundingBox
from shared.workflows.blocks.visualizations.circle import Circle
from shared.workflows.blocks.visualizations.color import Paint
from shared.workflows.blocks.visualizations.corner import Corner
from shared.workflows.blocks.visualizations.crop import Crop
from shared.workflows.blocks.visualizations.dot import Dot
from shared.workflows.blocks.visualizations.ellipse import Ellipse
from shared.workflows.blocks.visualizations.grid import Grid
from shared.workflows.blocks.visualizations.halo import HaloV1, HaloV2
from shared.workflows.blocks.visualizations.heatmap import Heatmap
from shared.workflows.blocks.visualizations.icon import Icon
from shared.workflows.blocks.visualizations.keypoint import Keypoint
from shared.workflows.blocks.visualizations.label import LabelV1, LabelV2
from shared.workflows.blocks.visualizations.line_zone import LineZone
from shared.workflows.blocks.visualizations.mask import Mask
from shared.workflows.blocks.visualizations.model_comparison import ModelComparison
from shared.workflows.blocks.visualizations.pixelate import Pixelate
from shared.workflows.blocks.visualizations.polygon import PolygonV1, PolygonV2
from shared.workflows.blocks.visualizations.polygon_zone import PolygonZone
from shared.workflows.blocks.visualizations.reference_path import ReferencePath
from shared.workflows.blocks.visualizations.rich_label import RichLabel
from shared.workflows.blocks.visualizations.trace import Trace
from shared.workflows.blocks.visualizations.triangle import Triangle
from shared.workflows.images import ImageParentMetadata, WorkflowImage
from shared.workflows.testing import make, run_block
from tests.unit.workflows.pictures import changed, found, frame, image, masks, noise, plain

RED = {"color_palette": "CUSTOM", "custom_colors": ["#ff0000"]}
BGR_RED = [0, 0, 255]
SCENE = plain(200, 160, (90, 90, 90))
BOX = (60, 50, 120, 110)
ONE = found(SCENE, BOX, tracker_id=np.array([3]))
SHAPE = found(SCENE, BOX, mask=masks(SCENE, (70, 60, 110, 100)))


def drawn(block: Any, *, scene: WorkflowImage = SCENE, **values: Any) -> Any:
    return run_block(block, image=scene, **values)["image"].pixels


def extent(pixels: Any, scene: WorkflowImage = SCENE) -> list[int]:
    """The box [x0, y0, x1, y1] of what changed."""
    y, x = np.nonzero((pixels != scene.pixels).any(axis=2))
    return [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]


def test_bounding_box_draws_only_its_border() -> None:
    pixels = drawn(BoundingBox, predictions=ONE, **RED)
    assert pixels[50, 90].tolist() == BGR_RED
    assert pixels[80, 60].tolist() == BGR_RED
    assert pixels[80, 90].tolist() == [90] * 3
    assert extent(pixels) == pytest.approx([59, 49, 122, 112], abs=1)
    round_ = drawn(BoundingBox, predictions=ONE, roundness=1.0, **RED)
    assert round_[50, 90].tolist() == BGR_RED
    assert round_[51, 61].tolist() == [90] * 3, "no corner"


def test_thickness_counts() -> None:
    thin, thick = (drawn(BoundingBox, predictions=ONE, thickness=t, **RED) for t in (1, 8))
    assert (thin != 90).any(axis=2).sum() * 4 < (thick != 90).any(axis=2).sum()


def test_circle_goes_through_the_corners() -> None:
    pixels = drawn(Circle, predictions=ONE, **RED)
    radius = 30 * 2**0.5
    assert extent(pixels) == pytest.approx([90 - radius, 80 - radius, 90 + radius, 80 + radius], abs=3)
    assert pixels[80, 90].tolist() == [90] * 3


def test_paint_blends_the_box() -> None:
    pixels = drawn(Paint, predictions=ONE, opacity=0.5, **RED)
    assert pixels[80, 90].tolist() == pytest.approx([45, 45, 172], abs=1)
    assert extent(pixels) == pytest.approx(list(BOX), abs=1)


def test_corner_leaves_the_sides_open() -> None:
    pixels = drawn(Corner, predictions=ONE, thickness=2, corner_length=10, **RED)
    assert pixels[50, 65].tolist() == BGR_RED
    assert pixels[50, 90].tolist() == [90] * 3


@pytest.mark.parametrize(("anchor", "at"), [("CENTER", (90, 80)), ("TOP_LEFT", (60, 50)), ("BOTTOM_CENTER", (90, 110))])
def test_dot_sits_on_its_anchor(anchor: str, at: tuple[int, int]) -> None:
    pixels = drawn(Dot, predictions=ONE, position=anchor, radius=5, **RED)
    assert extent(pixels) == [at[0] - 5, at[1] - 5, at[0] + 6, at[1] + 6]
    assert pixels[at[1], at[0]].tolist() == BGR_RED


def test_triangle_and_ellipse_stand_where_they_should() -> None:
    x0, y0, x1, y1 = extent(drawn(Triangle, predictions=ONE, base=20, height=12, **RED))
    assert (x0 + x1) // 2 == pytest.approx(90, abs=1)
    assert x1 - x0 == pytest.approx(21, abs=1)
    assert 30 <= y0 < y1 <= 65
    x0, y0, x1, y1 = extent(drawn(Ellipse, predictions=ONE, **RED))
    assert (x0 + x1) // 2 == pytest.approx(90, abs=3)
    assert y0 > 90
    assert y1 > 110


def test_blur_and_pixelate_change_the_inside_only() -> None:
    scene = noise(200, 160)
    one = found(scene, BOX)
    for block, values in ((Blur, {"kernel_size": 15}), (Pixelate, {"pixel_size": 20})):
        pixels = drawn(block, scene=scene, predictions=one, **values)
        assert extent(pixels, scene) == pytest.approx(list(BOX), abs=1)
        assert pixels[55:105, 65:115].std() < scene.pixels.std() / 2


def test_background_is_covered_around_masks_or_boxes() -> None:
    for detections, inside in ((ONE, (55, 65)), (SHAPE, (65, 75))):
        pixels = drawn(BackgroundColor, predictions=detections, color="WHITE", opacity=1.0)
        assert pixels[inside].tolist() == [90] * 3
        assert pixels[10, 10].tolist() == [255] * 3
    assert drawn(BackgroundColor, predictions=SHAPE, color="WHITE", opacity=1.0)[52, 62].tolist() == [255] * 3
    assert drawn(BackgroundColor, predictions=columns.empty())[80, 90].tolist() == [45] * 3


def test_mask_polygon_and_halo_follow_the_mask() -> None:
    pixels = drawn(Mask, predictions=SHAPE, opacity=1.0, **RED)
    assert extent(pixels) == [70, 60, 110, 100]
    assert pixels[80, 90].tolist() == BGR_RED
    for block in (PolygonV1, PolygonV2):
        line = drawn(block, predictions=SHAPE, thickness=1, **RED)
        assert extent(line) == [70, 60, 110, 100]
        assert line[80, 90].tolist() == [90] * 3
    for block in (HaloV1, HaloV2):
        glow = drawn(block, predictions=SHAPE, kernel_size=20, **RED)
        assert glow[80, 90].tolist() == [90] * 3
        assert int(glow[80, 68, 2]) - int(glow[80, 68, 0]) > 60, "reddish outside"
        assert extent(glow) == pytest.approx([60, 50, 120, 110], abs=2)


@pytest.mark.parametrize("block", [Mask, PolygonV1, PolygonV2, HaloV1, HaloV2])
def test_boxes_stand_in_for_missing_masks(block: type[Block]) -> None:
    assert (drawn(block, predictions=ONE, **RED) != SCENE.pixels).any()
    assert ONE.mask is None


def test_crop_shows_the_box_enlarged() -> None:
    pixels = SCENE.pixels.copy()
    pixels[50:110, 60:120] = 20, 200, 20
    scene = image(pixels)
    shown = drawn(Crop, scene=scene, predictions=found(scene, BOX), scale_factor=1.5, position="BOTTOM_CENTER", **RED)
    assert (shown[..., 1] == 200).sum() > 60 * 60 * 1.2
    assert (shown == BGR_RED).all(axis=2).any()


def skeleton(**more: Any) -> sv.Detections:
    points = columns.column([np.array([(70, 60), (110, 60), (110, 100)])])
    return found(SCENE, BOX, keypoints_xy=points, **more)


def test_keypoints_as_points_edges_and_numbers() -> None:
    dots = drawn(Keypoint, predictions=skeleton(), annotator_type="vertex", radius=3, color="#ff0000")
    assert dots[60, 70].tolist() == BGR_RED
    assert dots[60, 90].tolist() == [90] * 3
    edges = drawn(Keypoint, predictions=skeleton(), edges=[[1, 2], [2, 3]], thickness=3, color="#ff0000")
    assert edges[60, 90].tolist() == BGR_RED
    assert edges[80, 110].tolist() == BGR_RED
    assert edges[80, 90].tolist() == [90] * 3, "no edge from 1 to 3"
    assert (drawn(Keypoint, predictions=skeleton(), annotator_type="vertex_label", radius=0) != 90).any()
    assert (drawn(Keypoint, predictions=columns.empty()) == SCENE.pixels).all()
    with pytest.raises(InvalidRequest, match="keypoint"):
        drawn(Keypoint, predictions=ONE)


def test_skeletons_of_different_lengths() -> None:
    points = columns.column([np.array([(70, 60), (110, 60)]), np.array([(20, 20)])])
    two = found(SCENE, BOX, (10, 10, 30, 30), keypoints_xy=points)
    pixels = drawn(Keypoint, predictions=two, annotator_type="vertex", radius=2, color="#ff0000")
    assert pixels[20, 20].tolist() == BGR_RED
    assert pixels[0, 0].tolist() == [90] * 3, "a missing point is drawn nowhere"


def test_trace_grows_with_the_way_of_each_video() -> None:
    block = make(Trace)
    for number in range(8):
        scene = frame(SCENE.pixels, number)
        box = (60 + 5 * number, 50, 100 + 5 * number, 90)
        pixels = drawn(block, scene=scene, predictions=found(scene, box, tracker_id=np.array([1])), thickness=2, **RED)
    assert extent(pixels)[0] == pytest.approx(80, abs=2)
    assert extent(pixels)[2] == pytest.approx(116, abs=2)
    other = frame(SCENE.pixels, 0, "other")
    assert (drawn(block, scene=other, predictions=found(other, BOX, tracker_id=np.array([1])), **RED) == 90).all()
    with pytest.raises(InvalidRequest, match="tracker"):
        drawn(Trace, predictions=found(SCENE, BOX))


def test_heat_adds_up_and_ignores_what_stands_still() -> None:
    block, values = make(Heatmap), {"radius": 10, "kernel_size": 1, "opacity": 1.0, "motion_threshold": 5}
    for number in range(3):
        scene = frame(SCENE.pixels, number)
        both = found(
            scene, (40 + 20 * number, 20, 60 + 20 * number, 60), (100, 100, 140, 140), tracker_id=np.array([1, 2])
        )
        pixels = drawn(block, scene=scene, predictions=both, **values)
    assert extent(pixels) == pytest.approx([60, 50, 101, 71], abs=2)
    everything = drawn(Heatmap, predictions=found(SCENE, BOX), **values)
    assert extent(everything) == pytest.approx([80, 100, 101, 121], abs=1)


def test_comparison_colours_what_only_one_model_found() -> None:
    a, b = found(SCENE, (10, 10, 50, 50)), found(SCENE, (30, 10, 90, 50))
    pixels = drawn(ModelComparison, predictions_a=a, predictions_b=b, opacity=1.0)
    assert pixels[20, 20].tolist() == [0, 255, 0]
    assert pixels[20, 40].tolist() == [90] * 3
    assert pixels[20, 70].tolist() == BGR_RED
    assert pixels[100, 100].tolist() == [0] * 3
    assert (
        drawn(ModelComparison, predictions_a=columns.empty(), predictions_b=b, opacity=0.5)[100, 100].tolist()
        == [45] * 3
    )


def test_zone_is_tinted_inside_only() -> None:
    square = [[20, 20], [60, 20], [60, 60], [20, 60]]
    pixels = drawn(PolygonZone, zone=square, color="#ff0000", opacity=0.2)
    assert pixels[40, 40].tolist() == [90, 90, 141]
    assert pixels[40, 80].tolist() == [90] * 3
    two = drawn(PolygonZone, zone=[square, [[100, 100], [140, 100], [140, 140]]], color="#ff0000", opacity=0.2)
    assert two[105, 130].tolist() == two[40, 40].tolist() == [90, 90, 141]
    assert (drawn(PolygonZone, zone=[]) == SCENE.pixels).all()
    for bad in ([[1, 2, 3]], [5], [["a", "b"]]):
        with pytest.raises(InvalidRequest, match="zone"):
            drawn(PolygonZone, zone=bad)


def test_line_and_its_counts() -> None:
    pixels = drawn(LineZone, zone=[[20, 100], [180, 100]], count_in=2, text_scale=0.4, color="#ff0000", opacity=1.0)
    assert pixels[100, 150].tolist() == [90, 90, 255]
    assert pixels[120, 150].tolist() == [90] * 3
    assert (pixels[90:110, :60] == 255).all(axis=2).any(), "a white plate"
    cornered = drawn(LineZone, zone=[[0, 0], [0, 150]], text_scale=0.4)
    assert (cornered[:, :, 0] == 255).any(axis=0)[2:50].all(), "moved inside"
    with pytest.raises(InvalidRequest, match="zone"):
        drawn(LineZone, zone=[[1, 2]])


@pytest.mark.parametrize("path", [[(20, 20), (100, 20), (100, 90)], [[20, 20], [100, 20], [100, 90]]])
def test_reference_path(path: Any) -> None:
    pixels = drawn(ReferencePath, reference_path=path, color="#ff0000", thickness=3)
    assert pixels[20, 60].tolist() == pixels[60, 100].tolist() == BGR_RED
    assert pixels[60, 60].tolist() == [90] * 3, "not closed"
    for bad in ({"thickness": -1}, {"reference_path": ["x"]}):
        with pytest.raises(InvalidRequest):
            drawn(ReferencePath, **{"reference_path": path, **bad})


def test_grid_puts_pictures_into_cells() -> None:
    colors = [plain(20, 10, (n, n, n)) for n in (50, 100, 150)]
    made = run_block(Grid, images=[colors[0], [colors[1], None], colors[2]], width=200, height=100)["image"]
    assert made.size == (200, 100)
    assert [int(made.pixels[y, x, 0]) for y, x in ((25, 50), (25, 150), (75, 50), (75, 150))] == [50, 100, 0, 150]
    assert run_block(Grid, images=[], width=30, height=20)["image"].pixels.sum() == 0
    tall = run_block(Grid, images=[plain(10, 20, (9, 9, 9))], width=100, height=100)["image"].pixels
    assert extent(tall, plain(100, 100)) == [25, 0, 75, 100], "as large as its cell allows"
    with pytest.raises(InvalidRequest, match="grid"):
        run_block(Grid, images=[], width=0)


def icon_with_hole() -> WorkflowImage:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[..., 2] = 255
    pixels[5:15, 5:15, 3] = 255
    png = cv2.imencode(".png", pixels)[1].tobytes()
    return WorkflowImage(ImageParentMetadata("icon"), encoded=png)


def test_icons_at_a_place_or_on_each_detection() -> None:
    solid = plain(8, 8, (0, 0, 255))
    size = {"icon_width": 20, "icon_height": 10}
    pixels = drawn(Icon, icon=solid, mode="static", x_position=30, y_position=40, **size)
    assert extent(pixels) == [30, 40, 50, 50]
    assert extent(drawn(Icon, icon=solid, mode="static", x_position=-1, y_position=-1, **size)) == [179, 149, 199, 159]
    assert extent(drawn(Icon, icon=solid, predictions=ONE, position="CENTER", **size)) == [80, 75, 100, 85]
    assert extent(drawn(Icon, icon=solid, predictions=found(SCENE, (-20, 0, 10, 10)), **size)) == [0, 0, 5, 5]
    assert (drawn(Icon, icon=solid) == SCENE.pixels).all()
    assert (drawn(Icon, icon=solid, mode="static", x_position=5000) == SCENE.pixels).all()


def test_icons_keep_their_transparency() -> None:
    pixels = drawn(
        Icon, icon=icon_with_hole(), mode="static", x_position=0, y_position=0, icon_width=20, icon_height=20
    )
    assert extent(pixels) == [5, 5, 15, 15]
    assert pixels[10, 10].tolist() == BGR_RED
    for bad in ({"mode": "floating"}, {"icon_width": 0}):
        with pytest.raises(InvalidRequest):
            drawn(Icon, icon=icon_with_hole(), **bad)


DRAWING = (
    BoundingBox, Circle, Paint, Corner, Crop, Dot, Ellipse, Triangle, Blur, Pixelate, Mask, PolygonV1, PolygonV2,
    HaloV1, HaloV2, LabelV1, LabelV2, RichLabel, BackgroundColor,
)  # fmt: skip


@pytest.mark.parametrize("block", DRAWING)
@pytest.mark.parametrize("copy_image", [True, False])
def test_inputs_are_never_drawn_on(block: type[Block], copy_image: bool) -> None:
    scene = noise(120, 100)
    before = scene.pixels.copy()
    made = run_block(block, image=scene, predictions=found(scene, (20, 20, 80, 80)), copy_image=copy_image)["image"]
    assert (scene.pixels == before).all()
    assert changed(scene, made).any()
    assert made.parent_id == scene.parent_id


@pytest.mark.parametrize("block", [b for b in DRAWING if b is not BackgroundColor])
def test_nothing_to_draw_and_grey_images(block: type[Block]) -> None:
    scene = noise(60, 50)
    assert (run_block(block, image=scene, predictions=columns.empty())["image"].pixels == scene.pixels).all()
    grey = image(scene.pixels[..., 0])
    made = run_block(block, image=grey, predictions=found(grey, (10, 10, 50, 40)))["image"].pixels
    assert made.shape == (50, 60, 3)


def test_colours_by_class_index_and_track() -> None:
    colors = {"color_palette": "CUSTOM", "custom_colors": ["#ff0000", "#00ff00", "#0000ff"], "opacity": 1.0}
    three = found(SCENE, (0, 0, 20, 20), (40, 0, 60, 20), (80, 0, 100, 20), classes=("a", "b", "a"))
    three.tracker_id = np.array([5, 1, 3])
    spots = (10, 10), (10, 50), (10, 90)
    expected = {"CLASS": "rgr", "INDEX": "rgb", "TRACK": "bgr"}
    value = {"r": [0, 0, 255], "g": [0, 255, 0], "b": [255, 0, 0]}
    for axis, letters in expected.items():
        pixels = drawn(Paint, predictions=three, color_axis=axis, **colors)
        assert [pixels[spot].tolist() for spot in spots] == [value[letter] for letter in letters], axis
    for bad in (
        {"color_axis": "SIZE"},
        {"color_palette": "Nice"},
        {"color_palette": "CUSTOM", "custom_colors": []},
        {"palette_size": 0},
    ):
        with pytest.raises(InvalidRequest):
            drawn(Paint, predictions=three, **{**colors, **bad})
    assert (drawn(Paint, predictions=three, color_palette="Matplotlib Viridis", palette_size=3) != 90).any()
