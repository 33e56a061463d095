"""Answers of language models as classifications and detections."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from shared.workflows import detections as columns
from shared.workflows.blocks.formatters._vlm_boxes import sent_to_anthropic
from shared.workflows.blocks.formatters.vlm_as_classifier import VLMAsClassifierV1, VLMAsClassifierV2
from shared.workflows.blocks.formatters.vlm_as_detector import VLMAsDetectorV1, VLMAsDetectorV2
from shared.workflows.testing import run_block
from tests.unit.workflows.pictures import plain

IMAGE = plain(200, 100)


@pytest.mark.parametrize("block", [VLMAsClassifierV1, VLMAsClassifierV2])
def test_one_class(block: Any) -> None:
    text = '```json\n{"class_name": "dog", "confidence": 1.7}\n```'
    answer = run_block(block, image=IMAGE, vlm_output=text, classes=["cat", "dog"])
    found = answer["predictions"]
    assert not answer["error_status"]
    assert (found["top"], found["confidence"]) == ("dog", 1.0), "confidence is held to 0..1"
    assert found["predictions"] == [
        {"class": "dog", "class_id": 1, "confidence": 1.0},
        {"class": "cat", "class_id": 0, "confidence": 0.0},
    ]
    assert found["image"] == {"width": 200, "height": 100}
    assert found["inference_id"] == answer["inference_id"]


def test_a_class_that_nobody_named() -> None:
    answer = run_block(VLMAsClassifierV2, image=IMAGE, vlm_output='{"class_name": "cow"}', classes=["cat"])
    assert answer["predictions"]["predictions"][0] == {"class": "cow", "class_id": -1, "confidence": 1.0}


def test_several_classes() -> None:
    text = json.dumps({"predicted_classes": [{"class": "dog", "confidence": 0.5}, {"class": "cow", "confidence": 0.2}]})
    found = run_block(VLMAsClassifierV2, image=IMAGE, vlm_output=text, classes=["cat", "dog"])["predictions"]
    assert found["predicted_classes"] == ["dog", "cow"]
    assert found["predictions"] == {
        "cat": {"confidence": 0.0, "class_id": 0},
        "dog": {"confidence": 0.5, "class_id": 1},
        "cow": {"confidence": 0.2, "class_id": -1},
    }


@pytest.mark.parametrize("text", ["", "a dog", "{}", '{"predicted_classes": 1}', '{"predicted_classes": [1]}', None])
def test_no_classification(text: Any) -> None:
    answer = run_block(VLMAsClassifierV2, image=IMAGE, vlm_output=text, classes=["cat"])
    assert answer["error_status"]
    assert answer["predictions"] is None


@pytest.mark.parametrize("block", [VLMAsDetectorV1, VLMAsDetectorV2])
def test_boxes_in_parts_of_the_image(block: Any) -> None:
    rows = [{"x_min": 0.1, "y_min": 0.2, "x_max": 0.5, "y_max": 0.9, "class_name": name} for name in ("dog", "cow")]
    text = json.dumps({"detections": [{**row, "confidence": 0.7} for row in rows]})
    answer = run_block(
        block,
        image=IMAGE,
        vlm_output=text,
        classes=["cat", "dog"],
        model_type="google-gemini",
        task_type="object-detection",
    )
    found = answer["predictions"]
    assert not answer["error_status"]
    assert found.xyxy.tolist() == [[20, 20, 100, 90]] * 2
    assert found.class_id.tolist() == [1, -1]
    assert columns.names(found) == ["dog", "cow"]
    assert found.confidence.tolist() == pytest.approx([0.7, 0.7])
    assert found.data[columns.INFERENCE_ID].tolist() == [answer["inference_id"]] * 2


def listed(model: str, answer: Any, image: Any = IMAGE) -> dict[str, Any]:
    made: dict[str, Any] = run_block(
        VLMAsDetectorV2,
        image=image,
        vlm_output=answer if isinstance(answer, str) else json.dumps(answer),
        classes=["cat", "dog"],
        model_type=model,
        task_type="object-detection",
    )
    return made


@pytest.mark.parametrize(
    ("model", "box"),
    [
        ("google-gemini", {"box_2d": [200, 100, 900, 500]}),  # rows first, thousandths
        ("qwen", {"bbox_2d": [100, 200, 500, 900]}),
        ("qwen", {"box_2d": [100, 200, 500, 900]}),
        ("spacexai", {"box_2d": [10, 20, 50, 90]}),  # hundredths
        ("muse", {"x_min": 100, "y_min": 200, "x_max": 500, "y_max": 900}),
        ("openai", {"box_2d": [20, 20, 100, 90]}),  # pixels of a picture that needed no shrinking
        ("anthropic-claude", {"box_2d": [20, 20, 100, 90]}),
    ],
)
def test_boxes_as_each_maker_s_models_write_them(model: str, box: dict[str, Any]) -> None:
    row = {**box, "label": "dog"}
    for answer in ([row], {"detections": [row]}, row, f"Here:\n```json\n{json.dumps([row])}\n```"):
        found = listed(model, answer)["predictions"]
        assert found.xyxy.tolist() == [[20, 20, 100, 90]], answer
        assert (columns.names(found), found.class_id.tolist(), found.confidence.tolist()) == (["dog"], [1], [1.0])


def test_pixels_of_a_picture_that_was_shrunk_before_it_was_sent() -> None:
    wide = plain(4096, 1024)  # 2048 x 512 is what OpenAI's models see
    found = listed("openai", [{"box_2d": [10, 20, 30, 40], "label": "cat"}], wide)["predictions"]
    assert found.xyxy.tolist() == [[20, 40, 60, 80]]
    assert sent_to_anthropic((1000, 800)) == (1000, 800)
    for size in ((4000, 3000), (3000, 4000), (2577, 100), (5000, 20)):
        width, height = sent_to_anthropic(size)
        tiles = [math.ceil(side / 28) for side in (width, height)]
        assert max(tiles) * 28 <= 2576
        assert tiles[0] * tiles[1] <= 4784
        assert width / size[0] == pytest.approx(height / size[1], abs=0.5 / min(size))
    width, height = sent_to_anthropic((4000, 3000))
    found = listed("anthropic-claude", [{"box_2d": [0, 0, width, height], "label": "cat"}], plain(4000, 3000))
    assert found["predictions"].xyxy.tolist() == [[0, 0, 4000, 3000]]


@pytest.mark.parametrize(
    "answer",
    ["nothing", [{"box_2d": [1, 2, 3], "label": "a"}], [{"box_2d": [1, 2, 3, None], "label": "a"}],
     [{"box_2d": [1, 2, 3, 4]}], {"detections": 3}, [{"box_2d": [1, 2, 3, float("nan")], "label": "a"}]],
)  # fmt: skip
def test_what_has_no_boxes_is_an_error(answer: Any) -> None:
    assert listed("qwen", answer)["error_status"]
    assert listed("qwen", [])["predictions"].xyxy.tolist() == []


def florence(task: str, answer: Any, classes: list[str] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = run_block(
        VLMAsDetectorV2,
        image=IMAGE,
        vlm_output=json.dumps(answer),
        classes=classes,
        model_type="florence-2",
        task_type=task,
    )
    return made


def test_florence_boxes_in_pixels() -> None:
    answer = {"bboxes": [[1, 2, 30, 40], [5, 6, 7, 8]], "labels": ["car", "bus"]}
    found = florence("object-detection", answer)["predictions"]
    assert found.xyxy.tolist() == [[1, 2, 30, 40], [5, 6, 7, 8]]
    again = florence("object-detection", answer)["predictions"]
    assert found.class_id.tolist() == again.class_id.tolist()
    assert len(set(found.class_id.tolist())) == 2
    assert florence("object-detection", answer, ["bus", "car"])["predictions"].class_id.tolist() == [1, 0]
    openly = {"bboxes": [[1, 2, 30, 40]], "bboxes_labels": ["car"]}
    assert columns.names(florence("open-vocabulary-object-detection", openly)["predictions"]) == ["car"]


def test_florence_regions_and_text() -> None:
    regions = florence("region-proposal", {"bboxes": [[1, 2, 3, 4]], "labels": [""]})["predictions"]
    assert columns.names(regions) == ["roi"]
    text = florence("ocr-with-text-detection", {"quad_boxes": [[5, 1, 20, 2, 19, 9, 4, 8]], "labels": ["EXIT"]})
    assert text["predictions"].xyxy.tolist() == [[4, 1, 20, 9]]


@pytest.mark.parametrize(
    "answer", [{}, {"bboxes": [[1, 2, 3, 4]], "labels": []}, {"bboxes": 3, "labels": []}, {"detections": [{}]}]
)
def test_no_detections(answer: Any) -> None:
    assert florence("object-detection", answer)["error_status"]
    assert florence("object-detection", answer)["predictions"] is None
