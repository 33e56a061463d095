"""Blocks that run operations of the query language: filters, transformations, text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.transformations.detections_filter import DetectionsFilter
from shared.workflows.blocks.transformations.detections_transformation import DetectionsTransformation
from shared.workflows.blocks.visualizations.text_display import TextDisplay
from shared.workflows.testing import run_block, run_workflow
from tests.unit.workflows.pictures import found, image, plain

SCENE = plain(200, 160, (90, 90, 90))
BOXES = found(
    SCENE,
    (0, 0, 10, 10),
    (20, 0, 60, 40),
    (100, 100, 120, 120),
    classes=("cat", "dog", "cat"),
    confidence=[0.9, 0.5, 0.3],
)


def operations(block: type[Block], *chain: dict[str, Any]) -> Any:
    manifest = block.spec.manifest.model_validate(
        {"type": block.ids[0], "name": "step", "predictions": "$steps.model.predictions", "operations": list(chain)}
    )
    return manifest.operations  # type: ignore[attr-defined]


def where(comparator: str, right: dict[str, Any], prop: str) -> dict[str, Any]:
    left = {"type": "DynamicOperand", "operations": [{"type": "ExtractDetectionProperty", "property_name": prop}]}
    statement = {
        "type": "BinaryStatement",
        "left_operand": left,
        "comparator": {"type": comparator},
        "right_operand": right,
    }
    return {"type": "DetectionsFilter", "filter_operation": {"type": "StatementGroup", "statements": [statement]}}


@pytest.mark.parametrize("block", [DetectionsFilter, DetectionsTransformation])
def test_filter_by_confidence_and_by_a_parameter_of_each_image(block: type[Block]) -> None:
    sure = where("(Number) >=", {"type": "StaticOperand", "value": 0.5}, "confidence")
    (made,) = run_block(block, predictions=Batch([BOXES]), operations=operations(block, sure))
    assert made["predictions"].xyxy[:, 0].tolist() == [0, 20]
    named = where("in (Sequence)", {"type": "DynamicOperand", "operand_name": "classes"}, "class_name")
    options = {"predictions": Batch([BOXES, BOXES]), "operations": operations(block, named)}
    same = run_block(block, **options, operations_parameters={"classes": ["dog"]})
    assert [columns.names(one["predictions"]) for one in same] == [["dog"]] * 2
    each = run_block(block, **options, operations_parameters={"classes": Batch([["dog"], ["cat"]])})
    assert [columns.names(one["predictions"]) for one in each] == [["dog"], ["cat", "cat"]]


def test_operations_follow_one_another() -> None:
    chain = operations(
        DetectionsTransformation,
        {"type": "SortDetections", "mode": "size", "ascending": False},
        {"type": "DetectionsSelection", "mode": "first"},
        {"type": "DetectionsShift", "shift_x": 5, "shift_y": -2},
    )
    (made,) = run_block(DetectionsTransformation, predictions=Batch([BOXES]), operations=chain)
    assert made["predictions"].xyxy.tolist() == [[25, -2, 65, 38]]
    assert BOXES.xyxy[1].tolist() == [20, 0, 60, 40], "what came in stays"


def test_what_is_no_longer_detections_is_refused() -> None:
    counted = operations(DetectionsTransformation, {"type": "SequenceLength"})
    with pytest.raises(InvalidRequest, match="int"):
        run_block(DetectionsTransformation, predictions=Batch([BOXES]), operations=counted)
    with pytest.raises(InvalidRequest, match="_"):
        run_block(DetectionsFilter, predictions=Batch([BOXES]), operations=[], operations_parameters={"_": 1})


def text(words: str, **values: Any) -> Any:
    return run_block(TextDisplay, image=SCENE, text=words, font_scale=0.5, font_thickness=1, **values)["image"].pixels


def extent(pixels: Any) -> list[int]:
    y, x = np.nonzero((pixels != SCENE.pixels).any(axis=2))
    return [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]


@pytest.mark.parametrize(
    ("anchor", "offset", "touching"),
    [
        ("top_left", (0, 0), (0, 1)),
        ("bottom_right", (0, 0), (2, 3)),
        ("top_left", (7, 9), (0, 1)),
        ("bottom_left", (0, -5), (0, 3)),
    ],
)
def test_text_hangs_on_its_anchor(anchor: str, offset: tuple[int, int], touching: tuple[int, int]) -> None:
    got = extent(text("hello", anchor=anchor, offset_x=offset[0], offset_y=offset[1]))
    whole = [0, 0, 200, 160]
    for side, by in zip(touching, offset, strict=True):
        assert got[side] == whole[side] + by


def test_text_lies_in_the_middle_or_at_a_place_and_stays_inside() -> None:
    x0, y0, x1, y1 = extent(text("hello", anchor="center", offset_x=0, offset_y=0))
    assert (x0 + x1, y0 + y1) == pytest.approx((200, 160), abs=2)
    assert extent(text("hello", position_mode="absolute", position_x=31, position_y=17))[:2] == [31, 17]
    x0, y0, x1, y1 = extent(text("hello", position_mode="absolute", position_x=500, position_y=500))
    assert (x1, y1) == (200, 160)
    with pytest.raises(InvalidRequest, match="anchor"):
        text("hello", anchor="somewhere")
    with pytest.raises(InvalidRequest, match="font_scale"):
        run_block(TextDisplay, image=SCENE, text="x", font_scale=0)


def test_text_and_plate_have_their_colours() -> None:
    pixels = text("II", text_color="#00ff00", background_color="#ff0000", offset_x=0, offset_y=0)
    assert pixels[1, 1].tolist() == [0, 0, 255]
    assert ((pixels[..., 1] > 150) & (pixels[..., 2] < 110)).any(), "smooth green strokes"
    half = text("II", background_color="BLACK", background_opacity=0.5, offset_x=0, offset_y=0)
    assert half[1, 1].tolist() == [45] * 3
    round_ = text("II", background_color="BLACK", border_radius=8, offset_x=0, offset_y=0)
    assert round_[0, 0].tolist() == [90] * 3
    assert round_[0, 15].tolist() == [0] * 3
    bare = text("II", background_color="transparent")
    assert bare[12, 12].tolist() == [90] * 3
    assert bare.max() > 180


def test_lines_stand_below_one_another_and_align() -> None:
    one, two = extent(text("a")), extent(text("a\nlonger"))
    assert two[3] - two[1] > 1.5 * (one[3] - one[1])
    middles = []
    for align in ("left", "center", "right"):
        pixels = text("I\nlonger", text_align=align, background_color="transparent", offset_x=0, offset_y=0)
        rows, x = np.nonzero((pixels != 90).any(axis=2))
        middles.append(float(x[rows < 22].mean()))
    assert middles[0] < middles[1] < middles[2]


def test_parameters_are_put_in_after_their_operations() -> None:
    from shared.workflows.blocks.visualizations.text_display import filled

    upper = operations(DetectionsFilter, {"type": "StringToUpperCase"})
    made = filled(
        "{{ $parameters.n }}/{{$parameters.word}} {{ $parameters.other }}", {"n": 3, "word": "ab"}, {"word": upper}
    )
    assert made == "3/AB {{ $parameters.other }}"


def test_in_a_definition() -> None:
    definition = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}, {"type": "WorkflowParameter", "name": "n"}],
        "steps": [
            {
                "type": "roboflow_core/text_display@v1",
                "name": "text",
                "image": "$inputs.image",
                "text": "n = {{ $parameters.n }}",
                "text_parameters": {"n": "$inputs.n"},
            }
        ],
        "outputs": [{"type": "JsonField", "name": "out", "selector": "$steps.text.image"}],
    }
    pixels = [run_workflow(definition, {"image": image(SCENE.pixels), "n": n})[0]["out"].pixels for n in (1, 1, 8)]
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0] != pixels[2]).any()
