"""Tells what is written for somebody who looks on, as soon as it is written."""

from __future__ import annotations

from typing_extensions import override

from shared import keys
from shared.queue.consumer import QueueConsumer
from worker_service.consumer.pipeline import Pipeline
from worker_service.consumer.scout import Every

EVERY_S = 0.03
"""Between two reports: a piece is a word or two, however fast the model is."""
LONGEST_WAIT_S = 60.0


class Speaking(Every):
    """Sleeps until a live text has become longer. The other texts are told with the jobs' progress."""

    def __init__(self, queue: QueueConsumer, pipeline: Pipeline) -> None:
        super().__init__("speak", EVERY_S, self._speak)
        self._queue, self._pipeline = queue, pipeline

    def _speak(self) -> None:
        if self._pipeline.spoken.wait(LONGEST_WAIT_S):
            self._pipeline.spoken.clear()
            self._queue.say([taken for taken in self._pipeline.held if taken.job.lane == keys.LANES[0]])

    @override
    def stop(self) -> None:
        """End now."""
        self._stopping.set()
        self._pipeline.spoken.set()
        super().stop()
