"""Roboflow's InferencePipeline with the same network, run by the Python of an environment that has ``inference``.

Its models come from Roboflow's servers, so the network is run by a function of ours (``init_with_custom_logic``): one
onnxruntime session, frames letterboxed, all cameras' frames of a round in one call. Suppression of boxes is left out.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.update(METRICS_ENABLED="False", TELEMETRY_OPT_OUT="True", ACTIVE_LEARNING_ENABLED="False")

import cv2  # noqa: E402 - the environment must be set first
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
from inference import InferencePipeline  # type: ignore[import-not-found] # noqa: E402

from bench.streams.watch import Watch, options  # noqa: E402


def letterboxed(image: Any, size: int) -> Any:
    scale = size / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    canvas = np.full((size, size, 3), 114, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255


def main() -> None:
    given = options()
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = given["threads"]
    graph = str(Path(given["models"]) / given["model"] / "weights.onnx")
    session = onnxruntime.InferenceSession(graph, session_options, providers=["CPUExecutionProvider"])
    name, size = session.get_inputs()[0].name, given["size"]
    watch = Watch(given)

    def answer(frames: list[Any]) -> list[Any]:
        return [session.run(None, {name: letterboxed(frame.image, size)})[0].shape for frame in frames]

    def take(_answers: Any, frames: Any) -> None:
        for frame in frames if isinstance(frames, list) else [frames]:
            if frame is not None:
                watch.saw(frame.source_id or 0, frame.image)
        if watch.over and not ended.is_set():
            ended.set()
            pipeline.terminate()

    ended = threading.Event()
    pipeline = InferencePipeline.init_with_custom_logic(given["urls"], on_video_frame=answer, on_prediction=take)
    pipeline.start(use_main_thread=False)
    ended.wait(given["warm"] + given["seconds"] + 60)
    watch.tell()
    os._exit(0)  # its threads may hang on


if __name__ == "__main__":
    main()
