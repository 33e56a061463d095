from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from worker_service.engine.manifest import InputSpec
from worker_service.engine.vision.fit import fit

SIZES = [(1, 1), (1, 500), (500, 1), (33, 77), (77, 33), (64, 64), (63, 65), (481, 641), (1080, 1920), (37, 1999)]


def naive_letterbox(image: np.ndarray[Any, Any], spec: InputSpec) -> tuple[np.ndarray[Any, Any], int, int]:
    """Resize, border, reverse channels, transpose, normalise in float64: one step after another."""
    height, width = image.shape[:2]
    ratio = min(spec.width / width, spec.height / height)
    new_w, new_h = max(1, round(width * ratio)), max(1, round(height * ratio))
    resized = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_LINEAR)
    dw, dh = (spec.width - new_w) / 2, (spec.height - new_h) / 2
    top, bottom, left, right = round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1)
    boxed = cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(spec.pad,) * 3)
    ordered = boxed[:, :, ::-1] if spec.channels == "rgb" else boxed
    values = (ordered.astype(np.float64) * spec.scale - spec.mean) / spec.std
    return values.transpose(2, 0, 1), left, top


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target", [(64, 64), (96, 33)])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_letterbox_equals_the_naive_one(size: tuple[int, int], target: tuple[int, int], channels: str) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    spec = InputSpec.model_validate(
        {"width": target[0], "height": target[1], "channels": channels, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)}
    )
    tensor, geometry = fit(image, spec)
    expected, left, top = naive_letterbox(image, spec)
    assert tensor.shape == (3, target[1], target[0])
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert (geometry.left, geometry.top) == (left, top)
    np.testing.assert_allclose(tensor, expected, atol=2e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resize", ["letterbox", "stretch", "center-crop"])
def test_points_come_back_where_they_were(size: tuple[int, int], resize: str) -> None:
    image = np.zeros((*size, 3), np.uint8)
    _, geometry = fit(image, InputSpec.model_validate({"width": 64, "height": 48, "resize": resize}))
    corners = np.array([[0, 0, size[1], size[0]], [0, 0, size[1] / 3, size[0] / 2]], np.float32)
    gain = np.array([geometry.gain_x, geometry.gain_y] * 2)
    offset = np.array([geometry.left, geometry.top] * 2)
    np.testing.assert_allclose(geometry.boxes_to_source(corners * gain + offset), corners, rtol=1e-4, atol=1e-3)


def test_boxes_are_clipped_to_the_image() -> None:
    _, geometry = fit(np.zeros((50, 100, 3), np.uint8), InputSpec(width=64, height=64))
    assert geometry.boxes_to_source(np.array([[-9, -9, 99, 99]], np.float32)).tolist() == [[0, 0, 100, 50]]


def test_a_drawn_square_is_found_where_it_is_drawn() -> None:
    image = np.zeros((333, 517, 3), np.uint8)
    image[100:200, 300:400] = 255
    tensor, geometry = fit(image, InputSpec(width=640, height=640, pad=0))
    ys, xs = np.nonzero(tensor[0] > 0.5)
    box = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
    np.testing.assert_allclose(geometry.boxes_to_source(box), [[300, 100, 400, 200]], atol=1)


def test_centre_crop_keeps_the_middle() -> None:
    image = np.zeros((64, 192, 3), np.uint8)
    image[:, 64:128] = 255
    tensor, _ = fit(image, InputSpec(width=64, height=64, resize="center-crop"))
    assert tensor.min() == 1.0


@pytest.mark.parametrize(
    ("size", "offset"), [((11, 14), {"round": 2, "floor": 1}), ((11, 16), {"round": 2, "floor": 2})]
)
def test_half_a_pixel_of_a_crop_goes_either_way(size: tuple[int, int], offset: dict[str, int]) -> None:
    for way, expected in offset.items():
        spec = InputSpec.model_validate({"width": 11, "height": 11, "resize": "center-crop", "crop_offset": way})
        assert fit(np.zeros((*size, 3), np.uint8), spec)[1].left == -expected


@pytest.mark.parametrize("size", [(300, 200), (201, 333), (224, 224), (97, 1000)])
@pytest.mark.parametrize("interpolation", ["antialias-linear", "antialias-cubic"])
def test_antialiased_crops_are_pillows(size: tuple[int, int], interpolation: str) -> None:
    """Shorter side 256, longer one truncated, 224 in the middle: what torchvision does for ImageNet's nets."""
    image = np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8)
    spec = InputSpec.model_validate(
        {"width": 224, "height": 224, "resize": "center-crop", "crop_fraction": 0.875, "interpolation": interpolation}
    )
    tensor, _ = fit(image, spec)
    short = min(size)
    high, wide = (256 if side == short else int(256 * side / short) for side in size)
    kind = Image.Resampling.BILINEAR if interpolation == "antialias-linear" else Image.Resampling.BICUBIC
    resized = np.asarray(Image.fromarray(image[..., ::-1].copy()).resize((wide, high), kind))
    top, left = round((high - 224) / 2), round((wide - 224) / 2)
    expected = resized[top : top + 224, left : left + 224].transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_allclose(tensor, expected, atol=1e-6)


def test_resizing_in_floats_does_not_round() -> None:
    image = np.random.default_rng(4).integers(0, 256, (50, 70, 3), np.uint8)
    fields = {"width": 33, "height": 21, "resize": "stretch", "channels": "bgr"}
    rounded, _ = fit(image, InputSpec.model_validate(fields))
    exact, _ = fit(image, InputSpec.model_validate({**fields, "precision": "float32"}))
    resized = cv2.resize(image.astype(np.float32), (33, 21), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    np.testing.assert_allclose(exact, resized / 255, atol=1e-6)
    assert 1e-4 < np.abs(exact - rounded).max() < 1.01 / 255


@pytest.mark.parametrize("size", SIZES)
def test_a_border_is_left_free(size: tuple[int, int]) -> None:
    spec = InputSpec(width=64, height=48, border=6)
    tensor, geometry = fit(np.full((*size, 3), 255, np.uint8), spec)
    shown = tensor[0] == 1
    assert shown.any(axis=0).sum() <= 58
    assert shown.any(axis=1).sum() <= 42
    assert shown.any(axis=0).sum() == 58 or shown.any(axis=1).sum() == 42
    assert (geometry.left, geometry.top) == (
        int(np.flatnonzero(shown.any(axis=0))[0]),
        int(np.flatnonzero(shown.any(axis=1))[0]),
    )


@pytest.mark.parametrize("size", SIZES)
def test_uint8_tensors_hold_the_pixels(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    spec = InputSpec(width=64, height=64, scale=1.0)
    tensor, _ = fit(image, spec, np.uint8)
    expected, _ = fit(image, spec)
    assert tensor.dtype == np.uint8
    assert np.array_equal(tensor, expected)


def test_crop_fraction_cuts_the_border() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    image[5:95, 5:95] = 0
    tensor, _ = fit(image, InputSpec(width=80, height=80, resize="center-crop", crop_fraction=0.8))
    assert tensor.max() == 0.0
