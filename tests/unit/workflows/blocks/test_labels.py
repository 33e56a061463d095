"""Label blocks: what they write, where, and how large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.blocks.visualizations._fonts import FAMILIES, font_path
from shared.workflows.blocks.visualizations._labels import font_size, labels, text_scale
from shared.workflows.blocks.visualizations.classification_label import ClassificationLabel
from shared.workflows.blocks.visualizations.label import LabelV1, LabelV2
from shared.workflows.blocks.visualizations.rich_label import RichLabel
from shared.workflows.images import WorkflowImage
from shared.workflows.testing import run_block
from tests.unit.workflows.pictures import found, masks, plain

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


def test_labels_stand_on_their_plate() -> None:
    for block in (LabelV1, LabelV2):
        pixels = drawn(block, predictions=ONE, text_scale=0.5, **RED)
        x0, y0, x1, y1 = extent(pixels)
        assert (x0, y1) == pytest.approx((60, 50), abs=2)
        assert pixels[y0 + 2, x0 + 2].tolist() == BGR_RED
        assert (pixels[y0:y1, x0:x1] == 255).all(axis=2).any(), "white words"
    small, large = (drawn(LabelV2, predictions=ONE, text_size_mode="Automatic", text_scale=s) for s in (3.0, 6.0))
    assert (small != 90).sum() < (large != 90).sum()


def test_what_labels_say() -> None:
    two = found(SCENE, (0, 0, 10, 20), (5, 5, 35, 15), classes=("cat", "dog"), confidence=[0.5, 0.256])
    two.tracker_id = np.array([4, 5])
    two.data |= {"time_in_zone": np.array([1.239, 0]), "area_px": np.array([200.0, 0]), "colour": np.array(["r", "g"])}
    assert labels(two, "Class") == ["cat", "dog"]
    assert labels(two, "Confidence") == ["0.50", "0.26"]
    assert labels(two, "Class and Confidence") == ["cat 0.50", "dog 0.26"]
    assert labels(two, "Index") == ["0", "1"]
    assert labels(two, "Dimensions") == ["5, 10 10x20", "20, 10 30x10"]
    assert labels(two, "Area") == ["200", "300"]
    assert labels(two, "Tracker Id") == ["4", "5"]
    assert labels(two, "Time In Zone") == ["In zone: 1.24s", "In zone: N/A"]
    assert labels(two, "Area (mask)") == ["Area (mask): 200.00", "Area (mask): N/A"]
    assert labels(two, "Area (converted)") == ["Area (conv): N/A"] * 2
    assert labels(two, "colour") == ["r", "g"]
    assert labels(found(SCENE, BOX), "Tracker Id") == ["No Tracker ID"]
    with pytest.raises(InvalidRequest, match="weight"):
        labels(two, "weight")


def test_automatic_sizes_follow_the_shorter_side() -> None:
    assert text_scale((1920, 1080), 1.0, "Automatic") == 1.0
    assert text_scale((960, 540), 1.0, "Automatic") == 0.5
    assert text_scale((10, 10), 1.0, "Automatic") == 0.3
    assert text_scale((10, 10), 1.0, "Manual") == 1.0
    assert font_size((2160, 3000), 14, "Automatic") == 28
    assert font_size((50, 50), 14, "Automatic") == 8
    assert font_size((50, 50), 14, None) == 14


def test_rich_labels_in_every_family() -> None:
    assert all(font_path(family).endswith((".ttf", ".otf", ".ttc")) for family in FAMILIES)
    pixels = drawn(RichLabel, predictions=found(SCENE, BOX, classes=("žluťoučký",)), font_size=20, **RED)
    x0, y0, x1, y1 = extent(pixels)
    assert (x0, y1) == pytest.approx((60, 50), abs=2)
    greys = np.unique(pixels[y0:y1, x0:x1, 1])
    assert len(greys) > 10, "smooth edges"
    with pytest.raises(InvalidRequest, match="font_family"):
        drawn(RichLabel, predictions=ONE, font_family="Comic Sans")


def answer(**classes: float) -> dict[str, Any]:
    return {
        "predictions": {name: {"confidence": value, "class_id": i} for i, (name, value) in enumerate(classes.items())},
        "predicted_classes": list(classes),
    }


@pytest.mark.parametrize(
    ("anchor", "corner"),
    [
        ("TOP_LEFT", (0, 0)),
        ("BOTTOM_RIGHT", (1, 1)),
        ("CENTER", (0.5, 0.5)),
        ("TOP_CENTER", (0.5, 0)),
        ("CENTER_LEFT", (0, 0.5)),
    ],
)
def test_classes_stand_where_asked_without_overlap(anchor: str, corner: tuple[float, float]) -> None:
    colors = {"color_palette": "CUSTOM", "custom_colors": ["#ff0000", "#00ff00"]}
    pixels = drawn(
        ClassificationLabel, predictions=answer(ok=0.4, fine=0.9), text_position=anchor, text_scale=0.5, **colors
    )
    x0, y0, x1, y1 = extent(pixels)
    for low, high, share, whole in ((x0, x1, corner[0], 200), (y0, y1, corner[1], 160)):
        assert low == pytest.approx((whole - (high - low)) * share, abs=2)
    red, green = ((pixels == color).all(axis=2).nonzero()[0] for color in (BGR_RED, [0, 255, 0]))
    assert green.max() < red.min(), "the surer class is uppermost"


def test_single_label_writes_the_top_class() -> None:
    single = {
        "top": "a",
        "predictions": [
            {"class": "b", "class_id": 1, "confidence": 0.2},
            {"class": "a", "class_id": 0, "confidence": 0.8},
        ],
    }
    pixels = drawn(ClassificationLabel, predictions=single, **RED)
    assert (pixels == BGR_RED).all(axis=2).any()
    assert (drawn(ClassificationLabel, predictions={"predictions": []}) == SCENE.pixels).all()
    for bad in ({"predictions": {"a": {}}}, {}, {"predictions": [{}, {}]}):
        with pytest.raises(InvalidRequest, match="classification"):
            drawn(ClassificationLabel, predictions=bad)
