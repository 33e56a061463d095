"""Training data: a pool of drawings, brought to the input size, with their truth in input pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from tests.parity.drawing import KEYPOINTS, draw

PAD = 114


@dataclass
class Sample:
    """A drawing: uint8 BGR [S, S, 3], boxes [n, 4], keypoints [n, K, 2] in its pixels, masks [n, S, S]."""

    image: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    keypoints: np.ndarray
    masks: np.ndarray


def _sample(index: int, size: int, stretch: bool) -> Sample:
    rng = np.random.default_rng([1, index])
    ratio = float(np.exp(rng.normal(0, 0.5)))
    long = int(rng.choice([48, size, 2 * size]))
    width, height = (long, max(24, int(long / ratio))) if ratio > 1 else (max(24, int(long * ratio)), long)
    drawing = draw(rng, width, height, int(rng.integers(1, 6)))
    image = drawing.image
    if rng.random() < 0.25:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    scale = size / np.array([width, height]) if stretch else np.full(2, size / max(width, height))
    wide, high = (max(1, round(side)) for side in scale * (width, height))
    left, top = round((size - wide) / 2 - 0.1), round((size - high) / 2 - 0.1)
    square = np.full((size, size, 3), PAD, np.uint8)
    square[top : top + high, left : left + wide] = cv2.resize(image, (wide, high))
    masks = np.zeros((len(drawing.labels), size, size), np.uint8)
    for target, mask in zip(masks, drawing.masks(), strict=True):
        target[top : top + high, left : left + wide] = cv2.resize(mask, (wide, high), interpolation=cv2.INTER_NEAREST)
    moved = [points * scale + (left, top) for points in (drawing.boxes.reshape(-1, 2, 2), drawing.keypoints)]
    boxes, keypoints = (points.astype(np.float32) for points in moved)
    return Sample(square, drawing.labels, boxes.reshape(-1, 4), keypoints, masks)


def pool(count: int, size: int, *, stretch: bool = False) -> list[Sample]:
    """The first ``count`` drawings, letterboxed or stretched."""
    return [_sample(index, size, stretch) for index in range(count)]


def batches(samples: list[Sample], batch: int, seed: int) -> Iterator[list[Sample]]:
    """Endless batches, each pass in a new order."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(samples))
        for start in range(0, len(order) - batch + 1, batch):
            yield [samples[i] for i in order[start : start + batch]]


def pixels(batch: list[Sample]) -> torch.Tensor:
    """Float32 RGB [B, 3, S, S] in 0..1."""
    images = np.stack([sample.image[..., ::-1].transpose(2, 0, 1) for sample in batch])
    return torch.from_numpy(images.astype(np.float32) / 255)


def owners(batch: list[Sample]) -> torch.Tensor:
    """[n] which picture of the batch each object is in."""
    return torch.cat([torch.full((len(sample.labels),), float(i)) for i, sample in enumerate(batch)])


def centre_boxes(batch: list[Sample]) -> torch.Tensor:
    """[n, 4] centre x, y, width, height, all relative to the input size."""
    size = batch[0].image.shape[0]
    boxes = np.concatenate([sample.boxes for sample in batch]) / size
    return torch.from_numpy(np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1))


def class_ids(batch: list[Sample]) -> torch.Tensor:
    """[n, 1] float."""
    return torch.from_numpy(np.concatenate([sample.labels for sample in batch]).astype(np.float32))[:, None]


def keypoints(batch: list[Sample]) -> torch.Tensor:
    """[n, K, 3] x and y relative to the input size, and 2 for visible."""
    size = batch[0].image.shape[0]
    points = np.concatenate([sample.keypoints for sample in batch]) / size
    seen = np.full((len(points), KEYPOINTS, 1), 2)
    return torch.from_numpy(np.concatenate([points, seen], 2).astype(np.float32))


def numbered_masks(batch: list[Sample], size: int) -> torch.Tensor:
    """[B, size, size] 0 for background, i + 1 where a picture's object i is; smaller objects lie on top."""
    maps = np.zeros((len(batch), size, size), np.float32)
    for target, sample in zip(maps, batch, strict=True):
        areas = sample.masks.reshape(len(sample.masks), -1).sum(1)
        for i in np.argsort(-areas, kind="stable"):
            target[cv2.resize(sample.masks[i], (size, size), interpolation=cv2.INTER_NEAREST) > 0] = i + 1
    return torch.from_numpy(maps)
