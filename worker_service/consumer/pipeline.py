"""The stages of a job inside a worker: prepare, infer, post, finish. The last is one thread's, see ``Ending``.

Beside an accelerator the others have threads of their own: while the model runs one batch, the next is decoded. On a
processor all want the same cores, and a hand-over costs more than it gains: runs prepare and answer their own images.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import structlog

from shared.errors import DeadlineExceeded, InferenceFailed, UnsupportedTask, VisionfleetError
from shared.queue.consumer import Taken
from worker_service.consumer.counters import Counters
from worker_service.consumer.ending import BROKEN, Ending, Finish, Outcome
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
    takes_steps,
)

log = structlog.get_logger(__name__)
LATE = DeadlineExceeded("The job was not finished within its time limit; raise its timeout or add workers.")


class Threads(NamedTuple):
    """How many images are prepared, and how many batches run, at the same time. Runs share the session's threads."""

    decode: int = 2
    runs: int = 1
    lone_above_ms: float = 0.0
    ahead_ms: float = 0.0
    """Both: see ``Pace``."""
    whole: bool = False
    """A run prepares and answers its own images: on a processor, where all threads want the same cores."""


class Pipeline:
    """Runs jobs and hands their results to ``finish``, which may be called from several threads."""

    def __init__(
        self, engine: Engine, finish: Finish, threads: Threads, prefetch: int, identity: tuple[str, str]
    ) -> None:
        self.counters = Counters()
        self.spoken = threading.Event()
        """Set when a text has become longer that somebody follows live."""
        self._engine = engine
        self._pace = Pace(threads.lone_above_ms, threads.ahead_ms)
        self._space = Space(self._pace, prefetch, threads.runs)
        self._ready = ReadyQueue(self._pace)
        self._ending = Ending(finish, self._space, self.counters, identity)
        self._whole = threads.whole
        self._running: dict[int, float] = {}
        self._decoders = ThreadPoolExecutor(threads.decode, "decode")
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

    def pause(self, known: Room, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for room of a kind that there was none of; whether there is."""
        return self._space.pause(known, timeout_s)

    def accept(self, taken: Taken) -> None:
        """Start a job. What is wrong with it ends it here and now, with an error as its result."""
        self._space.enter(taken)
        job = taken.job
        self.counters.begin(job.model)
        try:
            work = self._begin(taken)
        except VisionfleetError as error:
            self._ending.fail(taken, error)
            return
        except Exception:
            log.exception("job.failed", job=job.id, model=job.model, **job.trace)
            self._ending.fail(taken, BROKEN)
            return
        if not job.inputs:  # kind "load": the model is in the cache now, which was the job
            self._ending.end(work)
            return
        self._space.wait(work.live, len(job.inputs))
        whole = self._whole and not job.outside and not takes_steps(work.model)  # a run waits for no store
        for index in range(len(job.inputs)):
            item = Item(work, index)
            self._ready.put(item) if whole else self._decoders.submit(self._prepare_ahead, item)

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
            self._ending.post.shutdown()
        return done

    def _prepare_ahead(self, item: Item) -> None:
        if self._prepare(item):
            self._ready.put(item)
        else:
            self._space.begin([item.work.live])

    def _prepare(self, item: Item) -> bool:
        """Make the image ready to run; False when that cannot be, which is its answer."""
        work = item.work
        try:
            if work.expired or work.abandoned:
                raise LATE  # noqa: TRY301 - one exit for every way in which an image can fail
            item.prepared = self._written(item) if work.taken.job.media != "image" else self._image(item)
            item.prepared.watch = Waiting(work, item.index, self._alive_still, self.spoken)
        except VisionfleetError as error:
            self._ending.settle([(item, {"error": error.to_dict()})])
        except Exception:
            log.exception("image.failed", **work.names)
            self._ending.settle([(item, {"error": BROKEN.to_dict()})])
        return item.prepared is not None

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

    def _infer_forever(self) -> None:
        while self._infer_next():
            pass

    def _infer_next(self) -> bool:
        """Run a batch; False when there will be none. Who waits for the next one holds no model meanwhile."""
        if not (batch := self._ready.take()):
            return False
        with self._engine.turn():
            self._run_all(self._in_time(batch))
        return True

    def _run_all(self, batch: list[Item]) -> None:
        """Run a batch of one model, and what of it is to be run again."""
        if batch and takes_steps(model := batch[0].work.model):
            batch = self._step(model, batch)
        if not (batch := [item for item in batch if item.prepared is not None or self._prepare(item)]):
            return
        if self._whole:
            self._settle_raw(*self._infer(batch))
        else:
            self._ending.post.submit(self._settle_raw, *self._infer(batch))

    def _in_time(self, batch: list[Item]) -> list[Item]:
        """Those of a batch whose answer somebody still waits for; the others are settled."""
        self._space.begin([item.work.live for item in batch])
        late = [item for item in batch if item.work.expired or item.work.abandoned]
        if late:
            self._ending.settle([(item, {"error": LATE.to_dict()}) for item in late])
        return [item for item in batch if item not in late]

    def _step(self, model: TakesSteps, batch: list[Item]) -> list[Item]:
        """Run a batch that others may join; what failed on the way and is to run by itself."""
        served = batch[0].work.model
        self._running[threading.get_ident()] = clock_ms()

        def more(going: int) -> list[Item]:
            return self._in_time(self._ready.more(served, served.max_batch - going))

        try:
            return follow(model.open(), batch, more, lambda *done: self._ending.post.submit(self._settle_share, *done))
        finally:
            del self._running[threading.get_ident()]

    def _settle_share(self, share: Share, raw: Raw) -> None:
        """One image of a run of many steps."""
        item, ended = share.item, share.ended
        item.work.note("infer_ms", ended - share.began, ended)
        item.work.ran(share.busy, share.most)
        model, begun = item.work.model.manifest.id, clock_ms()
        outcome = self._postprocess(item, raw)
        parts = {"batches": 1 / share.most, "batch_images": 1.0, "infer_ms": share.busy, "post_ms": clock_ms() - begun}
        self.counters.add(model, **parts)
        self.counters.observe(model, "batch_size", share.most)
        self._ending.settle([(item, outcome)])

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
        outcomes: list[Outcome] = []
        begun = clock_ms()
        for item, raw in zip(batch, raws, strict=True):
            item.work.note("infer_ms", infer_ms, ended)
            item.work.ran(infer_ms / len(batch), len(batch))
            outcomes.append((item, self._postprocess(item, raw)))
        model = batch[0].work.model.manifest.id
        self.counters.add(model, batches=1, batch_images=len(batch), infer_ms=infer_ms, post_ms=clock_ms() - begun)
        self.counters.observe(model, "batch_size", len(batch))
        self._ending.settle(outcomes)

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
