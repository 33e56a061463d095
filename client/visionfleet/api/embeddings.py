"""Images and texts as vectors, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.errors import BadAnswer
from visionfleet.images import ImageInput, load, reference
from visionfleet.method import method
from visionfleet.steps import Do, Flow

CLIP = "clip/ViT-B-16"
EMBED_IMAGE, EMBED_TEXT, COMPARE = "/clip/embed_image", "/clip/embed_text", "/clip/compare"


def embed_images(core: Core, /, images: Sequence[ImageInput], model: str = CLIP) -> Flow[list[list[float]]]:
    """A vector for each image, in order.

    Args:
        images: paths, URLs, bytes of image files, BGR arrays or PIL images.
        model: id or alias of a model whose task is ``embedding``.
    """
    loaded = yield Do(lambda: [dict(reference(load(image))) for image in images])
    body = yield from core.fetch(wire.Call("POST", EMBED_IMAGE, json={"model_id": model, "image": loaded}))
    return _vectors(body, len(loaded))


def embed_texts(core: Core, /, texts: Sequence[str], model: str = CLIP) -> Flow[list[list[float]]]:
    """A vector for each text, in order, that can be compared with those of images."""
    body = yield from core.fetch(wire.Call("POST", EMBED_TEXT, json={"model_id": model, "text": list(texts)}))
    return _vectors(body, len(texts))


def compare(core: Core, /, image: ImageInput, texts: Sequence[str], model: str = CLIP) -> Flow[dict[str, float]]:
    """How well each text describes the image: the cosine of the angle between their vectors, by text."""
    subject = yield Do(lambda: dict(reference(load(image))))
    asked = {"model_id": model, "subject": subject, "prompt": list(texts)}
    body = yield from core.fetch(wire.Call("POST", COMPARE, json=asked))
    found = body.get("similarity")
    if not isinstance(found, list) or len(found) != len(texts):
        raise BadAnswer("The answer holds no similarities.")
    return {text: float(likeness) for text, likeness in zip(texts, found, strict=True)}


def _vectors(body: dict[str, Any], count: int) -> list[list[float]]:
    found = body.get("embeddings")
    if not isinstance(found, list) or len(found) != count:
        raise BadAnswer("The answer holds no vectors.")
    return found


class Embeddings:
    """The operations that stand on the client itself."""

    embed_images = method(embed_images)
    embed_texts = method(embed_texts)
    compare = method(compare)
