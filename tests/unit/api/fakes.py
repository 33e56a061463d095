"""A queue and a fleet in memory, with the promises of the real ones: order, per-item errors, states, not-found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from shared.errors import InvalidImage, JobNotFound, QueueUnavailable, VisionfleetError
from shared.fleet.state import Fleet, ModelInfo, QueueInfo, WorkerInfo
from shared.jobs import Job, JobRecord, JobResult

DETECTION = {
    "x": 50.0,
    "y": 40.0,
    "width": 20.0,
    "height": 10.0,
    "confidence": 0.9,
    "class": "circle",
    "class_id": 0,
    "detection_id": "5a0c1f9e-8f4b-4f0e-9d3e-2f5a3c3f7f10",
}
TIMINGS = {"queue_ms": 0.4, "decode_ms": 1.0, "preprocess_ms": 0.5, "infer_ms": 3.0, "post_ms": 0.2, "total_ms": 5.1}


def detect(image: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer: an error for what is no image, else a box."""
    if not image.startswith(b"\xff\xd8"):
        raise InvalidImage("The bytes are not an image.")
    output: dict[str, Any] = {
        "task": "object-detection",
        "image": {"width": 100, "height": 80},
        "predictions": [DETECTION],
    }
    if job.params.get("visualize"):
        output["visualization"] = b"\xff\xd8drawn"
    return output


class MemoryQueue:
    """Runs every job at once with ``work``; ``seen`` keeps the jobs. ``down`` makes it unreachable."""

    def __init__(self, work: Callable[[bytes, Job], dict[str, Any]] = detect) -> None:
        self.work = work
        self.seen: list[Job] = []
        self.records: dict[str, JobRecord] = {}
        self.down = False
        self.held = False
        self.load_error: VisionfleetError | None = None
        self._ended = asyncio.Event()

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        self._check()
        self.seen.extend(jobs)
        return [self._run(job) for job in jobs]

    async def submit(self, job: Job) -> JobRecord:
        self._check()
        self.seen.append(job)
        record = JobRecord(
            job.id, "queued", job.model, job.hardware, job.lane, 1_700_000_000_000, metadata=job.metadata
        )
        self.records[job.id] = record
        accepted = replace(record)
        if not self.held:
            self.finish(job)
        return accepted

    def finish(self, job: Job) -> None:
        """End a held job."""
        record = self.records[job.id]
        record.result = self._run(job)
        record.state = record.result.state
        record.started_ms, record.finished_ms = 1_700_000_000_100, 1_700_000_000_200
        record.attempt, record.worker = 1, "w1"
        self._ended.set()

    async def get(self, job_id: str) -> JobRecord:
        self._check()
        if job_id not in self.records:
            raise JobNotFound("There is no such job.")
        return self.records[job_id]

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        record = await self.get(job_id)
        if not record.done:
            self._ended.clear()
            try:
                await asyncio.wait_for(self._ended.wait(), seconds)
            except asyncio.TimeoutError:
                return record
        return record

    async def ping(self) -> bool:
        return not self.down

    def _check(self) -> None:
        if self.down:
            raise QueueUnavailable("The job queue cannot be reached; try again in a moment.")

    def _run(self, job: Job) -> JobResult:
        if job.kind == "load":
            return JobResult.failed(job.id, self.load_error) if self.load_error else JobResult(job.id, "succeeded")
        outputs: list[dict[str, Any]] = []
        for image in job.inputs:
            try:
                outputs.append({"output": self.work(image, job)})
            except VisionfleetError as error:
                outputs.append({"error": error.to_dict()})
        state = "succeeded" if any("output" in entry for entry in outputs) else "failed"
        return JobResult(
            *(job.id, state),
            outputs=outputs,
            timings=dict(TIMINGS),
            batch=len(outputs),
            attempt=1,
            worker="w1",
            hardware="cpu",
            model={"id": job.model, "digest": "d1"},
        )


class MemoryFleet:
    """One ready CPU worker with a detector and a classifier."""

    def __init__(self) -> None:
        self.down = False
        worker = WorkerInfo("w1", "cpu", "host", 1, "0.1.0", 1_700_000_000_000, state="ready")
        worker.held = [{"id": "shapes-detector", "digest": "d1", "bytes": 1000, "pinned": False}]
        self.fleet = Fleet(
            workers=[worker],
            models={
                "shapes-detector": model("shapes-detector", "object-detection", ["w1"]),
                "shapes-classifier": model("shapes-classifier", "classification", []),
                "team/7": model("team/7", "object-detection", []),
                "gpu-only": ModelInfo("gpu-only", "object-detection", "yolov8", hardware=["gpu"]),
            },
            queues=[QueueInfo("any", "live", "shapes-detector", 2, 1, 1000, 1500)],
            active=set(),
        )
        self.fleet.models["shapes-detector"].aliases.append("shapes")

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        if self.down:
            raise QueueUnavailable("The fleet's state cannot be read; try again in a moment.")
        return self.fleet

    async def activate(self, model_id: str) -> None:
        self.fleet.active.add(model_id)

    async def deactivate(self, *model_ids: str) -> None:
        self.fleet.active.difference_update(model_ids)

    async def clear_active(self) -> None:
        self.fleet.active.clear()


def model(model_id: str, task: str, loaded_on: list[str]) -> ModelInfo:
    return ModelInfo(
        *(model_id, task, "yolov8", ["circle"], 320, 320),
        hardware=["cpu", "gpu"],
        digest="d1",
        available_on=["cpu"],
        loaded_on=loaded_on,
    )
