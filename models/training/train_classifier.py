"""Train and export the demo classifier: python -m models.training.train_classifier (see models/README.md)."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.training.export import export_classifier
from models.training.fit import fit
from models.training.net import Classifier
from models.training.samples import CLASSIFIER_SIZE, TRAIN, blob, classifier_picture
from models.training.shapes import LABELS


def pool(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the training pictures: uint8 [count,S,S,3], and their labels [count]."""
    images = np.empty((count, CLASSIFIER_SIZE, CLASSIFIER_SIZE, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for i in range(count):
        image, labels[i] = classifier_picture(TRAIN, i)
        images[i] = cv2.resize(image, (CLASSIFIER_SIZE, CLASSIFIER_SIZE), interpolation=cv2.INTER_LINEAR)
    return images, labels


def vary(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn and mirror, shuffle the colours."""
    image = np.rot90(image[..., rng.permutation(3)], int(rng.integers(4)))
    return image[:, ::-1] if rng.random() < 0.5 else image


def losses(model: Classifier, count: int, batch: int, seed: int) -> Iterator[Tensor]:
    """Loss of each next batch, from a pool of `count` pictures."""
    rng = np.random.default_rng(seed)
    images, labels = pool(count)
    while True:
        for chosen in np.split(rng.permutation(count)[: count // batch * batch], count // batch):
            inputs = torch.from_numpy(blob(np.stack([vary(images[i], rng) for i in chosen])))
            logits = model(inputs.contiguous(memory_format=torch.channels_last))
            yield cross_entropy(logits, torch.from_numpy(labels[chosen]), label_smoothing=0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/shapes-classifier"))
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=30000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model = Classifier(len(LABELS)).to(memory_format=torch.channels_last).train()
    stream = losses(model, options.pictures, options.batch, options.seed)
    trained = fit(model, stream, options.steps, 1.2e-3, lambda line: print(line, flush=True))
    export_classifier(trained, options.out)


if __name__ == "__main__":
    main()
