"""What NVIDIA's providers are given that depends on the graph or on the machine; the rest stands in the profile.

CUDA's were run on an H100 (docs/benchmarks.md); TensorRT's have not met its libraries yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker_service.engine.runtime.choice import Providers
from worker_service.engine.runtime.external import operators
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
QUANTISED = "QuantizeLinear"


@dataclass(frozen=True)
class Wishes:
    """``memory_bytes`` 0 sets no limit; ``sizes`` are the batches to prepare for."""

    sizes: tuple[int, ...]
    memory_bytes: int = 0


def tuned(providers: Providers, path: Path, signature: GraphSignature, wishes: Wishes) -> Providers:
    """The providers with what this graph and this machine need; an option that the profile gives stays as it is."""
    return [(name, {**_own(name, path, signature, wishes), **options}) for name, options in providers]


def recordable(providers: Providers) -> Providers:
    """The same, refusing graphs of which a part would run elsewhere than on CUDA, unless TensorRT runs parts."""
    if any(name == TENSORRT for name, _ in providers):
        return providers
    return [(name, {**options, "enable_cuda_graph": "1"} if name == CUDA else options) for name, options in providers]


def in_stream(providers: Providers, handle: int) -> Providers:
    """The same, running in that stream."""
    return [
        (name, {**options, "user_compute_stream": str(handle)} if name in {CUDA, TENSORRT} else options)
        for name, options in providers
    ]


def only_batch_is_free(signature: GraphSignature) -> bool:
    """Whether every input and output has the batch as its first axis and all other sizes fixed."""
    return takes_batches(signature) and all(has_batch(spec, signature) for spec in signature.outputs)


def takes_batches(signature: GraphSignature) -> bool:
    """Whether the batch is the first axis of every input, and all other sizes are fixed."""
    return bool(signature.inputs) and all(has_batch(spec, signature) for spec in signature.inputs)


def fits_slots(signature: GraphSignature) -> bool:
    """Whether batches of any number can be run in buffers: none has to be filled up where that would show."""
    whole = signature.inputs[0].fixed(0) in {None, 1} if signature.inputs else False
    return takes_batches(signature) and (whole or only_batch_is_free(signature))


def free_sizes(signature: GraphSignature, sizes: Mapping[int, int]) -> dict[str, int]:
    """Names of the first input's free sizes that are known, by axis; empty when one name would stand for two sizes."""
    shape = signature.inputs[0].shape if signature.inputs else ()
    named = {(shape[axis], size) for axis, size in sizes.items() if axis < len(shape) and isinstance(shape[axis], str)}
    found = {name: size for name, size in named if isinstance(name, str)}
    whole = len(found) == len(named) and not any(dim in found for axis, dim in enumerate(shape) if axis not in sizes)
    return found if whole else {}


def has_batch(spec: TensorSpec, signature: GraphSignature) -> bool:
    """Whether its first axis is that of the first input, by size or by name, and all other sizes are fixed."""
    return len(spec.shape) > 1 and spec.shape[0] == signature.inputs[0].shape[0] and _rest(spec) is not None


def takes_an_image(signature: GraphSignature) -> bool:
    """Whether the only input is [batch, 3, height, width] of floats that pixels can be made into."""
    first, *more = signature.inputs
    return not more and len(first.shape) == 4 and first.fixed(1) == 3 and first.dtype in {"float32", "float16"}


def shapes(signature: GraphSignature, sizes: Sequence[int]) -> dict[str, str]:
    """TensorRT's optimisation profile: without it, each larger batch that comes builds the engine anew, for minutes."""
    free = [spec for spec in signature.inputs if spec.fixed(0) is None]
    if not free or not only_batch_is_free(signature):
        return {}
    named = {"min": min(sizes), "opt": max(sizes), "max": max(sizes)}
    return {
        f"trt_profile_{name}_shapes": ",".join(f"{spec.name}:{_sizes(spec, size)}" for spec in free)
        for name, size in named.items()
    }


def _sizes(spec: TensorSpec, batch: int) -> str:
    return "x".join(map(str, (batch, *(_rest(spec) or ()))))


def _own(name: str, path: Path, signature: GraphSignature, wishes: Wishes) -> Mapping[str, str]:
    options: dict[str, str] = {}
    if name == CUDA and wishes.memory_bytes:
        options["gpu_mem_limit"] = str(wishes.memory_bytes)
    if name == TENSORRT:
        options |= shapes(signature, wishes.sizes)
        if any(operator == QUANTISED for _, operator in operators(path)):
            options["trt_int8_enable"] = "1"  # its scales are in the graph; without them TensorRT would want a table
        if wishes.memory_bytes:
            options["trt_max_workspace_size"] = str(wishes.memory_bytes // 2)
    return options


def _rest(spec: TensorSpec) -> tuple[int, ...] | None:
    """All sizes but the first, or None when one is free."""
    sizes = [spec.fixed(axis) for axis in range(1, len(spec.shape))]
    found = tuple(size for size in sizes if size is not None)
    return found if len(found) == len(sizes) else None
