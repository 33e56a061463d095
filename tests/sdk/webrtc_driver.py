"""Runs inside an environment of script/sdk with aiortc: one session of ``client.webrtc.stream``; prints what came.

Arguments: url, source (manual, an rtsp:// URL, or a file), and how many frames to wait for.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from typing import Any

import numpy as np

warnings.simplefilter("ignore")
from inference_sdk import InferenceHTTPClient  # noqa: E402 - it warns while it is imported
from inference_sdk.webrtc import ManualSource, RTSPSource, VideoFileSource  # noqa: E402


def main(url: str, reference: str, wanted: int) -> None:
    out, sys.stdout = sys.stdout, sys.stderr
    client = InferenceHTTPClient(api_url=url, api_key="none")
    source: Any = ManualSource()
    if reference.startswith("rtsp://"):
        source = RTSPSource(reference)
    elif reference != "manual":
        source = VideoFileSource(reference)
    session = client.webrtc.stream(source=source, model_id="shapes-detector", task_type="object-detection")
    rows: list[Any] = []

    @session.on_frame  # type: ignore[untyped-decorator] # the SDK has no types here
    def take(frame: Any, data: Any) -> None:
        rows.append([list(frame.shape), sorted({one["class"] for one in (data or {}).get("predictions", [])})])
        if reference.startswith(("rtsp://", "manual")) and sum(bool(row[1]) for row in rows) >= wanted:
            session.close()

    if reference == "manual":
        threading.Thread(target=send, args=(source,), daemon=True).start()
    try:
        session.run()
    finally:
        out.write(json.dumps(rows) + "\n")
        out.flush()


def send(source: Any) -> None:
    """Pictures of the film, as the caller's pixels."""
    pictures = np.load(sys.argv[4])["pictures"]
    for number in range(10_000):
        try:
            source.send(pictures[number % len(pictures)])
        except RuntimeError:
            time.sleep(0.1)
        time.sleep(1 / 15)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
