"""Bodies of the model routes (`/model/...`, `/v1/models`, `/v1/fleet`) and of `/info`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api_service.schemas.base import Answer, Body


class AddModelRequest(Body):
    """Body of `POST /model/add`."""

    model_id: str = Field(examples=["shapes-detector"])
    model_type: str | None = Field(
        default=None, description="Accepted for compatibility; the model's manifest decides."
    )
    api_key: str | None = Field(default=None, description="The API key, where it is not in the header.")


class RemoveModelRequest(Body):
    """Body of `POST /model/remove`."""

    model_id: str = Field(examples=["shapes-detector"])
    api_key: str | None = Field(default=None, description="The API key, where it is not in the header.")


class ModelDescription(Answer):
    """One active model; null where it is not known."""

    model_id: str
    task_type: str
    batch_size: int | None = Field(description="Null when the graph takes any batch.")
    input_height: int | None
    input_width: int | None
    vram_bytes: int | None
    request_aliases: list[str]
    request_paths: list[str]


class ModelsDescriptions(Answer):
    """The models in use across the fleet: every API replica gives the same answer."""

    models: list[ModelDescription]
    total_vram_bytes: int | None
    gpu_memory_used: int | None
    gpu_memory_total: int | None
    torch_cuda_allocated: int | None
    torch_cuda_reserved: int | None
    torch_cuda_allocator_cache: int | None
    non_torch_gpu_memory: int | None


class ServerInfo(Answer):
    """Who answers."""

    name: str
    version: str
    uuid: str


class Status(Answer):
    """Health or readiness, with a reason when it is bad."""

    status: str
    reason: str | None = None


class SessionStarted(Answer):
    """Answer of `/start/{project}/{version}`."""

    status: int
    message: str


class CatalogAnswer(Answer):
    """Every model that some worker's repository holds."""

    models: list[dict[str, Any]]


class ModelsAnswer(CatalogAnswer):
    """The same, and which media types the inference routes take beside JSON."""

    accepts: list[str]


class FleetAnswer(CatalogAnswer):
    """Workers, models and queues as they are now (at most about a second old)."""

    workers: list[dict[str, Any]]
    queues: list[dict[str, Any]]
