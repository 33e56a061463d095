"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from typing_extensions import Self

from visionfleet import settings, wire
from visionfleet.errors import DeadlineExceeded, Unavailable, UnsupportedTask
from visionfleet.fleet import Fleet, ModelInfo, read_fleet, read_models
from visionfleet.images import ImageInput, load
from visionfleet.jobs import Job, JobOptions, read_job
from visionfleet.operations import Operations
from visionfleet.results import Result
from visionfleet.retry import RetryPolicy
from visionfleet.transport import Transport

# The server holds a job's answer back for at most a minute (VISIONFLEET_MAX_WAIT_S), so longer waits ask again.
LONGEST_WAIT_S = 50.0
# Between questions about a job while the server is away, on top of the retries of each question.
OUTAGE_PAUSE_S = 1.0


class Client:
    """Talks to a Visionfleet server. Keeps connections open, may be shared by threads, and is a context manager.

    Args:
        url: the server; VISIONFLEET_URL or this machine when not given.
        timeout: seconds that a call may take in all, retries included.
        retry: how often and how patiently to repeat what the server could not do just now.
        headers: sent with every request, for instance for a proxy that asks for a token.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url or settings.load().url
        self._transport = Transport(self.url, timeout, retry or RetryPolicy(), headers or {})
        self._tasks: dict[str, str] = {}
        self.operations = Operations(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def infer(self, image: ImageInput, model: str, **params: Any) -> Result:
        """Run a model on one image and wait for its answer.

        Args:
            image: a path, URL, bytes of an image file, BGR array or PIL image.
            model: id or alias.
            **params: ``confidence``, ``iou_threshold``, ``max_detections``, ``class_filter``, ``class_agnostic_nms``,
                ``visualize``, ``visualization_labels``, ``visualization_stroke_width``, ``auto_orient``, ``hardware``.

        Returns:
            Detections or Classification, by the model's task; a plain Result for a task newer than this client.

        Raises:
            VisionfleetError: see ``visionfleet.errors``.
        """
        source = load(image)
        task = self._task(model)
        try:
            return wire.read_result(task, model, self._transport.send(wire.infer_call(task, model, source, params)))
        except UnsupportedTask:
            if self._tasks.pop(model, None) is None or (now := self._task(model)) == task:
                raise
        # The model was replaced by one of another task since we looked.
        return wire.read_result(now, model, self._transport.send(wire.infer_call(now, model, source, params)))

    def submit(
        self, images: ImageInput | Sequence[ImageInput], model: str, options: JobOptions | None = None, **params: Any
    ) -> Job:
        """Hand in one job with one image or several, and return at once. Raises VisionfleetError when refused."""
        many = images if isinstance(images, (list, tuple)) else [images]
        call = wire.submit_call(model, [load(image) for image in many], params, options or JobOptions())
        return read_job(wire.body_of(self._transport.send(call)))

    def job(self, job_id: str, wait: float = 0.0) -> Job:
        """A job as it is now, or once it ends within ``wait`` seconds (a minute at most). Raises JobNotFound."""
        query = {"wait": f"{wait:g}"} if wait > 0 else {}
        call = wire.Call("GET", f"/v1/jobs/{wire.quoted(job_id)}", query=query, patience_s=wait)
        return read_job(wire.body_of(self._transport.send(call)))

    def wait(self, job: Job | str, seconds: float = 600.0) -> Job:
        """The job once it has ended. Once the server knew the job, an outage of it is waited out.

        Raises:
            DeadlineExceeded: it has not ended after so many seconds; it goes on, and may be waited for again.
            JobNotFound: there is no such job.
        """
        job_id = job if isinstance(job, str) else job.id
        deadline = time.monotonic() + seconds
        state = None if isinstance(job, str) else job.state
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                found = self.job(job_id, min(LONGEST_WAIT_S, left))
            except Unavailable:
                if state is None or left <= OUTAGE_PAUSE_S:
                    raise
                time.sleep(OUTAGE_PAUSE_S)
                continue
            if found.done:
                return found
            state = found.state
            if time.monotonic() >= deadline:
                raise DeadlineExceeded(f"Job {job_id} is still {state} after {seconds:g} s.", job=job_id)

    def models(self) -> list[ModelInfo]:
        """Every model that can be asked for."""
        models = read_models(self._get("/v1/models"))
        self._tasks = {name: model.task for model in models for name in (*model.aliases, model.id)}
        return models

    def fleet(self) -> Fleet:
        """Workers, models and queues as they are now."""
        return read_fleet(self._get("/v1/fleet"))

    def load_model(self, model: str) -> None:
        """Have a worker load a model now, so that the first request does not wait for it."""
        self._transport.send(wire.Call("POST", "/model/add", json={"model_id": model}))

    def unload_model(self, model: str) -> None:
        """Have all workers let go of a model."""
        self._transport.send(wire.Call("POST", "/model/remove", json={"model_id": model}))

    def info(self) -> dict[str, Any]:
        """Name and version of the server."""
        return self._get("/info")

    def check_ready(self) -> None:
        """Return when a worker is ready to answer. Raises Unavailable, saying what is missing."""
        self._get("/readiness")

    def _get(self, path: str) -> dict[str, Any]:
        return wire.body_of(self._transport.send(wire.Call("GET", path)))

    def _task(self, model: str) -> str:
        """The model's task; empty when the server does not list it, which it will say itself."""
        if model not in self._tasks:
            self.models()
        return self._tasks.get(model, "")
