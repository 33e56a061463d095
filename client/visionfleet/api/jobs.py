"""Asynchronous jobs: hand in, wait, follow, cancel, run again, erase, and thousands of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visionfleet import wire
from visionfleet.api.paging import Listing, entries
from visionfleet.core import Core
from visionfleet.errors import (
    DeadlineExceeded,
    InvalidImage,
    ServerUnreachable,
    TooLarge,
    Unavailable,
    VisionfleetError,
)
from visionfleet.fan import Bar, Fan
from visionfleet.images import ImageInput, load
from visionfleet.jobs import Job, JobEvent, JobOptions, read_job
from visionfleet.method import fan, method, stream
from visionfleet.sources import Named, Source, count_of, images_of
from visionfleet.sse import Parser
from visionfleet.steps import Do, Flow, Sleep, Stream, each

# The server holds a job's answer back for at most a minute (VISIONFLEET_MAX_WAIT_S), so longer waits ask again.
LONGEST_WAIT_S = 50.0
# Between questions about a job while the server is away, on top of the retries of each question.
OUTAGE_PAUSE_S = 1.0
# The server writes a comment after 15 s without an event.
SILENCE_S = 60.0
MAP_CONCURRENCY = 32
JOBS = Listing("/v1/jobs", "jobs", read_job)


@dataclass(frozen=True)
class MappedJob:
    """One image of ``jobs.map``: its name and its job, or the error that refused it."""

    name: str
    image: ImageInput
    frame: int | None
    job: Job | None
    error: VisionfleetError | None


def submit(
    core: Core,
    /,
    images: ImageInput | Sequence[ImageInput],
    model: str,
    options: JobOptions | None = None,
    **params: Any,
) -> Flow[Job]:
    """Hand in one job with one image or several, and return at once. Raises VisionfleetError when refused.

    Sent again after a broken connection, it is still one job: every submission carries an idempotency key.
    """
    many = images if isinstance(images, (list, tuple)) else [images]
    loaded = yield Do(lambda: [load(image) for image in many])
    body = yield from core.fetch(wire.submit_call(model, loaded, params, options or JobOptions()))
    return read_job(body)


def get(core: Core, job_id: str, wait: float = 0.0) -> Flow[Job]:
    """A job as it is now, or once it ends within ``wait`` seconds (a minute at most). Raises JobNotFound."""
    query = {"wait": f"{wait:g}"} if wait > 0 else {}
    body = yield from core.fetch(wire.Call("GET", f"/v1/jobs/{wire.quoted(job_id)}", query=query, patience_s=wait))
    return read_job(body)


def wait(core: Core, job: Job | str, seconds: float = 600.0) -> Flow[Job]:
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
            found = yield from get(core, job_id, min(LONGEST_WAIT_S, left))
        except Unavailable:
            if state is None or left <= OUTAGE_PAUSE_S:
                raise
            yield Sleep(OUTAGE_PAUSE_S)
            continue
        if found.done:
            return found
        state = found.state
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(f"Job {job_id} is still {state} after {seconds:g} s.", job=job_id)


def events(core: Core, job: Job | str, after: str = "") -> Stream[JobEvent]:
    """What happens to a job, as it happens, up to its end. A connection that breaks is taken up where it broke off.

    Args:
        job: the job or its id.
        after: id of the last event that is known already.

    Raises:
        JobNotFound: there is no such job.
        ServerUnreachable: the connection broke again and again without a new event.
    """
    job_id = job if isinstance(job, str) else job.id
    path, follower, fruitless = f"/v1/jobs/{wire.quoted(job_id)}/events", Follower(after), 0
    while True:
        before = follower.after
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": before} if before else {})}
        try:
            yield from each(core.lines(wire.Call("GET", path, headers=headers), SILENCE_S), follower.take)
        except ServerUnreachable:
            if not follower.after:
                raise
        if follower.finished:
            return
        fruitless = 0 if follower.after != before else fruitless + 1
        if fruitless > core.policy.retries:
            raise ServerUnreachable(f"The events of job {job_id} broke off and do not go on.")
        yield Sleep(core.policy.base_s * 2**fruitless)


class Follower:
    """Makes events of lines, and knows how far they went."""

    def __init__(self, after: str) -> None:
        self.after, self.finished = after, False
        self._parser = Parser()

    def take(self, line: str) -> JobEvent | None:
        """The event that this line ends."""
        event = self._parser.feed(line)
        if event is None:
            return None
        self.after = event.id or self.after
        self.finished = event.name == "finished"
        return JobEvent(event.id, event.name, event.fields())


def cancel(core: Core, job_id: str) -> Flow[Job]:
    """Cancel a job: one that waits never runs, one that runs has no result. Raises JobFinished."""
    body = yield from core.fetch(wire.Call("POST", f"/v1/jobs/{wire.quoted(job_id)}/cancel"))
    return read_job(body)


def retry(core: Core, job_id: str) -> Flow[Job]:
    """Run a job that has ended again; the new job. Raises InputGone, NotFinished."""
    body = yield from core.fetch(wire.Call("POST", f"/v1/jobs/{wire.quoted(job_id)}/retry", repeatable=False))
    return read_job(body)


def erase(core: Core, job_id: str) -> Flow[None]:
    """Remove a job with its images and result."""
    yield from core.send(wire.Call("DELETE", f"/v1/jobs/{wire.quoted(job_id)}", repeatable=False))


def listed(core: Core, /, limit: int = 50, **filters: str) -> Stream[Job]:
    """Jobs without their outputs, newest first. Filters: ``state``, ``model``, ``lane``, ``since`` (ISO 8601)."""
    yield from entries(core, JOBS, limit, filters)


def map_jobs(  # noqa: PLR0913 - one parameter per choice
    core: Core,
    /,
    source: Source,
    model: str,
    options: JobOptions | None = None,
    *,
    concurrency: int = MAP_CONCURRENCY,
    every: int = 1,
    timeout: float = 3600.0,
    progress: bool = False,
    **params: Any,
) -> Fan[Named, MappedJob]:
    """One job per image, ``concurrency`` of them under way at a time; hands out ended jobs in the order of the images.

    Unlike ``client.map`` nothing is lost when the server or its workers go away for a while: jobs are waited for.

    Args:
        source: as for ``client.map``.
        model: id or alias.
        options: how to run each job; the lane is ``bulk`` when not given. An ``idempotency_key`` gets the image's name
            added, so that a run that was broken off and is started again does no image twice.
        concurrency: jobs under way at the same time.
        every: of videos and cameras, take every n-th frame.
        timeout: seconds to wait for each job.
        progress: show a bar on the terminal.
        **params: the model's parameters.

    Raises:
        VisionfleetError: what concerns all jobs. What refuses one image is in its ``MappedJob``.
    """
    wanted = options or JobOptions(priority="bulk")
    bar = Bar("jobs", count_of(source)) if progress else None
    return Fan(
        lambda: images_of(source, every),
        lambda one: _run(core, one, model, wanted.for_image(one.name), timeout, params),
        concurrency,
        bar,
    )


def _run(
    core: Core, one: Named, model: str, options: JobOptions, timeout: float, params: Mapping[str, Any]
) -> Flow[MappedJob]:
    try:
        accepted = yield from submit(core, one.image, model, options, **params)
    except (InvalidImage, TooLarge) as error:
        return MappedJob(one.name, one.image, one.frame, None, error)
    ended = yield from wait(core, accepted, timeout)
    return MappedJob(one.name, one.image, one.frame, ended, None)


class Jobs:
    """Reached as ``client.jobs``."""

    submit = method(submit)
    get = method(get)
    wait = method(wait)
    events = stream(events)
    cancel = method(cancel)
    retry = method(retry)
    erase = method(erase)
    list = stream(listed)
    map = fan(map_jobs)
