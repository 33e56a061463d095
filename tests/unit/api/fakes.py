"""A queue and a fleet in memory, with the promises of the real ones: order, per-item errors, states, not-found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from aiohttp.test_utils import TestClient

from shared.access.gate import Verdict
from shared.access.key import ApiKey, Limits
from shared.access.token import new_token
from shared.errors import (
    IdempotencyConflict,
    IdempotencyMismatch,
    InputGone,
    InvalidImage,
    InvalidRequest,
    JobCanceled,
    JobFinished,
    JobNotFound,
    LetterNotFound,
    NotFinished,
    QueueFull,
    QueueUnavailable,
    VisionfleetError,
)
from shared.fleet.state import Fleet, ModelInfo, QueueInfo, WorkerInfo
from shared.jobs import Job, JobEvent, JobRecord, JobResult, Terms, new_id
from shared.queue.deadletters import DeadLetter
from shared.queue.ledger import Filter

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
CREATED_MS = 1_700_000_000_000
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
        self.load_ms: float | None = None  # what a job waited for its model to load
        self.work = work
        self.seen: list[Job] = []
        self.records: dict[str, JobRecord] = {}
        self.down = False
        self.full = False
        self.held = False
        self.load_error: VisionfleetError | None = None
        self.kept: dict[str, tuple[Job, Terms]] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.stories: dict[str, list[JobEvent]] = {}
        self._happened = asyncio.Event()
        self.came = asyncio.Event()
        """Set when a job was accepted."""

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        self._check()
        self.seen.extend(jobs)
        return [self._run(job) for job in jobs]

    async def submit(self, job: Job, terms: Terms | None = None) -> JobRecord:
        self._check()
        terms = terms or Terms()
        known = await self.find(terms) if terms.idempotency_key else None
        if known is not None:
            return replace(known)
        if self.full:
            raise QueueFull("The queue of this model is full.")
        self.seen.append(job)
        record = JobRecord(
            *(job.id, "queued", job.model, job.hardware, job.lane, CREATED_MS),
            metadata=job.metadata,
            expires_ms=CREATED_MS + job.timeout_ms,
            position=1 + sum(record.state == "queued" for record in self.records.values()),
            images=len(job.inputs),
            webhook=terms.webhook,
            trace=job.trace,
            owner=job.owner,
        )
        self.records[job.id] = record
        self.kept[job.id] = (job, terms)
        self.keys[terms.idempotency_key] = (terms.fingerprint, job.id)
        self.tell(job.id, "queued", position=record.position)
        accepted = replace(record, position=None)
        self.came.set()
        if not self.held:
            self.finish(job)
        return accepted

    async def find(self, terms: Terms) -> JobRecord | None:
        self._check()
        if terms.idempotency_key not in self.keys:
            return None
        fingerprint, job_id = self.keys[terms.idempotency_key]
        if fingerprint != terms.fingerprint:
            raise IdempotencyMismatch("Another request.")
        if job_id not in self.records:
            raise IdempotencyConflict("The job is gone.")
        return self.records[job_id]

    def begin(self, job: Job) -> None:
        """Let a worker take a held job."""
        record = self.records[job.id]
        record.state, record.position, record.started_ms = "running", None, CREATED_MS + 100
        record.attempt, record.worker = 1, "w1"
        self.tell(job.id, "started", attempt=1, worker="w1")

    def finish(self, job: Job) -> None:
        """End a held job."""
        self.begin(job)
        result = self._run(job)
        self.records[job.id].images_done = len(job.inputs)
        self.end(job.id, result)

    def end(self, job_id: str, result: JobResult) -> None:
        """Write a terminal state."""
        record = self.records[job_id]
        record.result, record.state, record.position = result, result.state, None
        record.finished_ms = CREATED_MS + 200
        self.tell(job_id, "finished", state=result.state)

    def tell(self, job_id: str, event: str, **data: Any) -> None:
        """Add to the job's story."""
        story = self.stories.setdefault(job_id, [])
        story.append(JobEvent(f"{CREATED_MS}-{len(story)}", event, data))
        self._happened.set()

    async def follow(self, job_id: str, after: str, quiet_s: float) -> AsyncIterator[JobEvent | None]:
        shown = sum(event.id <= after for event in self.stories[job_id])
        while job_id in self.records:
            self._check()
            self._happened.clear()
            for event in self.stories[job_id][shown:]:
                shown += 1
                yield event
            if self.records[job_id].done:
                return
            try:
                await asyncio.wait_for(self._happened.wait(), quiet_s)
            except asyncio.TimeoutError:
                yield None

    async def get(self, job_id: str) -> JobRecord:
        self._check()
        if job_id not in self.records:
            raise JobNotFound("There is no such job.")
        return self.records[job_id]

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        deadline = asyncio.get_running_loop().time() + seconds
        while not (record := await self.get(job_id)).done:
            self._happened.clear()
            try:
                await asyncio.wait_for(self._happened.wait(), deadline - asyncio.get_running_loop().time())
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
            timings={**TIMINGS, **({} if self.load_ms is None else {"load_ms": self.load_ms})},
            batch=len(outputs),
            attempt=1,
            worker="w1",
            hardware="cpu",
            model={"id": job.model, "digest": "d1"},
        )


class MemoryLedger:
    """The jobs of a MemoryQueue, as the real ledger sees them."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue

    async def jobs(self, wanted: Filter, limit: int, cursor: str = "") -> tuple[list[JobRecord], str]:
        if cursor and not cursor.isdigit():
            raise InvalidRequest("No cursor of ours.")
        found = [replace(record, result=None) for record in reversed(self._queue.records.values())]
        found = [record for record in found if wanted.passes(record) and record.created_ms >= wanted.since_ms]
        start = int(cursor or 0)
        return found[start : start + limit], str(start + limit) if len(found) > start + limit else ""

    async def cancel(self, job_id: str) -> None:
        record = await self._queue.get(job_id)
        if record.state == "canceled":
            return
        if record.done:
            raise JobFinished("It has ended.")
        self._queue.end(job_id, JobResult.failed(job_id, JobCanceled("The job was canceled.")))

    async def erase(self, job_id: str) -> None:
        await self._queue.get(job_id)
        del self._queue.records[job_id], self._queue.kept[job_id], self._queue.stories[job_id]
        self._queue.keys = {key: value for key, value in self._queue.keys.items() if value[1] != job_id}

    async def again(self, job_id: str) -> tuple[Job, Terms]:
        record = await self._queue.get(job_id)
        if not record.done:
            raise NotFinished("It has not ended.")
        job, terms = self._queue.kept[job_id]
        if not terms.input_ttl_ms:
            raise InputGone("Its images were not kept.")
        return replace(job, id=new_id()), Terms(webhook=terms.webhook, input_ttl_ms=terms.input_ttl_ms)


class MemoryDeadLetters:
    """A list of letters, oldest first."""

    def __init__(self) -> None:
        self.letters: dict[str, Job] = {}

    async def count(self) -> int:
        return len(self.letters)

    async def page(self, limit: int, cursor: str = "") -> tuple[list[DeadLetter], str]:
        ids = [name for name in reversed(self.letters) if not cursor or name < cursor]
        found = [
            DeadLetter(name, job.id, job.model, job.hardware, job.lane, 3, job.size, int(name.split("-")[0]))
            for name, job in self.letters.items()
        ]
        page = sorted((letter for letter in found if letter.id in ids[:limit]), key=lambda one: one.id, reverse=True)
        return page, page[-1].id if len(page) == limit else ""

    async def job(self, letter_id: str) -> Job:
        if letter_id not in self.letters:
            raise LetterNotFound("No such letter.")
        return replace(self.letters[letter_id], id=new_id())

    async def drop(self, letter_id: str) -> None:
        await self.job(letter_id)
        del self.letters[letter_id]

    async def purge(self) -> int:
        count = len(self.letters)
        self.letters.clear()
        return count


class MemoryKeys:
    """Keys by their text, with token buckets that never refill."""

    def __init__(self) -> None:
        self.table: dict[str, ApiKey] = {}
        self.known = True
        self.left: dict[str, int] = {}
        self.flying: dict[str, set[str]] = {}
        self.uses: dict[str, list[bool]] = {}

    @property
    def exist(self) -> bool:
        if not self.known:
            raise QueueUnavailable("The API keys cannot be read yet.")
        return bool(self.table)

    def make(self, *scopes: str, models: tuple[str, ...] = (), owner: str = "", **limits: Any) -> str:
        """A key that works; its text."""
        made = new_token()
        self.table[made.text] = ApiKey(
            made.id, made.digest, "test", scopes, owner or made.id, 0, models=models, limits=Limits(**limits)
        )
        return made.text

    async def search(self, token: str) -> ApiKey | None:
        return self.table.get(token)

    async def admit(self, key: ApiKey, request_id: str) -> Verdict | None:
        if key.limits == Limits():
            return None
        flying = self.flying.setdefault(key.id, set())
        if key.limits.concurrency is not None and len(flying) >= key.limits.concurrency:
            return Verdict("busy", 0, 1000, 0)
        left = self.left.setdefault(key.id, key.limits.capacity)
        if key.limits.rate is not None and left == 0:
            return Verdict("rate", 0, 1500, 3000)
        self.left[key.id] -= 1
        flying.add(request_id)
        return Verdict("", left - 1, 0, 3000)

    async def release(self, key: ApiKey, request_id: str) -> None:
        self.flying[key.id].discard(request_id)

    def count(self, key_id: str, *, refused: bool) -> None:
        self.uses.setdefault(key_id, []).append(refused)


class MemoryFleet:
    """One ready CPU worker with a detector and a classifier."""

    def __init__(self) -> None:
        self.down = False
        worker = WorkerInfo("w1", "cpu", "host", 1, "0.1.0", CREATED_MS, state="ready")
        worker.held = [{"id": "shapes-detector", "digest": "d1", "bytes": 1000, "pinned": False}]
        self.fleet = Fleet(
            workers=[worker],
            models={
                "shapes-detector": model("shapes-detector", "object-detection", ["w1"]),
                "shapes-classifier": model("shapes-classifier", "classification", []),
                "team/7": model("team/7", "object-detection", []),
                "gpu-only": ModelInfo("gpu-only", "object-detection", "yolov8", hardware=["gpu"]),
            },
            queues=[QueueInfo("any", "live", "shapes-detector", 2, 1, 1000, 1500, rate=4.0)],
            active=set(),
        )
        self.fleet.models["shapes-detector"].aliases.append("shapes")

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        if self.down:
            raise QueueUnavailable("The fleet's state cannot be read; try again in a moment.")
        return self.fleet

    async def listed(self) -> Fleet:
        return await self.snapshot()

    async def activate(self, *names: str) -> None:
        self.fleet.active.update(names)

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


async def post(client: TestClient, url: str, status: int = 200, **body: Any) -> Any:
    answer = await client.post(url, json=body)
    assert answer.status == status, await answer.text()
    return await answer.json()
