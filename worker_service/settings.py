"""The worker's settings: the only place in this service that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from shared.cores import Place, as_list
from shared.settings import SETTINGS, also

ROOT = Path(__file__).resolve().parent.parent

# Pillow refuses headers above twice its own limit of 1 GiB / 4 / 3 pixels, so a higher setting could not be honoured.
PILLOW_PIXEL_CEILING = 178_956_970

Names = Annotated[tuple[str, ...], NoDecode]
Folders = Annotated[tuple[Path, ...], NoDecode]


class EngineSettings(BaseSettings):
    """What the engine needs to know: where models are, what it runs on, and its limits. Lists are comma separated."""

    model_config = SETTINGS

    model_dirs: Folders = Field(
        (ROOT / "models", Path("data/models")),
        description="Folders of model folders; on a name clash the earlier folder wins.",
    )
    model_scan_seconds: float = Field(
        2.0, ge=0, description="How long a listing of the model folders is trusted before they are looked at again."
    )
    profile: str = Field("cpu", description="Hardware profile: a name in deploy/profiles, or a path to a TOML file.")
    engine_cache: Path = Field(
        Path("data/engines"),
        description="Where providers keep compiled engines; profiles name it as {engine_cache}.",
    )
    execution_providers: Names = Field(
        (),
        validation_alias=also("EXECUTION_PROVIDERS", "ONNXRUNTIME_EXECUTION_PROVIDERS"),
        description="Execution providers of ONNX Runtime in order of preference, in place of the profile's, whose "
        "options hold for those that it names.",
    )
    provider_choice: Literal["", "first", "measured"] = Field(
        "",
        description="Which of the providers runs a model: the `first`, or the fastest by a short measurement when the "
        "model is first loaded on this machine, kept in engine_cache (`measured`). Empty: what the profile says.",
    )
    required_providers: Names = Field(
        (),
        validation_alias=also("REQUIRED_PROVIDERS", "REQUIRED_ONNX_PROVIDERS"),
        description="Providers without which the worker does not start, in place of what the profile says.",
    )
    max_active_models: int = Field(
        8,
        ge=1,
        validation_alias=also("MAX_ACTIVE_MODELS", "MAX_ACTIVE_MODELS"),
        description="Models held in memory; the least recently used leaves first.",
    )
    max_model_bytes: int = Field(
        0, ge=0, description="Memory for held models in bytes; 0 takes the profile's figure, which may be no limit."
    )
    preload_models: Names = Field(
        (), validation_alias=also("PRELOAD_MODELS", "PRELOAD_MODELS"), description="Model ids loaded at start."
    )
    pinned_models: Names = Field(
        (),
        validation_alias=also("PINNED_MODELS", "PINNED_MODELS"),
        description="Model ids loaded at start and never evicted.",
    )
    max_pixels: int = Field(
        64 * 1024 * 1024,
        ge=1,
        le=PILLOW_PIXEL_CEILING,
        description="Images whose header declares more pixels are refused before decoding.",
    )
    max_model_file_bytes: int = Field(
        8 * 2**30, ge=1, description="Models with a larger file are not loaded; nor is a model.json above 16 MiB."
    )
    max_batch: int = Field(
        0,
        ge=0,
        le=1024,
        validation_alias=also("MAX_BATCH", "MAX_BATCH_SIZE"),
        description="Images per model run; 0 takes the profile's figure.",
    )
    remembered_bytes: int = Field(
        256 * 2**20,
        ge=0,
        description="Memory for what each held model remembers of images (SAM's embeddings, OWLv2's examples) in "
        "bytes; the least recently used leaves first.",
    )
    intra_op_threads: int = Field(
        0, ge=0, le=1024, description="Threads per model run; 0 divides the CPU quota by workers_per_host."
    )
    workers_per_host: int = Field(1, ge=1, description="Worker processes that share this machine's CPU quota.")
    cpus: str = Field(
        "",
        pattern=r"^(\d+(-\d+)?(,\d+(-\d+)?)*)?$",
        description="Processors that this worker keeps to, like `0-15,32-47`; empty: all that it may use. Of several "
        "processes each gets a NUMA node where there are several.",
    )
    spinning: bool | None = Field(
        None,
        description="Let idle inference threads spin: faster when cores are idle, ruinous when they are shared. "
        "Unset: a tenth of a millisecond at most, except in a single worker that leaves cores free.",
    )
    twin_max_mb: int = Field(
        256,
        ge=0,
        description="Models whose files have up to this many megabytes are opened again on the CPU with shares of "
        "the threads (half, a quarter, down to one), for runs that go on beside others, as often as this size allows; "
        "0: never.",
    )
    gpu_memory_mb: int = Field(
        0,
        ge=0,
        description="Megabytes of a GPU that one worker may take for models, when several share it; 0: no limit.",
    )
    cuda_graphs: bool | None = Field(
        None,
        description="Record runs on an NVIDIA GPU as CUDA graphs, one for each of the profile's warm-up batches, and "
        "pad batches to these; for models whose only free size is the batch. Unset: yes, but not with TensorRT.",
    )
    gpu_preprocessing: bool = Field(
        True,
        description="Send pixels to an NVIDIA GPU as they are and scale them there, for models that take an image.",
    )
    gpu_streams: int = Field(
        2,
        ge=1,
        le=16,
        description="Streams of an NVIDIA GPU that the batches of one model are spread over, so that one fills what "
        "the other leaves idle; each opens the model again, if its files have up to `twin_max_mb`. Not with TensorRT.",
    )
    pinned_memory_mb: int = Field(
        1024,
        ge=0,
        description="Megabytes of memory that cannot be swapped out, for fast copies to and from an NVIDIA GPU; beyond "
        "that, copies are slower.",
    )
    warm_up: bool = Field(True, description="Run each model on blank images when it is loaded.")

    @field_validator(
        "model_dirs", "preload_models", "pinned_models", "execution_providers", "required_providers", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        """By commas; Roboflow writes brackets around lists of providers."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.strip().strip("[]").split(",") if part.strip())
        return value

    @field_validator("max_batch", mode="before")
    @classmethod
    def _no_limit(cls, value: Any) -> Any:
        """Roboflow's word for no limit of their own."""
        return 0 if isinstance(value, str) and value.strip().lower() == "inf" else value

    @property
    def profile_path(self) -> Path:
        """The profile's TOML file: ``profile`` itself when it is a path, else the file of that name in deploy/."""
        if self.profile.endswith(".toml") or "/" in self.profile:
            return Path(self.profile)
        return ROOT / "deploy" / "profiles" / f"{self.profile}.toml"


def of_process(number: int, place: Place, name: str) -> None:
    """What one of several processes of a worker reads as its settings: name, pulse, port and place of its own."""
    own = {"VISIONFLEET_WORKERS_PER_HOST": str(place.sharing)}
    if place.cpus:
        own["VISIONFLEET_CPUS"] = as_list(place.cpus)
    if name:
        own["VISIONFLEET_WORKER_NAME"] = f"{name}-{number + 1}"
    if pulse := os.environ.get("VISIONFLEET_PULSE_DIR"):
        own["VISIONFLEET_PULSE_DIR"] = f"{pulse}/{number + 1}"
    if int(port := os.environ.get("VISIONFLEET_METRICS_PORT") or 0):
        own["VISIONFLEET_METRICS_PORT"] = str(int(port) + number)
    os.environ.update(own)
