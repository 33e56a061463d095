"""Draw the example pictures: python -m models.training.pictures --out examples/images."""

import argparse
from pathlib import Path

import cv2
import numpy as np

from models.training.scenes import closeup, scene

# File, width, height, shapes to try, seed. Seeds were chosen by eye; on the first two the demo detector errs nowhere.
SCENES = (
    ("scene.jpg", 1280, 853, 16, 32),
    ("desk.jpg", 640, 480, 9, 10),
    ("tall.jpg", 600, 1000, 11, 8),
    ("small.png", 320, 240, 6, 9),
)
CLOSEUPS = (("star.jpg", 160, 15), ("ring.jpg", 160, 1))


def _write(path: Path, picture: np.ndarray) -> None:
    settings = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix == ".jpg" else []
    cv2.imwrite(str(path), picture, settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("examples/images"))
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, width, height, count, seed in SCENES:
        picture = scene(np.random.default_rng([2, seed]), width, height, count, strength=0.25).image
        _write(out / name, picture)
    for name, side, seed in CLOSEUPS:
        picture, _ = closeup(np.random.default_rng([3, seed]), side, strength=0.25)
        _write(out / name, picture)


if __name__ == "__main__":
    main()
