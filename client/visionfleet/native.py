"""The engine in this process: no server, no Redis, the same answers. The one door to ``worker_service.engine``.

Nothing of the engine is imported before it is needed, so that the client stays light for everybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from visionfleet.errors import InvalidImage, NotInstalled, VisionfleetError, from_dict
from visionfleet.images import ImageInput, ImageUrl, is_array, load
from visionfleet.results import Result, parse

if TYPE_CHECKING:
    from worker_service.engine.engine import Engine

INSTALL = 'this needs the engine: pip install "visionfleet[native]"'
QUANTIZE = 'quantising needs the engine and onnx: pip install "visionfleet[quantize]"'


@dataclass(frozen=True)
class NativeModel:
    """A model of the local repository, loaded."""

    id: str
    task: str
    labels: tuple[str, ...]

    @overload
    def infer(self, image: list[Any] | tuple[Any, ...], **params: Any) -> list[Result]: ...

    @overload
    def infer(self, image: ImageInput, **params: Any) -> Result: ...

    def infer(self, image: Any, **params: Any) -> Result | list[Result]:
        """Run it on one image or on a list; images and parameters as in ``Client.infer``, but URLs are not fetched.

        Raises:
            VisionfleetError: see ``visionfleet.errors``.
        """
        many = list(image) if isinstance(image, (list, tuple)) else [image]
        with errors():
            answers = _engine().infer(self.id, [_pixels_or_bytes(one) for one in many], params)
            results = [self._read(one, answer) for one, answer in zip(many, answers, strict=True)]
        return results if isinstance(image, (list, tuple)) else results[0]

    def _read(self, image: ImageInput, answer: Any) -> Result:
        if isinstance(answer, Exception):
            raise answer
        body = answer.to_dict()
        return replace(parse(str(body["task"]), self.id, body), source=image)


def _pixels_or_bytes(image: ImageInput) -> Any:
    source: Any = image if is_array(image) else load(image)
    if isinstance(source, ImageUrl):
        raise InvalidImage("Native inference does not fetch URLs; pass the image's bytes.")
    return source


def get_model(name: str) -> NativeModel:
    """Load a model into this process, by id or alias, from the folders in VISIONFLEET_MODEL_DIRS.

    Raises:
        NotInstalled: the engine is not installed here.
        ModelNotFound, ModelLoadFailed, InvalidModelId: as on a server.
    """
    with errors():
        manifest = _engine().get(name).manifest
    return NativeModel(manifest.id, manifest.task, manifest.labels)


@dataclass(frozen=True)
class Proposal:
    """What a file or folder seems to be: its ``model.json``, what was seen and guessed, the files it needs."""

    manifest: dict[str, Any]
    seen: str
    unsure: tuple[str, ...]
    files: Mapping[str, Path]


def inspect(
    source: Path, model_id: str | None = None, family: str | None = None, labels: tuple[str, ...] = ()
) -> Proposal:
    """Propose a ``model.json`` for a file or folder. Raises ModelLoadFailed, InvalidModelId or NotInstalled."""
    with errors():
        from worker_service.engine.format import Wanted, propose  # noqa: PLC0415 - the lazy door

        return _proposal(propose(source, Wanted(model_id, family, labels)))


def fetch(
    name: str, aside: Path, model_id: str | None = None, sha256: str | None = None, family: str | None = None
) -> Proposal:
    """Fetch a model into an empty folder and propose a ``model.json`` for it.

    Args:
        name: an https or fsspec URL of an .onnx file, or an id or public name of Roboflow's.
        aside: the folder; the proposal's files are in it.
        model_id: id of the model.
        sha256: digest that the file of a URL must have.
        family: takes the decision away from the graph.

    Raises:
        VisionfleetError: it cannot be had, or is no model; NotInstalled without the engine or aiohttp.
    """
    with errors():
        from shared.fetch.settings import FetchSettings  # noqa: PLC0415 - the lazy door
        from worker_service.engine.format import Wanted  # noqa: PLC0415
        from worker_service.fetch import bring  # noqa: PLC0415

        if "://" in name:
            wanted = Wanted(model_id, family)
            return _proposal(asyncio.run(bring.url_proposal(name, FetchSettings(), aside, wanted, sha256)))
        return _proposal(asyncio.run(bring.roboflow_proposal(name, FetchSettings(), aside)))


def _proposal(found: Any) -> Proposal:
    manifest = found.manifest.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return Proposal(manifest, found.seen, found.unsure, found.files)


def try_out(folder: Path, model_id: str) -> None:
    """Load a model from a folder of models and run it on a blank image. Raises what is wrong with it."""
    with errors():
        from worker_service.engine.engine import Engine  # noqa: PLC0415 - the lazy door
        from worker_service.settings import EngineSettings  # noqa: PLC0415

        Engine(EngineSettings(model_dirs=(folder,), preload_models=(), pinned_models=())).get(model_id)


@dataclass(frozen=True)
class Quantized:
    """A quantised graph that is not stored yet: its ``model.json``, its files, the pictures it was calibrated on."""

    manifest: dict[str, Any]
    files: Mapping[str, Path]
    calibrated_on: int


def quantized(model_id: str, new_id: str, images: Path, aside: Path, options: Mapping[str, Any]) -> Quantized:
    """An int8 copy of a model in VISIONFLEET_MODEL_DIRS, made in the folder ``aside``.

    Args:
        model_id: id or alias.
        new_id: id of the copy.
        images: folder of pictures to calibrate on.
        aside: an empty folder.
        options: fields of ``worker_service.quantize.Options``.

    Raises:
        VisionfleetError: the model cannot be had or quantised; NotInstalled without the engine or onnx.
    """
    with errors(QUANTIZE):
        from worker_service import quantize  # noqa: PLC0415 - the lazy door

        made = quantize.make(_engine(), model_id, new_id, images, aside, quantize.Options(**options))
        root = _engine().repository.find(model_id).root
        files = {name: root / name for name in made.manifest["files"]} | {made.graph.name: made.graph}
        return Quantized(made.manifest, files, made.calibrated_on)


def quantized_against(
    model_id: str, folder: Path, new_id: str, images: Path, labelled: Path | None, told: Callable[[str], None]
) -> dict[str, Any]:
    """Bytes, milliseconds and, with a labelled folder, accuracy of a model and its copy in ``folder``: (old, new)."""
    with errors(QUANTIZE):
        from worker_service import quantize  # noqa: PLC0415 - the lazy door
        from worker_service.engine.engine import Engine  # noqa: PLC0415
        from worker_service.settings import EngineSettings  # noqa: PLC0415

        engine = Engine(EngineSettings(model_dirs=(folder,), preload_models=(), pinned_models=()))
        task = _engine().get(model_id).manifest.task
        data = quantize.Labelled(labelled, task) if labelled else None
        return asdict(quantize.compare((_engine(), model_id), (engine, new_id), images, data, told))


@dataclass(frozen=True)
class Machine:
    """What the engine has to work with here."""

    cpus: int
    quota: float | None
    providers: tuple[str, ...]


def machine() -> Machine:
    """Usable cores, the control group's CPU quota in cores, and execution providers. Raises NotInstalled."""
    with errors():
        import onnxruntime  # noqa: PLC0415 - the lazy door

        from worker_service.engine.runtime.machine import available_cpus, cpu_quota  # noqa: PLC0415

        return Machine(available_cpus(), cpu_quota(), tuple(onnxruntime.get_available_providers()))


def models() -> Any:
    """What runs the model steps of a workflow in this process. Raises NotInstalled."""
    with errors():
        from worker_service.workflows.local import LocalModels  # noqa: PLC0415 - the lazy door

        return LocalModels(_engine())


@lru_cache(maxsize=1)
def _engine() -> Engine:
    from worker_service.engine.engine import Engine  # noqa: PLC0415 - the lazy door
    from worker_service.settings import EngineSettings  # noqa: PLC0415

    return Engine(EngineSettings())


@contextmanager
def errors(missing: str = INSTALL) -> Iterator[None]:
    """The engine's errors as the client's, and a missing package as NotInstalled with the hint ``missing``."""
    try:
        yield
    except ImportError as error:
        raise NotInstalled(f"{error.name or error} is missing; {missing}.") from error
    except VisionfleetError:
        raise
    except Exception as error:
        described = getattr(error, "to_dict", None)
        if described is None:
            raise
        raise from_dict(described()) from error
