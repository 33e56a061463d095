"""The yardstick: onnxruntime in a plain loop, as one would write it in a script that has the machine to itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from worker_service.engine.manifest import Manifest
from worker_service.engine.vision.fit import fit


class Loop:
    """One session with ``threads`` threads and onnxruntime's other defaults, among them that idle threads spin."""

    def __init__(self, folder: Path, threads: int, batch: int) -> None:
        self._spec = Manifest.model_validate_json((folder / "model.json").read_text()).input
        self._batch = batch
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(folder / "weights.onnx", options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name

    def without_decode(self, pictures: Sequence[bytes], seconds: float) -> float:
        """Images per second with the tensors ready in memory: nothing but the model."""
        return self._rate([self._tensor(picture) for picture in pictures], lambda tensor: tensor, seconds)

    def with_decode(self, pictures: Sequence[bytes], seconds: float) -> float:
        """Images per second from JPEG bytes: decode, resize and normalise, then the model."""
        return self._rate(pictures, self._tensor, seconds)

    def _tensor(self, picture: bytes) -> np.ndarray:
        """[3, H, W] float32, by the code that the worker uses."""
        return fit(np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), np.uint8), self._spec)[
            0
        ]

    def _rate(self, items: Sequence[object], prepare: Callable[..., np.ndarray], seconds: float) -> float:
        stream, images, begun = cycle(items), 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            batch = [prepare(item) for item in islice(stream, self._batch)]
            self._session.run(None, {self._name: np.stack(batch) if self._batch > 1 else batch[0][None]})
            images += self._batch
        return images / (time.perf_counter() - begun)
