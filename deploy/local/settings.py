"""Settings of the launcher for one machine; each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.cores import Place, as_list, available_cpus, processes_for
from shared.settings import SETTINGS, also

ROOT = Path(__file__).resolve().parent.parent.parent


class LocalSettings(BaseSettings):
    """What ``script/server`` starts, and where. The services read their own settings from the same environment."""

    model_config = SETTINGS

    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless you open it on purpose.")
    port: int = Field(9001, ge=1, le=65535, validation_alias=also("PORT", "PORT"), description="Port to listen on.")
    data_dir: Path = Field(Path("data"), description="Folder for Redis data, logs, added models and results.")
    workers: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Worker processes on this machine; unset: one for every eight cores, one beside a GPU.",
    )
    stream_services: int = Field(1, ge=0, le=64, description="Stream services to start on this machine; 0 for none.")
    redis_url: str | None = Field(
        None,
        validation_alias=also("REDIS_URL", "REDIS_URL"),
        description="A Redis of yours; unset, an embedded redis-server keeps its data in data_dir.",
    )
    insecure: bool = Field(False, description="Serve everybody without API keys, on any address; as --insecure.")
    redis_max_memory_mb: int = Field(
        1024, ge=64, description="Memory that the embedded Redis may use, in MB; when full it refuses new jobs."
    )
    start_timeout_s: float = Field(60.0, gt=0, description="Seconds until everything must be ready after the start.")
    drain_timeout_s: float = Field(30.0, gt=0, description="Seconds that running work gets to finish at the end.")

    @property
    def worker_processes(self) -> int:
        """``workers``, or as many as the cores ask for that affinity and control group leave; one beside a GPU."""
        if self.workers is not None:
            return self.workers
        on_cpu = os.environ.get("VISIONFLEET_PROFILE", "cpu") in {"cpu", "openvino"}
        return min(64, processes_for(available_cpus())) if on_cpu else 1

    @property
    def url(self) -> str:
        """Where a person on this machine opens the playground."""
        host = "localhost" if self.host in {"0.0.0.0", "127.0.0.1", "::", ""} else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"


def environment(settings: LocalSettings, redis_url: str, launcher_key: str) -> dict[str, str]:
    """The environment of the services: ours, with what the launcher decided. What the user set himself stays."""
    data = settings.data_dir.resolve()
    is_loopback = settings.host in {"127.0.0.1", "localhost", "::1"}
    defaults = {
        "VISIONFLEET_MODEL_DIRS": f"{ROOT / 'models'},{data / 'models'}",
        "VISIONFLEET_ENGINE_CACHE": str(data / "engines"),
        "VISIONFLEET_WORKERS_PER_HOST": str(max(1, settings.worker_processes)),
        "VISIONFLEET_STREAM_OUTPUT_DIR": str(data / "streams"),
        "VISIONFLEET_STREAM_FOLDERS": json.dumps([str(ROOT / "examples"), str(data / "videos")]),
        # Whoever reaches an API that listens here only sits at this machine.
        "VISIONFLEET_STREAM_DEVICES": str(is_loopback).lower(),
        "VISIONFLEET_STREAM_ALLOW_LOOPBACK": str(is_loopback).lower(),
    }
    decided = {
        "VISIONFLEET_REDIS_URL": redis_url,
        "VISIONFLEET_HOST": settings.host,
        "VISIONFLEET_PORT": str(settings.port),
        "VISIONFLEET_INSECURE": str(settings.insecure),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    if launcher_key:
        decided["VISIONFLEET_LAUNCHER_KEY"] = launcher_key
    return {**defaults, **os.environ, **decided}


def at_place(variables: Mapping[str, str], place: Place) -> Mapping[str, str]:
    """A worker's environment with its processors, unless the user has said which or how many share them."""
    if not place.cpus or not {"VISIONFLEET_CPUS", "VISIONFLEET_WORKERS_PER_HOST"}.isdisjoint(os.environ):
        return variables
    return {
        **variables,
        "VISIONFLEET_CPUS": as_list(place.cpus),
        "VISIONFLEET_WORKERS_PER_HOST": str(place.sharing),
    }
