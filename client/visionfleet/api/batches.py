"""Batches: thousands of images behind one request, which the server splits into jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionfleet import wire
from visionfleet.api.paging import Listing, entries
from visionfleet.api.workflows import chosen
from visionfleet.core import Core
from visionfleet.errors import (
    BadAnswer,
    DeadlineExceeded,
    InvalidRequest,
    ServerUnreachable,
    VisionfleetError,
    from_dict,
)
from visionfleet.lazyfile import LazyFile
from visionfleet.method import method, stream
from visionfleet.results import Result, parse
from visionfleet.sources import files_in
from visionfleet.steps import Do, Flow, Sleep, Stream, each

BINARY = "application/octet-stream"
POLL_S = 1.0
SILENCE_S = 120.0
UPLOAD_S = 3600.0
DONE = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True)
class Batch:
    """A batch as it was when the server was asked.

    Attributes:
        total: images in it; None while that is not known.
        done: images with a result; ``failed`` of them have an error for it.
        rate: images per second; ``eta``: seconds until the end at that rate.
        error: why the batch as a whole failed.
        raw: the server's answer.
    """

    id: str
    state: str
    model: str
    total: int | None
    done: int
    failed: int
    rate: float
    eta: float | None
    error: VisionfleetError | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in DONE


@dataclass(frozen=True)
class BatchResult:
    """One image of a batch: its place, name, and either its result or its error."""

    number: int
    index: int
    name: str
    result: Result | None
    error: VisionfleetError | None
    raw: Mapping[str, Any] = field(repr=False)


def create(  # noqa: PLR0913 - one parameter per kind of source
    core: Core,
    /,
    model: str = "",
    *,
    workflow: Mapping[str, Any] | str | None = None,
    inputs: Mapping[str, Any] | None = None,
    image_input: str | None = None,
    disable_sinks: bool = False,
    files: str | Path | Sequence[str | Path] | None = None,
    zip: str | Path | None = None,  # noqa: A002 - the server's word
    video: str | Path | None = None,
    urls: Sequence[str] | None = None,
    server_folder: str | None = None,
    server_video: str | None = None,
    every: int = 1,
    hardware: str = "any",
    metadata: Mapping[str, str] | None = None,
    timeout: float | None = None,
    result_ttl: float | None = None,
    allow_pending: bool = False,
    **params: Any,
) -> Flow[Batch]:
    """Hand in a batch from one source and return when the server has taken it.

    Args:
        model: id or alias.
        workflow: instead of a model, a definition or the id of a saved workflow that is run on each image.
        inputs: the workflow's parameters.
        image_input: which of the workflow's inputs takes the image, where it has several.
        disable_sinks: let the workflow's sinks do nothing.
        files: images, or a folder of them, that are uploaded.
        zip: a zip of images that is uploaded.
        video: a video file that is uploaded.
        urls: images that the server fetches.
        server_folder: a folder that the server may read (VISIONFLEET_BATCH_FOLDERS).
        server_video: a video file that the server may read.
        every: of a video, take every n-th frame.
        hardware: tag of the worker pool, or ``any``.
        metadata: the caller's own; given back unchanged.
        timeout: seconds that one image may spend in the queue and the model.
        result_ttl: seconds to keep the results after the batch's end.
        allow_pending: accept it even when no live worker has the hardware or the model.
        **params: the model's parameters.

    Raises:
        InvalidRequest: not exactly one source, or not one of model and workflow, is given.
    """
    if bool(model) == (workflow is not None):
        raise InvalidRequest("Give either a model or a workflow.")
    given = [source for source in (files, zip, video, urls, server_folder, server_video) if source is not None]
    if len(given) != 1:
        raise InvalidRequest("Give one of files, zip, video, urls, server_folder and server_video.")
    wanted: dict[str, Any] = {"hardware": hardware, "metadata": dict(metadata or {}), "every": every}
    if workflow is None:
        wanted["model"] = model
    else:
        run = {"inputs": dict(inputs or {}), "image": image_input, "disable_sinks": disable_sinks}
        wanted["workflow"] = chosen(workflow) | run
    terms = {"timeout": timeout, "result_ttl": result_ttl, "allow_pending": allow_pending or None}
    wanted |= {name: value for name, value in terms.items() if value is not None}
    wanted["params"] = {name: value for name, value in params.items() if value is not None}
    uploads = yield Do(lambda: _uploads(files, zip, video))
    if uploads:
        form = {"batch": json.dumps(wanted)}
        call = wire.Call("POST", "/v1/batches", form=form, files=uploads, repeatable=False, patience_s=UPLOAD_S)
    else:
        source = {"urls": urls, "folder": server_folder, "video": server_video}
        wanted |= {name: value for name, value in source.items() if value is not None}
        call = wire.Call("POST", "/v1/batches", json=wanted, repeatable=False)
    return read_batch((yield from core.fetch(call)))


def get(core: Core, batch_id: str) -> Flow[Batch]:
    """A batch as it is now. Raises NotFound."""
    return read_batch((yield from core.fetch(wire.Call("GET", f"/v1/batches/{wire.quoted(batch_id)}"))))


def wait(core: Core, batch: Batch | str, seconds: float = 86_400.0) -> Flow[Batch]:
    """The batch once it has ended. Raises DeadlineExceeded when it has not after so many seconds; it goes on."""
    batch_id = batch if isinstance(batch, str) else batch.id
    deadline = time.monotonic() + seconds
    while True:
        found = yield from get(core, batch_id)
        if found.ended:
            return found
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(f"Batch {batch_id} is still {found.state} after {seconds:g} s.", batch=batch_id)
        yield Sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))


def results(core: Core, batch: Batch | str, after: int = 0, *, follow: bool = True) -> Stream[BatchResult]:
    """The results in the order in which they came, as they come up to the batch's end.

    Args:
        batch: the batch or its id.
        after: leave out the first so many: ``number`` of the last result that is known already.
        follow: wait for those that have not come yet.
    """
    batch_id, model = (batch, "") if isinstance(batch, str) else (batch.id, batch.model)
    path, taken, fruitless = f"/v1/batches/{wire.quoted(batch_id)}/results", after, 0

    def take(line: str) -> BatchResult | None:
        nonlocal taken
        if not line.strip():
            return None
        result = read_result(line, model)
        taken = result.number
        return result

    while True:
        before = taken
        query = {"after": str(taken), **({"follow": "true"} if follow else {})}
        try:
            yield from each(core.lines(wire.Call("GET", path, query=query), SILENCE_S), take)
            return
        except ServerUnreachable:
            fruitless = 0 if taken != before else fruitless + 1
            if fruitless > core.policy.retries:
                raise
            yield Sleep(core.policy.base_s * 2**fruitless)


def cancel(core: Core, batch_id: str) -> Flow[Batch]:
    """End a batch: what waits never runs, results so far stay."""
    return read_batch((yield from core.fetch(wire.Call("POST", f"/v1/batches/{wire.quoted(batch_id)}/cancel"))))


def listed(core: Core, /, limit: int = 50) -> Stream[Batch]:
    """Batches, newest first."""
    yield from entries(core, BATCHES, limit, {})


def read_batch(body: Mapping[str, Any]) -> Batch:
    """The server's answer as a ``Batch``. Raises BadAnswer."""
    try:
        return Batch(
            id=str(body["id"]),
            state=str(body["state"]),
            model=str(body["model"]),
            total=body.get("total"),
            done=int(body.get("done") or 0),
            failed=int(body.get("failed") or 0),
            rate=float(body.get("rate") or 0.0),
            eta=body.get("eta"),
            error=from_dict(body["error"]) if body.get("error") else None,
            raw=body,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer is no batch.") from error


def read_result(line: str, model: str = "") -> BatchResult:
    """One line of the results. Raises BadAnswer."""
    try:
        body = json.loads(line)
        output, error, timings = body.get("output"), body.get("error"), body.get("timings") or {}
        return BatchResult(
            number=int(body["number"]),
            index=int(body["index"]),
            name=str(body.get("source") or body["index"]),
            result=None if output is None else parse(str(output.get("task", "")), model, output, timings),
            error=None if not error else from_dict(error),
            raw=body,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswer("A line of the results cannot be read.") from error


BATCHES = Listing("/v1/batches", "batches", read_batch, cursor="next")
Upload = tuple[str, tuple[str, Any, str]]


def _uploads(
    files: str | Path | Sequence[str | Path] | None, archive: str | Path | None, video: str | Path | None
) -> list[Upload]:
    """Parts of the multipart body; archives and videos are sent from the open file."""
    for name, path in (("zip", archive), ("video", video)):
        if path is not None:
            return [(name, (Path(path).name, LazyFile(Path(path)), BINARY))]
    if files is None:
        return []
    if isinstance(files, (str, Path)):
        paths = files_in(Path(files)) if Path(files).is_dir() else [Path(files)]
    else:
        paths = [Path(path) for path in files]
    return [("image", (path.name, LazyFile(path), BINARY)) for path in paths]


class Batches:
    """Reached as ``client.batches``."""

    create = method(create)
    get = method(get)
    wait = method(wait)
    results = stream(results)
    cancel = method(cancel)
    list = stream(listed)
