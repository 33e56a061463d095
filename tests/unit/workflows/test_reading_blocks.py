"""Blocks that read text and faces."""

from __future__ import annotations

import pytest

from tests.unit.workflows.test_model_blocks import BOX, IMAGE, step_outputs


def test_easyocr_reads_in_a_language() -> None:
    line = BOX | {"class": "SORTIE", "class_id": 0}
    answers = {
        name: {"image": IMAGE, "result": "SORTIE", "predictions": [line]}
        for name in ("easy_ocr/latin_g2", "easy_ocr/english_g2")
    }
    row, executor = step_outputs("roboflow_core/easy_ocr@v1", answers, [], language="Latin", quantize=True)
    assert (row["result"], row["prediction_type"]) == ("SORTIE", "ocr")
    assert row["predictions"].data["class_name"].tolist() == ["SORTIE"]
    (call,) = executor.calls
    assert (call.model_id, call.task) == ("easy_ocr/latin_g2", "ocr")
    assert {"fr", "en"} <= set(call.params["languages"])
    _, executor = step_outputs("EasyOCR", answers, [])
    assert (executor.calls[0].model_id, executor.calls[0].params) == ("easy_ocr/english_g2", {"languages": ["en"]})


def test_gaze_is_told_in_degrees() -> None:
    face = BOX | {"class": "face", "landmarks": [{"x": 12.0, "y": 14.0, "class": "nose"}]}
    answers = {"gaze/L2CS": {"image": IMAGE, "predictions": [{"face": face, "yaw": 0.5, "pitch": -0.25}]}}
    row, executor = step_outputs("roboflow_core/gaze@v1", answers, [], do_run_face_detection=False)
    assert row["yaw_degrees"] == pytest.approx([28.6479], abs=1e-4)
    assert row["pitch_degrees"] == pytest.approx([-14.3239], abs=1e-4)
    assert row["face_predictions"].xyxy.tolist() == [[10, 10, 30, 20]]
    assert row["face_predictions"].data["keypoints_xy"][0].tolist() == [[12, 14]]
    assert row["face_predictions"].data["keypoints_class_name"][0].tolist() == ["nose"]
    assert executor.calls[0].params == {"find_faces": False}
    nobody = {"gaze/L2CS": {"image": IMAGE, "predictions": []}}
    row, _ = step_outputs("roboflow_core/gaze@v1", nobody, [])
    assert (len(row["face_predictions"]), row["yaw_degrees"]) == (0, [])
