"""Images and results too large for Redis: files in a folder or a bucket, through fsspec.

Each asynchronous job has one folder, ``{hour}/{job id}``; ``hour`` (since the epoch) is when it is certainly of no more
use. So old folders can be removed without asking anybody. Every method blocks: the event loop calls it in a thread.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import structlog

from shared.codec import decode_result, encode_result
from shared.errors import BlobsUnavailable, InputGone
from shared.jobs import Job, JobResult
from shared.settings import QueueSettings

try:
    import fsspec
except ModuleNotFoundError:  # only who stores blobs needs it
    fsspec = None

log = structlog.get_logger(__name__)
HOUR_MS = 3_600_000
FOLDER = re.compile(r"\d{1,12}/[A-Za-z0-9_-]{1,64}")


class BlobStore:
    """A place for blobs. ``above`` is the size in bytes from which something is put there."""

    def __init__(self, url: str, above: int) -> None:
        if fsspec is None:
            raise BlobsUnavailable("VISIONFLEET_BLOB_URL is set and the package fsspec is not installed.")
        self.above = above
        self._files, self._root = fsspec.url_to_fs(url, use_listings_cache=False)

    def store_inputs(self, job: Job, ends_ms: int) -> Job:
        """The job with a folder kept up to ``ends_ms`` by Redis's clock, its large images in there.

        Raises BlobsUnavailable.
        """
        hour = ends_ms // HOUR_MS + 2
        outside = [index for index, image in enumerate(job.inputs) if len(image) > self.above]
        inputs = [b"" if index in outside else image for index, image in enumerate(job.inputs)]
        stored = replace(job, inputs=inputs, outside=outside, folder=f"{hour}/{job.id}")
        for index in outside:
            self._write(f"{stored.folder}/input-{index}", job.inputs[index])
        return stored

    def input(self, job: Job, index: int) -> bytes:
        """One image of a job, wherever it is. Raises InputGone, BlobsUnavailable."""
        if index not in job.outside:
            return job.inputs[index]
        return self._read(f"{checked(job.folder)}/input-{index}")

    def restored(self, job: Job) -> Job:
        """The job with all images in it again. Raises InputGone, BlobsUnavailable."""
        inputs = [self.input(job, index) for index in range(len(job.inputs))]
        return replace(job, inputs=inputs, outside=[], folder="")

    def store_result(self, job: Job, result: JobResult) -> JobResult:
        """The result as it goes into the record: a large one leaves its outputs here. Raises BlobsUnavailable."""
        body = encode_result(result)
        if not job.folder or len(body) <= self.above:
            return result
        name = f"{checked(job.folder)}/result-{result.attempt}"
        self._write(name, body)
        return replace(result, outputs=[], extra={**result.extra, "blob": name})

    def completed(self, result: JobResult) -> JobResult:
        """The result with its outputs, wherever they are. Raises InputGone, BlobsUnavailable."""
        name = result.extra.get("blob")
        if not isinstance(name, str):
            return result
        folder, _, last = name.rpartition("/")
        return decode_result(self._read(f"{checked(folder)}/{last}"))

    def drop(self, folder: str) -> None:
        """Remove a job's folder; it need not exist. Raises BlobsUnavailable."""
        self._remove(checked(folder))

    def prune(self, now_ms: int) -> int:
        """Remove every folder whose time is over by Redis's clock. Returns how many hours' worth.

        Raises BlobsUnavailable.
        """
        now = now_ms // HOUR_MS
        try:
            found = self._files.ls(self._root, detail=False) if self._files.exists(self._root) else []
        except Exception as error:
            raise _away(error) from error
        hours = [name for name in (path.rstrip("/").rpartition("/")[2] for path in found) if name.isdigit()]
        old = [hour for hour in hours if int(hour) < now]
        for hour in old:
            self._remove(hour)
        return len(old)

    def _write(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, data)
        except Exception as error:
            raise _away(error) from error

    def _read(self, name: str) -> bytes:
        try:
            data: Any = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            raise InputGone("A file of this job is no longer kept; submit the job anew.") from None
        except Exception as error:
            raise _away(error) from error
        return bytes(data)

    def _remove(self, name: str) -> None:
        try:
            self._files.rm(f"{self._root}/{name}", recursive=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise _away(error) from error


def open_store(settings: QueueSettings) -> BlobStore | None:
    """The store that the settings name, if they name one. Raises BlobsUnavailable when it cannot be used."""
    return BlobStore(settings.blob_url, settings.blob_bytes) if settings.blob_url else None


def checked(folder: str) -> str:
    """The folder itself. Raises InputGone for what is none of ours: it must not lead out of the store."""
    if not FOLDER.fullmatch(folder):
        raise InputGone("The job names no folder of its own.")
    return folder


def _away(error: Exception) -> BlobsUnavailable:
    log.warning("blobs.failed", error=f"{type(error).__name__}: {error}")
    return BlobsUnavailable("The store of large images and results does not answer; try again in a moment.")
