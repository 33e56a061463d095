"""The stages of a job inside a worker: prepare (decode threads) -> infer (one or few) -> post and finish (one thread).

While the model runs one batch, the next is decoded; the stages share nothing but queues. ``room`` bounds how much is
taken ahead: one batch in preparation beside the one that runs, and as much again of live images, so that a worker full
of bulk work takes a live one at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import structlog

from shared.errors import DeadlineExceeded, InferenceFailed, UnsupportedTask, VisionfleetError
from shared.jobs import JobResult
from shared.queue.consumer import Taken
from worker_service.consumer import spans
from worker_service.consumer.counters import Counters
from worker_service.consumer.inprocess import InProcess
from worker_service.consumer.pace import Pace
from worker_service.consumer.ready import ReadyQueue
from worker_service.consumer.space import Room, Space
from worker_service.consumer.steps import Share, follow
from worker_service.consumer.waiting import Waiting
from worker_service.consumer.work import Item, Work, clock_ms
from worker_service.engine.engine import Engine
from worker_service.engine.family import (
    AnyModel,
    Image,
    Prepared,
    Raw,
    TakesSteps,
    prepare_embedding,
    prepare_text,
    read_text,
)

log = structlog.get_logger(__name__)
Finish = Callable[[Sequence[tuple[Taken, JobResult]]], None]
LATE = DeadlineExceeded("The job was not finished within its time limit; raise its timeout or add workers.")
BROKEN = InferenceFailed("The model failed on this image; the worker's log says why.")


class Threads(NamedTuple):
    """How many images are prepared, and how many batches run, at the same time. Runs share the session's threads."""

    decode: int = 2
    runs: int = 1
    lone_above_ms: float = 0.0
    ahead_ms: float = 0.0
    """Both: see ``Pace``."""


class Pipeline:
    """Runs jobs and hands their results to ``finish``, which may be called from several threads."""

    def __init__(
        self, engine: Engine, finish: Finish, threads: Threads, prefetch: int, identity: tuple[str, str]
    ) -> None:
        self.counters = Counters()
        self.spoken = threading.Event()
        """Set when a text has become longer that somebody follows live."""
        self._engine = engine
        self._finish = finish
        self._identity = identity
        self._ended: list[tuple[Taken, JobResult]] = []  # of the post thread alone
        self._pace = Pace(threads.lone_above_ms, threads.ahead_ms)
        self._space = Space(self._pace, prefetch, threads.runs)
        self._ready = ReadyQueue(self._pace)
        self._running: dict[int, float] = {}
        self._decoders = ThreadPoolExecutor(threads.decode, "decode")
        self._post = ThreadPoolExecutor(1, "post")
        self._runners = [
            threading.Thread(target=self._infer_forever, name=f"infer_{number}", daemon=True)
            for number in range(threads.runs)
        ]

    def start(self) -> None:
        """Begin to run what is accepted."""
        for runner in self._runners:
            runner.start()

    @property
    def runs(self) -> int:
        """How many batches run at the same time."""
        return len(self._runners)

    @property
    def alive(self) -> bool:
        """Whether the inference threads live."""
        return all(runner.is_alive() for runner in self._runners)

    @property
    def batch_started(self) -> float | None:
        """When the oldest of the batches that run now began, or made its last step, by the monotonic clock in ms."""
        return min(list(self._running.values()), default=None)

    @property
    def held(self) -> list[Taken]:
        """Every job of the queue that is in here: their leases must be renewed."""
        return [taken for taken in self._space.jobs if not isinstance(taken, InProcess)]

    def room(self, timeout_s: float) -> Room:
        """How many more images may be taken now; waits up to ``timeout_s`` for any."""
        return self._space.room(timeout_s)

    def pause(self, known: Room, timeout_s: float) -> None:
        """Wait until there is room of a kind that there was none of, up to ``timeout_s``."""
        self._space.pause(known, timeout_s)

    def accept(self, taken: Taken) -> None:
        """Start a job. What is wrong with it ends it here and now, with an error as its result."""
        self._space.enter(taken)
        job = taken.job
        self.counters.begin(job.model)
        try:
            work = self._begin(taken)
        except VisionfleetError as error:
            self._end([(taken, self._failed(taken, error))])
            return
        except Exception:
            log.exception("job.failed", job=job.id, model=job.model, **job.trace)
            self._end([(taken, self._failed(taken, BROKEN))])
            return
        if not job.inputs:  # kind "load": the model is in the cache now, which was the job
            self._end([(taken, work.result(*self._identity))])
            return
        self._space.wait(work.live, len(job.inputs))
        for index in range(len(job.inputs)):
            self._decoders.submit(self._prepare, Item(work, index))

    def _begin(self, taken: Taken) -> Work:
        job, came = taken.job, clock_ms() - taken.waited_ms
        model = self._engine.get(job.model)
        if job.task is not None and job.task != model.manifest.task:
            raise UnsupportedTask(f"The model {job.model} does {model.manifest.task}, not {job.task}.")
        params, digest = model.params(job.params), self._engine.digest(job.model)
        work = Work(taken, model, digest, params, [None] * len(job.inputs))
        loaded = self._engine.load_since(job.model, came)
        if loaded is not None:  # it had to wait for that, here or in the queue
            work.note("load_ms", loaded)
        return work

    def drain(self, timeout_s: float) -> bool:
        """Finish what is in here. True when nothing is left."""
        done = self._space.emptied(timeout_s)
        self._ready.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)
        if done:  # a hung model's thread would still hand over what it has when it wakes
            self._post.shutdown()
        return done

    def _prepare(self, item: Item) -> None:
        work = item.work
        try:
            if work.expired or work.abandoned:
                raise LATE  # noqa: TRY301 - one exit for every way in which an image can fail
            item.prepared = self._written(item) if work.taken.job.media != "image" else self._image(item)
            item.prepared.watch = Waiting(work, item.index, self._alive_still, self.spoken)
        except VisionfleetError as error:
            self._fail_ahead(item, error)
        except Exception:
            log.exception("image.failed", **work.names)
            self._fail_ahead(item, BROKEN)
        else:
            self._ready.put(item)

    def _image(self, item: Item) -> Prepared:
        work, begun = item.work, clock_ms()
        image = self._pixels(work, item.index)
        decoded = clock_ms()
        prepared = work.model.preprocess(image, work.params)
        work.note("decode_ms", decoded - begun)
        work.note("preprocess_ms", clock_ms() - decoded)
        return prepared

    def _written(self, item: Item) -> Prepared:
        """A text or an embedding."""
        work, begun = item.work, clock_ms()
        data = work.taken.image(item.index)
        if work.taken.job.media == "embedding":
            prepared = prepare_embedding(work.model, data, work.params)
        else:
            prepared = prepare_text(work.model, read_text(data), work.params)
        work.note("preprocess_ms", clock_ms() - begun)
        return prepared

    def _pixels(self, work: Work, index: int) -> Image:
        taken = work.taken
        if isinstance(taken, InProcess):
            return taken.pixels[index]
        return self._engine.decode(taken.image(index), work.params)

    def _fail_ahead(self, item: Item, error: VisionfleetError) -> None:
        self._space.begin([item.work.live])
        self._post.submit(self._settle, [(item, {"error": error.to_dict()})])

    def _infer_forever(self) -> None:
        while self._infer_next():
            pass

    def _infer_next(self) -> bool:
        """Run a batch; False when there will be none. Who waits for the next one holds no model meanwhile."""
        if not (batch := self._ready.take()):
            return False
        batch = self._in_time(batch)
        if batch and isinstance(batch[0].work.model, TakesSteps):
            batch = self._step(batch[0].work.model, batch)
        if batch:
            self._post.submit(self._settle_raw, *self._infer(batch))
        return True

    def _in_time(self, batch: list[Item]) -> list[Item]:
        """Those of a batch whose answer somebody still waits for; the others are settled."""
        self._space.begin([item.work.live for item in batch])
        late = [item for item in batch if item.work.expired or item.work.abandoned]
        if late:
            self._post.submit(self._settle, [(item, {"error": LATE.to_dict()}) for item in late])
        return [item for item in batch if item not in late]

    def _step(self, model: TakesSteps, batch: list[Item]) -> list[Item]:
        """Run a batch that others may join; what failed on the way and is to run by itself."""
        served = batch[0].work.model
        self._running[threading.get_ident()] = clock_ms()

        def more(going: int) -> list[Item]:
            return self._in_time(self._ready.more(served, served.max_batch - going))

        try:
            return follow(model.open(), batch, more, lambda *done: self._post.submit(self._settle_share, *done))
        finally:
            del self._running[threading.get_ident()]

    def _settle_share(self, share: Share, raw: Raw) -> None:
        """One image of a run of many steps."""
        item, ended = share.item, share.ended
        item.work.note("infer_ms", ended - share.began, ended)
        item.work.taken.infer_ms += share.busy
        item.work.batch = max(item.work.batch, share.most)
        model, begun = item.work.model.manifest.id, clock_ms()
        outcome = self._postprocess(item, raw)
        parts = {"batches": 1 / share.most, "batch_images": 1.0, "infer_ms": share.busy, "post_ms": clock_ms() - begun}
        self.counters.add(model, **parts)
        self.counters.observe(model, "batch_size", share.most)
        self._settle([(item, outcome)])

    def _infer(self, batch: list[Item]) -> tuple[list[Item], list[Raw | None], float, float]:
        """The batch, its answers, how long they took, and when they were there."""
        begun = self._running[threading.get_ident()] = clock_ms()
        try:
            raws = self._run(batch[0].work.model, batch)
        finally:
            del self._running[threading.get_ident()]
        ended = clock_ms()
        self._pace.note(batch[0].work.model.manifest.id, (ended - begun) / len(batch))
        return batch, raws, ended - begun, ended

    def _alive_still(self) -> None:
        """A run of many steps has made one: it does not hang."""
        if threading.get_ident() in self._running:
            self._running[threading.get_ident()] = clock_ms()

    def _run(self, model: AnyModel, batch: list[Item]) -> list[Raw | None]:
        """One Raw per image. When a batch fails, its images run alone, so that only the bad one fails."""
        prepared = [item.prepared for item in batch if item.prepared is not None]
        try:
            raws: list[Raw | None] = list(model.infer(prepared))
            if len(raws) != len(batch):
                raise InferenceFailed(f"{len(raws)} answers to {len(batch)} images")  # noqa: TRY301 - as any other failure
            return raws
        except Exception:
            log.exception("batch.failed", model=model.manifest.id, size=len(batch))
            return [None] if len(batch) == 1 else [raw for item in batch for raw in self._run(model, [item])]

    def _settle_raw(self, batch: list[Item], raws: list[Raw | None], infer_ms: float, ended: float) -> None:
        outcomes: list[tuple[Item, dict[str, Any]]] = []
        begun = clock_ms()
        for item, raw in zip(batch, raws, strict=True):
            item.work.note("infer_ms", infer_ms, ended)
            item.work.taken.infer_ms += infer_ms / len(batch)
            item.work.batch = max(item.work.batch, len(batch))
            outcomes.append((item, self._postprocess(item, raw)))
        model = batch[0].work.model.manifest.id
        self.counters.add(model, batches=1, batch_images=len(batch), infer_ms=infer_ms, post_ms=clock_ms() - begun)
        self.counters.observe(model, "batch_size", len(batch))
        self._settle(outcomes)

    def _postprocess(self, item: Item, raw: Raw | None) -> dict[str, Any]:
        work, begun = item.work, clock_ms()
        try:
            if raw is None or item.prepared is None:
                return {"error": BROKEN.to_dict()}
            result = work.model.postprocess(raw, item.prepared, work.params)
            outcome = {"output": result.to_dict()}
        except VisionfleetError as error:
            return {"error": error.to_dict()}
        except Exception:
            log.exception("post.failed", **work.names)
            return {"error": BROKEN.to_dict()}
        work.note("post_ms", clock_ms() - begun)
        return outcome

    def _settle(self, outcomes: Sequence[tuple[Item, dict[str, Any]]]) -> None:
        ended = [item.work for item, outcome in outcomes if item.work.settle(item.index, outcome)]
        for item, outcome in outcomes:
            work = item.work
            self.counters.add(work.model.manifest.id, images=1, failures=float("error" in outcome))
            if "error" in outcome:
                self.counters.fail(work.model.manifest.id, outcome["error"]["code"])
        for work in ended:
            self._count(work)
        if ended and not self._ended:
            self._post.submit(self._flush)
        self._ended += ((work.taken, self._result(work)) for work in ended)

    def _result(self, work: Work) -> JobResult:
        result = work.result(*self._identity)
        error = "" if result.error is None else str(result.error["code"])
        spans.follow(result, work.taken, spans.tell(work, self._identity[0], error))
        taken, job = work.taken, work.taken.job
        if taken.recorded and job.lane == "normal":  # the others would be a line per request or per image
            log.info("job.finished", **work.names, state=result.state, attempt=taken.attempt, **result.timings)
        return result

    def _count(self, work: Work) -> None:
        model, waited = work.model.manifest.id, float(work.taken.waited_ms)
        phases = {name: work.timings.get(name, 0.0) for name in ("decode_ms", "preprocess_ms")}
        self.counters.add(model, jobs=1, queue_ms=waited, **phases)
        self.counters.observe(model, "queue_seconds", waited / 1000)
        self.counters.observe(model, "request_seconds", (waited + clock_ms() - work.started) / 1000)

    def _flush(self) -> None:
        """Write, in one round trip, every result that was ready when the post thread came to this."""
        ended, self._ended = self._ended, []
        self._end(ended)

    def _failed(self, taken: Taken, error: VisionfleetError) -> JobResult:
        result = JobResult.failed(taken.job.id, error)
        result.attempt, (result.worker, result.hardware) = taken.attempt, self._identity
        result.timings = {"queue_ms": float(taken.waited_ms)}
        self.counters.add(taken.job.model, jobs=1, failures=1)
        self.counters.fail(taken.job.model, error.code)
        return result

    def _hand_over(self, ended: Sequence[tuple[Taken, JobResult]]) -> None:
        queued: list[tuple[Taken, JobResult]] = []
        for taken, result in ended:
            if isinstance(taken, InProcess):
                taken.answered(result)
            else:
                queued.append((taken, result))
        if queued:
            self._finish(queued)

    def _end(self, ended: Sequence[tuple[Taken, JobResult]]) -> None:
        if not ended:
            return
        try:
            self._hand_over(ended)
        except Exception:
            log.exception("results.unwritable", jobs=[taken.job.id for taken, _ in ended])
            if len(ended) > 1:  # one by one, so that only the bad result is lost
                for one in ended:
                    self._end([one])
            elif ended[0][1].error is None:
                self._end([(ended[0][0], self._failed(ended[0][0], BROKEN))])
        finally:
            for taken in self._space.leave([taken for taken, _ in ended]):
                self.counters.end(taken.job.model)
