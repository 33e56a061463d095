"""The worker's settings: the only place in this service that reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from shared.settings import SETTINGS

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
    max_active_models: int = Field(8, ge=1, description="Models held in memory; the least recently used leaves first.")
    max_model_bytes: int = Field(
        0, ge=0, description="Memory for held models in bytes; 0 takes the profile's figure, which may be no limit."
    )
    preload_models: Names = Field((), description="Model ids loaded at start.")
    pinned_models: Names = Field((), description="Model ids loaded at start and never evicted.")
    max_pixels: int = Field(
        64 * 1024 * 1024,
        ge=1,
        le=PILLOW_PIXEL_CEILING,
        description="Images whose header declares more pixels are refused before decoding.",
    )
    max_batch: int = Field(0, ge=0, le=1024, description="Images per model run; 0 takes the profile's figure.")
    intra_op_threads: int = Field(
        0, ge=0, le=1024, description="Threads per model run; 0 divides the CPU quota by workers_per_host."
    )
    workers_per_host: int = Field(1, ge=1, description="Worker processes that share this machine's CPU quota.")
    spinning: bool | None = Field(
        None,
        description="Let idle inference threads spin: faster when cores are idle, ruinous when they are shared. "
        "Unset: only for a single worker that leaves cores free.",
    )
    warm_up: bool = Field(True, description="Run each model on blank images when it is loaded.")

    @field_validator("model_dirs", "preload_models", "pinned_models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def profile_path(self) -> Path:
        """The profile's TOML file: ``profile`` itself when it is a path, else the file of that name in deploy/."""
        if self.profile.endswith(".toml") or "/" in self.profile:
            return Path(self.profile)
        return ROOT / "deploy" / "profiles" / f"{self.profile}.toml"
