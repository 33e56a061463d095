"""Settings that every service shares. Each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, TypeVar

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

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


def also(name: str, *others: str) -> AliasChoices:
    """The variable of a field, and names that other servers have for the same; the first that is set counts."""
    return AliasChoices(f"VISIONFLEET_{name}", *others)


def variables_of(name: str, field: FieldInfo) -> list[str]:
    """The names that the environment may have for a field, ours first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias] if isinstance(alias, str) else [f"VISIONFLEET_{name.upper()}"]


def used_of(name: str, field: FieldInfo) -> str:
    """The variable that gives the field's value, or "" when the environment has none."""
    given = {variable.upper() for variable in os.environ}
    return next((variable for variable in variables_of(name, field) if variable.upper() in given), "")


def problems_of(cls: type[BaseSettings], refused: ValidationError) -> dict[str, tuple[str, str]]:
    """Field -> the variable that was used and what is wrong with it. No value is told."""
    found: dict[str, tuple[str, str]] = {}
    names = {one.lower(): name for name, field in cls.model_fields.items() for one in variables_of(name, field)}
    for error in refused.errors(include_input=False, include_url=False):
        told = str(error["loc"][0]) if error["loc"] else ""
        name = names.get(told.lower(), told)
        field = cls.model_fields.get(name)
        variable = told if field is None else used_of(name, field) or variables_of(name, field)[0]
        found[name] = (variable, error["msg"])
    return found


S = TypeVar("S", bound=BaseSettings)


def read(cls: type[S]) -> S:
    """Settings of a process that begins. What is wrong ends it, with a line per variable by the name that was used."""
    try:
        return cls()
    except ValidationError as refused:
        lines = [f"{variable}: {problem}" for variable, problem in problems_of(cls, refused).values()]
        raise SystemExit("\n".join(["The settings cannot be used:", *lines])) from None
    except SettingsError as refused:
        raise SystemExit(f"The settings cannot be used:\n{_no_json(cls, refused)}") from None


def _no_json(cls: type[BaseSettings], refused: SettingsError) -> str:
    """The library names the field only."""
    found = re.search(r'field "(\w+)"', str(refused))
    if found is None or found[1] not in cls.model_fields:
        return str(refused)
    field = cls.model_fields[found[1]]
    variable = used_of(found[1], field) or variables_of(found[1], field)[0]
    return f'{variable}: this is no JSON; write a list as ["a", "b"]'


class RedisSettings(BaseSettings):
    """Where Redis is and how patiently we talk to it."""

    model_config = SETTINGS

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias=also("REDIS_URL", "REDIS_URL"),
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


class VideoSettings(BaseSettings):
    """How long videos may be."""

    model_config = SETTINGS

    max_video_s: float = Field(
        21_600.0, gt=0, description="Longest video file that a batch, a stream or an upload may hold, in seconds."
    )


class LogSettings(BaseSettings):
    """How the services log."""

    model_config = SETTINGS

    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", validation_alias=also("LOG_LEVEL", "LOG_LEVEL"), description="Least severe level logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="Lines for people, or one JSON object each.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class PulseSettings(BaseSettings):
    """How a service shows whoever checks its health that it works."""

    model_config = SETTINGS

    pulse_dir: Path | None = Field(
        None,
        description="Folder where a service touches the file `alive` while its loops turn, and `ready` while they also "
        "get their work done; health checks look at the age of the files.",
    )
