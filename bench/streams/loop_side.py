"""What one writes first: read a frame of each camera with OpenCV, run the model on it, go on. One process, one loop."""

from __future__ import annotations

import time
from pathlib import Path

import cv2

from bench.streams.watch import Watch, options
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings


def drain(capture: cv2.VideoCapture, fps: float) -> None:
    """Throw away what came while it was opened: until a picture lets itself be waited for."""
    while True:
        began = time.perf_counter()
        assert capture.grab(), "the camera is gone"
        if time.perf_counter() - began > 0.5 / fps:
            return


def main() -> None:
    given = options()
    settings = EngineSettings(model_dirs=(Path(given["models"]),), intra_op_threads=given["threads"])
    engine = Engine(settings)
    engine.get(given["model"])
    captures = [cv2.VideoCapture(url) for url in given["urls"]]
    for capture in captures:
        drain(capture, given["fps"])
    watch = Watch(given)
    while not watch.over:
        for camera, capture in enumerate(captures):
            ok, image = capture.read()
            assert ok, "the camera is gone"
            (answer,) = engine.infer(given["model"], [image])
            assert not isinstance(answer, Exception), answer
            watch.saw(camera, image)
    watch.tell()


if __name__ == "__main__":
    main()
