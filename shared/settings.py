"""Settings that every service shares. Each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DOTENV = ".env"


def read_dotenv() -> dict[str, str]:
    """Put the variables of the working folder's .env into the environment, which goes before it; returns those.

    Once per process, at import: settings are made inside event loops too, where nothing may read a file.
    """
    given = dotenv_values(DOTENV)
    found = {name: value for name, value in given.items() if value is not None and name not in os.environ}
    os.environ.update(found)
    return found


FROM_DOTENV = read_dotenv()


def read_files() -> None:
    """Take ``VISIONFLEET_X`` from the file that ``VISIONFLEET_X_FILE`` names, as containers get their secrets.

    Raises SystemExit when the file cannot be read.
    """
    for name in [name for name in os.environ if name.startswith("VISIONFLEET_") and name.endswith("_FILE")]:
        variable = name.removesuffix("_FILE")
        if variable in os.environ:
            continue
        try:
            os.environ[variable] = Path(os.environ[name]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SystemExit(f"{name}: the file cannot be read ({error}); correct it or unset {name}") from None


read_files()

SETTINGS = SettingsConfigDict(env_prefix="VISIONFLEET_", extra="ignore", frozen=True, populate_by_name=True)


class RedisSettings(BaseSettings):
    """Where Redis is and how patiently we talk to it."""

    model_config = SETTINGS

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias=AliasChoices("VISIONFLEET_REDIS_URL", "REDIS_URL"),
        description="Redis that carries jobs, results and the fleet's state; redis://, rediss:// (TLS) or unix://.",
    )
    redis_connect_timeout_s: float = Field(2.0, gt=0, description="Seconds to wait for a connection to Redis.")
    redis_timeout_s: float = Field(10.0, gt=0, description="Seconds to wait for an answer from Redis.")


class QueueSettings(BaseSettings):
    """Limits and times of the job queues."""

    model_config = SETTINGS

    lease_ms: int = Field(
        8_000, ge=500, description="A worker that has not renewed a job's lease for this long loses the job to another."
    )
    max_attempts: int = Field(
        3, ge=1, description="Deliveries of one job before it goes to the dead letters as poisoned."
    )
    max_queue_depth: int = Field(
        2_000, ge=1, description="Jobs that one queue (hardware, lane, model) holds before new ones get 503 queue_full."
    )
    max_queue_bytes: int = Field(
        512 * 1024 * 1024, ge=1, description="Bytes of jobs in all queues together before new ones get 503 queue_full."
    )
    request_timeout_s: float = Field(
        60.0, gt=0, description="Time limit of a synchronous request, from acceptance to answer; then 504."
    )
    job_timeout_s: float = Field(
        3_600.0, gt=0, description="Time limit of an asynchronous job, from acceptance to result; then state expired."
    )
    result_ttl_s: float = Field(
        86_400.0, gt=0, description="How long the record and result of a finished asynchronous job are kept."
    )
    max_result_ttl_s: float = Field(
        604_800.0, gt=0, description="Longest that one job may ask its result or its input to be kept."
    )
    input_ttl_s: float = Field(
        0.0,
        ge=0,
        description="How long the images of a finished job are kept, so that it can be retried; 0 drops them.",
    )
    idempotency_ttl_s: float = Field(
        86_400.0, gt=0, description="How long an Idempotency-Key stands for the job that it was first sent with."
    )
    max_listed_jobs: int = Field(
        100_000, ge=1, description="Jobs that GET /v1/jobs goes back to; older ones by id only."
    )
    max_memory_fraction: float = Field(
        0.9, gt=0, le=1, description="Fill of Redis's maxmemory above which new jobs get 503; the rest is for results."
    )
    blob_url: str = Field(
        "",
        description="Where images and results of asynchronous jobs go when they are large: a folder, or a URL that "
        "fsspec knows (s3://bucket/path). API and workers need the same. Empty keeps everything in Redis.",
    )
    blob_bytes: int = Field(262_144, ge=0, description="Size in bytes above which an image or result goes there.")
    usage_days: int = Field(
        400, ge=0, le=4000, description="Days that counts of use by API key and model are kept; 0 counts nothing."
    )
    dead_letters: int = Field(10_000, ge=1, description="Dead letters kept; the oldest are dropped first.")


class LogSettings(BaseSettings):
    """How the services log."""

    model_config = SETTINGS

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")
    log_format: Literal["console", "json"] = Field("console", description="Lines for people, or one JSON object each.")


class PulseSettings(BaseSettings):
    """How a service shows whoever checks its health that it works."""

    model_config = SETTINGS

    pulse_dir: Path | None = Field(
        None,
        description="Folder where a service touches the file `alive` while its loops turn, and `ready` while they also "
        "get their work done; health checks look at the age of the files.",
    )
