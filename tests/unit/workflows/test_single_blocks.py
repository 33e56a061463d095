"""Blocks that need no model, each as a whole definition: what goes in and comes out of a run, and what state stays."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from shared.workflows import detections as columns
from shared.workflows import errors
from shared.workflows.compiler import compile_workflow
from shared.workflows.images import WorkflowImage
from shared.workflows.session import Session
from tests.unit.workflows.pictures import found, frame, image, masks, noise, plain

R = "roboflow_core/"
OBJECTS, INSTANCES = ["object_detection_prediction"], ["instance_segmentation_prediction"]
SCENE = np.full((120, 160, 3), 30, np.uint8)
SCENE[30:90, 40:100] = 220


def definition(steps: list[dict[str, Any]], outputs: dict[str, str], **kinds: list[str]) -> dict[str, Any]:
    """Inputs: ``image``, and batches of the given kinds."""
    batches = [{"type": "WorkflowBatchInput", "name": name, "kind": kind} for name, kind in kinds.items()]
    fields = [{"type": "JsonField", "name": name, "selector": selector} for name, selector in outputs.items()]
    inputs = [{"type": "WorkflowImage", "name": "image"}, *batches]
    return {"version": "1.0", "inputs": inputs, "steps": steps, "outputs": fields}


def one(kind: str, given: list[dict[str, Any]], kinds: dict[str, list[str]] | None = None, **fields: Any) -> list[Any]:
    """All outputs of one step, for each of several runs of one session."""
    step = {"type": R + kind, "name": "step", **fields}
    made = definition([step], {"all": "$steps.step.*"}, **(kinds or {}))
    with Session(compile_workflow(made)) as session:
        return [[row["all"] for row in session.run(values).outputs] for values in given]


def pipeline(steps: list[tuple[str, dict[str, Any]]], pixels: Any) -> list[WorkflowImage]:
    """The images after each of a row of steps."""
    made, before, outputs = [], "$inputs.image", {}
    for number, (kind, fields) in enumerate(steps):
        made.append({"type": R + kind, "name": f"s{number}", "image": before, **fields})
        before = outputs[f"o{number}"] = f"$steps.s{number}.image"
    with Session(compile_workflow(definition(made, outputs))) as session:
        (row,) = session.run({"image": pixels}).outputs
    return [row[name] for name in outputs]


IMAGE = {"image": "$inputs.image"}
CLEAN = [
    ("convert_grayscale@v1", {}),
    ("image_blur@v1", {"blur_type": "gaussian", "kernel_size": 5}),
    ("contrast_equalization@v1", {"equalization_type": "Contrast Stretching"}),
    ("morphological_transformation@v2", {"operation": "Opening then Closing", "kernel_size": 3}),
    ("threshold@v1", {"threshold_type": "otsu", "thresh_value": 0}),
]


@pytest.mark.parametrize(
    "pixels",
    [SCENE, SCENE[:, :, 0], np.dstack([SCENE, np.full((120, 160), 255, np.uint8)]), np.where(SCENE > 100, 255, 0)],
    ids=["colour", "grey", "alpha", "contrast"],
)
def test_a_row_of_classical_steps_finds_the_square_in_every_sort_of_picture(pixels: Any) -> None:
    given = WorkflowImage.from_pixels(np.ascontiguousarray(pixels, np.uint8))
    steps = [step for step in CLEAN if pixels.ndim == 3 or step[0] != "convert_grayscale@v1"]
    stages = pipeline(steps, given)
    assert all(stage.size == (160, 120) for stage in stages)
    last = stages[-1].pixels
    assert set(np.unique(last)) == {0, 255}
    truth = np.zeros((120, 160), bool)
    truth[30:90, 40:100] = True
    assert ((last.reshape(120, 160, -1)[:, :, 0] > 0) == truth).mean() > 0.98


@pytest.mark.parametrize("operation", ["Erosion", "Dilation", "Opening", "Closing", "Gradient", "Top Hat", "Black Hat"])
def test_each_morphological_operation_in_a_row(operation: str) -> None:
    before, after = pipeline(
        [CLEAN[4], ("morphological_transformation@v1", {"operation": operation, "kernel_size": 5})],
        cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY),
    )
    area, changed = int((before.pixels > 0).sum()), int((after.pixels > 0).sum())
    expected = {"Erosion": 56 * 56, "Dilation": 64 * 64, "Gradient": 64 * 64 - 56 * 56, "Top Hat": 0, "Black Hat": 0}
    assert area == 60 * 60
    assert changed == pytest.approx(expected.get(operation, area), abs=20)


def snapped(mask_boxes: list[tuple[int, int, int, int]], pixels: Any = SCENE, **fields: Any) -> dict[str, Any]:
    scene = image(pixels)
    rough = found(scene, *mask_boxes, mask=masks(scene, *mask_boxes)) if mask_boxes else columns.empty()
    kinds = {"rough": INSTANCES}
    given = {"image": scene, "rough": [rough]}
    ((row,),) = one("mask_edge_snap@v1", [given], kinds, **IMAGE, segmentation="$inputs.rough", **fields)
    return dict(row)


def overlap(mask: Any, x0: int, y0: int, x1: int, y1: int) -> float:
    truth = np.zeros(mask.shape, bool)
    truth[y0:y1, x0:x1] = True
    return float((mask & truth).sum() / (mask | truth).sum())


def test_one_mask_snaps_to_the_square_by_generous_rules_and_not_by_strict_ones() -> None:
    rough = (35, 25, 105, 95)
    generous = snapped([rough], pixel_tolerance=25, min_contour_area=10)["refined_segmentation"]
    assert overlap(generous.mask[0], 40, 30, 100, 90) > 0.93
    strict = snapped([rough], pixel_tolerance=1, boundary_band_width=1)["refined_segmentation"]
    assert overlap(strict.mask[0], *rough) > overlap(generous.mask[0], *rough)
    large = snapped([rough], min_contour_area=1e6)
    assert len(large["edges"]) == 0
    assert (large["refined_segmentation"].mask[0] == masks(image(SCENE), rough)[0]).all()


def test_several_masks_of_different_sizes_snap_each_by_itself() -> None:
    pixels = np.full((160, 260, 3), 30, np.uint8)
    pixels[20:60, 20:60], pixels[40:140, 120:240] = 220, 200
    made = snapped([(16, 16, 64, 64), (114, 34, 246, 146)], pixels, min_contour_area=10)["refined_segmentation"]
    assert overlap(made.mask[0], 20, 20, 60, 60) > 0.9
    assert overlap(made.mask[1], 120, 40, 240, 140) > 0.93
    assert len(snapped([])["refined_segmentation"]) == 0


def test_a_mask_snaps_in_a_picture_that_steps_before_have_cleaned() -> None:
    speckled = SCENE.copy()
    speckled[::12, ::12] = 255
    steps = [
        {"type": R + "morphological_transformation@v2", "name": "clean", **IMAGE, "operation": "Opening"},
        {"type": R + "mask_edge_snap@v1", "name": "snap", "image": "$steps.clean.image", "segmentation": "$inputs.m"},
    ]
    made = definition(steps, {"m": "$steps.snap.refined_segmentation", "e": "$steps.snap.edges"}, m=INSTANCES)
    scene, box = image(speckled), (35, 25, 105, 95)
    with Session(compile_workflow(made)) as session:
        (row,) = session.run({"image": scene, "m": [found(scene, box, mask=masks(scene, box))]}).outputs
        (none,) = session.run({"image": scene, "m": [columns.empty()]}).outputs
    assert overlap(row["m"].mask[0], 40, 30, 100, 90) > 0.9
    assert len(none["m"]) == 0


def test_a_skewed_picture_is_turned_and_a_straight_one_is_not() -> None:
    straight = np.full((300, 300, 3), 255, np.uint8)
    for x in range(40, 280, 40):
        cv2.line(straight, (x, 20), (x, 280), (0, 0, 0), 3)
    turn = cv2.getRotationMatrix2D((150, 150), 8, 1)
    skewed = cv2.warpAffine(straight, turn, (300, 300), borderValue=(255, 255, 255))
    ((first,),), ((second,),) = [one("auto_rotate_on_edges@v1", [{"image": px}], **IMAGE) for px in (straight, skewed)]
    assert abs(first["angle"]) < 0.4
    assert abs(second["angle"]) == pytest.approx(8, abs=1)


def shots(*places: int, video: str = "cam", start: int = 0) -> list[WorkflowImage]:
    """A bright square at these places of a dark picture; none for a negative place."""
    made = []
    for number, x in enumerate(places):
        pixels = np.zeros((100, 200, 3), np.uint8)
        if x >= 0:
            pixels[30:70, x : x + 40] = 255
        made.append(frame(pixels, start + number, video))
    return made


def test_background_subtraction_over_runs_over_a_batch_and_by_threshold() -> None:
    still = shots(*[-1] * 12, 100)
    runs = one("background_subtraction@v1", [{"image": shot} for shot in still], **IMAGE)
    assert (runs[-1][0]["image"].pixels > 0).sum() >= 1200
    ((*_, last),) = one("background_subtraction@v1", [{"image": still}], **IMAGE)
    assert (last["image"].pixels == runs[-1][0]["image"].pixels).all(), "a batch is so many frames"
    faint = [*shots(*[-1] * 12), frame(shots(100)[0].pixels // 12, 12)]
    low, high = (
        one("background_subtraction@v1", [{"image": faint}], **IMAGE, threshold=threshold)[0][-1]["image"].pixels
        for threshold in (5, 2000)
    )
    assert (low > 0).sum() > (high > 0).sum() == 0


def test_motion_over_runs_and_over_a_batch() -> None:
    still = shots(*[-1] * 35, 100)
    runs = one("motion_detection@v1", [{"image": shot} for shot in still], **IMAGE)
    assert [row["motion"] for (row,) in runs] == [False] * 35 + [True]
    assert runs[-1][0]["alarm"]
    assert runs[-1][0]["detections"].xyxy[0] == pytest.approx([100, 30, 140, 70], abs=6)
    (batch,) = one("motion_detection@v1", [{"image": still}], **IMAGE)
    assert [row["motion"] for row in batch] == [row["motion"] for (row,) in runs]


def test_a_straight_lens_changes_nothing_and_a_bent_one_does() -> None:
    straight = {"fx": 200.0, "fy": 200.0, "cx": 80.0, "cy": 60.0, **dict.fromkeys(("k1", "k2", "k3", "p1", "p2"), 0.0)}
    ((same,),) = one("camera-calibration@v1", [{"image": SCENE}], **IMAGE, **straight)
    assert same["calibrated_image"].pixels[35:85, 45:95].min() > 200
    ((bent,),) = one("camera-calibration@v1", [{"image": SCENE}], **IMAGE, **(straight | {"k1": -0.9}))
    assert bent["calibrated_image"].size == (160, 120)
    assert (bent["calibrated_image"].pixels != same["calibrated_image"].pixels).any()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_focus_is_better_in_the_sharp_picture(version: str) -> None:
    sharp = noise(120, 90).pixels
    ((clear, blurred),) = one(f"camera_focus@{version}", [{"image": [sharp, cv2.blur(sharp, (9, 9))]}], **IMAGE)
    assert clear["focus_measure"] > blurred["focus_measure"] > 0
    assert clear["image"].size == (120, 90)


def test_templates_are_found_in_many_pictures_and_in_themselves() -> None:
    pixels = noise(200, 120).pixels
    template = np.ascontiguousarray(pixels[20:50, 30:70])
    pixels[70:100, 140:180] = template
    made = definition(
        [{"type": R + "template_matching@v1", "name": "find", **IMAGE, "template": "$inputs.template"}],
        {"boxes": "$steps.find.predictions", "count": "$steps.find.number_of_matches"},
    )
    made["inputs"].append({"type": "WorkflowImage", "name": "template"})
    with Session(compile_workflow(made)) as session:
        rows = session.run({"image": [pixels, noise(200, 120, 9).pixels], "template": template}).outputs
        (itself,) = session.run({"image": template, "template": template}).outputs
    assert sorted(rows[0]["boxes"].xyxy.tolist()) == [[30, 20, 70, 50], [140, 70, 180, 100]]
    assert [row["count"] for row in rows] == [2, 0]
    assert (itself["count"], itself["boxes"].xyxy.tolist()) == (1, [[0, 0, 40, 30]])


def test_contours_of_a_threshold_and_colours_that_count_themselves() -> None:
    steps = [
        {"type": R + "convert_grayscale@v1", "name": "grey", **IMAGE},
        {"type": R + "threshold@v1", "name": "bright", "image": "$steps.grey.image", "thresh_value": 127},
        {"type": R + "contours_detection@v1", "name": "lines", "image": "$steps.bright.image"},
        {"type": R + "dominant_color@v1", "name": "color", **IMAGE, "color_clusters": 2},
        {"type": R + "pixel_color_count@v1", "name": "count", **IMAGE, "target_color": "$steps.color.rgb_color"},
    ]
    outputs = {"lines": "$steps.lines.*", "color": "$steps.color.rgb_color", "pixels": "$steps.count.*"}
    with Session(compile_workflow(definition(steps, outputs))) as session:
        (row,) = session.run({"image": SCENE}).outputs
    assert row["lines"]["number_contours"] == 1
    assert len(row["lines"]["contours"]) == 1
    assert row["color"] == pytest.approx((30, 30, 30), abs=1)
    assert row["pixels"]["matching_pixels_count"] == 120 * 160 - 60 * 60


def test_sift_finds_points_and_stitching_puts_halves_together() -> None:
    whole = cv2.resize(noise(80, 40, 3).pixels, (400, 200), interpolation=cv2.INTER_CUBIC)
    ((row,),) = one("sift@v1", [{"image": whole}], **IMAGE)
    assert len(row["keypoints"]) == len(row["descriptors"]) > 20
    made = definition(
        [{"type": R + "stitch_images@v1", "name": "join", "image1": "$inputs.image", "image2": "$inputs.right"}],
        {"image": "$steps.join.stitched_image"},
    )
    made["inputs"].append({"type": "WorkflowImage", "name": "right"})
    left, right = np.ascontiguousarray(whole[:, :260]), np.ascontiguousarray(whole[:, 140:])
    with Session(compile_workflow(made)) as session:
        (joined,) = session.run({"image": left, "right": right}).outputs
    assert joined["image"].size == (pytest.approx(400, abs=3), pytest.approx(200, abs=3))


@pytest.mark.parametrize(
    ("fields", "size", "corner"),
    [
        ({"task_type": "resize", "width": 80, "height": 60}, (80, 60), (20, 15)),
        ({"task_type": "resize", "width": 320, "height": 240}, (320, 240), (80, 60)),
        ({"task_type": "rotate", "rotation_degrees": 90}, (120, 160), None),
        ({"task_type": "rotate", "rotation_degrees": "$inputs.turn"}, (120, 160), None),
        ({"task_type": "flip", "flip_type": "horizontal"}, (160, 120), (60, 30)),
        ({"task_type": "flip", "flip_type": "vertical"}, (160, 120), (40, 30)),
    ],
)
def test_preprocessing(fields: dict[str, Any], size: tuple[int, int], corner: tuple[int, int] | None) -> None:
    step = {"type": R + "image_preprocessing@v1", "name": "s", **IMAGE, **fields}
    made = definition([step], {"image": "$steps.s.image"})
    made["inputs"].append({"type": "WorkflowParameter", "name": "turn", "default_value": 90})
    with Session(compile_workflow(made)) as session:
        (row,) = session.run({"image": SCENE}).outputs
    assert row["image"].size == size
    ys, xs = np.nonzero(row["image"].pixels[:, :, 0] > 120)
    if corner is not None:
        assert (xs.min(), ys.min()) == corner
    else:
        assert (int(xs.max() - xs.min()), int(ys.max() - ys.min())) == (59, 59)


@pytest.mark.parametrize("wrong", [{}, {"task_type": "shrink"}, {"task_type": "resize", "width": "wide"}])
def test_preprocessing_is_refused_before_it_runs(wrong: dict[str, Any]) -> None:
    step = {"type": R + "image_preprocessing@v1", "name": "bad", **IMAGE, **wrong}
    with pytest.raises(errors.WorkflowSyntaxError) as caught:
        compile_workflow(definition([step], {"image": "$steps.bad.image"}))
    assert {block["block_id"] for block in caught.value.blocks} == {"bad"}


def test_a_path_is_drawn_from_lists_and_from_tuples_and_a_wrong_line_is_refused() -> None:
    drawn = []
    for path in ([[10, 10], [100, 10], [100, 80]], [(10, 10), (100, 10), (100, 80)]):
        step = {
            "type": R + "reference_path_visualization@v1",
            "name": "draw",
            **IMAGE,
            "reference_path": "$inputs.path",
        }
        made = definition([step], {"image": "$steps.draw.image"})
        made["inputs"].append({"type": "WorkflowParameter", "name": "path"})
        with Session(compile_workflow(made)) as session:
            (row,) = session.run({"image": plain(160, 120), "path": path}).outputs
        drawn.append(row["image"].pixels)
    assert (drawn[0] == drawn[1]).all()
    assert drawn[0][10, 50].any()
    assert not drawn[0][60, 50].any()
    with pytest.raises(errors.DefinitionError):
        compile_workflow(definition([{**step, "thickness": "thick"}], {"image": "$steps.draw.image"}))


def test_frames_are_stacked_evicted_and_cleared_over_runs() -> None:
    frames = [{"image": frame(np.full((40, 80, 3), value, np.uint8), value)} for value in (10, 60, 120)]
    runs = one("image_stack@v1", frames, **IMAGE, stack_size=2)
    assert [row["frames_count"] for (row,) in runs] == [1, 2, 2]
    assert [round(float(shot.pixels.mean())) for shot in runs[-1][0]["frames"]] == [60, 120]
    made = definition(
        [{"type": R + "image_stack@v1", "name": "s", **IMAGE, "clear": "$inputs.clear"}],
        {"count": "$steps.s.frames_count"},
    )
    made["inputs"].append({"type": "WorkflowParameter", "name": "clear", "default_value": False})
    with Session(compile_workflow(made)) as session:
        counts = [session.run({**values, "clear": clear}).outputs[0]["count"] for values, clear in
                  zip(frames, (False, False, True), strict=True)]  # fmt: skip
    assert counts == [1, 2, 1]


def test_data_of_earlier_frames() -> None:
    given = [{"image": frame(SCENE, number), "n": [number]} for number in range(4)]
    runs = one("frame_delay@v1", given, {"n": ["*"]}, **IMAGE, data="$inputs.n", offset=2, default_value=-1)
    assert [(row["output"], row["is_available"]) for (row,) in runs] == [(-1, False), (-1, False), (0, True), (1, True)]
