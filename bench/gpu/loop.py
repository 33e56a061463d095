"""The limit: the provider's own runs, one after the other, with inputs and outputs that stay on the device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort

from worker_service.engine.runtime.choice import Providers
from worker_service.engine.runtime.lane import buffer_of, shape_of
from worker_service.engine.runtime.session import read_signature
from worker_service.engine.runtime.settled import settled


def provider_loop(path: Path, providers: Providers, batch: int, device: str, *, graphs: bool) -> Callable[[], None]:
    """One run; with ONNX Runtime's own CUDA graphs where they are wanted and it can record them."""
    switches = {"CUDAExecutionProvider": "enable_cuda_graph", "TensorrtExecutionProvider": "trt_cuda_graph_enable"}
    own = [
        (name, {**options, switches[name]: "1"} if graphs and name in switches else options)
        for name, options in providers
    ]
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=own)
    except Exception:  # noqa: BLE001 - onnxruntime's errors share no base class of their own
        session = ort.InferenceSession(str(path), options, providers=providers)
    signature = settled(path, read_signature(path))
    binding = session.io_binding()
    buffers = {spec.name: buffer_of(spec, batch, device) for spec in (*signature.inputs, *signature.outputs)}
    for specs, bind in ((signature.inputs, binding.bind_input), (signature.outputs, binding.bind_output)):
        for spec in specs:
            kind, address = np.dtype(spec.dtype).type, buffers[spec.name].data_ptr()
            bind(spec.name, device, 0, kind, shape_of(spec, batch), address)

    def once() -> None:
        session.run_with_iobinding(binding)
        assert buffers

    return once
