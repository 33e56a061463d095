"""Where graphs run, other than on the processor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from worker_service.engine.runtime.cuda import cudart
from worker_service.engine.runtime.memory import Memory, pinned
from worker_service.engine.runtime.stream import CudaStreams, Stream

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """What ONNX Runtime calls the device, how streams are made there, and what its copies come from and go to."""

    device: str
    stream: Callable[[], Stream]
    memory: Memory


def first_gpu(pinned_bytes: int) -> Place | None:
    """NVIDIA's. None without cuda-bindings, which the extra ``gpu`` installs, and where no GPU answers.

    Whether a worker may go on without one is for the profile to say, when a model is opened.
    """
    if cudart is None:
        log.info("cuda-bindings is not installed: runs and copies take turns; pip install cuda-bindings")
        return None
    try:
        return Place("cuda", CudaStreams().make, pinned(pinned_bytes))
    except RuntimeError as error:
        log.warning("no NVIDIA GPU can be used: %s", error)
        return None
