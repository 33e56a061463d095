"""Settings of the API service; each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.access.settings import AccessSettings
from shared.batches.settings import UrlSettings
from shared.metrics.settings import MetricsSettings
from shared.settings import LogSettings, QueueSettings, RedisSettings, also

MIB = 2**20


class ApiSettings(RedisSettings, QueueSettings, LogSettings, UrlSettings, AccessSettings, MetricsSettings):
    """How the front door listens, what it accepts and how long it waits, beside what every service reads."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless you open it on purpose.")
    port: int = Field(
        default=9001, ge=0, le=65535, validation_alias=also("PORT", "PORT"), description="Port to listen on."
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        validation_alias=also("PROCESSES", "NUM_WORKERS"),
        description="API processes sharing the port (SO_REUSEPORT).",
    )
    reuse_port: bool = Field(default=False, description="Let other processes listen on the same port.")
    backlog: int = Field(default=1024, ge=1, description="Connections the kernel may hold before they are accepted.")
    drain_timeout_s: float = Field(default=30, ge=0, description="Seconds that running requests get after SIGTERM.")
    linger_s: float = Field(
        default=0,
        ge=0,
        description="Seconds after SIGTERM in which new connections are still accepted while /healthz and /readiness "
        "already say no, so that a gateway stops sending in time.",
    )
    keepalive_timeout_s: float = Field(
        default=75, gt=0, description="Seconds a connection may stay without a complete request head."
    )

    max_body_bytes: int = Field(default=32 * MIB, ge=1024, description="Largest request body, in bytes.")
    max_msgpack_items: int = Field(
        default=20_000, ge=100, description="Most values (keys, numbers, texts, ...) in a msgpack body."
    )
    max_images: int = Field(default=32, ge=1, description="Most images in one request.")
    image_folders: tuple[Path, ...] = Field(
        default=(),
        description="Folders of this machine, as a JSON list, from which a request may name an image by its path "
        '(`{"type": "file"}`). Every API replica needs them. Empty: such requests are refused.',
    )
    body_timeout_s: float = Field(default=60, gt=0, description="Seconds a client gets to send its body.")
    load_timeout_s: float = Field(default=120, gt=0, description="Seconds that /model/add waits for a model to load.")
    max_wait_s: float = Field(default=60, ge=0, description="Longest `Prefer: wait=` and `?wait=`, in seconds.")
    max_metadata_bytes: int = Field(default=16_384, ge=0, description="Largest `metadata` of a job, in bytes of JSON.")
    max_event_streams: int = Field(
        default=1_000, ge=0, description="Clients that one API process lets follow jobs' events at the same time."
    )
    stream_min_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="A live stream is refused when others use its model and workers could give all of them less than "
        "this share of the frames that they ask for, by the workers' speed of late; 0 admits every stream.",
    )
    event_heartbeat_s: float = Field(
        default=15, gt=0, description="Seconds without an event before a follower of a job gets a heartbeat."
    )

    access_log: bool = Field(
        default=True,
        validation_alias=also("ACCESS_LOG", "API_LOGGING_ENABLED"),
        description="Log one line per request.",
    )
    core_models: bool = Field(
        default=True,
        validation_alias=also("CORE_MODELS", "CORE_MODELS_ENABLED"),
        description="Serve the routes of models with a name of their own: /clip/, /sam/, /doctr/ and so on.",
    )
    legacy_routes: bool = Field(
        default=True,
        validation_alias=also("LEGACY_ROUTES", "LEGACY_ROUTE_ENABLED"),
        description="Serve /{project}/{version}, the oldest form of an inference.",
    )
    workflows: bool = Field(default=True, description="Serve the workflow routes.")
    docs: bool = Field(default=True, description="Serve /docs and /openapi.json.")
    playground: bool = Field(default=True, description="Serve the playground at /.")
    web_dir: Path = Field(default=Path(__file__).parent / "web", description="Folder of the playground's files.")
