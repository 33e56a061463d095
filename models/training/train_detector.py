"""Train and export the demo detector: python -m models.training.train_detector (see models/README.md)."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.training.export import export_detector
from models.training.fit import fit
from models.training.loss import detector_loss
from models.training.net import STRIDES, Detector
from models.training.samples import DETECTOR_SIZE, TRAIN, blob, detector_scene, letterbox
from models.training.shapes import LABELS

Truth = tuple[Tensor, Tensor]


def pool(count: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Draw the training scenes: images [count,S,S,3] uint8, boxes [N,4] and labels [N] of each."""
    images = np.empty((count, DETECTOR_SIZE, DETECTOR_SIZE, 3), np.uint8)
    boxes, labels = [], []
    for i in range(count):
        scene = detector_scene(TRAIN, i)
        images[i], scale, offset = letterbox(scene.image, DETECTOR_SIZE)
        boxes.append(scene.boxes * scale + np.tile(np.array(offset, np.float32), 2))
        labels.append(scene.labels)
    return images, boxes, labels


def vary(image: np.ndarray, boxes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One of 8 mirrorings and turns and 6 orders of the colours: a scene is worth 48, none costs drawing."""
    size = image.shape[0]
    image = image[..., rng.permutation(3)]
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
    if rng.random() < 0.5:
        image, boxes = image[::-1], np.stack([boxes[:, 0], size - boxes[:, 3], boxes[:, 2], size - boxes[:, 1]], 1)
    if rng.random() < 0.5:
        image, boxes = image.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]
    return image, boxes


def batches(count: int, batch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, list[Truth]]]:
    """Endless batches from a pool of `count` scenes, each pass in a new order."""
    images, boxes, labels = pool(count)
    while True:
        for chosen in np.split(rng.permutation(count)[: count // batch * batch], count // batch):
            varied = [vary(images[i], boxes[i], rng) for i in chosen]
            truths = [
                (torch.from_numpy(np.ascontiguousarray(b)), torch.from_numpy(labels[i]))
                for i, (_, b) in zip(chosen, varied, strict=True)
            ]
            yield torch.from_numpy(blob(np.stack([image for image, _ in varied]))), truths


def centres() -> Tensor:
    """Cell centres [N,2] in pixels, in the order of the detector's output."""
    grids = []
    for stride in STRIDES:
        line = (torch.arange(DETECTOR_SIZE // stride) + 0.5) * stride
        y, x = torch.meshgrid(line, line, indexing="ij")
        grids.append(torch.stack([x, y], -1).reshape(-1, 2))
    return torch.cat(grids)


def losses(model: Detector, scenes: int, batch: int, seed: int) -> Iterator[Tensor]:
    """Loss of each next batch."""
    cells = centres()
    for images, truths in batches(scenes, batch, np.random.default_rng(seed)):
        boxes, logits = model(images.contiguous(memory_format=torch.channels_last))
        score_loss, box_loss = detector_loss(boxes, logits, cells, truths)
        yield score_loss + 2.5 * box_loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/shapes-detector"))
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--scenes", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model = Detector(len(LABELS)).to(memory_format=torch.channels_last).train()
    stream = losses(model, options.scenes, options.batch, options.seed)
    trained = fit(model, stream, options.steps, 2e-3, lambda line: print(line, flush=True))
    export_detector(trained, options.out)


if __name__ == "__main__":
    main()
