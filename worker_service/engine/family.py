"""The contract of a model family: one file in ``families/`` that exports ``FAMILY``.

A family recognises graphs of its layout and loads them as a ``Model``. A model answers in three phases, so that a
worker can overlap them: beside an accelerator ``preprocess`` in decode threads, ``infer`` on an inference thread,
``postprocess`` in another. ``Engine.infer`` runs the same phases one after the other. Adding a family is adding a file;
``tests/contract/test_families.py`` picks it up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol, TypeAlias, TypeGuard, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest, UnsupportedTask
from shared.registry import Registry, submodule
from worker_service.engine import families
from worker_service.engine.artifacts import Package
from worker_service.engine.manifest import Manifest
from worker_service.engine.params import Params
from worker_service.engine.results import Result
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.fit import Geometry

Image: TypeAlias = npt.NDArray[np.uint8]
"""Decoded pixels [H, W, 3] in BGR order."""

Raw: TypeAlias = tuple[npt.NDArray[Any], ...]
"""One image's outputs without the batch axis, in the order that its family chose (the graph's, as a rule)."""


class Watch:
    """Whoever waits for an item while the model works on it. This one waits in silence, for ever."""

    def gone(self) -> bool:
        """Whether nobody waits any more: asked between the steps of a long run, which then ends."""
        return False

    def said(self, text: str) -> None:
        """A piece of text that will stand in the answer, as soon as it is certain."""


WATCH = Watch()


@dataclass
class Prepared:
    """One image, ready to run.

    Attributes:
        tensors: graph inputs by name, without the batch axis.
        geometry: how input pixels map back to source pixels.
        image: width and height of the source in pixels.
        pixels: the source itself, kept only when the request asks for a picture.
        kind: ``image`` or ``text``, for models that read both.
        ask: what the request asks of the run itself, for models whose run depends on it.
        watch: whoever waits for it.
    """

    tensors: dict[str, npt.NDArray[Any]]
    geometry: Geometry
    image: tuple[int, int]
    pixels: Image | None = None
    kind: str = "image"
    ask: Any = None
    watch: Watch = WATCH


P = TypeVar("P", bound=Params)


class Model(Protocol[P]):
    """A loaded model. All methods may be called from several threads at once."""

    @property
    def manifest(self) -> Manifest:
        """What the model is."""
        ...

    @property
    def max_batch(self) -> int:
        """Images that one ``infer`` call runs in one go; longer batches are answered too, in several goes."""
        ...

    @property
    def bytes(self) -> int:
        """Estimate of the memory that the model holds."""
        ...

    def params(self, values: Mapping[str, Any]) -> P:
        """Check a request's parameters. Raises InvalidRequest."""
        ...

    def preprocess(self, image: Image, params: P) -> Prepared:
        """Resize and normalise one image. Raises InvalidImage when the model cannot take it."""
        ...

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the graph; one Raw per item, in order. Raises InferenceFailed for the batch as a whole."""
        ...

    def postprocess(self, raw: Raw, prepared: Prepared, params: P) -> Result:
        """Turn one image's outputs into its answer in source pixels. An item that raises, raises alone."""
        ...


AnyModel: TypeAlias = Model[Any]


class Steps(Protocol):
    """A run of many steps. Each item is done in its own time, and others may be added on the way."""

    def __len__(self) -> int:
        """Items that are not done."""
        ...

    def add(self, batch: Sequence[Prepared]) -> None:
        """Take up items. Raises InferenceFailed; those before stay as they are."""
        ...

    def step(self) -> list[tuple[Prepared, Raw]]:
        """One step of all; those that are done. Raises InferenceFailed for all that are not."""
        ...


@runtime_checkable
class TakesSteps(Protocol):
    """What a model has beside ``infer`` whose runs others may join."""

    def open(self) -> Steps:
        """A run without items."""
        ...


def takes_steps(model: AnyModel) -> TypeGuard[TakesSteps]:
    """Whether others may join the model's runs."""
    return _takes_steps(type(model))


@lru_cache
def _takes_steps(kind: type) -> bool:
    return issubclass(kind, TakesSteps)  # of a protocol: too slow to be asked for each image


@runtime_checkable
class ReadsText(Protocol):
    """What a model has beside ``preprocess`` whose items may be texts."""

    def preprocess_text(self, text: str, params: Any) -> Prepared:
        """Turn a text into tokens. Raises InvalidRequest when the model cannot take it."""
        ...


@runtime_checkable
class ReadsEmbedding(Protocol):
    """What a model has beside ``preprocess`` that can go on from an image's embedding."""

    def preprocess_embedding(self, data: bytes, params: Any) -> Prepared:
        """An embedding as a .npy file, or none for one that is remembered. Raises InvalidRequest."""
        ...


@runtime_checkable
class WarmsUp(Protocol):
    """What a model has beside the rest whose graphs a blank image does not all reach."""

    def warm_up(self) -> None:
        """Run those that it does not. Raises InferenceFailed."""
        ...


@runtime_checkable
class NeedsModels(Protocol):
    """What a model has beside the rest that asks other models, by ``Runtime.model_of``."""

    @property
    def needs(self) -> Sequence[str]:
        """Their ids or aliases; the cache keeps them as long as it keeps this model."""
        ...


def prepare_embedding(model: AnyModel, data: bytes, params: Any) -> Prepared:
    """An embedding for the model. Raises UnsupportedTask when it takes none, InvalidRequest."""
    if not isinstance(model, ReadsEmbedding):
        raise UnsupportedTask(f"The model {model.manifest.id} takes no embeddings.")
    return model.preprocess_embedding(data, params)


def read_text(data: bytes) -> str:
    """A text as it travels in a job. Raises InvalidRequest for anything but UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("A text is UTF-8.") from None


def prepare_text(model: AnyModel, text: str, params: Any) -> Prepared:
    """A text for the model. Raises UnsupportedTask when it reads images only, InvalidRequest."""
    if not isinstance(model, ReadsText):
        raise UnsupportedTask(f"The model {model.manifest.id} reads images, not texts.")
    return model.preprocess_text(text, params)


@dataclass(frozen=True)
class Guess:
    """What a graph tells about its manifest beyond names and metadata.

    Attributes:
        classes: how many there are, 0 for tasks without any; None when the graph leaves it open.
        input: fields of the manifest's ``input`` that the layout's exporters fix.
        fields: further fields of the manifest.
        beside: names of files that the family reads from the graph's folder, where they are there.
        unsure: what was guessed and should be checked, in sentences that begin with the field's name.
    """

    classes: int | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


class Family(Protocol):
    """A layout of graphs that one piece of code can serve."""

    @property
    def name(self) -> str:
        """The manifest's ``family``."""
        ...

    @property
    def task(self) -> str:
        """The manifest's ``task``."""
        ...

    def matches(self, signature: GraphSignature) -> float | None:
        """How sure the family is that it can serve the graph: 0..1, or None when it cannot.

        1.0 is for exporters' metadata that says so, 0.5 for a layout that fits, less for one that merely might.
        """
        ...

    def guess(self, signature: GraphSignature) -> Guess:
        """What a manifest for the graph should say. Only asked for graphs that match."""
        ...

    def load(self, package: Package, runtime: Runtime) -> AnyModel:
        """Open the package's graphs. Raises ModelLoadFailed, saying which manifest field is at odds with the graph."""
        ...


@runtime_checkable
class OfGraphs(Protocol):
    """What a family has beside the rest whose models are of several graphs. The cache holds them as one model."""

    @property
    def layouts(self) -> tuple[tuple[str, ...], ...]:
        """Names of the graphs that together are a model, for each exporter; the first that is complete is asked."""
        ...

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """As ``matches``, for the graphs of one layout, in its order."""
        ...

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """As ``guess``; ``input`` names a width and a height."""
        ...


@lru_cache(maxsize=1)
def registry() -> Registry[Family]:
    """Every family in ``families/``, found once per process."""
    return Registry[Family]("model family").scan(families, _exported)


def family_named(name: str) -> Family:
    """One of them. Its module has its name, so that one model does not import what all the others need.

    Raises:
        KeyError: as ``Registry.get``.
    """
    with suppress(ModuleNotFoundError):
        for known, family in _exported(submodule(families, name.replace("-", "_"))):
            if known == name:
                return family
    return registry().get(name)


def _exported(module: ModuleType) -> Iterator[tuple[str, Family]]:
    family: Family = module.FAMILY
    yield family.name, family
