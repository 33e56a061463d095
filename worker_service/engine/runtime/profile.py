"""Hardware profiles: ``deploy/profiles/*.toml``, read by the image build and by the worker.

No Python code asks which board it runs on; what differs between boards is written down there.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import onnxruntime as ort
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

log = logging.getLogger(__name__)


class BadProfile(ValueError):
    """The profile's file is missing or malformed, or asks for a provider that it may not do without."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Build(_Strict):
    """What the container image is made of."""

    base_image: str
    onnxruntime: str = Field(description="Distribution that provides the onnxruntime module.")
    packages: tuple[str, ...] = Field((), description="System packages added to the base image.")
    runtime: Literal["trimmed", "base"] = Field("trimmed", description="Whether what no service runs is left out.")


class Provider(_Strict):
    """An execution provider of ONNX Runtime with its options.

    In them ``{engine_cache}`` stands for the cache folder, ``{threads}`` for the threads of a run and ``{streams}`` for
    the runs that the session is made for.
    """

    name: str
    options: dict[str, str | int | float | bool] = {}


class HardwareProfile(_Strict):
    """One kind of machine."""

    hardware: Literal["cpu", "gpu", "jetson"]
    description: str
    build: Build
    providers: tuple[Provider, ...] = Field(min_length=1, description="In order of preference.")
    required_providers: tuple[str, ...] = Field((), description="Providers that on_missing is about.")
    on_missing: Literal["warn", "refuse"] = "warn"
    choice: Literal["first", "measured"] = Field(
        "first", description="Which of the providers runs a graph: the first, or the fastest here (choice.py)."
    )
    max_batch: int = Field(ge=1, le=1024)
    runs: int = Field(
        1, ge=0, le=64, description="Model runs that a worker keeps going at the same time; 0: one for each core."
    )
    lone_above_ms: float = Field(
        0.0, ge=0, description="Images that take longer share no run, and others only when no run is idle; 0: always."
    )
    max_model_bytes: int = Field(0, ge=0, description="Memory for held models; 0 is no limit but their number.")
    memory_arena: bool = True
    warm_up_batches: tuple[int, ...] = Field((1,), description="Batch sizes run on blank images at load.")

    def usable(self, engine_cache: Path) -> list[tuple[str, dict[str, str]]]:
        """The providers that this build of ONNX Runtime has, with options as it wants them.

        Raises:
            BadProfile: none is there, or a required one is missing and the profile refuses to go on without.
        """
        available = ort.get_available_providers()
        chosen = [
            (provider.name, {key: _option(value, engine_cache) for key, value in provider.options.items()})
            for provider in self.providers
            if provider.name in available
        ]
        self.check([name for name, _ in chosen])
        absent = [provider.name for provider in self.providers if provider.name not in available]
        if absent and chosen:
            names = ", ".join(name for name, _ in chosen)
            log.warning(
                "This onnxruntime has no %s, which profile %r would rather use: going on with %s, more slowly.",
                *(", ".join(absent), self.hardware, names),
            )
        if not chosen:
            wanted = ", ".join(provider.name for provider in self.providers)
            raise BadProfile(f"This onnxruntime has none of {wanted}; it has {', '.join(available)}.")
        return chosen

    def with_providers(self, names: Sequence[str], required: Sequence[str]) -> HardwareProfile:
        """The same with other providers, where any are named; ``required`` ones that are missing then refuse."""
        changes: dict[str, object] = {}
        if names:
            known = {provider.name: provider for provider in self.providers}
            changes["providers"] = tuple(known.get(name) or Provider(name=name) for name in names)
            changes["required_providers"] = ()
        if required:
            changes |= {"required_providers": tuple(required), "on_missing": "refuse"}
        return self.model_copy(update=changes)

    def check(self, active: Sequence[str]) -> None:
        """Warn or refuse when a required provider is not among the active ones.

        Raises:
            BadProfile: ``on_missing`` is ``refuse``.
        """
        missing = [name for name in self.required_providers if name not in active]
        if not missing:
            return
        message = (
            f"Profile {self.hardware!r} needs {', '.join(missing)} and only {', '.join(active) or 'nothing'} works: "
            f"install {self.build.onnxruntime} and its drivers, or choose another VISIONFLEET_PROFILE."
        )
        if self.on_missing == "refuse":
            raise BadProfile(message)
        log.warning("%s Going on, slowly.", message)


def load_profile(path: Path) -> HardwareProfile:
    """Read a profile. Raises BadProfile when it is missing or malformed."""
    try:
        return HardwareProfile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml"))) or "none"
        raise BadProfile(f"There is no hardware profile {path}; known there: {known}.") from error
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadProfile(f"Hardware profile {path} cannot be read: {error}") from error


def _option(value: str | float | bool, engine_cache: Path) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value).replace("{engine_cache}", str(engine_cache))
