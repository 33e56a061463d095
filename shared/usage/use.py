"""What one job used, as it is written down when the job ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shared.jobs import Job, JobResult

INSIDE = "@inside"
"""In the place of a key: the job is a step of a workflow, whose own end counts what its steps used."""
ENDED = ("succeeded", "failed")
"""What expired or was canceled is not counted: it got no answer."""


class Use(NamedTuple):
    """Of one model. ``images`` were answered; ``infer_us`` is the job's share of the batches it ran in, in µs."""

    model: str
    jobs: int
    failed: int
    images: int
    infer_us: int


def line(use: Use, day: int, whose: str) -> str:
    """As the script that ends the job writes it down; ``day`` is days since 1970-01-01."""
    return f"{use.jobs} {use.failed} {use.images} {use.infer_us} {day} {use.model} {whose}"


def who(job: Job) -> str:
    """What it is counted under: the id of the API key, else the owner, else ""."""
    return job.key or job.owner


def use_of(job: Job, result: JobResult, infer_ms: float) -> list[Use]:
    """What a job of one model used; nothing for what only loads a model, or belongs to a workflow."""
    if job.kind == "load" or job.key == INSIDE or result.state not in ENDED:
        return []
    images = sum("output" in outcome for outcome in result.outputs) if job.kind == "infer" else len(job.inputs)
    return [Use(job.model, 1, int(result.state == "failed"), images, round(infer_ms * 1000))]


def step_use(job: Job, result: JobResult, infer_ms: float) -> Use:
    """What a workflow's step used; the run is the job that counts, its steps are none."""
    return Use(job.model, 0, 0, sum("output" in outcome for outcome in result.outputs), round(infer_ms * 1000))


def summed(uses: Iterable[Use]) -> list[Use]:
    """One per model."""
    found: dict[str, Use] = {}
    for use in uses:
        before = found.get(use.model, Use(use.model, 0, 0, 0, 0))
        found[use.model] = Use(use.model, *(a + b for a, b in zip(before[1:], use[1:], strict=True)))
    return list(found.values())
