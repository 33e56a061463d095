"""The block of Moondream2."""

from __future__ import annotations

import numpy as np
import pytest

from shared.workflows import errors
from shared.workflows.models import FixedModels
from shared.workflows.services import Services
from shared.workflows.testing import run_workflow


def test_moondream_is_asked_for_boxes() -> None:
    box = {"x": 20.0, "y": 10.0, "width": 8.0, "height": 6.0, "confidence": 1.0, "class": "a dog", "class_id": 0}
    executor = FixedModels({"moondream2/small": [{"image": {"width": 60, "height": 40}, "predictions": [box]}]})
    step = {"type": "roboflow_core/moondream2@v1", "name": "find", "image": "$inputs.image", "prompt": "a dog"}
    definition = {
        "version": "1.0",
        "inputs": [{"type": "InferenceImage", "name": "image"}],
        "steps": [{**step, "model_version": "moondream2/small"}],
        "outputs": [{"type": "JsonField", "name": "found", "selector": "$steps.find.predictions"}],
    }
    picture = np.zeros((40, 60, 3), np.uint8)
    (row,) = run_workflow(definition, {"image": picture}, services=Services(models=executor))
    assert row["found"].xyxy.tolist() == [[16, 7, 24, 13]]
    assert row["found"].data["class_name"].tolist() == ["a dog"]
    assert executor.calls[0].params == {"prompt": "detect: a dog"}
    definition["steps"] = [{**step, "prompt": " "}]
    with pytest.raises(errors.RunError, match="nothing to find"):
        run_workflow(definition, {"image": picture}, services=Services(models=executor))
