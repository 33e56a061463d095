"""The engine in this process: no server, no Redis, the same answers. The one door to ``worker_service.engine``.

Nothing of the engine is imported before it is needed, so that the client stays light for everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionfleet.errors import InvalidImage, NotInstalled, from_dict
from visionfleet.images import ImageInput, ImageUrl, is_array, load
from visionfleet.results import Result, parse

if TYPE_CHECKING:
    from worker_service.engine.engine import Engine

INSTALL = 'this needs the engine: pip install "visionfleet[native]"'


@dataclass(frozen=True)
class NativeModel:
    """A model of the local repository, loaded."""

    id: str
    task: str
    labels: tuple[str, ...]

    def infer(self, image: ImageInput, **params: Any) -> Result:
        """Run it on one image; images and parameters as in ``Client.infer``, except that URLs are not fetched.

        Raises:
            VisionfleetError: see ``visionfleet.errors``.
        """
        source: Any = image if is_array(image) else load(image)
        if isinstance(source, ImageUrl):
            raise InvalidImage("Native inference does not fetch URLs; pass the image's bytes.")
        with _errors():
            (answer,) = _engine().infer(self.id, [source], params)
            if isinstance(answer, Exception):
                raise answer
            body = answer.to_dict()
        return parse(str(body["task"]), self.id, body)


def get_model(name: str) -> NativeModel:
    """Load a model into this process, by id or alias, from the folders in VISIONFLEET_MODEL_DIRS.

    Raises:
        NotInstalled: the engine is not installed here.
        ModelNotFound, ModelLoadFailed, InvalidModelId: as on a server.
    """
    with _errors():
        manifest = _engine().get(name).manifest
    return NativeModel(manifest.id, manifest.task, manifest.labels)


@dataclass(frozen=True)
class Proposal:
    """What an ONNX file seems to be: its ``model.json``, what was seen, what was guessed, and the files it needs."""

    manifest: dict[str, Any]
    seen: str
    unsure: tuple[str, ...]
    files: Mapping[str, Path]


def inspect(graph: Path, model_id: str | None = None, family: str | None = None) -> Proposal:
    """Propose a ``model.json`` for an ONNX file. Raises ModelLoadFailed, InvalidModelId or NotInstalled."""
    with _errors():
        from worker_service.engine.artifacts import file_sha256  # noqa: PLC0415 - the lazy door
        from worker_service.engine.inspect import inspect as look  # noqa: PLC0415
        from worker_service.engine.runtime.external import external_locations  # noqa: PLC0415

        found = look(graph, model_id, family)
        files = {"weights.onnx": graph} | {name: graph.parent / name for name in external_locations(graph)}
        manifest = found.manifest.model_dump(mode="json", exclude_none=True)
        manifest["files"] = {name: file_sha256(path) for name, path in files.items()}
    return Proposal(manifest, str(found.signature), found.unsure, files)


def try_out(folder: Path, model_id: str) -> None:
    """Load a model from a folder of models and run it on a blank image. Raises what is wrong with it."""
    with _errors():
        from worker_service.engine.engine import Engine  # noqa: PLC0415 - the lazy door
        from worker_service.settings import EngineSettings  # noqa: PLC0415

        Engine(EngineSettings(model_dirs=(folder,), preload_models=(), pinned_models=())).get(model_id)


@dataclass(frozen=True)
class Machine:
    """What the engine has to work with here."""

    cpus: int
    quota: float | None
    providers: tuple[str, ...]


def machine() -> Machine:
    """Usable cores, the control group's CPU quota in cores, and execution providers. Raises NotInstalled."""
    with _errors():
        import onnxruntime  # noqa: PLC0415 - the lazy door

        from worker_service.engine.runtime.threads import available_cpus, cpu_quota  # noqa: PLC0415

        return Machine(available_cpus(), cpu_quota(), tuple(onnxruntime.get_available_providers()))


@lru_cache(maxsize=1)
def _engine() -> Engine:
    from worker_service.engine.engine import Engine  # noqa: PLC0415 - the lazy door
    from worker_service.settings import EngineSettings  # noqa: PLC0415

    return Engine(EngineSettings())


@contextmanager
def _errors() -> Iterator[None]:
    """The engine's errors as the client's, and a missing package as NotInstalled."""
    try:
        yield
    except ImportError as error:
        raise NotInstalled(f"{error.name or error} is missing; {INSTALL}.") from error
    except Exception as error:
        described = getattr(error, "to_dict", None)
        if described is None:
            raise
        raise from_dict(described()) from error
