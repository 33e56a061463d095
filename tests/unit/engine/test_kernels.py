"""Our kernels on an NVIDIA GPU, where there is one: the processor's values to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.engine.host_place import HostStream
from worker_service.engine.runtime.cuda import cudart
from worker_service.engine.runtime.lane import buffer_of
from worker_service.engine.runtime.place import Place, first_gpu
from worker_service.engine.runtime.scale import Pixels, Scale
from worker_service.engine.runtime.signature import TensorSpec
from worker_service.engine.runtime.stream import Move

SCALES = (Scale((1 / 255,) * 3, (0.0,) * 3, reversed=True), Scale((0.017, 0.0175, 0.0174), (-2.1, -2.0, -1.8)))


@pytest.fixture(scope="module")
def gpu() -> Place:
    if cudart is None or not cudart.cudaGetDeviceCount()[1]:
        pytest.skip("no NVIDIA GPU")
    place = first_gpu(2**26)
    assert place is not None
    return place


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("scale", SCALES)
def test_values_of_pixels(gpu: Place, scale: Scale, dtype: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 33, 47, 3), np.uint8)
    expected, found = (np.zeros((5, 3, 33, 47), dtype) for _ in range(2))
    what = Pixels(5, 33 * 47, dtype, scale)
    HostStream().normalise(expected.ctypes.data, pixels.ctypes.data, what)
    source = buffer_of(TensorSpec("pixels", (None, *pixels.shape[1:]), "uint8"), 5, gpu.device)
    target = buffer_of(TensorSpec("values", (None, *expected.shape[1:]), dtype), 5, gpu.device)
    stream = gpu.stream()
    stream.copy([Move(source.data_ptr(), pixels.ctypes.data, pixels.nbytes)])
    stream.normalise(target.data_ptr(), source.data_ptr(), what)
    stream.copy([Move(found.ctypes.data, target.data_ptr(), found.nbytes)])
    stream.wait()
    np.testing.assert_array_equal(found, expected)


def test_every_half_as_float32(gpu: Place) -> None:
    halves = np.arange(2**16, dtype=np.uint16)
    whole = np.zeros(halves.shape, np.float32)
    source = buffer_of(TensorSpec("halves", (None,), "uint16"), halves.size, gpu.device)
    target = buffer_of(TensorSpec("whole", (None,), "float32"), halves.size, gpu.device)
    copies, compute = gpu.stream(), gpu.stream()
    copies.copy([Move(source.data_ptr(), halves.ctypes.data, halves.nbytes)])
    compute.after(copies)
    compute.widen(target.data_ptr(), source.data_ptr(), halves.size)
    copies.after(compute)
    copies.copy([Move(whole.ctypes.data, target.data_ptr(), whole.nbytes)])
    copies.wait()
    np.testing.assert_array_equal(whole, halves.view(np.float16).astype(np.float32))


def test_what_is_recorded_is_done_again_and_not_at_once(gpu: Place) -> None:
    ones, found = np.ones(8, np.float32), np.zeros(8, np.float32)
    buffer = buffer_of(TensorSpec("b", (None,), "float32"), 8, gpu.device)
    stream = gpu.stream()
    out = Move(found.ctypes.data, buffer.data_ptr(), found.nbytes)
    replay = stream.record(lambda: stream.copy([Move(buffer.data_ptr(), ones.ctypes.data, ones.nbytes)]))
    stream.copy([out])
    stream.wait()
    assert not found.any()
    replay()
    stream.copy([out])
    stream.wait()
    assert found.all()
    with pytest.raises(RuntimeError, match="on purpose"):
        stream.record(fails)
    replay()
    stream.wait()


def fails() -> None:
    raise RuntimeError("on purpose")
