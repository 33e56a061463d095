"""A worker on a machine whose GPU does not answer."""

from __future__ import annotations

from enum import IntEnum

import pytest

from worker_service.engine.runtime import place, stream


def test_without_a_gpu_the_profile_judges_and_nothing_crashes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NoDevice(IntEnum):
        cudaErrorNoDevice = 100  # noqa: N815 - CUDA's name

    class Cudart:
        def cudaSetDevice(self, number: int) -> tuple[NoDevice]:  # noqa: N802 - CUDA's name
            return (NoDevice.cudaErrorNoDevice,)

    for module in (place, stream):
        monkeypatch.setattr(module, "cudart", Cudart())
    assert place.first_gpu(2**20) is None
    assert "no NVIDIA GPU can be used: CUDA refused: cudaErrorNoDevice" in caplog.messages
