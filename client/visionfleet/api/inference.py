"""Synchronous inference, of one image or of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from visionfleet import wire
from visionfleet.api.models import listed
from visionfleet.core import Core
from visionfleet.errors import InferenceFailed, InvalidImage, TooLarge, UnsupportedTask, VisionfleetError
from visionfleet.fan import Bar, Fan
from visionfleet.images import ImageInput, load
from visionfleet.method import fan
from visionfleet.results import Result
from visionfleet.sources import Named, Source, count_of, images_of
from visionfleet.steps import Do, Flow

# Enough for the server to fill batches from one client; a job of the queue costs it far less than an image.
CONCURRENCY = 8


@dataclass(frozen=True)
class Prediction:
    """One image of ``map``: its name and either its result or its own error.

    Attributes:
        name: path or URL; ``video.mp4#12`` for frames.
        image: what was sent.
        frame: number of the frame, None for pictures.
    """

    name: str
    image: ImageInput
    frame: int | None
    result: Result | None
    error: VisionfleetError | None

    def unwrap(self) -> Result:
        """The result. Raises the image's error."""
        if self.error is not None:
            raise self.error
        assert self.result is not None  # noqa: S101 - there is always one of them
        return self.result


def infer(core: Core, /, image: ImageInput, model: str, **params: Any) -> Flow[Result]:
    """Run a model on one image and wait for its answer; see ``Client.infer``."""
    source = yield Do(lambda: load(image))
    task = yield from task_of(core, model)
    try:
        response = yield from core.send(wire.infer_call(task, model, source, params, packed=bool(core.packs)))
    except UnsupportedTask:
        core.tasks.pop(model, None)
        now = yield from task_of(core, model)
        if now == task:
            raise
        # The model was replaced by one of another task since we looked.
        task = now
        response = yield from core.send(wire.infer_call(task, model, source, params, packed=bool(core.packs)))
    if not task:  # the server fetched the model meanwhile
        task = yield from task_of(core, model)
    return replace(wire.read_result(task, model, response), source=image)


def infer_each(core: Core, /, images: Sequence[ImageInput], model: str, **params: Any) -> Fan[ImageInput, Result]:
    """One answer per image, in order; the first image that fails raises."""
    return Fan(lambda: images, lambda image: infer(core, image, model, **params), CONCURRENCY)


def map_images(
    core: Core,
    /,
    source: Source,
    model: str,
    *,
    concurrency: int = CONCURRENCY,
    every: int = 1,
    progress: bool = False,
    **params: Any,
) -> Fan[Named, Prediction]:
    """Run a model on many images, ``concurrency`` at a time, and hand out answers in order as they come.

    Nothing is read ahead of what runs, so a folder of any size, a video or an endless camera is fine.

    Args:
        source: a folder, a pattern such as ``photos/*.jpg``, a video file, the number of a camera, or anything that
            can be iterated over and holds images.
        model: id or alias.
        concurrency: requests at the same time.
        every: of videos and cameras, take every n-th frame.
        progress: show a bar on the terminal.
        **params: as for ``infer``.

    Raises:
        VisionfleetError: what concerns all images. An image's own error is in its ``Prediction``.
    """
    bar = Bar("images", count_of(source)) if progress else None
    return Fan(lambda: images_of(source, every), lambda one: predict(core, one, model, **params), concurrency, bar)


def predict(core: Core, /, one: Named, model: str, **params: Any) -> Flow[Prediction]:
    """One image's answer, or the error that is its own."""
    try:
        result = yield from infer(core, one.image, model, **params)
    except (InvalidImage, TooLarge, InferenceFailed) as error:
        return Prediction(one.name, one.image, one.frame, None, error)
    return Prediction(one.name, one.image, one.frame, result, None)


def task_of(core: Core, model: str) -> Flow[str]:
    """The model's task; empty when the server does not list it, which it will say itself."""
    if model not in core.tasks:
        yield from listed(core)
    return core.tasks.get(model, "")


class Inference:
    """The operations that stand on the client itself."""

    map = fan(map_images)
