"""Jobs run by the engine of this very process: what the queue and the workers are elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn, overload

from typing_extensions import override

from deploy.serverless.settings import ServerlessSettings
from shared.errors import DeadlineExceeded, InvalidRequest, NotFound, QueueFull
from shared.fleet.state import Fleet
from shared.jobs import Job, JobEvent, JobRecord, JobResult, Terms
from shared.queue.consumer import Taken
from worker_service.consumer.advert import Advert
from worker_service.consumer.inprocess import InProcess
from worker_service.consumer.pipeline import Pipeline
from worker_service.consumer.settings import ConsumerSettings
from worker_service.consumer.threads import threads_of
from worker_service.engine.engine import Engine
from worker_service.engine.family import Image

LATE = DeadlineExceeded("The request was not finished within its time limit.")
FULL = QueueFull("This instance has all the images that it may hold; try again in a moment.")
NO_FLEET = "This deployment answers synchronous inference only; jobs, batches and streams need workers and Redis."


class Decoded(Sequence[Image]):
    """The pixels of a job's images, decoded when the pipeline's threads ask for them."""

    def __init__(self, engine: Engine, job: Job) -> None:
        self._engine = engine
        self._job = job

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image]: ...
    @override
    def __getitem__(self, index: int | slice) -> Image | Sequence[Image]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        params = self._engine.get(self._job.model).params(self._job.params)
        return self._engine.decode(self._job.inputs[index], params)

    @override
    def __len__(self) -> int:
        return len(self._job.inputs)


class LocalEngine:
    """The engine, its pipeline, and what it tells of itself."""

    def __init__(self, engine: Engine, settings: ServerlessSettings) -> None:
        consumer = ConsumerSettings()
        self.engine = engine
        self.advert = Advert(consumer, engine, int(time.time() * 1000))
        threads = threads_of(consumer, engine.runtime)
        identity = (self.advert.id, self.advert.hardware)
        self._pipeline = Pipeline(engine, _unexpected, threads, settings.serverless_concurrency, identity)
        self.advert.pipeline = self._pipeline
        self._most, self._inside = settings.serverless_concurrency, 0
        self.active: set[str] = set()

    def start(self) -> None:
        """Load what is to be preloaded, then take jobs. Raises what loading raises."""
        self._pipeline.start()
        self.engine.preload()
        self.advert.state = "ready"

    def stop(self, seconds: float) -> bool:
        """Finish what has begun; True when nothing is left."""
        return self._pipeline.drain(seconds)

    @property
    def room(self) -> int:
        """How many more images may come in."""
        return self._most - self._inside

    async def run(self, job: Job) -> JobResult:
        """Its result, by its deadline at the latest. Raises QueueFull, InvalidRequest."""
        if job.kind == "workflow":
            raise InvalidRequest(NO_FLEET)
        images = max(1, len(job.inputs))
        if images > self.room:
            raise FULL
        self._inside += images
        taken = InProcess(job, Decoded(self.engine, job))
        ended = asyncio.wrap_future(taken.future)
        ended.add_done_callback(lambda _: self._leave(images))
        await asyncio.to_thread(self._pipeline.accept, taken)  # it loads the model, if need be
        try:
            return await asyncio.wait_for(asyncio.shield(ended), job.timeout_ms / 1000)
        except asyncio.TimeoutError:
            taken.lost = True
            return JobResult.failed(job.id, LATE)

    def _leave(self, images: int) -> None:
        self._inside -= images

    def fleet(self) -> Fleet:
        """A fleet of one worker: this process."""
        info, models = self.advert.info(), {model.id: model for model in self.advert.catalog()}
        held = {one["id"] for one in info.held}
        for model in models.values():
            model.available_on = [self.advert.hardware]
            model.loaded_on = [info.id] if model.id in held else []
        return Fleet([info], models, [], (self.active & set(models)) | (held & set(models)))


class LocalQueue:
    """``api_service.backend.JobQueue`` in this process. What is asynchronous raises NotFound."""

    def __init__(self, local: LocalEngine) -> None:
        self._local = local

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        """Run jobs now. Raises QueueFull."""
        return list(await asyncio.gather(*map(self._local.run, jobs)))

    async def submit(self, job: Job, terms: Terms | None = None) -> JobRecord:
        """Not here."""
        raise NotFound(NO_FLEET)

    async def find(self, terms: Terms) -> JobRecord | None:
        """Not here."""
        raise NotFound(NO_FLEET)

    async def get(self, job_id: str) -> JobRecord:
        """Not here."""
        raise NotFound(NO_FLEET)

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        """Not here."""
        raise NotFound(NO_FLEET)

    def follow(self, job_id: str, after: str, quiet_s: float) -> AsyncIterator[JobEvent | None]:
        """Not here."""
        raise NotFound(NO_FLEET)

    async def ping(self) -> bool:
        """Always: the queue is this process."""
        return True


def _unexpected(ended: Sequence[tuple[Taken, JobResult]]) -> NoReturn:
    raise RuntimeError(f"{len(ended)} jobs of a queue where there is none")
