"""Blocks that read text and faces."""

from __future__ import annotations

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
