"""A job that this very process gave itself, with pixels instead of files: model steps of workflows that run here.

It goes through the same pipeline as the jobs of the queue, so that it is batched with them, and no image is encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from shared.jobs import Job, JobResult
from shared.queue.consumer import Taken
from worker_service.engine.family import Image


class InProcess(Taken):
    """Answers a future instead of Redis, and has no lease."""

    def __init__(self, job: Job, pixels: Sequence[Image]) -> None:
        """``job.inputs`` has an entry, of no bytes, for each image."""
        super().__init__(stream="", entry="", attempt=1, waited_ms=0, fields={}, job=job)
        self.pixels = pixels
        self.future: Future[JobResult] = Future()

    def answered(self, result: JobResult) -> None:
        """Hand over the result; a second one, of a job that was given up, is dropped."""
        if not self.future.done():
            self.future.set_result(result)
