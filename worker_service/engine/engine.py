"""The engine: models by id, ready to answer. One per process; every method may be called from several threads.

The simple way is ``engine.infer(model_id, images, params)``. A worker that overlaps the phases uses the model itself:

    model = engine.get(model_id)
    params = model.params(job.params)
    image = engine.decode(data, params)            # decode threads
    prepared = model.preprocess(image, params)     # decode threads
    raws = model.infer(batch_of_prepared)          # one inference thread
    result = model.postprocess(raw, prepared, params).to_dict()
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeAlias, TypeVar

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from shared.decode import decode
from shared.errors import InvalidImage, ModelLoadFailed, VisionfleetError
from worker_service.engine.artifacts import Package
from worker_service.engine.cache import HeldModel, Loaded, MakeRoom, ModelCache
from worker_service.engine.family import (
    AnyModel,
    Family,
    Image,
    NeedsModels,
    Prepared,
    ReadsText,
    WarmsUp,
    family_named,
    prepare_text,
)
from worker_service.engine.inspect import recognise
from worker_service.engine.manifest import Manifest
from worker_service.engine.params import Params
from worker_service.engine.repository import Repository
from worker_service.engine.results import Result
from worker_service.engine.runtime.session import Runtime, read_signature
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)

T = TypeVar("T")
WARM_UP = {"max_new_tokens": 2, "remember": False}
"""Parameters of the first run: of a text two tokens, the second of which comes through the cache."""
EMBEDS = "embedding"
Answer: TypeAlias = Result | VisionfleetError


class Engine:
    """Repository, runtime and cache put together."""

    def __init__(self, settings: EngineSettings) -> None:
        """Raises BadProfile when the hardware profile is unreadable or refuses this machine. Loads no model yet."""
        self.settings = settings
        self.runtime = Runtime(settings)
        self.repository = Repository(settings.model_dirs, settings.model_scan_seconds)
        limit = settings.max_model_bytes or self.runtime.profile.max_model_bytes
        self._cache = ModelCache(self._load, settings.max_active_models, limit)
        self.runtime.model_of = self._embedder
        # Images are decoded, resized and answered in several threads already; cv2's and BLAS's own pools would fight
        # them for cores: small products of masks took ten times as long with two BLAS threads as with one.
        cv2.setNumThreads(1)
        threadpool_limits(1, user_api="blas")

    def preload(self) -> None:
        """Load the models that the settings name. Raises what loading raises."""
        for model_id in self.settings.pinned_models:
            self._cache.pin(self.get(model_id).manifest.id)
        for model_id in self.settings.preload_models:
            self.get(model_id)

    def catalog(self) -> list[Manifest]:
        """Manifests of all models in the repository, by id."""
        return [package.manifest for package in self.repository.packages()]

    def get(self, model_id: str) -> AnyModel:
        """The loaded model of an id or alias; loads it, once for all who ask meanwhile. Blocks while it loads.

        Raises:
            InvalidModelId: the id is malformed.
            ModelNotFound: the repository does not have it.
            ModelLoadFailed: its files are broken, changed, or of no layout that we read.
        """
        manifest = self.repository.find(model_id).manifest
        return self._cache.get(manifest.id, manifest.digest)

    def held(self) -> list[HeldModel]:
        """Models in memory, least recently used first."""
        return self._cache.held()

    def cache_counts(self) -> dict[str, dict[str, float]]:
        """What the cache has done so far, by model: cache_hits, loads, load_ms, load_failures, evictions."""
        return self._cache.counts()

    def load_since(self, model_id: str, since_ms: float) -> float | None:
        """How long the load of a model took (ms) that ended after that moment of the monotonic clock, if one did."""
        return self._cache.load_since(self.repository.resolve(model_id), since_ms)

    def holds(self, model_id: str) -> bool:
        """Whether the model of that id or alias is in memory."""
        return any(held.id == self.repository.resolve(model_id) for held in self._cache.held())

    def unload(self, model_id: str) -> bool:
        """Let go of a model by id or alias; False when it was not held. Runs in progress finish undisturbed."""
        return self._cache.unload(self.repository.resolve(model_id))

    def digest(self, model_id: str) -> str:
        """Hex digest of the model that would be loaded now. Raises as ``get`` does."""
        return self.repository.find(model_id).manifest.digest

    def turn(self) -> AbstractContextManager[int]:
        """Work for one run, from its images to its answers: runs beside it leave it its share of the cores."""
        return self.runtime.crowd.join()

    def decode(self, data: bytes, params: Params) -> Image:
        """Bytes to pixels within the configured limit. Raises InvalidImage or ImageTooLarge."""
        return decode(data, self.settings.max_pixels, params.auto_orient)

    def infer(
        self, model_id: str, images: Sequence[bytes | Image | str], params: Mapping[str, Any] | None = None
    ) -> list[Answer]:
        """Answer images one by one: a bad one gets its error, the others their result.

        Args:
            model_id: id or alias.
            images: encoded files, or [H, W, 3] uint8 BGR pixels; texts for models that read them.
            params: request parameters, see ``params.py``.

        Raises:
            VisionfleetError: what concerns all images: the model, or the parameters.
        """
        model = self.get(model_id)
        checked = model.params(params or {})
        answers: list[Answer] = []
        for start in range(0, len(images), model.max_batch):
            chunk = images[start : start + model.max_batch]
            items = [_attempt(partial(self._prepare, model, image, checked)) for image in chunk]
            answers += _run(model, items, checked)
        return answers

    def _prepare(self, model: AnyModel, image: bytes | Image | str, params: Params) -> Prepared:
        if isinstance(image, str):
            return prepare_text(model, image, params)
        return model.preprocess(self._pixels(image, params), params)

    def _pixels(self, image: bytes | Image, params: Params) -> Image:
        if isinstance(image, bytes):
            return self.decode(image, params)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InvalidImage(f"Pixels must be uint8 [H, W, 3] in BGR order, not {image.dtype} {list(image.shape)}.")
        return image

    def _load(self, model_id: str, make_room: MakeRoom) -> Loaded:
        package = self.repository.find(model_id)
        package.verify(self.settings.max_model_file_bytes)
        make_room(package.bytes, package.bytes_of(self._contents()))
        with self.runtime.noting() as sessions:
            model = _family(package).load(package, self.runtime)
        if self.settings.warm_up:
            warm_up(model, self.runtime.profile.warm_up_batches)
        providers = dict.fromkeys(name for session in sessions for name in session.providers)
        log.info("loaded %s on %s", model_id, ", ".join(providers))
        needs = frozenset(map(self.repository.resolve, model.needs)) if isinstance(model, NeedsModels) else frozenset()
        return Loaded(model, package.manifest.digest, tuple(sessions), needs)

    def _contents(self) -> set[str]:
        """The sha256 of every file of the models held."""
        held = {(one.id, one.digest) for one in self._cache.held()}
        manifests = [manifest for manifest in self.catalog() if (manifest.id, manifest.digest) in held]
        return {content for manifest in manifests for content in manifest.files.values()}

    def _embedder(self, model_id: str) -> AnyModel:
        """A model for another one. One that embeds needs no further one, so that none waits for itself.

        Raises what ``get`` raises, and ModelLoadFailed for a model of another task.
        """
        if (task := self.repository.find(model_id).manifest.task) != EMBEDS:
            raise ModelLoadFailed(f"'text_model' in model.json names {model_id!r}, which does {task} and not {EMBEDS}.")
        return self.get(model_id)


def warm_up(model: AnyModel, batches: Sequence[int]) -> None:
    """Run all phases on blank images, so that the first request is not the slow one and a misfit shows at load.

    Raises:
        ModelLoadFailed: a phase failed.
    """
    spec = model.manifest.input
    blank = np.full((spec.height, spec.width, 3), spec.pad, np.uint8)
    params = model.params(WARM_UP)
    try:
        for size in sorted({min(size, model.max_batch) for size in batches}):
            prepared = [model.preprocess(blank, params) for _ in range(size)]
            if isinstance(model, ReadsText):
                prepared += [model.preprocess_text("", params) for _ in range(size)]
            for raw, item in zip(model.infer(prepared), prepared, strict=True):
                model.postprocess(raw, item, params)
        if isinstance(model, WarmsUp):
            model.warm_up()
    except VisionfleetError as error:
        raise ModelLoadFailed(f"Model {model.manifest.id} does not run: {error.message}") from error


def _run(model: AnyModel, items: Sequence[Prepared | VisionfleetError], params: Params) -> list[Answer]:
    """Infer and postprocess one batch; items that failed before keep their error."""
    ready = [item for item in items if isinstance(item, Prepared)]
    raws = _attempt(lambda: model.infer(ready)) if ready else []
    if isinstance(raws, VisionfleetError):
        return [item if isinstance(item, VisionfleetError) else raws for item in items]
    rows = iter(raws)

    def finish(item: Prepared | VisionfleetError) -> Answer:
        if isinstance(item, VisionfleetError):
            return item
        raw = next(rows)
        return _attempt(lambda: model.postprocess(raw, item, params))

    return [finish(item) for item in items]


def _attempt(step: Callable[[], T]) -> T | VisionfleetError:
    """The step's value, or the error that belongs to the item and not to the batch."""
    try:
        return step()
    except VisionfleetError as error:
        return error


def _family(package: Package) -> Family:
    """The family that the manifest names, else the one that recognises the graph."""
    name = package.manifest.family
    if name is None:
        return recognise(read_signature(package.graph()))[0]
    try:
        return family_named(name)
    except KeyError as error:
        raise ModelLoadFailed(f"Model {package.manifest.id}: {error.args[0]}") from error
