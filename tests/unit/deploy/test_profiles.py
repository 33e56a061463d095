"""Each shipped hardware profile on machines that have, lack or half have what it names."""

from __future__ import annotations

import logging
from pathlib import Path

import onnxruntime as ort
import pytest

from worker_service.engine.runtime.profile import BadProfile
from worker_service.engine.runtime.session import Runtime
from worker_service.settings import EngineSettings

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def runtime(profile: str, available: list[str], cache: Path, patch: pytest.MonkeyPatch) -> Runtime:
    """What a worker of that profile begins with where onnxruntime has these providers."""
    patch.setattr(ort, "get_available_providers", lambda: available)
    patch.setenv("VISIONFLEET_PROFILE", profile)
    patch.setenv("VISIONFLEET_ENGINE_CACHE", str(cache))
    return Runtime(EngineSettings())


@pytest.mark.parametrize(
    ("profile", "available", "chosen"),
    [
        ("cpu", [CPU], [CPU]),
        ("cpu", [CUDA, CPU], [CPU]),
        ("gpu", [TENSORRT, CUDA, CPU], [CUDA, CPU]),
        ("jetson", [TENSORRT, CUDA, CPU], [TENSORRT, CUDA, CPU]),
    ],
)
def test_named_providers_are_chosen_in_their_order(
    profile: str,
    available: list[str],
    chosen: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = runtime(profile, available, tmp_path, monkeypatch)
    assert [name for name, _ in made.providers] == chosen
    assert made.hardware == profile
    assert made.max_batch == made.profile.max_batch
    assert caplog.text == ""


def test_a_jetson_compiles_engines_in_half_precision_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, options), *_ = runtime("jetson", [TENSORRT, CUDA, CPU], tmp_path, monkeypatch).providers
    assert options["trt_fp16_enable"] == "1"
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == str(tmp_path)


def test_what_a_profile_can_do_without_is_missed_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        made = runtime("jetson", [CUDA, CPU], tmp_path, monkeypatch)
    assert [name for name, _ in made.providers] == [CUDA, CPU]
    assert f"no {TENSORRT}" in caplog.text
    assert f"going on with {CUDA}, {CPU}" in caplog.text


@pytest.mark.parametrize("profile", ["gpu", "jetson"])
def test_an_accelerator_that_is_not_there_stops_the_start(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadProfile, match=f"Profile '{profile}' needs {CUDA}.*onnxruntime-gpu"):
        runtime(profile, [CPU], tmp_path, monkeypatch)
