"""The user's function, or a model, as the stream service's lanes run it. Imported by ``local`` only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from typing_extensions import override

from stream_service.frame import Frame
from stream_service.processor import Outcome, Processor
from visionfleet.pipeline.frames import VideoFrame


class Worker(Processor):
    """One frame at a time, in a thread, so that reading goes on meanwhile."""

    def __init__(self, work: Callable[[VideoFrame], Any], pool: ThreadPoolExecutor, camera: Any) -> None:
        self._work, self._pool, self._camera = work, pool, camera

    @override
    async def begin(self, frame: Frame) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._do, frame)

    def _do(self, frame: Frame) -> Outcome:
        info = self._camera.info
        shown = VideoFrame(
            image=frame.picture.bgr(),
            frame_id=frame.number,
            frame_timestamp=datetime.fromtimestamp(frame.captured_at, timezone.utc),
            source_id=frame.source_index,
            fps=info.fps if info else None,
            measured_fps=self._camera.fps(frame.captured) or None,
            comes_from_video_file=not info.live if info else None,
        )
        try:
            return Outcome(outputs={"frame": shown, "answer": self._work(shown)})
        except Exception as error:  # noqa: BLE001 - the user's code, or the model's: the frame fails, not the pipeline
            message = f"{type(error).__name__}: {error}"
            return Outcome(cause="model_failed", error={"message": message}, outputs={"frame": shown, "answer": None})
