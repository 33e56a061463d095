"""inference-sdk: CLIP, Perception Encoder, depth and SAM2, against small nets whose answers are known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.parity import foundation, pictures
from tests.sdk.environments import Sdk, image

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
WIDE, ODD = pictures.FOLDER / "wide.jpg", pictures.FOLDER / "odd.jpg"
SAME = {"abs": 1e-4}


def vectors(net: str) -> dict[str, Any]:
    """What the reference answers."""
    with np.load(foundation.FOLDER / net / "answers.npz") as file:
        return dict(file)


def test_clip(sdk: Sdk) -> None:
    known, texts = vectors("clip"), list(foundation.TEXTS[:2])
    found = sdk.call("get_clip_image_embeddings", image(ODD))
    assert found["embeddings"][0] == pytest.approx(known["odd.jpg"].tolist(), abs=0.05)
    words = sdk.call("get_clip_text_embeddings", texts)
    assert [row[:3] for row in words["embeddings"]] == [
        pytest.approx(known[f"text.{i}"][:3].tolist(), **SAME) for i in (0, 1)
    ]
    compared = sdk.call("clip_compare", image(ODD), texts)
    assert len(compared["similarity"]) == 2
    again = sdk.call("clip_compare", image(ODD), image(ODD), prompt_type="image")
    assert again["similarity"] == [pytest.approx(1, **SAME)]


def test_perception_encoder(newest: Sdk) -> None:
    known = vectors("clip-joint")
    found = newest.call("get_perception_encoder_image_embeddings", image(WIDE))
    assert found["embeddings"][0] == pytest.approx(known["wide.jpg"].tolist(), abs=0.05)
    words = newest.call("get_perception_encoder_text_embeddings", foundation.TEXTS[0])
    assert words["embeddings"][0] == pytest.approx(known["text.0"].tolist(), **SAME)


def test_depth(newest: Sdk) -> None:
    for in_path in (False, True):
        found = newest.call(
            "depth_estimation", image(ODD), model_id="depth-anything-v2/small", model_id_in_path=in_path
        )
        near = np.array(found["normalized_depth"], np.float32)
        assert near.shape == (217, 333)
        assert np.abs(foundation.sample(near) - vectors("depth-anything")["odd.jpg"]).max() < 0.02
    packed = newest.call("depth_estimation", image(ODD), model_id="depth-anything-v2/small", depth_map_format="png16")
    assert packed["depth_map_format"] == "png16"


def test_sam2(newest: Sdk) -> None:
    """640 x 360: a point in the middle, and a box by its centre; the reference's masks."""
    known = vectors("sam2-hf")
    prompts = [
        {"points": [{"x": 320, "y": 180, "positive": True}]},
        {"box": {"x": 288, "y": 189, "width": 320, "height": 198}},
    ]
    found = newest.call("sam2_segment_image", image(WIDE), prompts=prompts)
    assert [row["format"] for row in found["predictions"]] == ["polygon", "polygon"]
    for kind, row in zip(("point", "box"), found["predictions"], strict=True):
        score, share = known[f"wide.jpg.{kind}.score"]
        assert row["confidence"] == pytest.approx(score, abs=0.02)
        mask = np.zeros((360, 640), np.uint8)
        cv2.fillPoly(mask, [np.array(ring, np.int32) for ring in row["masks"]], 1)
        assert mask.mean() == pytest.approx(share, abs=0.03)


def test_yolo_world(newest: Sdk) -> None:
    found = newest.call("infer_from_yolo_world", image(WIDE), class_names=["a red circle", "square"], confidence=0.05)
    (answer,) = found
    assert answer["image"] == {"width": 640, "height": 360}
    assert {row["class"] for row in answer["predictions"]} <= {"a red circle", "square"}
    assert answer["predictions"]
    assert answer["predictions"][0]["confidence"] > 0.05
