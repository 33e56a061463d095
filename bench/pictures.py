"""Pictures for requests: drawn scenes as JPEG, and the JSON bodies that carry them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgpack
import numpy as np

from models.training.scenes import scene

QUALITY = 90
GRAIN = 5.0
"""Standard deviation of the noise, so that a picture of 640 x 480 takes as many bytes as a photo does: about 70 kB."""


def jpegs(count: int, width: int, height: int) -> list[bytes]:
    """So many different scenes of that size."""
    drawn = [scene(np.random.default_rng([6, i]), 640, 480, strength=0.5).image for i in range(count)]
    return [jpeg(grainy(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))) for image in drawn]


def grainy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(7).normal(0, GRAIN, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert ok
    return bytes(data)


def bodies(folder: Path, model: str, images: Sequence[bytes]) -> list[Path]:
    """One file per request body, in the form that Roboflow's SDK sends."""
    paths = [folder / f"{i}.json" for i in range(len(images))]
    folder.mkdir(parents=True)
    for path, image in zip(paths, images, strict=True):
        reference = {"type": "base64", "value": b64encode(image).decode()}
        path.write_text(json.dumps({"model_id": model, "image": reference}))
    return paths


def packed_bodies(folder: Path, model: str, images: Sequence[bytes]) -> list[Path]:
    """The same in msgpack, where images are bytes."""
    paths = [folder / f"{i}.msgpack" for i in range(len(images))]
    folder.mkdir(parents=True)
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(msgpack.packb({"model_id": model, "image": {"type": "bytes", "value": image}}))
    return paths
