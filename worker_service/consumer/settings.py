"""The consumer's settings: ``VISIONFLEET_*`` variables of a worker process."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import SETTINGS


class ConsumerSettings(BaseSettings):
    """How one worker process takes and runs jobs."""

    model_config = SETTINGS

    worker_role: Literal["all", "inference", "background"] = Field(
        "all",
        description="What the process does: run models, run slow tasks (batches, webhooks, fetching of models) and the "
        "clocks that start them, or both. A fleet needs each at least once.",
    )
    worker_processes: int = Field(
        1,
        ge=0,
        le=64,
        description="Processes that `python -m worker_service` runs and replaces when they die; 0: one for every eight "
        "cores. Each serves its own figures on the next port from VISIONFLEET_METRICS_PORT on, and has a pulse in a "
        "folder of its own.",
    )
    worker_name: str = Field("", description="Id of this worker in the fleet; made of host and pid when empty.")
    task_threads: int = Field(
        4, ge=2, le=64, description="Slow tasks (batches, webhooks) that one worker process runs at the same time."
    )
    decode_threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads that decode and preprocess beside inference; 0: on a processor runs do it for their own "
        "images, beside a GPU one for each of the worker's cores, from two to sixteen.",
    )
    runs: int = Field(
        0,
        ge=0,
        le=64,
        description="Model runs at the same time; 0 takes the profile's figure, on a processor one for each of the "
        "worker's cores and at least two.",
    )
    prefetch: int = Field(
        0,
        ge=0,
        description="Images prepared ahead while the model runs; 0 takes a batch for each run, at least 8, and of "
        "models that take long on a processor as many as last 50 ms.",
    )
    shared_remembered_bytes: int = Field(
        128 * 2**20,
        ge=0,
        description="Memory of Redis for what models remember of images (SAM's embeddings), shared by all workers, in "
        "bytes; the least recently used leaves first. 0: every worker remembers by itself.",
    )
    shared_remembered_ttl_s: float = Field(
        3600.0, ge=1, le=604_800, description="Seconds after its last use for which it stays there."
    )
    adopt_after_ms: int = Field(
        2_000, ge=0, description="A worker takes up a model that others hold when its oldest job has waited this long."
    )
    scout_interval_ms: int = Field(
        250, ge=20, description="How often a worker looks for jobs of models that it does not hold."
    )
    heartbeat_ms: int = Field(1_000, ge=100, description="How often a worker reports to the fleet.")
    stall_timeout_s: float = Field(
        120.0, gt=0, description="A model run longer than this is hung: the worker exits and others take its jobs."
    )
    drain_timeout_s: float = Field(30.0, gt=0, description="How long a stopping worker may finish what it has begun.")
