"""Opening graphs: one ``Runtime`` per process, one ``Session`` per graph."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from shared.cores import available_cpus
from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.remembered import Shelf
from worker_service.engine.runtime import gpu
from worker_service.engine.runtime.choice import Choice, Providers
from worker_service.engine.runtime.ladder import Ladder
from worker_service.engine.runtime.lane import unrecorded
from worker_service.engine.runtime.lanes import Graph, Lanes
from worker_service.engine.runtime.memory import Memory, Plain
from worker_service.engine.runtime.parts import Parts, content_of, files_of
from worker_service.engine.runtime.place import first_gpu
from worker_service.engine.runtime.profile import BadProfile, HardwareProfile, load_profile
from worker_service.engine.runtime.scale import Scale
from worker_service.engine.runtime.settled import Sizes, fix, settled
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.engine.runtime.twin import Cores, Crowd, Twin, size_of
from worker_service.engine.runtime.widen import widened
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
CPU = "CPUExecutionProvider"
ON_CPU = frozenset({CPU, "OpenVINOExecutionProvider"})
LEAST_RUNS = 2
"""While one waits for its slowest thread or copies, the other has the cores; also on a single core."""
SPIN_US = 100
"""Spans the waits between the operators of a run; longer spins take cores that others could use (bench/streams)."""
SPIN_IS_TIMED = tuple(map(int, ort.__version__.split(".")[:2])) >= (1, 26)
"""Older versions ignore the duration and spin for long."""

CUDA = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider"})

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class Session:
    """A graph ready to run. ``run`` is safe from several threads."""

    def __init__(
        self,
        session: ort.InferenceSession,
        name: str,
        crowd: Crowd,
        twin: Twin | None = None,
        ladder: Ladder | None = None,
        file_bytes: int = 0,
    ) -> None:
        self.signature = ladder.signature if ladder is not None else signature_of(session)
        self.providers: tuple[str, ...] = tuple(session.get_providers())
        self._session = session
        self._name = name
        self._crowd = crowd
        self._twin = twin
        self._ladder = ladder
        self.memory: Memory = ladder.memory if ladder is not None else Plain()
        self._file_bytes = file_bytes
        # CUDA's provider does not survive two runs of a session at the same time (bench/gpu: illegal memory access).
        on_gpu = self.device == "cuda"
        self._options = unrecorded() if on_gpu else None
        turn = ladder.lanes[0].turn if ladder is not None else Lock()
        self._turn: AbstractContextManager[Any] = turn if on_gpu else nullcontext()
        self._outputs = [output.name for output in self.signature.outputs]

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Run the graph on inputs by name; all outputs, in graph order, halves as float32.

        Raises:
            InferenceFailed: ONNX Runtime raised; its own message goes to the log only.
        """
        with self._crowd.join() as runs:
            twin = self._twin.get(runs) if self._twin is not None else None
            try:
                with self._turn:
                    run = (twin or self._session).run
                    outputs: list[npt.NDArray[Any]] = run(self._outputs, dict(feeds), self._options)
            except Exception as error:  # onnxruntime's errors share no base class of their own
                log.exception("%s failed to run", self._name)
                raise InferenceFailed("The model failed while it ran.") from error
        return widened(outputs)

    def takes_items(self, count: int) -> bool:
        """Whether ``run_items`` may be given so many."""
        return self._ladder is not None and self._ladder.takes(count)

    def run_items(self, items: Sequence[Mapping[str, npt.NDArray[Any]]], scale: Scale | None) -> list[npt.NDArray[Any]]:
        """Run a batch whose items are put together on the device; outputs as of ``run``.

        Args:
            items: inputs by name, without the batch axis; arrays that ``memory`` made travel fastest.
            scale: what makes values of uint8 pixels, where the session ``normalises``; None when items are values.

        Raises:
            InferenceFailed: ONNX Runtime or CUDA raised; the message goes to the log only.
        """
        assert self._ladder is not None  # noqa: S101 - takes_items was asked
        try:
            return widened(self._ladder.run(items, scale))
        except Exception as error:  # onnxruntime's errors share no base class of their own
            log.exception("%s failed to run", self._name)
            raise InferenceFailed("The model failed while it ran.") from error

    @property
    def normalises(self) -> bool:
        """Whether ``run_items`` takes uint8 pixels for the only input, with the scale that makes them its values."""
        return self._ladder is not None and self._ladder.normalises

    @property
    def bytes(self) -> int:
        """What it takes, roughly: its files, and what it holds beside them."""
        return self._file_bytes + self.bytes_again

    @property
    def bytes_again(self) -> int:
        """What opening the graph again took, roughly, and buffers on the device."""
        if self._ladder is not None:
            return self._ladder.bytes + self._file_bytes * (len(self._ladder.lanes) - 1)
        return self._twin.bytes if self._twin is not None else 0

    @property
    def device(self) -> str:
        """Where values stay between runs: ``cuda`` with NVIDIA's providers, else ``cpu``."""
        return "cuda" if any(name in CUDA for name in self.providers) else "cpu"

    def on_device(self, array: npt.NDArray[Any]) -> ort.OrtValue:
        """A copy of the array where the graph runs."""
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.device, 0)

    def run_bound(
        self, feeds: Mapping[str, npt.NDArray[Any]], kept: Mapping[str, ort.OrtValue], wanted: Sequence[str]
    ) -> dict[str, ort.OrtValue]:
        """Run with IO binding: ``kept`` goes in and ``wanted`` comes out where the graph runs, without a copy.

        Raises:
            InferenceFailed: ONNX Runtime raised; its own message goes to the log only.
        """
        try:
            binding = self._session.io_binding()
            for name, array in feeds.items():
                binding.bind_cpu_input(name, np.ascontiguousarray(array))
            for name, value in kept.items():
                binding.bind_ortvalue_input(name, value)
            for name in wanted:
                binding.bind_output(name, self.device)
            with self._turn:
                self._session.run_with_iobinding(binding, self._options)
            return dict(zip(wanted, binding.get_outputs(), strict=True))
        except Exception as error:  # onnxruntime's errors share no base class of their own
            log.exception("%s failed to run", self._name)
            raise InferenceFailed("The model failed while it ran.") from error


class Runtime:
    """What sessions are made with: providers of the hardware profile, threads, memory options.

    ``shelf`` is what workers share, ``model_of`` how a model gets at another one, which is then loaded once for all.
    """

    def __init__(self, settings: EngineSettings) -> None:
        profile = load_profile(settings.profile_path)
        self.profile: HardwareProfile = profile.with_providers(
            settings.execution_providers, settings.required_providers
        )
        self.providers = self.profile.usable(settings.engine_cache)
        cpus = available_cpus()
        mine = max(1, cpus // settings.workers_per_host)
        self.threads: int = settings.intra_op_threads or mine
        self.cores: int = mine
        spare = settings.workers_per_host == 1 and self.threads < cpus
        self.spinning: bool = spare or SPIN_IS_TIMED if settings.spinning is None else settings.spinning
        self.brief: bool = settings.spinning is None and not spare
        self.max_batch: int = settings.max_batch or self.profile.max_batch
        self._engine_cache = settings.engine_cache
        sizes = tuple(sorted({min(size, self.max_batch) for size in (*self.profile.warm_up_batches, self.max_batch)}))
        compiles = any(name == gpu.TENSORRT for name, _ in self.providers)
        self._wishes = gpu.Wishes(sizes, settings.gpu_memory_mb * 2**20)
        on_gpu = any(name in CUDA for name, _ in self.providers)
        place = first_gpu(settings.pinned_memory_mb * 2**20) if on_gpu else None
        self._lanes = place and Lanes(
            place,
            self._opened,
            sizes,
            streams=1 if compiles else settings.gpu_streams,
            small=settings.twin_max_mb * 2**20,
            records=not compiles if settings.cuda_graphs is None else settings.cuda_graphs,
            normalises=settings.gpu_preprocessing,
        )
        self.crowd = Crowd()
        self._twin_bytes = settings.twin_max_mb * 2**20
        self.runs: int = self.profile.runs or max(LEAST_RUNS, mine)
        self.lone_above_ms: float = 0.0 if settings.max_batch else self.profile.lone_above_ms
        measured = (settings.provider_choice or self.profile.choice) == "measured"
        self._choice = Choice(settings.engine_cache, self._opened) if measured else None
        self._parts = Parts()
        self._noted = threading.local()
        self.remembered_bytes: int = settings.remembered_bytes
        self.shelf: Shelf | None = None
        self.model_of: Callable[[str], Any] | None = None

    @property
    def hardware(self) -> str:
        """The tag that jobs ask for: cpu, gpu or jetson."""
        return self.profile.hardware

    @contextmanager
    def noting(self) -> Iterator[list[Session]]:
        """The sessions that this thread opens inside, as it opens them."""
        noted: list[Session] = []
        before, self._noted.sessions = getattr(self._noted, "sessions", None), noted
        try:
            yield noted
        finally:
            self._noted.sessions = before

    def open(self, path: Path, sizes: Mapping[int, int] | None = None) -> Session:
        """Load one graph, or find it loaded for another model.

        Args:
            path: the ONNX file.
            sizes: of the first input, by axis, where it will never be given others; on a GPU, those that the graph
                leaves free are fixed to them, without which its batches cannot be lined up.

        Raises:
            ModelLoadFailed: ONNX Runtime cannot read it, or a required provider refused it.
        """
        known = dict(sizes or {})
        session = self._parts.get(f"{content_of(path)} {known}", partial(self._load, path, known))
        if (noted := getattr(self._noted, "sessions", None)) is not None:
            noted.append(session)
        return session

    def _load(self, path: Path, sizes: Mapping[int, int]) -> Session:
        if any("{engine_cache}" in str(value) for p in self.profile.providers for value in p.options.values()):
            self._engine_cache.mkdir(parents=True, exist_ok=True)
        try:
            providers = self._choice.among(path, self.providers) if self._choice else self.providers
            ladder, free = None, dict[str, int]()
            if any(name in CUDA for name, _ in providers):
                ladder, providers, free = self._lined_up(path, providers, sizes)
            session = ladder.lanes[0].session if ladder is not None else self._opened(path, providers, free=free)
        except Exception as error:  # onnxruntime's errors share no base class of their own
            log.exception("cannot open %s", path)
            raise ModelLoadFailed(f"ONNX Runtime cannot load {path.name}; the worker's log says why.") from error
        try:
            self.profile.check(session.get_providers())
        except BadProfile as error:
            raise ModelLoadFailed(str(error)) from error
        twin = self._twin_of(path, session, providers)
        size = sum(file.stat().st_size for file in files_of(path))
        return Session(session, path.parent.name, self.crowd, twin, ladder, size)

    def _lined_up(
        self, path: Path, providers: Providers, sizes: Mapping[int, int]
    ) -> tuple[Ladder | None, Providers, dict[str, int]]:
        """On an NVIDIA GPU: lanes for batches where they fit, what providers are given, and sizes that are fixed."""
        free = gpu.free_sizes(read_signature(path), sizes)
        signature = settled(path, read_signature(path, free), free)
        tuned = gpu.tuned(providers, path, signature, self._wishes)
        if self._lanes is None or not gpu.fits_slots(signature):
            return None, tuned, free
        return self._lanes.ladder(Graph(path, signature, free, steady=bool(sizes)), tuned), tuned, free

    def _twin_of(self, path: Path, session: ort.InferenceSession, providers: Providers) -> Twin | None:
        size = size_of(path)
        if self.threads == 1 or self.runs == 1 or set(session.get_providers()) - ON_CPU or size > self._twin_bytes:
            return None
        return Twin(
            path, partial(self._opened, path, providers), Cores(self.cores, self.threads), size, self._twin_bytes
        )

    def _opened(
        self, path: Path, providers: Providers, threads: int = 0, free: Sizes | None = None
    ) -> ort.InferenceSession:
        """With so many threads for each run, or with all; as many runs as there are threads for go on side by side."""
        threads = threads or self.threads
        own = {"{threads}": str(self.threads), "{streams}": str(max(1, self.threads // threads))}
        filled = [(name, {key: _filled(value, own) for key, value in options.items()}) for name, options in providers]
        options = self._options(threads)
        fix(options, free or {})
        return ort.InferenceSession(str(path), options, providers=filled)

    def _options(self, threads: int) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = self.profile.memory_arena
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if self.spinning else "0")
        if self.brief:
            options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
        return options


def _filled(value: str, own: Mapping[str, str]) -> str:
    for name, meant in own.items():
        value = value.replace(name, meant)
    return value


def read_signature(path: Path, free: Sizes | None = None) -> GraphSignature:
    """Look at a graph on the CPU without optimising it, with these of its free sizes fixed.

    Raises:
        ModelLoadFailed: ONNX Runtime cannot read it.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    fix(options, free or {})
    try:
        return signature_of(ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except Exception as error:  # onnxruntime's errors share no base class of their own
        reason = str(error).replace(str(path), path.name)  # where models lie is nobody's business
        raise ModelLoadFailed(f"ONNX Runtime cannot read {path.name}: {reason}") from error


def signature_of(session: ort.InferenceSession) -> GraphSignature:
    """Names, shapes, types and metadata of an open session."""
    return GraphSignature(
        inputs=tuple(_spec(node) for node in session.get_inputs()),
        outputs=tuple(_spec(node) for node in session.get_outputs()),
        metadata=dict(session.get_modelmeta().custom_metadata_map),
    )


def _spec(node: Any) -> TensorSpec:
    return TensorSpec(node.name, tuple(node.shape or ()), _DTYPES.get(node.type, node.type))


def numpy_dtype(spec: TensorSpec) -> np.dtype[Any]:
    """The numpy type of a tensor. Raises ModelLoadFailed for types that images are not fed as."""
    try:
        return np.dtype(spec.dtype)
    except TypeError as error:
        raise ModelLoadFailed(f"Input {spec} has a type that is not supported.") from error
