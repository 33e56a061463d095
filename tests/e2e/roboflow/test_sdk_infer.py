"""inference-sdk: inference of every task in both of its API modes, with its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.launcher import ROOT
from tests.sdk.environments import CallFailed, Sdk, image
from tests.unit.engine.examples import BOXES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
IMAGES = ROOT / "examples" / "images"
SCENE, RING, STAR = IMAGES / "scene.jpg", IMAGES / "ring.jpg", IMAGES / "star.jpg"
MODES = ("v1", "v0")


def infer(sdk: Sdk, mode: str, picture: Any, model: str, **config: Any) -> Any:
    return sdk.call("infer", picture, model_id=model, mode=mode, key="any-key", config=config)


def corners(box: dict[str, float]) -> list[float]:
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


@pytest.mark.parametrize("mode", MODES)
def test_boxes(sdk: Sdk, mode: str, plain_picture: Path) -> None:
    answer = infer(sdk, mode, image(plain_picture), "tiny-boxes/1")
    assert answer["image"] == {"width": 64, "height": 64}
    assert [corners(box) for box in answer["predictions"]] == [pytest.approx(box, abs=0.01) for box in BOXES.tolist()]
    assert [(box["class"], box["class_id"]) for box in answer["predictions"]] == [("a", 0), ("b", 1)]
    assert {"confidence", "detection_id"} <= set(answer["predictions"][0])
    assert {"inference_id", "time"} <= set(answer)
    assert None not in answer.values()


@pytest.mark.parametrize("mode", MODES)
def test_masks(sdk: Sdk, mode: str, plain_picture: Path) -> None:
    answer = infer(sdk, mode, image(plain_picture), "tiny-masks/1", mask_decode_mode="tradeoff", tradeoff_factor=0.5)
    assert all(box["mask_format"] == "polygon" and len(box["points"]) >= 3 for box in answer["predictions"])
    if sdk.version != "0.30.0":
        (first, *_) = infer(sdk, mode, image(plain_picture), "tiny-masks/1", response_mask_format="rle")["predictions"]
        assert first["rle"]["size"] == [64, 64]
        assert "points" not in first


@pytest.mark.parametrize("mode", MODES)
def test_keypoints(sdk: Sdk, mode: str, plain_picture: Path) -> None:
    answer = infer(sdk, mode, image(plain_picture), "tiny-poses/1")
    points = answer["predictions"][0]["keypoints"]
    assert [(point["class"], point["class_id"]) for point in points] == [("head", 0), ("tail", 1)]
    sure = infer(sdk, mode, image(plain_picture), "tiny-poses/1", keypoint_confidence_threshold=0.5)
    assert [point["class"] for point in sure["predictions"][0]["keypoints"]] == ["head"]


@pytest.mark.parametrize("mode", MODES)
def test_classes(sdk: Sdk, mode: str) -> None:
    answer = infer(sdk, mode, image(RING), "shapes-classifier/1")
    assert answer["top"] == answer["predictions"][0]["class"] == "ring"
    nothing = infer(
        sdk, mode, image(RING), "shapes-classifier/1", confidence_threshold=1.0 if mode == "v1" else 0.999999
    )
    assert (nothing["predictions"], nothing["top"], nothing["confidence"]) == ([], "", 0)


@pytest.mark.parametrize("mode", MODES)
def test_several_labels(sdk: Sdk, mode: str, plain_picture: Path) -> None:
    answer = infer(sdk, mode, image(plain_picture), "tiny-labels/1", confidence_threshold=0.6)
    assert set(answer["predictions"]) == {"a", "b", "c"}
    assert answer["predicted_classes"] == ["a", "b"]


@pytest.mark.parametrize("kind", ["path", "array", "pil", "base64"])
def test_every_kind_of_image(sdk: Sdk, kind: str) -> None:
    answer = infer(sdk, "v1", image(RING, kind), "shapes-classifier")
    assert answer["top"] == "ring"


@pytest.mark.parametrize("mode", MODES)
def test_thresholds_reach_the_model(sdk: Sdk, mode: str) -> None:
    few = infer(sdk, mode, image(SCENE), "shapes/1", confidence_threshold=0.95)["predictions"]
    usual = infer(sdk, mode, image(SCENE), "shapes/1")["predictions"]
    many = infer(sdk, mode, image(SCENE), "shapes/1", confidence_threshold=0.01, iou_threshold=0.99)["predictions"]
    two = infer(sdk, mode, image(SCENE), "shapes/1", max_detections=2, max_candidates=100)["predictions"]
    assert len(few) < len(usual) < len(many)
    assert [box["class"] for box in two] == [box["class"] for box in usual[:2]]


def test_filter_and_agnostic_suppression(sdk: Sdk) -> None:
    found = infer(sdk, "v1", image(SCENE), "shapes/1", class_filter=["cross"], class_agnostic_nms=True)["predictions"]
    assert {box["class"] for box in found} == {"cross"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["base64", "numpy", "pillow"])
def test_pictures(newest: Sdk, mode: str, form: str) -> None:
    drawing: dict[str, Any] = {"output_visualisation_format": form, "stroke_width": 3, "visualize_labels": True}
    drawing |= {"visualize_predictions": True} if mode == "v1" else {"format": "image_and_json"}
    answer = infer(newest, mode, image(STAR), "shapes/1", **drawing)
    picture = answer["visualization"]
    assert answer["predictions"] is not None
    if form == "base64":
        assert picture.startswith("/9j/"), "a JPEG"
    else:
        assert picture["$picture"] == [
            answer["image"]["width"],
            answer["image"]["height"],
            {"numpy": "array"}.get(form, "pil"),
        ]


@pytest.mark.parametrize("model", ["shapes/1", "tiny-masks/1", "tiny-poses/1", "shapes-classifier/1", "tiny-classes/1"])
def test_a_picture_alone(sdk: Sdk, model: str) -> None:
    answer = infer(sdk, "v0", image(STAR), model, format="image")
    assert set(answer) == {"visualization"}
    assert answer["visualization"].startswith("/9j/")


@pytest.mark.parametrize("mode", MODES)
def test_lists_batches_and_concurrency(sdk: Sdk, mode: str) -> None:
    pictures = [image(path) for path in (STAR, RING, STAR, RING, RING)]
    plan = {"max_batch_size": 2, "max_concurrent_requests": 3}
    answers = infer(sdk, mode, pictures, "shapes-classifier/1", **plan)
    assert [answer["top"] for answer in answers] == ["star", "ring", "star", "ring", "ring"]


@pytest.mark.parametrize("mode", MODES)
def test_async(sdk: Sdk, mode: str) -> None:
    options: dict[str, Any] = {"mode": mode, "key": "k", "config": {"max_batch_size": 2, "max_concurrent_requests": 2}}
    one = sdk.prepared("infer_async", image(STAR), model_id="shapes-classifier/1", **options)
    several = sdk.prepared("infer_async", [image(RING)] * 3, model_id="shapes-classifier/1", **options)
    found = sdk.together(*[one, several] * 4)
    assert [answer["top"] for answer in found[::2]] == ["star"] * 4
    assert [[answer["top"] for answer in answers] for answers in found[1::2]] == [["ring"] * 3] * 4


def test_downsizing_by_the_client(sdk: Sdk) -> None:
    """It takes the model's size from the registry, and scales the answer back by the image size that we answer."""
    whole = infer(sdk, "v1", image(SCENE), "shapes/1", confidence_threshold=0.7)
    small = infer(sdk, "v1", image(SCENE), "shapes/1", confidence_threshold=0.7, client_downsizing_disabled=False)
    assert len(small["predictions"]) == pytest.approx(len(whole["predictions"]), abs=2)
    assert small["image"]["width"] == whole["image"]["width"]


def test_a_folder_as_a_stream(newest: Sdk, tmp_path: Path) -> None:
    for number, path in enumerate((STAR, RING)):
        (tmp_path / f"{number}.jpg").write_bytes(path.read_bytes())
    found = newest.call("infer_on_stream", str(tmp_path), model_id="shapes-classifier/1")
    assert sorted(answer["top"] for _, _, answer in found) == ["ring", "star"]


@pytest.mark.parametrize("transport", ["legacy", "both", "header"])
def test_api_key_transports(drivers: dict[str, Sdk], newest: Sdk, transport: str) -> None:
    for sdk in (newest, drivers["1.5.0"]):
        for mode in MODES:
            answer = infer(sdk, mode, image(RING), "shapes-classifier/1", api_key_transport=transport)
            assert answer["top"] == "ring"


def test_no_api_key_and_a_selected_model(sdk: Sdk) -> None:
    assert sdk.call("infer", image(RING), select="shapes-classifier")["top"] == "ring"


def test_parameters_of_their_cloud_are_accepted(sdk: Sdk) -> None:
    extra: dict[str, Any] = {
        "source": "camera",
        "source_info": "7",
        "count_inference": False,
        "service_secret": "s",
        "disable_active_learning": True,
        "active_learning_target_dataset": "d",
        "fix_batch_size": True,
        "disable_preproc_auto_orientation": True,
        "disable_preproc_contrast": True,
        "disable_preproc_grayscale": True,
        "disable_preproc_static_crop": True,
    }
    for mode in MODES:
        assert infer(sdk, mode, image(STAR), "shapes/1", **extra)["predictions"] is not None


@pytest.mark.parametrize("mode", MODES)
def test_errors(sdk: Sdk, mode: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image at all")
    for model, picture, status, words in (
        ("nobody/1", STAR, 404, "nobody/1"),
        ("shapes/1", broken, 400, "Could not load input image. Cause: "),
    ):
        with pytest.raises(CallFailed) as caught:
            infer(sdk, mode, image(picture), model)
        assert (caught.value.kind, caught.value.status) == ("HTTPCallErrorError", status)
        assert words in caught.value.message
