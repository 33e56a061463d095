"""Model blocks: what they ask the model executor for, and what they make of its answers."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import NoWorkerForHardware
from shared.workflows import errors
from shared.workflows.images import WorkflowImage
from shared.workflows.models import FixedModels
from shared.workflows.rows import compressed, unrolled
from shared.workflows.services import Services
from shared.workflows.testing import run_workflow

BOX = {"x": 20.0, "y": 15.0, "width": 20.0, "height": 10.0, "confidence": 0.5, "class": "cat", "class_id": 3,
       "detection_id": "d1"}  # fmt: skip
IMAGE = {"width": 60, "height": 40}
MASK = np.zeros((40, 60), bool)
MASK[10:20, 10:30] = True


def rle(mask: Any) -> dict[str, Any]:
    flat = mask.T.reshape(-1)
    lengths = np.diff(np.flatnonzero(np.diff(np.concatenate([[not flat[0]], flat, [not flat[-1]]]))))
    counts = [int(n) for n in lengths] if not flat[0] else [0, *map(int, lengths)]
    return {"size": list(mask.shape), "counts": compressed(counts)}


def png(plane: Any) -> bytes:
    return bytes(cv2.imencode(".png", plane)[1])


ANSWERS: dict[str, Any] = {
    "detector": {"task": "object-detection", "image": IMAGE, "predictions": [BOX]},
    "nothing": {"task": "object-detection", "image": IMAGE, "predictions": []},
    "masks": {"task": "instance-segmentation", "image": IMAGE, "predictions": [
        BOX | {"rle": rle(MASK), "mask_format": "rle"}]},
    "points": {"task": "keypoint-detection", "image": IMAGE, "predictions": [
        BOX | {"keypoints": [{"x": 12.0, "y": 11.0, "confidence": 0.9, "class_id": 0, "class": "nose"}]}]},
    "classifier": {"task": "classification", "image": IMAGE, "top": "cat", "confidence": 0.9,
                   "predictions": [{"class": "cat", "class_id": 0, "confidence": 0.9}]},
    "labels": {"task": "classification", "image": IMAGE, "predicted_classes": ["cat"],
               "predictions": {"cat": {"confidence": 0.9, "class_id": 0}}},
    "pixels": {"task": "semantic-segmentation", "image": IMAGE, "predictions": {
        "segmentation_mask": png(MASK.astype(np.uint8) * 2), "confidence_mask": png(np.full((40, 60), 255, np.uint8)),
        "class_map": {"0": "background", "1": "road", "2": "sky"}, "present_class_ids": [0, 2]}},
}  # fmt: skip


def models() -> FixedModels:
    return FixedModels({name: [answer] for name, answer in ANSWERS.items()})


def run(kind: str, model: str, executor: FixedModels | None = None, count: int = 1, **fields: Any) -> list[Any]:
    definition = {
        "version": "1.0",
        "inputs": [{"type": "InferenceImage", "name": "image"}],
        "steps": [{"type": kind, "name": "model", "image": "$inputs.image", "model_id": model, **fields}],
        "outputs": [
            {"type": "JsonField", "name": "all", "selector": "$steps.model.*"},
            {"type": "JsonField", "name": "predictions", "selector": "$steps.model.predictions"},
        ],
    }
    picture = np.zeros((40, 60, 3), np.uint8)
    services = Services(models=executor or models())
    return run_workflow(definition, {"image": [picture] * count}, services=services, serialised=True)


def test_all_images_go_out_in_one_call_with_the_step_s_parameters() -> None:
    executor = models()
    rows = run("ObjectDetectionModel", "detector", executor, 3, confidence=0.2, class_filter=["cat"], hardware="gpu")
    (call,) = executor.calls
    assert (len(rows), len(call.images), call.model_id, call.task, call.hardware) == (
        (3, 3, "detector", "object-detection", "gpu")
    )
    assert call.params == {
        "confidence": 0.2, "class_filter": ["cat"], "iou_threshold": 0.3, "max_detections": 300,
        "class_agnostic_nms": False, "max_candidates": 3000,
    }  # fmt: skip


@pytest.mark.parametrize(("mode", "asked"), [("best", None), ("default", None), ("custom", 0.7)])
def test_the_confidence_may_be_left_to_the_model(mode: str, asked: float | None) -> None:
    executor = models()
    run(
        "roboflow_core/roboflow_object_detection_model@v3",
        "detector",
        executor,
        confidence_mode=mode,
        custom_confidence=0.7,
    )
    assert executor.calls[0].params.get("confidence") == asked


@pytest.mark.parametrize("version", [1, 2, 3])
def test_boxes_come_out_as_they_went_in(version: int) -> None:
    (row,) = run(f"roboflow_core/roboflow_object_detection_model@v{version}", "detector")
    assert row["predictions"] == {"image": IMAGE, "predictions": [BOX | {"parent_id": "image.[0]"}]}
    assert set(row["all"]) == {"inference_id", "predictions"} | ({"model_id"} if version > 1 else set())


def test_no_boxes_have_the_size_of_the_image() -> None:
    (row,) = run("ObjectDetectionModel", "nothing")
    assert row["predictions"] == {"image": {"width": 60, "height": 40}, "predictions": []}


@pytest.mark.parametrize("version", [1, 2, 3])
def test_masks_are_written_as_outlines(version: int) -> None:
    (row,) = run(f"roboflow_core/roboflow_instance_segmentation_model@v{version}", "masks")
    (found,) = row["predictions"]["predictions"]
    assert {(p["x"], p["y"]) for p in found["points"]} == {(10, 10), (29, 10), (29, 19), (10, 19)}


def test_masks_are_written_as_run_lengths() -> None:
    (row,) = run("roboflow_core/roboflow_instance_segmentation_model@v4", "masks")
    (found,) = row["predictions"]["predictions"]
    assert "points" not in found
    assert (unrolled(found["rle_mask"]["counts"], *found["rle_mask"]["size"]) == MASK).all()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_keypoints(version: int) -> None:
    (row,) = run(f"roboflow_core/roboflow_keypoint_detection_model@v{version}", "points")
    (found,) = row["predictions"]["predictions"]
    (point,) = found["keypoints"]
    assert {**point, "confidence": round(point["confidence"], 6)} == {
        "class": "nose", "class_id": 0, "confidence": 0.9, "x": 12.0, "y": 11.0,
    }  # fmt: skip


@pytest.mark.parametrize("version", [1, 2, 3])
def test_classifications_say_what_they_are_about(version: int) -> None:
    (row,) = run(f"roboflow_core/roboflow_classification_model@v{version}", "classifier")
    found = row["predictions"]
    assert (found["top"], found["prediction_type"], found["parent_id"]) == ("cat", "classification", "image.[0]")
    (many,) = run(f"roboflow_core/roboflow_multi_label_classification_model@v{version}", "labels")
    assert many["predictions"]["predicted_classes"] == ["cat"]


@pytest.mark.parametrize("version", [1, 2])
def test_each_class_of_a_map_is_a_detection(version: int) -> None:
    (row,) = run(f"roboflow_core/roboflow_semantic_segmentation_model@v{version}", "pixels")
    (found,) = row["predictions"]["predictions"]
    assert (found["class"], found["class_id"], found["confidence"]) == ("sky", 2, 1.0)
    assert (found["x"], found["y"], found["width"], found["height"]) == (20, 15, 20, 10)
    assert (unrolled(found["rle_mask"]["counts"], *found["rle_mask"]["size"]) == MASK).all()


def test_crops_of_all_images_are_classified_in_one_call_and_boxes_return_to_the_root() -> None:
    executor = models()
    definition = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}],
        "steps": [
            {"type": "ObjectDetectionModel", "name": "find", "image": "$inputs.image", "model_id": "detector"},
            {"type": "Crop", "name": "crop", "image": "$inputs.image", "predictions": "$steps.find.predictions"},
            {"type": "ClassificationModel", "name": "name", "image": "$steps.crop.crops", "model_id": "classifier"},
            {"type": "ObjectDetectionModel", "name": "again", "image": "$steps.crop.crops", "model_id": "nested"},
        ],
        "outputs": [
            {"type": "JsonField", "name": "names", "selector": "$steps.name.predictions"},
            {"type": "JsonField", "name": "own", "selector": "$steps.again.predictions", "coordinates_system": "own"},
            {"type": "JsonField", "name": "root", "selector": "$steps.again.predictions"},
            {"type": "JsonField", "name": "crops", "selector": "$steps.crop.crops"},
        ],
    }
    nested = {
        "image": {"width": 20, "height": 10},
        "predictions": [BOX | {"x": 5.0, "y": 5.0, "width": 4.0, "height": 2.0}],
    }
    executor = FixedModels({**{name: [answer] for name, answer in ANSWERS.items()}, "nested": [nested]})
    picture = np.zeros((40, 60, 3), np.uint8)
    rows = run_workflow(definition, {"image": [picture, picture]}, services=Services(models=executor), serialised=True)
    assert [len(call.images) for call in executor.calls] == [2, 2, 2]
    assert [[one["top"] for one in row["names"]] for row in rows] == [["cat"], ["cat"]]
    (own,), (root,) = rows[0]["own"], rows[0]["root"]
    assert (own["predictions"][0]["x"], own["predictions"][0]["parent_id"]) == (5, "d1")
    assert own["predictions"][0]["root_parent_origin"] == {"offset_x": 10, "offset_y": 10, "width": 60, "height": 40}
    assert (root["predictions"][0]["x"], root["predictions"][0]["y"]) == (15, 15)
    assert (root["predictions"][0]["parent_id"], root["image"]) == ("image.[0]", IMAGE)
    assert rows[0]["crops"][0]["parent_origin"] == {"offset_x": 10, "offset_y": 10, "width": 60, "height": 40}


def test_a_model_that_cannot_be_run_is_the_step_s_error() -> None:
    definition = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}],
        "steps": [{"type": "ObjectDetectionModel", "name": "m", "image": "$inputs.image", "model_id": "x"}],
        "outputs": [],
    }
    with pytest.raises(errors.ClientCausedStepExecutionError) as caught:
        run_workflow(definition, {"image": np.zeros((4, 4, 3), np.uint8)})
    assert caught.value.details["cause"]["code"] == NoWorkerForHardware.code
    assert caught.value.blocks[0]["block_id"] == "m"


def test_run_lengths_survive_a_round_trip() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        mask = generator.random((17, 23)) > generator.random()
        runs = rle(mask)
        assert (unrolled(runs["counts"], 17, 23) == mask).all()


def test_an_untouched_image_keeps_its_bytes() -> None:
    data = bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1])
    definition = {"version": "1.0", "inputs": [{"type": "WorkflowImage", "name": "i"}], "steps": [],
                  "outputs": [{"type": "JsonField", "name": "o", "selector": "$inputs.i"}]}  # fmt: skip
    (row,) = run_workflow(definition, {"i": {"type": "base64", "value": data}}, serialised=True)
    image = WorkflowImage.from_pixels(np.zeros((4, 4, 3), np.uint8))
    assert row["o"]["value"].startswith("iVBOR")
    assert image.base64_image.startswith("/9j/")


def florence(
    task: str, response: Any, before: list[dict[str, Any]] | None = None, **fields: Any
) -> tuple[list[Any], Any]:
    """The step's outputs on two images, and the model calls behind them."""
    executor = FixedModels(
        {"florence-2-base": [{"response": response}], **{name: [answer] for name, answer in ANSWERS.items()}}
    )
    definition = {
        "version": "1.0",
        "inputs": [{"type": "InferenceImage", "name": "image"}],
        "steps": [
            *(before or []),
            {"type": FLORENCE, "name": "ask", "image": "$inputs.image", "task_type": task, **fields},
        ],
        "outputs": [{"type": "JsonField", "name": "all", "selector": "$steps.ask.*"}],
    }
    pictures = [np.zeros((40, 60, 3), np.uint8)] * 2
    rows = run_workflow(definition, {"image": pictures}, services=Services(models=executor))
    return [row["all"] for row in rows], [call for call in executor.calls if call.task == "lmm"]


FLORENCE = "roboflow_core/florence_2@v2"


def test_florence_is_asked_its_task_and_answers_as_text_and_as_data() -> None:
    found = {"bboxes": [[1, 2, 3, 4]], "labels": ["cat"]}
    (first, second), calls = florence("object-detection", {"<OD>": found}, prompt="left out")
    assert first == second == {"raw_output": json.dumps(found), "parsed_output": found, "classes": ["cat"]}
    assert [(call.params, len(call.images)) for call in calls] == [({"prompt": "<OD>"}, 2)]
    (first, _), calls = florence("caption", {"<CAPTION>": "a cat"})
    assert first == {"raw_output": '"a cat"', "parsed_output": None, "classes": []}
    (first, _), calls = florence("open-vocabulary-object-detection", {}, classes=["cat", "dog"])
    assert calls[0].params == {"prompt": "<OPEN_VOCABULARY_DETECTION>cat<and>dog"}
    assert first["classes"] == ["cat", "dog"]
    _, calls = florence("custom", "yes", prompt="Is it a cat?")
    assert calls[0].params == {"prompt": "Is it a cat?"}


def test_florence_is_asked_about_a_region() -> None:
    for box in ([15, 10, 30, 20], [0.25, 0.25, 0.5, 0.5]):
        _, calls = florence("detection-grounded-caption", {"<REGION_TO_DESCRIPTION>": "x"}, grounding_detection=box)
        assert calls[0].params == {"prompt": "<REGION_TO_DESCRIPTION><loc_250><loc_250><loc_500><loc_500>"}
    find = {"type": "ObjectDetectionModel", "name": "find", "image": "$inputs.image"}
    grounded = {"grounding_detection": "$steps.find.predictions", "grounding_selection_mode": "biggest"}
    _, calls = florence("detection-grounded-ocr", {}, [{**find, "model_id": "detector"}], **grounded)
    assert calls[0].params == {"prompt": "<REGION_TO_OCR><loc_167><loc_250><loc_500><loc_500>"}
    rows, calls = florence("detection-grounded-ocr", {}, [{**find, "model_id": "nothing"}], **grounded)
    assert (rows, calls) == ([{"raw_output": None, "parsed_output": None, "classes": None}] * 2, [])


@pytest.mark.parametrize(
    ("task", "fields", "word"),
    [
        ("custom", {}, "prompt"),
        ("open-vocabulary-object-detection", {}, "classes"),
        ("detection-grounded-caption", {}, "grounding_detection"),
        ("detection-grounded-caption", {"grounding_detection": [1, 2, 3]}, "four numbers"),
    ],
)
def test_florence_needs_what_its_task_needs(task: str, fields: dict[str, Any], word: str) -> None:
    with pytest.raises(errors.RunError, match=word):
        florence(task, {}, **fields)


def test_smolvlm_is_asked_what_is_in_the_image() -> None:
    executor = FixedModels({"smolvlm2/smolvlm-2.2b-instruct": [{"response": "a cat"}]})
    definition = {
        "version": "1.0",
        "inputs": [{"type": "InferenceImage", "name": "image"}],
        "steps": [{"type": "roboflow_core/smolvlm2@v1", "name": "ask", "image": "$inputs.image"}],
        "outputs": [{"type": "JsonField", "name": "said", "selector": "$steps.ask.parsed_output"}],
    }
    picture = np.zeros((40, 60, 3), np.uint8)
    assert run_workflow(definition, {"image": picture}, services=Services(models=executor)) == [{"said": "a cat"}]
    assert executor.calls[0].params == {"prompt": "What does this picture show?"}


def step_outputs(kind: str, answers: dict[str, Any], before: list[dict[str, Any]], **fields: Any) -> tuple[Any, Any]:
    """What the step answers for one image, and the executor with its calls."""
    executor = FixedModels({name: [answer] for name, answer in (ANSWERS | answers).items()})
    definition = {
        "version": "1.0",
        "inputs": [{"type": "InferenceImage", "name": "image"}],
        "steps": [*before, {"type": kind, "name": "s", "image": "$inputs.image", **fields}],
        "outputs": [{"type": "JsonField", "name": "all", "selector": "$steps.s.*"}],
    }
    picture = np.zeros((40, 60, 3), np.uint8)
    (row,) = run_workflow(definition, {"image": picture}, services=Services(models=executor))
    return row["all"], executor


def test_text_is_found_and_read() -> None:
    line = BOX | {"class": "EXIT", "class_id": 0}
    answers = {"pp_ocr/tiny-medium": {"image": IMAGE, "result": "EXIT", "predictions": [line]}}
    sizes = {"text_detection": "tiny", "text_recognition": "medium"}
    row, executor = step_outputs("roboflow_core/pp_ocr@v1", answers, [], **sizes)
    assert (row["result"], row["prediction_type"]) == ("EXIT", "ocr")
    assert row["predictions"].xyxy.tolist() == [[10, 10, 30, 20]]
    assert row["predictions"].data["class_name"].tolist() == ["EXIT"]
    assert executor.calls[0].task == "ocr"
    with pytest.raises(errors.RunError, match="nothing is left to do"):
        step_outputs("roboflow_core/pp_ocr@v1", {}, [], text_detection="none", text_recognition="none")


SAM = "roboflow_core/segment_anything@v1"
FIND = {"type": "ObjectDetectionModel", "name": "find", "image": "$inputs.image"}


def test_sam_outlines_what_is_in_the_boxes() -> None:
    masks = {"image": IMAGE, "predictions": [{"confidence": 0.8, "format": "rle", "masks": rle(MASK)}]}
    answers = {"sam2/hiera_tiny": masks}
    given = {"boxes": "$steps.find.predictions"}
    row, executor = step_outputs(SAM, answers, [{**FIND, "model_id": "detector"}], **given)
    found = row["predictions"]
    assert executor.calls[-1].params["prompts"] == [{"box": [10.0, 10.0, 30.0, 20.0]}]
    assert (found.mask[0] == MASK).all()
    assert found.xyxy.tolist() == [[10, 10, 30, 20]]
    assert (found.data["class_name"].tolist(), found.class_id.tolist()) == (["cat"], [3])
    row, executor = step_outputs(SAM, answers, [{**FIND, "model_id": "detector"}], **given, threshold=0.9)
    assert len(row["predictions"]) == 0
    row, executor = step_outputs(SAM, answers, [{**FIND, "model_id": "nothing"}], **given)
    assert len(row["predictions"]) == 0
    assert [call.model_id for call in executor.calls] == ["nothing"]
    row, executor = step_outputs(SAM, answers, [])
    assert row["predictions"].data["class_name"].tolist() == ["foreground"]
    assert executor.calls[0].params["prompts"] == []


def test_yolo_world_is_told_what_to_find() -> None:
    kind, answers = "roboflow_core/yolo_world_model@v1", {"yolo_world/l": ANSWERS["detector"]}
    row, executor = step_outputs(kind, answers, [], class_names=["cat", "dog"], version="l", hardware="gpu")
    assert row["predictions"].xyxy.tolist() == [[10, 10, 30, 20]]
    assert row["predictions"].data["prediction_type"].tolist() == ["object-detection"]
    (call,) = executor.calls
    assert (call.task, call.hardware) == ("open-vocabulary-detection", "gpu")
    assert call.params == {"texts": ["cat", "dog"], "confidence": 0.005}
    _, executor = step_outputs(kind, answers, [], class_names=["cat"], version="l", confidence=None)
    assert executor.calls[0].params == {"texts": ["cat"]}
    with pytest.raises(errors.RunError, match="nothing to find"):
        step_outputs(kind, answers, [], class_names=[], version="l")


def test_words_are_found_and_read() -> None:
    words = [BOX | {"class": "EXIT"}, BOX | {"x": 45.0, "class": "NOW"}]
    answers = {"doctr/default": {"image": IMAGE, "result": "EXIT NOW", "predictions": words}}
    row, executor = step_outputs("OCRModel", answers, [], hardware="cpu")
    assert (row["result"], row["prediction_type"]) == ("EXIT NOW", "ocr")
    assert row["predictions"].data["class_name"].tolist() == ["EXIT", "NOW"]
    assert row["predictions"].xyxy.tolist() == [[10, 10, 30, 20], [35, 10, 55, 20]]
    assert (executor.calls[0].task, executor.calls[0].hardware) == ("ocr", "cpu")


@pytest.mark.parametrize(("data", "code"), [(b"no picture", "invalid_image"), (b"", "invalid_image")])
def test_a_broken_image_is_told_as_such_to_who_waits_for_a_job(data: bytes, code: str) -> None:
    definition = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}],
        "steps": [{"type": "roboflow_core/convert_grayscale@v1", "name": "grey", "image": "$inputs.image"}],
        "outputs": [],
    }
    with pytest.raises(errors.ClientCausedStepExecutionError) as caught:
        run_workflow(definition, {"image": {"type": "bytes", "value": data}})
    told = errors.of_job(caught.value)
    assert (told.code, told.details["blocks_errors"][0]["block_id"]) == (code, "grey")
    assert "grey" in told.message
    other = errors.RunError("x")
    assert errors.of_job(other) is other
