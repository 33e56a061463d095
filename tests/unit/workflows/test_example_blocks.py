"""The blocks that show how a block is written: crop, switch, collapse, first non-empty, boxes, local file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.block import FlowControl
from shared.workflows.blocks.flow_control.switch_case import SwitchCase
from shared.workflows.blocks.formatters.first_non_empty_or_default import FirstNonEmptyOrDefault
from shared.workflows.blocks.fusion.dimension_collapse import DimensionCollapse
from shared.workflows.blocks.sinks.local_file import LocalFile
from shared.workflows.blocks.transformations.dynamic_crop import DynamicCrop
from shared.workflows.blocks.visualizations.bounding_box import BoundingBox
from shared.workflows.images import WorkflowImage
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block


def picture(width: int = 60, height: int = 40) -> WorkflowImage:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width)
    pixels[..., 1] = np.arange(height)[:, None]
    return WorkflowImage.from_pixels(pixels)


def found(image: WorkflowImage, *boxes: tuple[float, ...], **more: Any) -> sv.Detections:
    count = len(boxes)
    return columns.build(boxes, [0.5] * count, [0] * count, ["cat"] * count, image, **more)


def crops(image: WorkflowImage, detections: sv.Detections, **values: Any) -> list[dict[str, Any]]:
    (made,) = run_block(DynamicCrop, images=Batch([image]), predictions=Batch([detections]), **values)
    return list(made)


def test_crop_cuts_the_box_and_knows_its_place() -> None:
    image = picture()
    detections = found(image, (10, 5, 30, 25), (50, 30, 90, 60))
    first, second = crops(image, detections)
    assert first["crops"].size == (20, 20)
    assert first["crops"].pixels[0, 0].tolist() == [10, 5, 0]
    assert first["crops"].parent_id == detections.data["detection_id"][0]
    assert second["crops"].size == (10, 10), "what lies outside the image is left out"
    inside = first["predictions"]
    assert inside.xyxy.tolist() == [[0, 0, 20, 20]]
    assert columns.to_root(inside).xyxy.tolist() == [[10, 5, 30, 25]]


def test_crop_of_a_crop_adds_up() -> None:
    image = picture()
    (outer,) = crops(image, found(image, (10, 5, 50, 35)))
    (inner,) = crops(outer["crops"], found(outer["crops"], (4, 6, 14, 16)))
    assert inner["crops"].pixels[0, 0].tolist() == [14, 11, 0]
    origin = inner["crops"].workflow_root_ancestor_metadata
    assert (origin.parent_id, origin.origin_coordinates.left_top_x, origin.origin_coordinates.left_top_y) == (
        "image",
        14,
        11,
    )
    assert inner["crops"].parent_metadata.origin_coordinates.left_top_x == 4


def test_a_box_of_no_area_is_an_empty_place() -> None:
    image = picture()
    assert crops(image, found(image, (70, 5, 80, 25))) == [{"crops": None, "predictions": None}]
    assert crops(image, columns.empty()) == []


def test_crop_covers_what_the_mask_leaves_out() -> None:
    image = picture()
    mask = np.zeros((1, 40, 60), bool)
    mask[0, 5:15, 10:20] = True
    (crop,) = crops(image, found(image, (10, 5, 30, 25), mask=mask), mask_opacity=1.0, background_color="#ff0000")
    assert crop["crops"].pixels[0, 0].tolist() == [10, 5, 0]
    assert crop["crops"].pixels[19, 19].tolist() == [0, 0, 255]
    assert crop["predictions"].mask.shape == (1, 20, 20)
    assert columns.to_root(crop["predictions"]).mask.sum() == 100


@pytest.mark.parametrize(
    ("value", "insensitive", "chosen"),
    [("a", False, "$steps.x"), ("A", False, ["$steps.z"]), ("A", True, "$steps.x"), (1, False, "$steps.y")],
)
def test_switch_chooses_the_case_or_the_default(value: Any, insensitive: bool, chosen: Any) -> None:
    cases = {"a": "$steps.x", "1": "$steps.y"}
    answer = run_block(
        SwitchCase, value=value, cases=cases, case_insensitive=insensitive, default_next_steps=["$steps.z"]
    )
    assert answer == FlowControl(chosen)
    assert run_block(SwitchCase, value="none", cases=cases) == FlowControl(None)


def test_collapse_and_first_non_empty() -> None:
    assert run_block(DimensionCollapse, data=Batch([1, 2])) == {"output": [1, 2]}
    assert run_block(FirstNonEmptyOrDefault, data=[None, 0, 2]) == {"output": 0}
    assert run_block(FirstNonEmptyOrDefault, data=[None], default="d") == {"output": "d"}


def test_boxes_are_drawn_on_a_copy() -> None:
    image = picture()
    before = image.pixels.copy()
    for roundness in (0.0, 0.5):
        drawn = run_block(
            BoundingBox, image=image, predictions=found(image, (10, 5, 30, 25)), roundness=roundness,
            color_palette="CUSTOM", custom_colors=["#00ff00"], copy_image=False,
        )["image"]  # fmt: skip
        assert drawn.pixels[15, 10].tolist() == [0, 255, 0]
        assert (image.pixels == before).all()


def test_files_are_written_only_where_allowed(tmp_path: Path) -> None:
    settings = WorkflowSettings(workflow_write_dir=tmp_path)
    sink = make(LocalFile, Services(settings=settings))
    for content in ('{"a": 1}', '{"a":\n 2}', '{"a": 3}'):
        answer = run_block(
            sink, content=content, file_type="json", output_mode="append_log", target_directory="logs",
            max_entries_per_file=2,
        )  # fmt: skip
        assert answer["error_status"] is False, answer
    files = sorted((tmp_path / "logs").iterdir())
    assert [[json.loads(line)["a"] for line in path.read_text().splitlines()] for path in files] == [[1, 2], [3]]
    outside = run_block(sink, content="x", output_mode="separate_files", target_directory="../out")
    assert outside["error_status"] is True
    nowhere = run_block(LocalFile, content="x", output_mode="separate_files", target_directory="a")
    assert "VISIONFLEET_WORKFLOW_WRITE_DIR" in nowhere["message"]


def test_a_csv_log_has_one_header(tmp_path: Path) -> None:
    sink = make(LocalFile, Services(settings=WorkflowSettings(workflow_write_dir=tmp_path)))
    for n in (1, 2):
        run_block(sink, content=f"a,b\n{n},0\n", output_mode="append_log", target_directory=".")
    (path,) = tmp_path.iterdir()
    assert path.read_text() == "a,b\n1,0\n2,0\n"


def test_disabled_sinks_do_nothing_and_do_not_fire(tmp_path: Path) -> None:
    fired: list[int] = []
    services = Services(
        settings=WorkflowSettings(workflow_write_dir=tmp_path), disable_sinks=True, fire=lambda: fired.append(1)
    )
    answer = run_block(make(LocalFile, services), content="x", output_mode="separate_files", target_directory=".")
    assert answer["error_status"] is False
    assert (fired, list(tmp_path.iterdir())) == ([], [])


def test_a_colour_that_is_none_is_refused() -> None:
    image = picture()
    with pytest.raises(InvalidRequest, match="no colour"):
        crops(image, found(image, (0, 0, 9, 9)), background_color="no such")
